"""The records that a weekly report needs, out of a store: its weeks and no more."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import polars as pl

from analyzer.errors import NothingUsable
from analyzer.history import reading
from analyzer.reliability.options import Options
from analyzer.reliability.week import Week

if TYPE_CHECKING:
    from analyzer.history.store import Store
    from analyzer.records import Records

_EDGE = timedelta(days=1)
"""On both sides: incidents go on over midnight, and what comes before shows that data does."""


def records(store: Store, week: str | None, options: Options) -> Records:
    """Return the records of a week, by default the last one that has data, and of those before.

    Raises:
        UsageError: the week is malformed.
        NothingUsable: nothing in the store has a time.
        StoreError: a file of the store is damaged or cannot be read.
    """
    chosen = Week.parse(week, options.zone) if week else _last(store, options)
    first = chosen.before(max(options.weeks_before, 3)).start - _EDGE
    # Weeks begin at a full hour in most zones; then percentiles need no finer stretches.
    whole = all(not edge.astimezone(UTC).minute for edge in (chosen.start, chosen.end))
    found = reading.read(store, first, chosen.end + _EDGE, latency_every="1h" if whole else "10m")
    inside = found.counts["minute"].is_between(chosen.start, chosen.end, closed="left")
    # Without data in the week the message names the weeks that have some, so all are needed.
    return found if inside.any() else reading.read(store)


def _last(store: Store, options: Options) -> Week:
    """Return the week of the last attempt; only the newest partitions have to be read."""
    counts = store.scan().filter(pl.col("kind") == "counts", pl.col("at").is_not_null())
    last = store.read(counts.select(pl.col("at").max()))["at"].item()
    if last is None:
        msg = f"the history at {store.place.shown} holds no attempt that has a time"
        raise NothingUsable(msg)
    return Week.of(last, options.zone)
