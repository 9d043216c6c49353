"""The rate that a service has, as far as a week tells: intervals that know that failures cluster.

A week's log is a count, and its share needs no interval. The interval answers another question:
what rate this service has, of which the week is one sample. Outages come in hours, so hours and not
calls are what was drawn; a plain Wilson interval would be far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.reliability.tally import Sides
from analyzer.statistics import intervals

FEW = 20
"""Below so many, a count is told and no percentage."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of good ones, and what the clusters (hours) say of its worth."""

    good: float
    n: float
    design_effect: float
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share itself, of the week; ``None`` if nothing was decided."""
        return self.good / self.n if self.n else None


def clusters(rows: Sequence[dict[str, float]], sides: Sides) -> list[tuple[float, float]]:
    """Return ``(failed, decided)`` per hour; an hour without a decision is none."""
    made = []
    for row in rows:
        # A call that began before the hour can leave a rest below zero there.
        failed = max(0.0, row[sides.failed] - row[sides.caller])
        good = max(0.0, row[sides.ok])
        if failed + good:
            made.append((failed, failed + good))
    return made


def rate(good: float, n: float, hours: Sequence[tuple[float, float]]) -> Rate:
    """Return a rate with its approximate 95 % interval: Wilson on n / design effect."""
    effect = intervals.design_effect(hours)
    n = max(n, 0.0)
    good = min(max(good, 0.0), n)
    found = intervals.wilson(good, n, deff=effect)
    return Rate(good, n, effect, found.low, found.high)


def verdict(found: Rate, target: float) -> tuple[str, str]:
    """Return ``met``, ``missed`` or ``not enough data``, and why."""
    value = found.value
    if value is None:
        return "not enough data", "nothing was decided"
    if found.n < FEW:
        return "not enough data", f"fewer than {FEW} decided"
    if value < target:
        return "missed", "count below target"
    if found.high < target:
        return "missed", "whole range below target"
    if found.low >= target:
        return "met", "whole range reaches target"
    return "not enough data", "target within the range"
