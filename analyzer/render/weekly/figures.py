"""The geometry of the weekly charts: pure functions from numbers to bars, steps and dots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.reliability.model import BudgetDay, CauseRow, Speed
from analyzer.render import formatting as fmt
from analyzer.render.charts import Tick, scale
from analyzer.render.text import one_line

WIDTH = 760
CAUSES = 10
_NAME = 34


@dataclass(frozen=True, slots=True)
class Beam:
    """One bar of the Pareto: label, rectangle, what stands behind it."""

    y: float
    height: float
    width: float
    layer: str
    label: str
    told: str


@dataclass(frozen=True, slots=True)
class Pareto:
    """Horizontal bars, most failures first, and the line of what they make up together."""

    width: int
    height: int
    left: int
    beams: tuple[Beam, ...]
    line: str
    layers: tuple[str, ...]


def pareto(rows: Sequence[CauseRow]) -> Pareto | None:
    """Place the causes; ``None`` if nothing failed."""
    kept = rows[:CAUSES]
    if not kept:
        return None
    left, right, step = 236, WIDTH - 132, 24
    peak = max(row.failed for row in kept) or 1
    beams = tuple(
        Beam(
            y=8 + i * step, height=step - 7,
            width=max(1.0, scale(row.failed, 0, peak, 0, right - left)),
            layer=row.layer,
            label=one_line(row.cause.replace("_", " "), _NAME),
            told=f"{fmt.number(row.failed)} · {fmt.rate(row.share)}",
        )
        for i, row in enumerate(kept)
    )  # fmt: skip
    line = " ".join(
        f"{scale(row.cumulative, 0, 1, left, right)},{8 + i * step + (step - 7) / 2}"
        for i, row in enumerate(kept)
    )
    used = tuple(dict.fromkeys(beam.layer for beam in beams))
    return Pareto(WIDTH, 16 + step * len(kept), left, beams, line, used)


@dataclass(frozen=True, slots=True)
class Steps:
    """The budget that is left, day by day, as a step line from 100 % down."""

    width: int
    height: int
    left: int
    right: int
    base: float
    top: float
    line: str
    zero: float
    """Where nothing is left."""
    ticks: tuple[Tick, ...]
    days: tuple[Tick, ...]
    gaps: tuple[tuple[float, float], ...]
    """Start and width of stretches of days without data."""
    week: float
    """Where the week of the report begins."""


def burn_down(days: Sequence[BudgetDay]) -> Steps | None:
    """Place the step line; ``None`` if no budget could be reckoned."""
    lefts = [day.left for day in days if day.left is not None]
    if not lefts:
        return None
    left, right, top, base = 52, WIDTH - 12, 14, 190
    low = min(0.0, *lefts)
    # An overspent budget is drawn down to a round number, ten budgets at most.
    low = max(-10.0, math.floor(low * 2) / 2)
    points = [f"{left},{scale(1, low, 1, base, top)}"]
    step = (right - left) / len(days)
    for i, day in enumerate(days):
        y = scale(max(low, day.left or 0), low, 1, base, top)
        points += [f"{round(left + i * step, 1)},{y}", f"{round(left + (i + 1) * step, 1)},{y}"]
    marks = [low + (1 - low) * i / 4 for i in range(5)]
    return Steps(
        width=WIDTH, height=base + 26, left=left, right=right, base=base, top=top,
        line=" ".join(points), zero=scale(0, low, 1, base, top),
        ticks=tuple(Tick(scale(v, low, 1, base, top), f"{100 * v:.0f} %") for v in marks),
        days=tuple(
            Tick(round(left + i * step, 1), f"{day.day:%m-%d}")
            for i, day in enumerate(days)
            if i % 7 == 0
        ),
        gaps=tuple(
            (round(left + i * step, 1), round(step, 1))
            for i, day in enumerate(days)
            if not day.decided
        ),
        week=round(left + (len(days) - 7) * step, 1),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dot:
    """The percentiles of one week of one model: p50 and p95 with a line between."""

    x: float
    p50: float
    p95: float | None
    week: str
    now: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One model: its label and its weeks, oldest first."""

    label: str
    left: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Dots:
    """Percentiles of each model over the weeks on one logarithmic axis."""

    width: int
    height: int
    left: int
    right: int
    base: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]


LANES = 8
_ROUND_MS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def dots(speeds: Sequence[Speed], measure: str) -> Dots | None:
    """Place p50 and p95 of each model; ``None`` where nothing tells durations."""
    rows = [one for one in speeds if one.measure == measure][:LANES]
    values = [
        value
        for one in rows
        for week in one.weeks
        for value in (week.p50, week.p95)
        if value is not None
    ]
    if not values:
        return None
    low = max([mark for mark in _ROUND_MS if mark <= min(values)], default=min(values))
    high = min([mark for mark in _ROUND_MS if mark >= max(values)], default=max(values))
    high = high if high > low else low * 10
    left, right, top, base = 60, WIDTH - 12, 14, 190

    def y(ms: float) -> float:
        return scale(math.log(ms), math.log(low), math.log(high), base, top)

    wide = (right - left) / len(rows)
    lanes = tuple(
        Lane(
            label=one_line(one.model, max(6, int(wide / 7))),
            left=round(left + i * wide, 1),
            dots=tuple(
                Dot(
                    x=round(left + i * wide + (j + 1) * wide / (len(one.weeks) + 1), 1),
                    p50=y(week.p50), p95=None if week.p95 is None else y(week.p95),
                    week=week.week, now=j == len(one.weeks) - 1,
                )
                for j, week in enumerate(one.weeks)
                if week.p50 is not None
            ),
        )
        for i, one in enumerate(rows)
    )  # fmt: skip
    ticks = tuple(Tick(y(mark), fmt.duration(mark)) for mark in _ROUND_MS if low <= mark <= high)
    return Dots(WIDTH, base + 26, left, right, base, lanes, ticks)
