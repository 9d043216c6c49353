"""Times in a HAR: ISO texts of every spelling, timings of every dialect."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from operator import attrgetter
from typing import Any

import msgspec

from analyzer.ingest.formats.har_entry import Entry, Timings, UsualTimings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_2200 = 7_258_118_400_000_000
_SANE_MS = 31 * 86_400_000.0
"""Longer exchanges than a month are a recorder's arithmetic, not a fact."""
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?(?=$|[^\d:])"
)
_SUMMED_SSL = frozenset({"firefox", "playwright"})
"""Dialects whose ``time`` adds ``ssl`` although ``connect`` holds it already."""


def micros(value: Any) -> int | None:
    """Return an ISO 8601 text as microseconds since 1970 UTC; ``None`` if it is none.

    Any offset and any number of fraction digits (cut to microseconds); without an offset it is
    taken as UTC. A time with something before or behind it is found too.
    """
    if type(value) is not str:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        match = _ISO.search(value[:80])
        if match is None:
            return None
        try:
            moment = datetime.fromisoformat(match[0].replace(",", "."))
        except ValueError:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    made = _since_epoch(moment)
    return made if 0 <= made < _YEAR_2200 else None


def number(value: Any) -> float | None:
    """Return a finite number, also from text; ``None`` for anything else."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is int:
        return float(value) if abs(value) < 1 << 62 else None
    if type(value) is str and len(value) < 40:
        try:
            made = float(value)
        except ValueError:
            return None
        return made if math.isfinite(made) else None
    return None


def span(value: Any) -> float | None:
    """Return a duration in milliseconds; ``None`` if it is absent, negative or absurd."""
    if type(value) is float or type(value) is int:
        # The bounds drop NaN and infinities too.
        return float(value) if 0 <= value <= _SANE_MS else None
    made = number(value)
    return made if made is not None and 0 <= made <= _SANE_MS else None


class Phases(msgspec.Struct, gc=False):
    """The phases of one exchange in milliseconds; ``None`` where one does not apply.

    ``connect`` includes ``tls``, whatever the dialect.
    """

    blocked: float | None = None
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    send: float | None = None
    wait: float | None = None
    receive: float | None = None

    def until_answer(self) -> float | None:
        """Return the time to the first byte; ``None`` if nothing was waited for."""
        if self.wait is None:
            return None
        return (
            (self.blocked or 0.0)
            + (self.dns or 0.0)
            + (self.connect or 0.0)
            + (self.send or 0.0)
            + self.wait
        )

    def total(self) -> float | None:
        """Return the sum of what applies; ``None`` if nothing does."""
        known = (self.blocked, self.dns, self.connect, self.send, self.wait, self.receive)
        if all(value is None for value in known):
            return None
        return math.fsum(value for value in known if value is not None)

    def fits(self, limit: float) -> bool:
        """Whether no phase is longer than ``limit``."""
        return (
            (self.blocked or 0.0) <= limit
            and (self.dns or 0.0) <= limit
            and (self.connect or 0.0) <= limit
            and (self.send or 0.0) <= limit
            and (self.wait or 0.0) <= limit
            and (self.receive or 0.0) <= limit
        )


_fields = attrgetter("blocked", "dns", "connect", "ssl", "send", "wait", "receive")


def phases(timings: Any, dialect: str) -> Phases:
    """Return the phases that ``timings`` tells, with ``ssl`` as a part of ``connect``."""
    if not isinstance(timings, Timings):
        return Phases()
    blocked, dns, connect, tls, send, wait, receive = _fields(timings)
    if type(timings) is not UsualTimings:
        blocked, dns, connect, tls, send, wait, receive = map(span, _fields(timings))
    found = Phases(
        blocked if blocked is not None and 0.0 <= blocked <= _SANE_MS else None,
        dns if dns is not None and 0.0 <= dns <= _SANE_MS else None,
        connect if connect is not None and 0.0 <= connect <= _SANE_MS else None,
        tls if tls is not None and 0.0 <= tls <= _SANE_MS else None,
        send if send is not None and 0.0 <= send <= _SANE_MS else None,
        wait if wait is not None and 0.0 <= wait <= _SANE_MS else None,
        receive if receive is not None and 0.0 <= receive <= _SANE_MS else None,
    )
    # mitmproxy counts TLS apart; elsewhere it does not fit into a connect that is shorter.
    if found.tls and (dialect == "mitmproxy" or (found.connect or 0.0) < found.tls):
        found.connect = (found.connect or 0.0) + found.tls
    return found


def duration(time: Any, found: Phases, dialect: str) -> float | None:
    """Return how long an exchange took: its ``time`` if that is sane, else the sum of its phases.

    A ``time`` that counts TLS twice is put right; one that is shorter than one of its own phases,
    or 0 beside phases that are not, is not believed.
    """
    stated = span(time)
    if stated is None or not found.fits(stated + 1.0):
        return found.total()
    if found.tls and dialect in _SUMMED_SSL:
        twice = (found.total() or 0.0) + found.tls
        if dialect == "playwright":
            # Playwright's time leaves blocked and send out.
            twice -= (found.blocked or 0.0) + (found.send or 0.0)
        if abs(stated - twice) < 1.0 and (found.connect or 0.0) >= found.tls:
            return stated - found.tls
    return stated


def wait_asked(headers: dict[str, str], answered_at: int | None) -> float | None:
    """Return the seconds that an answer asks to wait, from ``retry-after-ms`` or ``retry-after``.

    A date is taken relative to the answer's own ``date`` header, else to ``answered_at``
    (microseconds since 1970). Never negative.
    """
    millis = number(headers.get("retry-after-ms"))
    if millis is not None:
        return max(millis / 1000.0, 0.0)
    text = headers.get("retry-after")
    if not text:
        return None
    seconds = number(text)
    if seconds is not None:
        return max(seconds, 0.0)
    then, now = _http_date(text), _http_date(headers.get("date"))
    if now is None:
        now = answered_at
    return max(then - now, 0) / 1e6 if then is not None and now is not None else None


def _http_date(text: str | None) -> int | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return _since_epoch(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _since_epoch(moment: datetime) -> int:
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _only_sent(found: Phases, took: float | None) -> bool:
    """Whether a duration is that of sending: mitmproxy's HAR notes no end without an answer."""
    if found.wait or found.receive or took is None:
        return False
    return took <= (found.total() or 0.0) + 1.0


