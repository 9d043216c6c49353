"""Where two hops tell different stories of one request."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.correlate.join import Joined
from analyzer.correlate.settle import seen_in

LIMITS_S = (10, 15, 20, 25, 30, 45, 60, 75, 90, 100, 110, 120, 125, 150, 180, 240, 300, 600, 900,
            1200, 1800, 3600)  # fmt: skip
"""Round times that people and products set as limits."""
NEAR_LIMIT = 0.01
"""Relative distance (at least a quarter of a second) at which a duration is that limit."""

KINDS = {
    "finished_after_client_left": "The client had left; the hop behind finished all the same.",
    "status_differs": "Two hops noted different statuses.",
    "rescued": "A hop behind failed; the client got a usable answer.",
}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two records of one request that differ, as rows of named columns."""

    kind: str
    outer: dict[str, object]
    inner: dict[str, object]
    places: tuple[str, ...] = ()
    """Every record of the attempt, the client's first."""
    limit_s: float | None = None
    """The round time at which the outer hop gave up, if its duration is one."""


def contradictions(joined: Joined) -> list[Contradiction]:
    """Return every contradiction, in the order of time."""
    if not joined.members.height:
        return []
    rows = joined.rows
    both = joined.members.join(rows, on="attempt_id").join(
        rows, left_on="primary", right_on="attempt_id", suffix="_outer"
    )
    last = both.sort("primary", "rank", "end", "attempt_id").unique(
        ["primary", "rank"], keep="last", maintain_order=True
    )
    # That it broke behind is the attempt's verdict, no contradiction.
    last = last.join(joined.broken, on="primary", how="anti")
    told = last.with_columns(_kind().alias("kind")).filter(pl.col("kind").is_not_null())
    # Two hops behind that say the same are one story: that of the innermost.
    told = told.unique(["primary", "kind"], keep="last", maintain_order=True)
    names = [name for name in rows.columns if name != "attempt_id"]
    seen = dict(seen_in(joined).iter_rows())
    found = []
    for row in told.sort("end_outer", "primary", "rank").to_dicts():
        outer = {name: row[f"{name}_outer"] for name in names} | {"attempt_id": row["primary"]}
        inner = {name: row[name] for name in names} | {"attempt_id": row["attempt_id"]}
        places = tuple(seen[row["primary"]])
        found.append(Contradiction(row["kind"], outer, inner, places, _limit(outer)))
    return found


def finished(joined: Joined) -> pl.Series:
    """Return the ids of the attempts that a hop behind finished after the client had left."""
    ids = [
        told.outer["attempt_id"]
        for told in contradictions(joined)
        if told.kind == "finished_after_client_left"
    ]
    return pl.Series("attempt_id", ids, dtype=pl.UInt64)


def _kind() -> pl.Expr:
    left = pl.col("status_outer").is_null() | (pl.col("status_outer") == 499)
    fine = pl.col("ok").fill_null(False) & (pl.col("status") < 400)
    failed_outside = ~pl.col("ok_outer").fill_null(True)
    rescued = pl.col("ok_outer").fill_null(False) & (pl.col("status") >= 400)
    known = pl.col("status_outer").is_not_null() & pl.col("status").is_not_null()
    aborted = pl.col("status").is_in([499, 460])
    return (
        pl.when(left & fine & failed_outside)
        .then(pl.lit("finished_after_client_left"))
        .when(rescued)
        .then(pl.lit("rescued"))
        .when(known & failed_outside & ~aborted & (pl.col("status") != pl.col("status_outer")))
        .then(pl.lit("status_differs"))
    )


def _limit(row: dict[str, object]) -> float | None:
    return near_limit(float(str(row["duration_ms"]))) if row["duration_ms"] is not None else None


def near_limit(duration_ms: float) -> float | None:
    """Return the round limit in seconds that a duration equals, if there is one."""
    seconds = duration_ms / 1000
    for limit in LIMITS_S:
        if abs(seconds - limit) <= max(0.25, NEAR_LIMIT * limit):
            return float(limit)
    return None
