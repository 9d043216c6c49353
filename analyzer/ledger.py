"""The ledger: how many attempts went well and badly, per ten seconds, on which all context stands.

Every context predicate of a rule is defined on these buckets, so its meaning does not depend on how
rows were read, batched or sampled.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

BUCKET_S = 10
KEYS = ("bucket", "hop", "format", "host", "endpoint", "model", "key_tag")
COUNTS = ("ok", "failed", "undecided")

SCHEMA = pl.Schema(
    {
        "bucket": pl.Int64(),
        "hop": pl.String(),
        "format": pl.String(),
        "host": pl.String(),
        "endpoint": pl.String(),
        "model": pl.String(),
        "key_tag": pl.String(),
        "ok": pl.UInt32(),
        "failed": pl.UInt32(),
        "undecided": pl.UInt32(),
    }
)


def bucket(time: pl.Expr) -> pl.Expr:
    """Return the number of the ten-second bucket (epoch seconds // 10) of a time expression."""
    return time.dt.epoch("s") // BUCKET_S


def fold(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger of canonical attempt rows; rows without a time are in no bucket."""
    return (
        attempts.lazy()
        .filter(pl.col("started_at").is_not_null())
        .with_columns(bucket(pl.col("started_at")).alias("bucket"))
        .group_by(KEYS)
        .agg(
            pl.col("ok").fill_null(False).sum().cast(pl.UInt32).alias("ok"),
            (~pl.col("ok")).fill_null(False).sum().cast(pl.UInt32).alias("failed"),
            pl.col("ok").is_null().sum().cast(pl.UInt32).alias("undecided"),
        )
        .collect()
    )


def merge(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the sum of ledgers, rows in a fixed order."""
    listed = [part for part in parts if part.height] or [pl.DataFrame(schema=SCHEMA)]
    return (
        pl.concat(listed)
        .group_by(KEYS)
        .agg(pl.col(COUNTS).sum().cast(pl.UInt32))
        .sort(KEYS, nulls_last=True)
    )
