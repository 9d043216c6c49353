"""Attempts that the client's record calls answered and a hop behind saw break off.

A recorder that keeps no bodies, and a proxy that only notes a status, cannot tell a whole stream
from a cut one. The hop that cut it, or saw it cut, can.
"""

from __future__ import annotations

import polars as pl

from analyzer import columns, ledger, rollup

BROKEN = pl.Schema({"primary": pl.UInt64(), "by": pl.UInt64()})
"""``by`` is the record that saw it break."""

_KEPT_FROM_BEHIND = ("ok", "stream_state", "finish_reason", "seen_in", "signature")
"""What the client's record does not know better."""


def broken(members: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return :data:`BROKEN`: successes of which a record behind shows that they were none."""
    behind = members.join(rows.select("attempt_id", "ok", "status"), on="attempt_id").filter(
        ~pl.col("ok").fill_null(True), pl.col("status") < 400
    )
    state = pl.col("stream_state").fill_null("not_recorded")
    untold = pl.when(pl.col("hop") == "client").then(pl.col("stream_state")).otherwise(state)
    outer = rows.filter(pl.col("ok"), untold == "not_recorded").select(
        pl.col("attempt_id").alias("primary")
    )
    found = behind.join(outer, on="primary", how="semi").sort("primary", "rank", "attempt_id")
    last = found.unique("primary", keep="last", maintain_order=True)
    return last.select("primary", pl.col("attempt_id").alias("by")).match_to_schema(BROKEN)


def promoted(judged: pl.DataFrame, found: pl.DataFrame, slim: pl.DataFrame) -> pl.DataFrame:
    """Return the judged record behind of each broken attempt, as the client's record.

    ``slim`` are the slim rows of the client's records.
    """
    own = [name for name in columns.SLIM if name not in _KEPT_FROM_BEHIND]
    told = slim.select(pl.col(name).alias(f"_{name}") for name in own)
    rows = judged.join(found, left_on="attempt_id", right_on="by", maintain_order="left").join(
        told, left_on="primary", right_on="_attempt_id", maintain_order="left"
    )
    filled = [pl.coalesce(f"_{name}", name).alias(name) for name in own if name != "attempt_id"]
    return rows.with_columns(filled).with_columns(attempt_id="primary").select(judged.columns)


def recounted(
    counts: pl.DataFrame, book: pl.DataFrame, slim: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rollup counts and ledger in which the attempts of ``slim`` failed."""
    if not slim.height:
        return counts, book
    blank = [pl.lit(0, pl.Int64).alias(name) for name in rollup.SUMS]
    moved = slim.with_columns(*blank, minute=pl.col("started_at").dt.truncate("1m")).with_columns(
        ok=pl.lit(-1, pl.Int64), failed=pl.lit(1, pl.Int64)
    )
    told = moved.with_columns(bucket=ledger.bucket(pl.col("started_at"))).select(book.columns)
    signed = book.with_columns(pl.col(ledger.COUNTS).cast(pl.Int64))
    return (
        pl.concat([counts, moved.select(counts.columns)]),
        pl.concat([signed, told.filter(pl.col("bucket").is_not_null())]),
    )
