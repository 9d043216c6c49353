"""One attempt seen by several hops is one attempt.

Joining by ids and times is not built yet. What is: attempts are counted on the most client-side hop
that covers their host and time, and records of hops behind it are counted apart as corroborating,
so that nothing is counted twice.
"""

from __future__ import annotations

import polars as pl

from analyzer.ledger import BUCKET_S

HOP_ORDER = ("client", "network", "edge", "gateway", "upstream")
"""From the most client-side hop inwards."""

BUCKETS_PER_MINUTE = 60 // BUCKET_S
"""Coverage is told by the minute, because that is how finely the rollups know time."""


def spans(ledger: pl.DataFrame) -> pl.DataFrame:
    """Return ``hop host rank start end``: which minutes each hop covers, per host."""
    return (
        ledger.group_by("hop", "host")
        .agg(_minute().min().alias("start"), _minute().max().alias("end"))
        .with_columns(_rank(pl.col("hop")).alias("rank"))
    )


def corroborating(rows: pl.DataFrame, covered: pl.DataFrame) -> pl.Series:
    """Return a Boolean series: whether a more client-side hop covers a row's host and time.

    ``rows`` needs ``hop host bucket``. A log that does not name the host matches any host.
    """
    if covered["hop"].n_unique() < 2 or not rows.height:
        return pl.Series("corroborating", [False] * rows.height, dtype=pl.Boolean)
    own = (
        rows.select("hop", "host", "bucket")
        .with_row_index("row")
        .with_columns(_rank(pl.col("hop")).alias("own_rank"))
    )
    outer = covered.select(pl.col("host").alias("outer_host"), "rank", "start", "end")
    hit = (
        own.unique(["hop", "host", "bucket"])
        .drop("row")
        .join(outer, how="cross")
        .filter(
            (pl.col("rank") < pl.col("own_rank"))
            & _minute().is_between("start", "end")
            & (
                pl.col("host").is_null()
                | pl.col("outer_host").is_null()
                | (pl.col("host") == pl.col("outer_host"))
            )
        )
        .select("hop", "host", "bucket")
        .unique()
        .with_columns(pl.lit(True).alias("corroborating"))
    )
    joined = own.join(
        hit, on=["hop", "host", "bucket"], how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["corroborating"].fill_null(False)


def _minute() -> pl.Expr:
    return pl.col("bucket") // BUCKETS_PER_MINUTE


def _rank(hop: pl.Expr) -> pl.Expr:
    order = {name: number for number, name in enumerate(HOP_ORDER)}
    return hop.replace_strict(order, default=len(HOP_ORDER), return_dtype=pl.Int32)
