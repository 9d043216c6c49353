"""A finished ticket: plain data, free of secrets and of what its receiver must not get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

SUBJECT_CHARS = 100
BODY_LINES = 60
SAMPLES = 5

PARTIES = (
    "openai", "anthropic", "google", "azure", "bedrock", "openrouter", "cloudflare", "gateway",
    "client",
)  # fmt: skip
"""The words of ``analyze ticket``; a knowledge directory's ``support.yaml`` can add more."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One failed request that the receiver can look up."""

    time: datetime | None
    """UTC; ``None`` where the log has no time."""
    precision_ms: float
    status: int | None
    model: str | None
    duration_ms: float | None
    ids: tuple[tuple[str, str], ...]
    """(name as the party calls it, value), best first."""
    place: str
    """``input#record``, for the sender: file names do not go out."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that the capture does not hold, and where a person finds it."""

    what: str
    how: str


@dataclass(frozen=True, slots=True)
class Section:
    """One labelled part of the body."""

    label: str
    texts: tuple[str, ...]
    """Each begins on a line of its own."""
    most: int
    """Lines of plain text that one of ``texts`` may take."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket to one party."""

    party: str
    """Word of ``analyze ticket``."""
    name: str
    """The receiver, for people."""
    why: str
    """``arose`` (the failures arose at the receiver), ``answered`` (it answered, they arose
    elsewhere) or ``passed`` (they passed through it)."""
    failed: int
    """Failed attempts that it is about."""
    subject: str
    sections: tuple[Section, ...]
    samples: tuple[Sample, ...]
    missing: tuple[Lack, ...]
    lines: tuple[str, ...] = ()
    """The body as plain text, at most 60 lines of at most 78 characters."""
    send_to: tuple[str, ...] = ()
    """Where it goes: a desk, its URL, the day on which the page was read."""
    never: tuple[str, ...] = ()
    """What the sender must not add."""
    note: str = ""
    """What the receiver says to senders."""
    first: datetime | None = None
    last: datetime | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    """Answers by status and error code."""