class Times:
    """When the exchanges of a block began, how long they took, and their phases."""

    def __init__(self, entries: Sequence[Entry], dialect: str) -> None:
        self._dialect = dialect
        self.phases = [phases(entry.timings, dialect) for entry in entries]
        self.started = [micros(entry.started_date_time) for entry in entries]
        self.took = [
            duration(entry.time, found, dialect)
            for entry, found in zip(entries, self.phases, strict=True)
        ]

    def columns(self, statuses: Sequence[int | None]) -> dict[str, list[Any]]:
        """Return the columns of times; what has no status has no time to a first byte."""
        found = self.phases
        took = self.took
        if self._dialect == "mitmproxy":
            took = [
                None if status is None and _only_sent(one, value) else value
                for status, one, value in zip(statuses, found, took, strict=True)
            ]
        return {
            "started_at": self.started,
            "duration_ms": took,
            "ttfb_ms": [
                None if status is None else one.until_answer()
                for status, one in zip(statuses, found, strict=True)
            ],
            "blocked_ms": [one.blocked for one in found],
            "dns_ms": [one.dns for one in found],
            "connect_ms": [one.connect for one in found],
            "tls_ms": [one.tls for one in found],
            "send_ms": [one.send for one in found],
            "wait_ms": [one.wait for one in found],
            "receive_ms": [one.receive for one in found],
        }

    def wait_asked(self, headers: dict[str, str], number: int) -> float | None:
        """Return the seconds that the answer of exchange ``number`` asks to wait."""
        if "retry-after" not in headers and "retry-after-ms" not in headers:
            return None
        started = self.started[number]
        if started is None:
            return wait_asked(headers, None)
        return wait_asked(headers, started + int((self.took[number] or 0) * 1000))
