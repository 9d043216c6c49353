"""Rollups: per-minute sums that add, whatever the order or the cut of the inputs.

``rollup(a + b) == merge(rollup(a), rollup(b))`` is the law that lets phase 1 run per batch, per
file or per machine. Latency is kept in logarithmic buckets of 1 % relative error, successes only,
because fast failures would flatter the median.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from analyzer import cells
from analyzer.cells import GAMMA, LATENCY_MINUTES, RELATIVE_ERROR, SUMS

__all__ = [
    "DIMENSIONS", "GAMMA", "LATENCY_DIMENSIONS", "LATENCY_MINUTES", "RELATIVE_ERROR", "SUMS",
    "Rollup", "add", "fold", "medians", "merge", "of", "quantiles",
]  # fmt: skip

DIMENSIONS = ("minute", *cells.KIND)

LATENCY_DIMENSIONS = ("minute", "measure", *cells.SERIES)

_LATENCY_KEYS = (*LATENCY_DIMENSIONS, "bucket")


@dataclass(frozen=True, slots=True)
class Rollup:
    """Counts and token sums per minute and dimension, and the latency buckets of successes.

    ``counts``: :data:`DIMENSIONS` and :data:`SUMS`. ``latency``: :data:`LATENCY_DIMENSIONS`
    (``measure`` is ``duration`` or ``ttft``, time to the first token), ``bucket`` (Int32: time <=
    GAMMA ** bucket milliseconds) and ``n``.
    """

    counts: pl.DataFrame
    latency: pl.DataFrame


def fold(attempts: pl.DataFrame) -> Rollup:
    """Return the rollup of canonical attempt rows (LLM traffic only)."""
    return of(cells.fold(attempts))


def of(counted: cells.Cells) -> Rollup:
    """Return the rollup of cells."""
    seconds = pl.col("bucket") * (cells.BUCKET_S * 1_000_000)
    minute = seconds.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").dt.truncate("1m")
    counts = counted.counts.with_columns(minute.alias("minute"))
    return Rollup(
        counts.group_by(DIMENSIONS).agg(pl.col(SUMS).sum()),
        counted.latency.group_by(_LATENCY_KEYS).agg(pl.col("n").sum()),
    )


def merge(parts: Iterable[Rollup]) -> Rollup:
    """Return the sum of rollups, rows in a fixed order."""
    summed = add(parts)
    return Rollup(
        summed.counts.sort(DIMENSIONS, nulls_last=True),
        summed.latency.sort(_LATENCY_KEYS, nulls_last=True),
    )


def add(parts: Iterable[Rollup]) -> Rollup:
    """Return the sum of rollups, rows in any order: for sums that are added to again."""
    listed = list(parts)
    counts = pl.concat(part.counts for part in listed)
    latency = pl.concat(part.latency for part in listed)
    return Rollup(
        counts.group_by(DIMENSIONS).agg(pl.col(SUMS).sum()),
        latency.group_by(_LATENCY_KEYS).agg(pl.col("n").sum()),
    )


def quantiles(latency: pl.DataFrame, by: tuple[str, ...], **levels: float) -> pl.DataFrame:
    """Return nearest-rank quantiles in milliseconds, one row per ``by`` and one column per level.

    Within 1 % of the exact value: a bucket is answered by its geometric middle.
    """
    ordered = (
        latency.group_by(*by, "bucket")
        .agg(pl.col("n").sum())
        .sort(*by, "bucket", nulls_last=True)
        .with_columns(
            pl.col("n").cum_sum().over(by).alias("_rank"),
            pl.col("n").sum().over(by).alias("_all"),
        )
    )
    middle = 2 * pl.lit(GAMMA).pow(pl.col("bucket")) / (GAMMA + 1)
    return ordered.group_by(by, maintain_order=True).agg(
        middle.filter(pl.col("_rank") >= (pl.col("_all") * level).ceil().clip(1))
        .first()
        .alias(name)
        for name, level in levels.items()
    )


def medians(rollup: Rollup) -> pl.DataFrame:
    """Return ``host model median_ms``: the median duration of successes, for ``long_wait``."""
    durations = rollup.latency.filter(pl.col("measure") == "duration")
    return quantiles(durations, ("host", "model"), median_ms=0.5)
