"""Cells: attempts counted per ten seconds and kind, from which ledger and rollups are summed.

A capture has few kinds of attempts and many attempts. To group rows by a dozen texts costs more
than to read them, so they are grouped once, by a number that stands for the texts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

BUCKET_S = 10
KIND = (
    "hop", "format", "host", "endpoint", "model", "provider", "gateway", "key_tag", "client",
    "stream",
)  # fmt: skip
SUMS = (
    "attempts", "ok", "failed", "undecided", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens",
)  # fmt: skip
_TOKENS = SUMS[4:]

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LATENCY_MINUTES = 10
"""Durations are told apart by ten minutes, ``minute`` being the first: hardly two are in the same
bucket, so that finer times would cost as much as the rows do."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts and latencies of attempts; rows of equal keys may occur twice in either.

    ``counts``: ``bucket`` (epoch seconds // 10, null without a time), :data:`KIND`, :data:`SUMS`.
    ``latency``: ``minute`` (first of ten), ``measure`` (``duration`` or ``ttft``), :data:`KIND`,
    ``bucket`` (Int32: milliseconds <= GAMMA ** bucket), ``n``.
    """

    counts: pl.DataFrame
    latency: pl.DataFrame


def fold(attempts: pl.DataFrame) -> Cells:
    """Return the cells of canonical attempt rows."""
    kind = number(attempts, KIND)
    rows = attempts.select(
        "started_at", "ok", "duration_ms", "ttft_ms", *_TOKENS, kind.alias("_kind")
    )
    kinds = attempts.with_columns(kind.alias("_kind")).select("_kind", *KIND).unique(
        "_kind", keep="any"
    )  # fmt: skip
    counts = rows.group_by(bucket(pl.col("started_at")).alias("bucket"), "_kind").agg(
        pl.len().cast(pl.Int64).alias("attempts"),
        pl.col("ok").sum().cast(pl.Int64).alias("ok"),
        (~pl.col("ok")).sum().cast(pl.Int64).alias("failed"),
        pl.col("ok").null_count().cast(pl.Int64).alias("undecided"),
        *(_sum(rows[name]) for name in _TOKENS),
    )
    good = rows.filter(pl.col("ok"))
    times = [_latency(good, measure) for measure in ("duration", "ttft")]
    latency = pl.concat([found for found in times if found is not None] or [_NO_TIMES])
    return Cells(_named(counts, kinds), _named(latency, kinds))


def number(rows: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return a number (UInt64) per row that is equal where all ``names`` are.

    A sum of hashes of 64 bits, each column with a seed of its own: of 200 000 different rows two
    are taken for one in one of a thousand million runs. Columns of nulls need not be hashed
    row by row.
    """
    hashes: list[pl.Expr] = []
    for seed, name in enumerate(names, 1):
        column = rows[name]
        if column.null_count() == column.len():
            nothing = column.clear(1).hash(seed).item()
            hashes.append(pl.lit(nothing, pl.UInt64))
        else:
            hashes.append(pl.col(name).hash(seed))
    summed = rows.select(pl.sum_horizontal(hashes).alias("number"))["number"]
    return summed if summed.len() == rows.height else summed.new_from_index(0, rows.height)


def bucket(time: pl.Expr) -> pl.Expr:
    """Return the number of the ten-second bucket (epoch seconds // 10) of a time expression."""
    return time.dt.epoch("s") // BUCKET_S


def _sum(tokens: pl.Series) -> pl.Expr:
    if tokens.null_count() == tokens.len():
        return pl.lit(0, pl.Int64).alias(tokens.name)
    return pl.col(tokens.name).sum()


_NO_TIMES = pl.DataFrame(
    schema={
        "minute": pl.Datetime("us", "UTC"), "_kind": pl.UInt64(), "bucket": pl.Int32(),
        "n": pl.Int64(), "measure": pl.String(),
    }
)  # fmt: skip


def _latency(good: pl.DataFrame, measure: str) -> pl.DataFrame | None:
    """Return how many successes took how long; ``None`` if no row tells."""
    column = f"{measure}_ms"
    if good[column].null_count() == good.height:
        return None
    time = pl.col(column)
    return (
        good.filter(time > 0)
        .group_by(
            pl.col("started_at").dt.truncate(f"{LATENCY_MINUTES}m").alias("minute"),
            "_kind",
            (time.log() / math.log(GAMMA)).ceil().cast(pl.Int32).alias("bucket"),
        )
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .with_columns(pl.lit(measure).alias("measure"))
    )


def _named(sums: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    return sums.join(kinds, on="_kind", how="left").drop("_kind")
