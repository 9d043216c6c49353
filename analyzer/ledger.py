"""The ledger: how many attempts went well and badly, per ten seconds, on which all context stands.

Every context predicate of a rule is defined on these buckets, so its meaning does not depend on how
rows were read, batched or sampled.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from analyzer import cells
from analyzer.cells import BUCKET_S, bucket

__all__ = ["BUCKET_S", "COUNTS", "KEYS", "SCHEMA", "bucket", "fold", "merge", "of"]

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


def fold(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger of canonical attempt rows; rows without a time are in no bucket."""
    return of(cells.fold(attempts))


def of(counted: cells.Cells) -> pl.DataFrame:
    """Return the ledger of cells."""
    return (
        counted.counts.filter(pl.col("bucket").is_not_null())
        .group_by(KEYS)
        .agg(pl.col(COUNTS).sum().cast(pl.UInt32))
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
