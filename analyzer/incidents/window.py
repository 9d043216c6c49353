"""One incident as it is found: numbers only, named and written up elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ALL = "all"
SCOPES = ("model", "key_tag", "provider", "host", "endpoint")
"""Fields of the rollup by whose values incidents are bounded. Where two bound the same attempts,
the first one names it."""

SERVICE, CALLER, PLANNED = "service", "caller", "planned"
"""Families: what the service did, what callers did wrong, and what was announced."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose attempts: all, or those with ``value`` in ``field``."""

    field: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Failures in a window that arose in one layer for one cause."""

    layer: str
    cause: str
    failed: float


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of minutes and the attempts that it concerns."""

    scope: Scope
    family: str
    """``service``, ``caller`` or ``planned``."""
    kind: str
    """``storm`` (the fast windows see it), ``slow_burn`` or ``maintenance``."""
    start: datetime
    """First minute."""
    end: datetime
    """First minute after it."""
    ongoing: bool
    """The capture ends before anything shows that it is over."""
    attempts: int
    """Decided attempts of the scope in the window."""
    failed: float
    """Failures of the family among them; a sum of weights."""
    base: float | None
    """Failure rate of the same scope and family outside all its windows; ``None``: no attempt."""
    burn: float
    """Highest burn rate of the long windows: failure rate over what the target allows."""
    peak: datetime
    """The minute with most failures."""
    peak_failed: float
    evidence: float
    """Natural logarithm of the likelihood against the usual rate."""
    causes: tuple[Cause, ...]
    """Most failures first."""
    rank: int = 0
    """Order in which it was found. ``attempts`` and ``failed`` leave out those of windows of the
    same family with a lower rank: none is counted twice."""

    @property
    def rate(self) -> float:
        """Failure rate inside."""
        return self.failed / self.attempts if self.attempts else 0.0
