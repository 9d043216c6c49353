"""Retry storms: retries that came faster or oftener than any advice allows.

Two definitions. A *storm* is a run of minutes in which, for one host and model, at least
:data:`STORM_RETRIES` retries a minute came and were at least :data:`STORM_SHARE` of all attempts:
the callers at least doubled the load on what had just failed. A *loop* is one call with at least
:data:`LOOP_RETRIES` retries within :data:`LOOP_S` seconds: whoever asked did not back off.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

STORM_RETRIES = 20
"""Retries a minute. Fewer may be three or four callers with the usual two retries."""
STORM_SHARE = 0.5
"""Of all attempts of the minute."""
LOOP_RETRIES = 5
LOOP_S = 10.0
"""SDKs wait half a second, then twice as long each time: five retries take over fifteen seconds."""

STORMS = pl.Schema(
    {
        "host": pl.String(), "model_name": pl.String(), "start": pl.Datetime("us", "UTC"),
        "end": pl.Datetime("us", "UTC"), "retries": pl.Int64(), "attempts": pl.Int64(),
        "peak": pl.Int64(), "first": pl.UInt64(),
    }
)  # fmt: skip
LOOPS = pl.Schema(
    {
        "host": pl.String(), "model_name": pl.String(), "calls": pl.Int64(),
        "retries": pl.Int64(), "most": pl.Int64(), "start": pl.Datetime("us", "UTC"),
        "end": pl.Datetime("us", "UTC"), "first": pl.UInt64(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Storms:
    """What :func:`storms` found.

    ``storms``: :data:`STORMS`, minutes in a row, ``peak`` retries in the worst one, ``first`` a
    failed attempt that was retried in it. ``loops``: :data:`LOOPS`, calls that did not back off,
    per host and model; ``most`` retries within :data:`LOOP_S`.
    """

    storms: pl.DataFrame
    loops: pl.DataFrame


def storms(attempts: pl.DataFrame, counts: pl.DataFrame) -> Storms:
    """Return the storms in chained ``attempts`` (:data:`analyzer.calls.chain.ATTEMPTS`).

    ``counts``: ``minute host model_name attempts`` of all attempts that count.
    """
    return Storms(_storms(attempts, counts), _loops(attempts))


def _storms(attempts: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    by = ["host", "model_name", "minute"]
    retries = (
        attempts.filter(pl.col("before").is_not_null())
        .with_columns(pl.col("started_at").dt.truncate("1m").alias("minute"))
        .group_by(by)
        .agg(pl.len().cast(pl.Int64).alias("retries"), pl.col("before").min().alias("first"))
    )
    all_ = counts.group_by(by).agg(pl.col("attempts").sum())
    hot = (
        retries.join(all_, on=by, how="inner", nulls_equal=True)
        .filter(
            pl.col("retries") >= STORM_RETRIES,
            pl.col("retries") >= STORM_SHARE * pl.col("attempts"),
        )
        .sort(by, nulls_last=True)
    )
    stream = ["host", "model_name"]
    gap = pl.col("minute") - pl.col("minute").shift().over(stream)
    run = (gap != pl.duration(minutes=1)).fill_null(True).cum_sum().over(stream)
    return (
        hot.with_columns(run.alias("run"))
        .group_by(*stream, "run")
        .agg(
            pl.col("minute").min().alias("start"),
            (pl.col("minute").max() + pl.duration(minutes=1)).alias("end"),
            pl.col("retries").sum(),
            pl.col("attempts").sum(),
            pl.col("retries").max().alias("peak"),
            pl.col("first").min(),
        )
        .select(STORMS.names())
        .match_to_schema(STORMS)
        .sort("start", *stream, nulls_last=True)
    )


def _loops(attempts: pl.DataFrame) -> pl.DataFrame:
    retries = attempts.filter(pl.col("before").is_not_null()).sort("call_id", "position")
    back = pl.col("started_at").shift(LOOP_RETRIES - 1).over("call_id")
    quick = (pl.col("started_at") - back) <= pl.duration(microseconds=int(LOOP_S * 1_000_000))
    hot = retries.filter(quick.fill_null(False).any().over("call_id"))
    windowed = hot.rolling(
        "started_at", period=f"{int(LOOP_S * 1000)}ms", group_by="call_id", closed="both"
    ).agg(pl.len().cast(pl.Int64).alias("most"))
    most = windowed.group_by("call_id").agg(pl.col("most").max())
    calls = hot.group_by("call_id", "host", "model_name").agg(
        pl.len().cast(pl.Int64).alias("retries"),
        pl.col("started_at").min().alias("start"),
        pl.col("started_at").max().alias("end"),
        pl.col("before").min().alias("first"),
    )
    return (
        calls.join(most, on="call_id")
        .group_by("host", "model_name")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            pl.col("retries").sum(),
            pl.col("most").max(),
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("first").min(),
        )
        .select(LOOPS.names())
        .match_to_schema(LOOPS)
        .sort("start", "host", "model_name", nulls_last=True)
    )
