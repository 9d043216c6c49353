"""Rollups: per-minute sums that add, whatever the order or the cut of the inputs.

``rollup(a + b) == merge(rollup(a), rollup(b))`` is the law that lets phase 1 run per batch, per
file or per machine. Latency is kept in logarithmic buckets of 1 % relative error, successes only,
because fast failures would flatter the median.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

DIMENSIONS = (
    "minute", "hop", "format", "host", "endpoint", "model", "provider", "gateway", "key_tag",
    "client", "stream",
)  # fmt: skip
SUMS = (
    "attempts", "ok", "failed", "undecided", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens",
)  # fmt: skip
RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)

LATENCY_DIMENSIONS = ("minute", "measure", "hop", "format", "host", "model")
"""Whose durations are told apart: hardly two are in the same bucket, so that every dimension more
costs as much as a row of the capture does."""
LATENCY_MINUTES = 10
"""Durations are told apart by ten minutes, ``minute`` being the first: for the same reason."""

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
    keyed = attempts.with_columns(pl.col("started_at").dt.truncate("1m").alias("minute"))
    counts = keyed.group_by(DIMENSIONS).agg(
        pl.len().cast(pl.Int64).alias("attempts"),
        pl.col("ok").fill_null(False).sum().cast(pl.Int64).alias("ok"),
        (~pl.col("ok")).fill_null(False).sum().cast(pl.Int64).alias("failed"),
        pl.col("ok").is_null().sum().cast(pl.Int64).alias("undecided"),
        *(
            pl.col(name).sum().alias(name)
            for name in ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
        ),
    )
    good = keyed.filter(pl.col("ok"))
    durations = _buckets(good, "duration")
    # Few sources tell when the first token came; the others need not be grouped for it.
    first = good["ttft_ms"].null_count() < good.height
    latency = pl.concat([durations, _buckets(good, "ttft")]) if first else durations
    return Rollup(counts, latency)


def _buckets(good: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Return how many successes took how long, as far as they tell ``measure``."""
    time = pl.col(f"{measure}_ms")
    return (
        good.filter(time > 0)
        .with_columns(
            pl.col("minute").dt.truncate(f"{LATENCY_MINUTES}m"),
            pl.lit(measure).alias("measure"),
            _bucket(time).alias("bucket"),
        )
        .group_by(_LATENCY_KEYS)
        .agg(pl.len().cast(pl.Int64).alias("n"))
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


def _bucket(milliseconds: pl.Expr) -> pl.Expr:
    return (milliseconds.log() / math.log(GAMMA)).ceil().cast(pl.Int32)
