"""Alarms: where both windows of a pair burn the budget too fast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from analyzer.incidents.options import Options, Pair
from analyzer.incidents.segment import Segment, Track
from analyzer.incidents.series import KEYS
from analyzer.incidents.window import ALL, Scope

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of time in which something is to be looked for."""

    scope: Scope
    first: datetime
    last: datetime
    """Last minute."""
    usual: float


def threshold(usual: float, pair: Pair, options: Options) -> float:
    """Return the failure rate that both windows must reach.

    Above the usual rate by so many budgets, where the budget is what the target leaves or, if that
    is more, the usual rate: a scope that is always bad alarms when it gets worse.
    """
    return usual + min(pair.burn * max(options.budget, usual), options.cap)


def regions(rows: pl.DataFrame, options: Options) -> list[Region]:
    """Return where the pairs alarm, one region per scope and stretch, by scope and time.

    Args:
        rows: ``field value minute attempts failed usual``, sorted by scope and minute; ``usual``
            is the same for all rows of a scope.
        options: pairs and thresholds.

    A region goes back by the long window before its first alarm and on by the short one after the
    last failure that holds it.
    """
    sums = _Sums(rows, max(pair.long for pair in options.pairs))
    found = pl.concat([_of_pair(sums, pair, options) for pair in options.pairs])
    merged: list[Region] = []
    for field, value, usual, first, last in found.sort(*KEYS, "first").iter_rows():
        scope = Scope(field, None if field == ALL else value)
        known = merged[-1] if merged else None
        if known is not None and known.scope == scope and first <= known.last:
            merged[-1] = Region(scope, known.first, max(known.last, last), usual)
        else:
            merged.append(Region(scope, first, last, usual))
    return merged


class _Sums:
    """Sums over windows that end at a failure: rates rise nowhere else.

    All scopes are laid on one axis of minutes, far enough apart that no window reaches from one
    into the next, so that a window is the difference of two running sums.
    """

    def __init__(self, rows: pl.DataFrame, longest: timedelta) -> None:
        at = (pl.col("minute") - pl.col("minute").min()).dt.total_minutes()
        scopes = pl.struct(KEYS).rle_id().cast(pl.Int64)
        apart = at.max() + int(longest / _MINUTE) + 1
        placed = rows.with_columns((scopes * apart + at).alias("place"))
        self.places = placed["place"]
        self.running = {
            name: pl.concat([pl.Series([0.0]), placed[name].cum_sum()])
            for name in ("attempts", "failed")
        }
        self.rows = placed.filter(pl.col("failed") > 0)

    def rate(self, window: timedelta) -> tuple[pl.Series, pl.Series]:
        """Return the failures and the failure rate of the window up to each failing minute."""
        ends = self.rows["place"]
        before = self.places.search_sorted(ends - int(window / _MINUTE), side="right")
        upto = self.places.search_sorted(ends, side="right")
        failed, attempts = (
            self.running[name].gather(upto) - self.running[name].gather(before)
            for name in ("failed", "attempts")
        )
        return failed, failed / attempts


def _of_pair(sums: _Sums, pair: Pair, options: Options) -> pl.DataFrame:
    """Return ``field value usual first last`` of the stretches in which a pair alarms."""
    excess = (pair.burn * pl.col("usual").clip(options.budget)).clip(upper_bound=options.cap)
    failed, long = sums.rate(pair.long)
    _, short = sums.rate(pair.short)
    on = (
        (pl.col("long") >= pl.col("usual") + excess)
        & (pl.col("short") >= pl.col("usual") + excess)
        & (pl.col("failed_long") >= options.min_failed - 1e-6)
    )
    hold = pl.col("hold")
    return (
        sums.rows.with_columns(
            failed.alias("failed_long"), long.alias("long"), short.alias("short")
        )
        .with_columns(
            on.alias("on"),
            (pl.col("short") >= pl.col("usual") + options.hold * excess).alias("hold"),
        )
        .with_columns((hold != hold.shift(fill_value=False)).cum_sum().over(KEYS).alias("run"))
        .filter("hold")
        .group_by(*KEYS, "usual", "run")
        .agg(
            pl.col("on").any(),
            pl.col("minute").filter("on").min().alias("first"),
            pl.col("minute").max().alias("last"),
        )
        .filter("on")
        .select(*KEYS, "usual", pl.col("first") - pair.long, pl.col("last") + pair.short)
    )


def spent(
    segment: Segment, track: Track, usual: float, options: Options
) -> list[tuple[Pair, float]]:
    """Return the pairs whose long window a stretch burns, each with the failure rate it makes.

    The long window ends with the stretch and is as long as it at least. Attempts outside count as
    failing at the usual rate, so that another incident of the same hours does not lift this one.
    What does not last for half of the short window is only for faster pairs.
    """
    burnt = []
    for pair in options.pairs:
        if pair != options.pairs[0] and segment.last + 1 - segment.first < pair.short / _MINUTE / 2:
            continue
        first = min(segment.first, segment.last + 1 - int(pair.long / _MINUTE))
        attempts = max(segment.attempts, track.attempts(first, segment.last))
        rate = (segment.failed + usual * (attempts - segment.attempts)) / attempts
        if rate >= threshold(usual, pair, options):
            burnt.append((pair, rate))
    return burnt
