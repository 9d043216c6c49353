"""Alarms: where both windows of a pair burn the budget too fast."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from analyzer.incidents.options import Options, Pair
from analyzer.incidents.segment import Segment, Track
from analyzer.statistics.intervals import design_effect

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of time in which something is to be looked for."""

    scope: int
    """Number of the scope."""
    first: int
    """Minutes since 1970."""
    last: int
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
        rows: ``scope at attempts failed usual``, sorted by scope and minute; ``usual`` is the same
            for all rows of a scope.
        options: pairs and thresholds.

    A region goes back by the long window before its first alarm and on by the short one after the
    last failure that holds it.
    """
    windows = {_minutes(window) for pair in options.pairs for window in (pair.short, pair.long)}
    failing = _failing(rows, sorted(windows))
    merged: list[Region] = []
    for scope, usual, first, last in _alarms(failing, options).iter_rows():
        known = merged[-1] if merged else None
        if known is not None and known.scope == scope and first <= known.last:
            merged[-1] = Region(scope, known.first, max(known.last, last), usual)
        else:
            merged.append(Region(scope, first, last, usual))
    return merged


def _failing(rows: pl.DataFrame, windows: Collection[int]) -> pl.DataFrame:
    """Return ``scope at usual`` of the failing minutes, with the windows that end there.

    Rates rise nowhere else. For each window of so many minutes, ``failed N`` and ``attempts N``.
    All scopes are laid on one axis of minutes, far enough apart that no window reaches from one
    into the next, so that a window is the difference of two running sums.
    """
    at = pl.col("at") - pl.col("at").min()
    scopes = pl.col("scope").rle_id().cast(pl.Int64)
    placed = rows.with_columns((scopes * (at.max() + max(windows) + 1) + at).alias("place"))
    running = {
        name: pl.lit(pl.concat([pl.Series([0.0]), placed[name].cum_sum()]))
        for name in ("attempts", "failed")
    }

    def before(earlier: int) -> pl.Expr:
        return pl.lit(placed["place"]).search_sorted(pl.col("place") - earlier, side="right")

    return placed.filter(pl.col("failed") > 0).select(
        "scope",
        "at",
        "usual",
        *(
            (sums.gather(before(0)) - sums.gather(before(window))).alias(f"{name} {window}")
            for window in windows
            for name, sums in running.items()
        ),
    )


def _alarms(failing: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return ``scope usual first last`` of the stretches in which a pair alarms."""
    flags = [
        _flags(failing, pair, options).with_columns(pl.lit(number).alias("pair"))
        for number, pair in enumerate(options.pairs)
    ]
    # The rows of a pair follow those of the one before, so a stretch ends where any of these does.
    new = pl.any_horizontal(
        pl.col(name) != pl.col(name).shift() for name in ("pair", "scope", "hold")
    )
    return (
        pl.concat(flags)
        .with_columns(new.fill_null(value=True).cum_sum().alias("run"))
        .filter("hold")
        .group_by("run")
        .agg(
            pl.col("scope", "usual").first(),
            pl.col("on").any(),
            (pl.col("at").filter("on").min() - pl.col("long").first()).alias("first"),
            (pl.col("at").max() + pl.col("short").first()).alias("last"),
        )
        .filter("on")
        .select("scope", "usual", "first", "last")
        .sort("scope", "first")
        .collect()
    )


def _flags(failing: pl.DataFrame, pair: Pair, options: Options) -> pl.LazyFrame:
    """Return ``long short scope at usual on hold`` of each failing minute.

    ``on`` says whether the pair alarms then, ``hold`` whether an alarm that is on stays so.
    """
    short, long = _minutes(pair.short), _minutes(pair.long)
    usual = pl.col("usual")
    excess = (pair.burn * usual.clip(options.budget)).clip(upper_bound=options.cap)
    enough = pl.col(f"failed {long}") >= options.min_failed - 1e-6
    return failing.lazy().select(
        pl.lit(long, pl.Int64).alias("long"),
        pl.lit(short, pl.Int64).alias("short"),
        "scope",
        "at",
        "usual",
        ((_rate(long) >= usual + excess) & (_rate(short) >= usual + excess) & enough).alias("on"),
        (_rate(short) >= usual + options.hold * excess).alias("hold"),
    )


def _rate(window: int) -> pl.Expr:
    return pl.col(f"failed {window}") / pl.col(f"attempts {window}")


def _minutes(length: timedelta) -> int:
    return int(length / _MINUTE)


def design_effects(rows: pl.DataFrame, found: Sequence[Region]) -> dict[int, float]:
    """Return, by scope, the design effect of the hours outside all regions.

    ``rows`` are those that :func:`regions` looked at. A scope without other hours is absent.
    """
    regions = pl.DataFrame(
        [(region.scope, region.first, region.last) for region in found],
        schema={"scope": rows.schema["scope"], "first": pl.Int64, "last": pl.Int64},
        orient="row",
    )
    hours = (
        rows.join_asof(regions, left_on="at", right_on="first", by="scope", check_sortedness=False)
        .filter((pl.col("at") > pl.col("last")).fill_null(value=True))
        .group_by("scope", pl.col("at") // 60, maintain_order=True)
        .agg(pl.col("failed").sum(), pl.col("attempts").sum())
        .select("scope", "failed", "attempts")
    )
    split: dict[int, list[tuple[float, float]]] = {}
    for scope, failed, attempts in hours.iter_rows():
        split.setdefault(scope, []).append((failed, attempts))
    return {scope: design_effect(parts) for scope, parts in split.items()}


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
        first = min(segment.first, segment.last + 1 - _minutes(pair.long))
        attempts = max(segment.attempts, track.attempts(first, segment.last))
        rate = (segment.failed + usual * (attempts - segment.attempts)) / attempts
        if rate >= threshold(usual, pair, options):
            burnt.append((pair, rate))
    return burnt
