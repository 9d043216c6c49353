"""The ledger as predicates read it, and sums over windows of it.

The ledger counts attempts per bucket of 10 s × hop × host × endpoint × model × key tag. Windows are
of whole buckets: ``within: 5m`` around a row of bucket b means the buckets b-30 … b+30, both
included. Undecided attempts (their end is not in the capture) count as no attempt.

One attempt that several hops saw must not count twice: in each bucket the hop that saw most counts.
An absent host, model, endpoint or key equals another absent one, since an access log that names no
host is about one host; predicates that compare models leave attempts without a model out.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.ledger import BUCKET_S
from analyzer.ledger import bucket as bucket_of

KEYS = ("host", "endpoint", "model", "key_tag")
COUNTS = ("ok", "failed")
ABSENT = "\x00"
"""Stands for an absent key, because joins do not match nulls."""
LATENCY_SCHEMA = pl.Schema(
    {"host": pl.String(), "model": pl.String(), "median_ms": pl.Float64()}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts and latencies with keys filled and hops folded."""

    by_model: pl.DataFrame
    """bucket, host, endpoint, model -> ok, failed."""
    by_key: pl.DataFrame
    """bucket, host, endpoint, model, key_tag -> ok, failed."""
    latency: pl.DataFrame
    """host, model -> median_ms of the successes."""

    @staticmethod
    def of(ledger: pl.DataFrame, latency: pl.DataFrame | None = None) -> Ledger:
        """Fold a ledger frame; ``latency`` has host, model and median_ms of the successes."""
        filled = ledger.select(
            "bucket",
            "hop",
            "format",
            *(pl.col(key).fill_null(ABSENT) for key in KEYS),
            *(pl.col(count).cast(pl.Int64) for count in COUNTS),
        ).filter(pl.col("ok") + pl.col("failed") > 0)
        medians = pl.DataFrame(schema=LATENCY_SCHEMA) if latency is None else latency
        return Ledger(
            by_model=_folded(filled, ["bucket", "host", "endpoint", "model"]),
            by_key=_folded(filled, ["bucket", *KEYS]),
            latency=medians.select(
                pl.col("host", "model").fill_null(ABSENT), pl.col("median_ms").cast(pl.Float64)
            ).drop_nulls(),
        )


def _folded(filled: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    seen = filled.group_by([*keys, "hop", "format"]).agg(pl.col(COUNTS).sum())
    return seen.group_by(keys).agg(pl.col(COUNTS).max())


def points(rows: pl.DataFrame) -> pl.DataFrame:
    """Return each row's place in the ledger: ``row``, ``bucket`` (null without a time), keys."""
    bucket = bucket_of(pl.col("started_at"))
    keys = (pl.col(key).fill_null(ABSENT) for key in KEYS)
    return rows.select(bucket.alias("bucket"), *keys).with_row_index("row")


def window_sums(
    at: pl.DataFrame, events: pl.DataFrame, by: list[str], first: int, last: int
) -> pl.DataFrame:
    """Return ``at`` (by + bucket) with the sums of ok and failed in buckets +first … +last.

    The sums are differences of running totals, so the cost does not depend on the window's width.
    """
    totals = (
        events.lazy()
        .group_by([*by, "bucket"])
        .agg(pl.col(COUNTS).sum())
        .sort("bucket")
        .with_columns(pl.col(COUNTS).cum_sum().over(by))
        .rename({"bucket": "edge"})
    )
    places = at.select(*by, "bucket").drop_nulls().unique().lazy()
    until = _running(places, totals, by, last)
    before = _running(places, totals, by, first - 1)
    names = {count: f"{count}_before" for count in COUNTS}
    joined = until.join(before.rename(names), on=[*by, "bucket"], how="left")
    # One query instead of a dozen steps: in a small capture the steps cost more than the work.
    return joined.select(
        *by, "bucket", *(pl.col(name) - pl.col(earlier) for name, earlier in names.items())
    ).collect(optimizations=pl.QueryOptFlags.none())


def _running(places: pl.LazyFrame, totals: pl.LazyFrame, by: list[str], shift: int) -> pl.LazyFrame:
    """Return the running totals of each group at the end of bucket + shift."""
    edges = places.with_columns(edge=pl.col("bucket") + shift).sort("edge")
    found = edges.join_asof(totals, on="edge", by=by, strategy="backward", check_sortedness=False)
    return found.select(*by, "bucket", pl.col(COUNTS).fill_null(0))


def attach(at: pl.DataFrame, values: pl.DataFrame, by: list[str], answer: pl.Expr) -> pl.Series:
    """Return ``answer`` over ``values`` for each row of ``at``, in the order of its rows."""
    joined = at.join(values, on=by, how="left", maintain_order="left")
    return joined.select(answer.cast(pl.Boolean).alias("answer")).to_series()


def buckets(window_s: float) -> int:
    """Return the number of buckets in a window."""
    return round(window_s / BUCKET_S)
