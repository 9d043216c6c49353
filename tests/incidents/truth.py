"""Whether what was found is what was staged, and at the right minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents import month
from incidents.month import Staged

from analyzer.incidents import Window
from analyzer.incidents.window import ALL

FAMILY = {"invalid_key": "caller", "maintenance": "planned"}


@dataclass(frozen=True, slots=True)
class Match:
    """A staged incident and the window that was found for it."""

    staged: Staged
    window: Window | None
    off_start: float = 0.0
    """By how many minutes the start is wrong."""
    off_end: float = 0.0
    gap_start: float = 0.0
    """Minutes between two failures on average, at the start."""
    gap_end: float = 0.0

    @property
    def good_start(self) -> bool:
        return self.window is not None and self.off_start <= allowed(self.gap_start)

    @property
    def good_end(self) -> bool:
        return self.window is not None and self.off_end <= allowed(self.gap_end)


def allowed(gap: float) -> float:
    """Return the tolerance: 2 minutes if failures come once a minute, else three mean gaps."""
    return 2.0 if gap <= 1 else 3 * gap


def compare(
    staged: Sequence[Staged], found: Sequence[Window], per_minute: float = month.PER_MINUTE
) -> tuple[list[Match], list[Window]]:
    """Return a match for each staged incident, and the windows that match none."""
    left = list(found)
    matches = []
    for one in staged:
        own = next((window for window in left if _is(one, window)), None)
        if own is None:
            matches.append(Match(one, None))
            continue
        left.remove(own)
        matches.append(
            Match(
                one,
                own,
                abs((own.start - one.start).total_seconds()) / 60,
                abs((own.end - one.end).total_seconds()) / 60,
                gap(one, one.start, per_minute),
                gap(one, one.end - month.MINUTE, per_minute),
            )
        )
    return matches, left


def gap(one: Staged, when: datetime, per_minute: float) -> float:
    """Return the minutes between two failures of an incident, as the truth has it."""
    share = {
        None: lambda _: 1.0,
        "model": lambda value: month.MODELS[value][2],
        "key_tag": lambda value: month.KEYS[value],
        "host": lambda value: month.HOSTS[value],
    }[one.field](one.value)
    minute = int((when - month.START) / month.MINUTE)
    return 1 / (per_minute * month.load(minute) * share * one.probability)


def _is(one: Staged, window: Window) -> bool:
    scope = window.scope
    return (
        (scope.field, scope.value) == (one.field or ALL, one.value)
        and (window.causes[0].layer, window.causes[0].cause) == (one.layer, one.cause)
        and window.family == FAMILY.get(one.cause, "service")
        and window.start < one.end
        and one.start < window.end
    )
