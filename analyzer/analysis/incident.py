"""Parts of an Analysis about incidents: windows in which more failed than before and after."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from analyzer.analysis.part import Part


class Share(Part):
    """A value (a model, key, endpoint, host, provider) and what an incident did to it."""

    value: str
    attempts: int
    failed: int


class Difference(Part):
    """How often failures and successes of the same time have a value in one field."""

    field: str
    value: str
    failed_share: float
    ok_share: float
    low: float
    high: float
    """95 % interval of the difference of the shares (Newcombe)."""
    p: float
    """Two-sided Fisher exact test."""
    q: float
    """After Benjamini-Hochberg over everything that was tested."""
    failed_n: int
    ok_n: int


class Differs(Part):
    """What is different about the failures: associated with, never caused by."""

    failed: int = 0
    ok: int = 0
    """Rows compared; healthy ones are the exemplars of the same minutes and models."""
    differences: list[Difference] = field(default_factory=list)
    same: list[Difference] = field(default_factory=list)
    """The strongest non-differences: tested, well measured, and alike."""
    not_tested: str | None = None
    """Why nothing could be compared."""


class Marker(Part):
    """Something that happened, told by the user or found in the capture."""

    at: datetime
    text: str
    source: str
    """``user`` or what it was found in."""
    seconds_before: float
    """Before the start; negative if after it."""


class Incident(Part):
    """One contiguous window per scope in which the failure rate burnt the error budget."""

    id: str
    """``I1`` … by start; a weekly report writes ``W47-1``."""
    text: str
    """One sentence: what, who, when."""
    kind: str
    """``storm`` (found by the fast window), ``slow_burn`` or ``maintenance`` (announced)."""
    family: str = "service"
    """Whose doing: ``service``, ``caller`` (layer client) or ``planned``."""
    scope: str
    """``all``, or the field that bounds it: ``model``, ``key_tag``, ``endpoint``, ``host`` …"""
    scope_value: str | None = None
    start: datetime
    """First failure of the first minute; where failures come more slowly than once a minute, one
    mean gap before the first."""
    end: datetime | None = None
    """First minute after it; ``None``: still going on when the capture ends."""
    peak: datetime
    peak_per_minute: float
    """Failed attempts in the worst minute."""
    recovery: datetime | None = None
    """First minute from which the rate is back within the budget."""
    layer: str
    cause: str
    confidence: str | None = None
    party: str | None = None
    attempts: int
    failed: int
    calls: int | None = None
    failed_calls: int | None = None
    failure_rate: float
    baseline_rate: float | None = None
    """Failure rate of the same scope outside all incidents; ``None`` if not measured."""
    burn: float | None = None
    """Highest burn rate: failure rate over what the target allows."""
    by_layer: dict[str, int] = field(default_factory=dict)
    causes: list[Share] = field(default_factory=list)
    models: list[Share] = field(default_factory=list)
    keys: list[Share] = field(default_factory=list)
    endpoints: list[Share] = field(default_factory=list)
    hosts: list[Share] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    """Fingerprints of the failure groups in it, most failures first."""
    markers: list[Marker] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    """Ids of incidents at the same time."""
    differs: Differs = field(default_factory=Differs)
