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
SERIES = ("hop", "format", "host", "model")
"""Whose durations are told apart: hardly two are in the same bucket, so that every dimension more
costs as much as a row of the capture does."""

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LATENCY_MINUTES = 10
"""Durations are told apart by ten minutes, ``minute`` being the first: hardly two are in the same
bucket, so that finer times would cost as much as the rows do."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts and latencies of attempts; rows of equal keys may occur twice in either.

    ``counts``: ``bucket`` (epoch seconds // 10, null without a time), :data:`KIND`, :data:`SUMS`.
    ``latency``: ``minute`` (first of ten), ``measure`` (``duration`` or ``ttft``), :data:`SERIES`,
    ``bucket`` (Int32: milliseconds <= GAMMA ** bucket), ``n``.
    """

    counts: pl.DataFrame
    latency: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Counted:
    """Attempts that went well and tell nothing but their kind, time and duration.

    ``rows``: ``record``, ``kind`` (UInt64), ``started_at`` (never null), ``duration_ms``,
    ``time_precision_ms``. ``kinds``: ``kind``, ``llm``, ``resend_count``, ``model_served``,
    ``method`` and :data:`KIND`; ``llm`` is false of what is left out.
    """

    rows: pl.DataFrame
    kinds: pl.DataFrame


def fold(attempts: pl.DataFrame) -> Cells:
    """Return the cells of canonical attempt rows."""
    kind, series = number(attempts, KIND), number(attempts, SERIES)
    rows = attempts.select(
        "started_at", "ok", "duration_ms", "ttft_ms", *_TOKENS, _kind=kind, _series=series
    )
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
    return Cells(
        _named(counts, "_kind", _different(attempts, kind, KIND)),
        _named(latency, "_series", _different(attempts, series, SERIES)),
    )


def fold_counted(counted: Counted) -> Cells:
    """Return the cells of attempts that are only counted."""
    kinds = counted.kinds.filter("llm")
    cell, series = number(kinds, KIND), number(kinds, SERIES)
    cells, all_series = _different(kinds, cell, KIND), _different(kinds, series, SERIES)
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    places = kinds.select(
        "kind",
        _cell=cell.replace_strict(cells[_NUMBER], cells.select(place).to_series()),
        _series=series.replace_strict(all_series[_NUMBER], all_series.select(place).to_series()),
    )
    rows = counted.rows.join(places, on="kind", maintain_order="left")
    none = {"failed": 0, "undecided": 0, **dict.fromkeys(_TOKENS, 0)}
    counts = (
        _counts(rows.select(bucket(pl.col("started_at")).alias("bucket"), "_cell"))
        .with_columns(pl.col("n").alias("ok"), **{k: pl.lit(v, pl.Int64) for k, v in none.items()})
        .rename({"n": "attempts"})
    )
    return Cells(_placed(counts, "_cell", cells), _placed(_times(rows), "_series", all_series))


def _times(rows: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows took how long; none of them is a failure."""
    time = pl.col("duration_ms")
    minutes = LATENCY_MINUTES * 60_000_000
    counts = _counts(
        rows.filter(time > 0).select(
            (pl.col("started_at").dt.epoch("us") // minutes).alias("minute"),
            "_series",
            _latency_bucket(time).clip(*_BUCKETS).cast(pl.Int64).alias("bucket"),
        )
    )
    minute = (pl.col("minute") * minutes).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return counts.with_columns(minute, pl.col("bucket").cast(pl.Int32), measure=pl.lit("duration"))


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the different rows of whole numbers and how often each is there: ``n``.

    They are put into one number, by which to group takes half as long as by several.
    """
    names = rows.columns
    spans: list[tuple[str, int, int]] = []
    key = pl.lit(0, pl.Int64)
    for name in names:
        low, high = rows[name].min(), rows[name].max()
        span = (high - low + 1) if isinstance(low, int) and isinstance(high, int) else 1
        spans.append((name, low if isinstance(low, int) else 0, span))
        key = key * span + (pl.col(name) - spans[-1][1])
    left = rows.group_by(key.alias("_key")).agg(pl.len().cast(pl.Int64).alias("n"))
    for name, low, span in reversed(spans):
        left = left.with_columns(
            (pl.col("_key") % span + low).alias(name), (pl.col("_key") // span).alias("_key")
        )
    return left.select(*names, "n")


def _placed(sums: pl.DataFrame, place: str, names: pl.DataFrame) -> pl.DataFrame:
    """Return sums with the names that stand at their ``place``."""
    return sums.drop(place).hstack(names.drop(_NUMBER)[sums[place]])


def _different(rows: pl.DataFrame, numbers: pl.Series, names: Sequence[str]) -> pl.DataFrame:
    """Return ``names`` of the rows that have different numbers."""
    told = rows.select(*names).with_columns(numbers.alias(_NUMBER))
    return told.unique(_NUMBER, keep="any")


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


_NUMBER = "_number"
_BUCKETS = (-2_000, 2_000)
"""Beyond these there are no durations."""
_NO_TIMES = pl.DataFrame(
    schema={
        "minute": pl.Datetime("us", "UTC"), "_series": pl.UInt64(), "bucket": pl.Int32(),
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
            "_series",
            _latency_bucket(time).cast(pl.Int32).alias("bucket"),
        )
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .with_columns(pl.lit(measure).alias("measure"))
    )


def _latency_bucket(milliseconds: pl.Expr) -> pl.Expr:
    return (milliseconds.log() / math.log(GAMMA)).ceil()


def _named(sums: pl.DataFrame, number: str, names: pl.DataFrame) -> pl.DataFrame:
    """Return sums with the names that their ``number`` stands for."""
    return sums.join(names, left_on=number, right_on=_NUMBER, how="left").drop(number)
