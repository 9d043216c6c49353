"""Parts of an Analysis about calls: logical requests with their retries."""

from __future__ import annotations

from dataclasses import field

from analyzer.analysis.part import Part


class ModelCalls(Part):
    """The calls of one model."""

    model: str
    calls: int
    failed: int
    """Calls that ended without a usable answer."""


class Storm(Part):
    """Retries that came faster or oftener than any advice allows."""

    text: str
    attempts: int
    evidence: list[str] = field(default_factory=list)


class Calls(Part):
    """Attempts chained into calls. A call whose end is not in the capture is undecided."""

    calls: int
    """Of those attempts that can tell retries: see ``attempts``."""
    ok: int
    failed: int
    undecided: int = 0
    attempts: int = 0
    """Attempts that these calls are made of: all that count, unless ``measured`` says why not."""
    untold: int = 0
    """Failed attempts of which nothing tells whether they were asked again; in no call."""
    unclear: int = 0
    """Attempts that say they are retries of something that the capture does not show; each is
    counted as a call of its own."""
    success_rate: float | None = None
    """ok / (ok + failed)."""
    retries: int = 0
    """Attempts that ask again what an earlier attempt of the call asked."""
    rescued: int = 0
    """Calls that failed at first and succeeded by a retry."""
    given_up: int = 0
    """Calls that were asked again and failed in the end."""
    never_retried: int = 0
    """Calls that failed with their only attempt."""
    paid_twice: int = 0
    """Calls with more than one attempt that was answered or billed in full: seen to be, in an
    answer, a usage export or the log of a hop behind, not only expected by a policy."""
    chained_by: dict[str, int] = field(default_factory=dict)
    """Retries by what told that they are: ``counter`` (the client's own), ``request_hash`` (the
    same body again) or ``session`` (the next request of a session that does one thing at a time).
    """
    retry_after: dict[str, int] = field(default_factory=dict)
    """Retries by ``honoured``, ``ignored`` and ``absent``: whether the header was kept to."""
    against_advice: int = 0
    """Retries of failures whose rule says that asking again cannot help."""
    lost_s: float | None = None
    """From the first attempt to the start of the one that succeeded; of calls that failed, all of
    their time. Sum over all calls with a failed attempt."""
    attempts_per_call: list[tuple[int, int, int]] = field(default_factory=list)
    """(attempts, calls that needed so many, of these failed in the end), fewest first."""
    storms: list[Storm] = field(default_factory=list)
    models: list[ModelCalls] = field(default_factory=list)
    measured: str | None = None
    """``None`` if retries could be told everywhere; else why they could not, and what would tell
    them. The numbers are then of no more than ``attempts``, and 0 calls means none was measured."""
