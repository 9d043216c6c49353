"""The attempts as settling wants them: what every hop noted, and which records are echoes."""

from __future__ import annotations

import polars as pl

from analyzer import correlate, ledger
from analyzer.correlate import Joined

_KEYS = ("hop", "format", "host")


def attempts(every: pl.LazyFrame, joined: Joined) -> pl.LazyFrame:
    """Return all slim rows with ``echo``: another log nearer to the client has the request.

    Ids of an echo still count; by time it would ask for a second row of the same request. Successes
    that a hop behind saw break are failures.
    """
    cut = joined.broken["primary"].implode()
    told = every.with_columns(
        ok=pl.when(pl.col("attempt_id").is_in(cut)).then(False).otherwise("ok")
    )
    if joined.order["rank"].n_unique() < 2:
        return told.with_columns(echo=pl.lit(False))
    placed = told.with_columns(bucket=ledger.bucket(pl.col("started_at")))
    names = placed.select(*_KEYS, "bucket").unique().collect()
    echo = correlate.corroborating(names, joined.covered, joined.hosts)
    marked = names.with_columns(echo.alias("echo")).lazy()
    return placed.join(
        marked, on=[*_KEYS, "bucket"], how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(pl.col("echo").fill_null(False))
