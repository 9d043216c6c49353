"""Which attempt is whose retry: one to one, the nearest failure that can have been asked again.

Equal requests of one key are interchangeable: which of two overlapping calls a retry belongs to may
be swapped, and neither the number of calls nor how they ended depends on it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator

import polars as pl

LINKS = pl.Schema({"attempt_id": pl.UInt64(), "before": pl.UInt64(), "gap_us": pl.Int64()})
"""``attempt_id`` is a retry of ``before``, ``gap_us`` after its end."""

_Row = tuple[int, int, int | None, int, int, int, int, int]
_Waiting = list[tuple[int, int, int, int]]
"""(from when a retry may start, end, until when it may, attempt) of failures that nothing has
retried yet."""


def links(rows: pl.DataFrame) -> pl.DataFrame:
    """Return :data:`LINKS` of :data:`analyzer.calls.rows.ROWS`, in the order of attempts."""
    columns = _near(rows).select(
        "attempt_id", "key", "level", "start", "end", "state", "window", "blur"
    )
    found = list(_matched(columns.iter_rows()))
    return pl.DataFrame(found, schema=LINKS, orient="row").sort("attempt_id")


def _near(rows: pl.DataFrame) -> pl.DataFrame:
    """Return failures, and what may follow one in time: only these are looked at one by one."""
    until = pl.when(pl.col("state") == 0).then(pl.col("end") + pl.col("window"))
    last = until.cum_max().forward_fill().shift().over("key")
    return (
        rows.filter(pl.col("basis").is_not_null(), pl.col("key").is_duplicated())
        .sort("order")
        .filter((pl.col("state") == 0) | (pl.col("start") <= last).fill_null(False))
    )


def _matched(rows: Iterable[_Row]) -> Iterator[tuple[int, int, int]]:
    waiting: dict[tuple[int, int | None], _Waiting] = defaultdict(list)
    for attempt, key, level, start, end, state, window, blur in rows:
        if level != 0:
            failures = waiting[key, None if level is None else level - 1]
            before = _taken(failures, start)
            if before is not None:
                yield attempt, before[3], max(0, start - before[1])
        if state == 0 and window:
            insort(waiting[key, level], (end - blur, end, end + window, attempt))


def _taken(failures: _Waiting, start: int) -> tuple[int, int, int, int] | None:
    """Remove and return the failure that ended last before ``start``.

    Failures that have waited too long are forgotten: attempts come in the order of their starts.
    """
    index = bisect_right(failures, start, key=lambda failure: failure[0])
    while index:
        index -= 1
        failure = failures.pop(index)
        if start <= failure[2]:
            return failure
    return None
