"""The rows that are joined: what is asked about (probes) and what may be the same request."""

from __future__ import annotations

import polars as pl

from analyzer.correlate.coverage import VIEW

IDS = ("request_id", "ray_id", "trace_id", "upstream_request_id")
SHORTEST_ID = 6
"""Shorter ids are counters that repeat."""
MINUTE_US = 60_000_000
LATE_MINUTES = 15
"""A hop may go on with a request so long after its client has left."""

COLUMNS = (
    "attempt_id", "input", "record", *VIEW, "host", "ok", "started_at", "ended_at",
    "time_precision_ms", "status", "upstream_status", "method", "path", "endpoint", "model",
    "duration_ms", "proxy_flags", "stream_state", *IDS,
)  # fmt: skip
"""What is known of a row when it is joined."""


def prepared(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add ``place`` (what was called), ``end`` and ``minute``; rows without a time are left out."""
    tail = pl.col("path").str.to_lowercase().str.extract(r"([^/]+/[^/]+)/?$")
    end = pl.coalesce("ended_at", "started_at")
    return (
        rows.select(COLUMNS)
        .filter(end.is_not_null())
        .with_columns(
            place=pl.coalesce("endpoint", tail, "path"),
            end=end,
            minute=end.dt.epoch("us") // MINUTE_US,
        )
    )


def probes(failures: pl.DataFrame, every: pl.LazyFrame) -> pl.DataFrame:
    """Return what is asked about: the failures of all inputs and all rows of the client's hop."""
    own = every.filter(pl.col("hop") == "client")
    failed = failures.lazy().select(COLUMNS)
    both = pl.concat([failed, own.select(COLUMNS)]).unique("attempt_id", maintain_order=True)
    return prepared(both).collect()


def candidates(asked: pl.DataFrame, every: pl.LazyFrame) -> pl.DataFrame:
    """Return every row that shares an id, or the minute and the call, with a probe.

    One pass over all rows, whatever the number of probes.
    """
    known = pl.concat([asked[name].drop_nulls() for name in IDS]).unique()
    ids = known.filter(known.str.len_chars() >= SHORTEST_ID)
    same_id = pl.any_horizontal(pl.col(name).is_in(ids.implode()) for name in IDS)
    rows = prepared(every)
    near = rows.join(_minutes(asked).lazy(), on=["minute", "place"], how="semi", nulls_equal=True)
    shared = rows.filter(same_id.fill_null(False)) if ids.len() else rows.clear()
    found = pl.concat([near, shared]).unique("attempt_id")
    return found.collect(engine="streaming").sort("attempt_id")


def _minutes(asked: pl.DataFrame) -> pl.DataFrame:
    """Return the minutes in which another hop may have written about a probe."""
    left = pl.col("status").is_null() | (pl.col("status") == 499)
    late = pl.when(left).then(LATE_MINUTES).otherwise(2)
    span = pl.int_ranges(pl.col("minute") - 2, pl.col("minute") + 1 + late)
    return asked.select("place", minute=span).explode("minute").unique()
