"""Which records count: those of the most client-side log that covers their host and time.

What the hops behind it wrote about the same requests corroborates and is counted apart, so that no
attempt is counted twice.
"""

from __future__ import annotations

import polars as pl

from analyzer.ledger import BUCKET_S

HOP_ORDER = ("client", "network", "edge", "gateway", "upstream")
"""From the most client-side hop inwards."""

BUCKETS_PER_MINUTE = 60 // BUCKET_S
"""Coverage is told by the minute, because that is how finely the rollups know time."""

VIEW = ("hop", "format")
"""What one kind of log of one hop saw: several nodes or days of it see different requests."""

BEHIND = 50
"""How far behind its access log an error log is placed."""


def hop_rank(hop: pl.Expr) -> pl.Expr:
    """Return the place of a hop, 0 = the client's own; gaps are left for logs of one hop."""
    order = {name: number * 100 for number, name in enumerate(HOP_ORDER)}
    return hop.replace_strict(order, default=len(HOP_ORDER) * 100, return_dtype=pl.Int32)


def ranks(ledger: pl.DataFrame) -> pl.DataFrame:
    """Return ``hop format rank``: the order of the views by their hops alone.

    An error log only adds to the access log of its hop: it stands behind it.
    """
    views = ledger.select(VIEW).unique().sort(VIEW, nulls_last=True)
    errors = pl.when(pl.col("format").str.ends_with("-error")).then(BEHIND).otherwise(0)
    rank = hop_rank(pl.col("hop")) + errors.cast(pl.Int32)
    return views.with_columns(rank.fill_null(len(HOP_ORDER) * 100).alias("rank"))


def spans(ledger: pl.DataFrame, ranked: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return ``hop format host rank start end``: which minutes each view covers, per host."""
    order = ranks(ledger) if ranked is None else ranked
    seen = ledger.group_by(*VIEW, "host").agg(
        _minute().min().alias("start"), _minute().max().alias("end")
    )
    return seen.join(order, on=VIEW, how="left", nulls_equal=True)


def corroborating(
    rows: pl.DataFrame, covered: pl.DataFrame, hosts: pl.DataFrame | None = None, minutes: int = 1
) -> pl.Series:
    """Return a Boolean series: whether a more client-side view covers a row's host and time.

    ``rows`` needs ``hop format host bucket``; each stands for ``minutes`` from its bucket on. A log
    that does not name the host matches any host; ``hosts`` (``host outer_host``) are hosts of which
    joined attempts have shown that they are one.
    """
    if covered["rank"].n_unique() < 2 or not rows.height:
        return pl.Series("corroborating", [False] * rows.height, dtype=pl.Boolean)
    keys = [*VIEW, "host", "bucket"]
    order = covered.select(*VIEW, pl.col("rank").alias("own_rank")).unique()
    own = rows.select(keys).unique().join(order, on=VIEW, how="left", nulls_equal=True)
    outer = covered.select(pl.col("host").alias("outer_host"), "rank", "start", "end")
    same = _known_as(hosts)
    hit = (
        own.join(outer, how="cross")
        .filter(
            pl.col("rank") < pl.col("own_rank"),
            _minute() <= pl.col("end"),
            _minute() + (minutes - 1) >= pl.col("start"),
        )
        .join(same, on=["host", "outer_host"], how="left")
        .filter(
            pl.col("host").is_null()
            | pl.col("outer_host").is_null()
            | (pl.col("host") == pl.col("outer_host"))
            | pl.col("same").is_not_null()
        )
        .select(keys)
        .unique()
        .with_columns(pl.lit(True).alias("corroborating"))
    )
    joined = rows.select(keys).join(
        hit, on=keys, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["corroborating"].fill_null(False)


def _known_as(hosts: pl.DataFrame | None) -> pl.DataFrame:
    if hosts is None:
        hosts = pl.DataFrame(schema={"host": pl.String(), "outer_host": pl.String()})
    return hosts.select("host", "outer_host", pl.lit(True).alias("same")).unique()


def _minute() -> pl.Expr:
    return pl.col("bucket") // BUCKETS_PER_MINUTE
