"""What counts as an incident: windows, burn rates and how much evidence is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

TARGET = 0.995


@dataclass(frozen=True, slots=True)
class Pair:
    """A long and a short window, and the burn rate that both must reach."""

    name: str
    short: timedelta
    long: timedelta
    burn: float


PAIRS = (
    Pair("1 h", timedelta(minutes=5), timedelta(hours=1), 14.4),
    Pair("6 h", timedelta(minutes=30), timedelta(hours=6), 6.0),
    Pair("1 d", timedelta(hours=2), timedelta(days=1), 3.0),
    Pair("3 d", timedelta(hours=6), timedelta(days=3), 1.0),
)
"""The first, second and last are those of the Site Reliability Workbook, chapter 5, table 5-8
(https://sre.google/workbook/alerting-on-slos/); one day at 3 is customary between them."""


@dataclass(frozen=True, slots=True)
class Options:
    """Thresholds; the defaults are those of every report."""

    target: float = TARGET
    """Share of attempts that shall succeed. Burn 1 uses up exactly what that leaves."""
    pairs: tuple[Pair, ...] = PAIRS
    hold: float = 0.5
    """An alarm stays on while the short window burns this share of what started it."""
    cap: float = 0.2
    """No long window needs a failure rate more than this above the usual one: an outage of a
    quarter of an hour is one in a service of any quality."""
    min_failed: int = 5
    """Failures below which a window is no incident; they stay in all tables."""
    evidence: float = 3.0
    """Natural logarithm of how many times likelier the window is than chance, beyond what a
    search over all its minutes finds by chance."""
    bursts: float = 5.0
    """By how much more than in the variance (the design effect of hours) bursts show in the tails:
    several of them in one hour are rarer than one, and not so rare as so many failures."""
    settled: timedelta = timedelta(hours=24)
    """Length of capture from which on its usual failure rate counts as usual. In a shorter one
    nothing tells an incident from a habit, so only the target does."""

    @property
    def budget(self) -> float:
        """Share of attempts that may fail."""
        return round(1 - self.target, 12)
