"""What the user says happened: ``14:19Z deploy 4.2``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from analyzer.errors import UsageError

_FORM = re.compile(
    r"(?:(?P<date>\d{4}-\d{2}-\d{2})[T ])?(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?(?:\s+(?P<text>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_LIKE = "like '14:19Z deploy 4.2' or '2026-11-22T14:19+01:00 deploy 4.2'"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker as given; without a ``day`` it is looked for within the capture."""

    raw: str
    day: date | None
    clock: time
    """With its zone."""
    text: str


def parse(raw: str) -> Mark:
    """Read one marker: a time with its zone, a date where it is needed, and a text.

    Raises:
        UsageError: it is none; the message says what is wrong with it.
    """
    form = _FORM.fullmatch(raw.strip())
    if form is None:
        msg = f"--marker '{raw}' does not begin with a time. Write it {_LIKE}."
        raise UsageError(msg)
    if not form["text"]:
        msg = f"--marker '{raw}' says when, and not what. Write it {_LIKE}."
        raise UsageError(msg)
    if not form["zone"]:
        msg = (
            f"--marker '{raw}' has no zone, and an hour off it would name the wrong trigger. Write "
            f"{form['hour']}:{form['minute']}Z for UTC, or an offset such as "
            f"{form['hour']}:{form['minute']}+01:00."
        )
        raise UsageError(msg)
    try:
        day = date.fromisoformat(form["date"]) if form["date"] else None
        clock = time(
            int(form["hour"]), int(form["minute"]), int(form["second"] or 0),
            tzinfo=_zone(form["zone"]),
        )  # fmt: skip
    except ValueError as error:
        msg = f"--marker '{raw}' names no real time: {error}."
        raise UsageError(msg) from error
    return Mark(raw, day, clock, " ".join(form["text"].split()))


def place(
    marks: Iterable[Mark], first: datetime | None, last: datetime | None
) -> list[tuple[datetime, str]]:
    """Return (moment in UTC, text) of all marks, in time order.

    A mark without a date is put on the day of the capture; just outside of it, on the nearest one.

    Raises:
        UsageError: the capture goes over more than one such time, or no attempt has a time.
    """
    return sorted((_moment(mark, first, last), mark.text) for mark in marks)


def _moment(mark: Mark, first: datetime | None, last: datetime | None) -> datetime:
    if mark.day is not None:
        return datetime.combine(mark.day, mark.clock).astimezone(UTC)
    if first is None or last is None:
        msg = (
            f"--marker '{mark.raw}' has no date, and no attempt of the capture has a time to take "
            f"it from. Write the date too: '2026-11-22T{mark.raw.strip()}'."
        )
        raise UsageError(msg)
    span = range((last - first).days + 3)
    days = [(first - _DAY + i * _DAY).date() for i in span]
    moments = [datetime.combine(day, mark.clock).astimezone(UTC) for day in days]
    away = {moment: max(first - moment, moment - last, timedelta(0)) for moment in moments}
    nearest = [moment for moment in moments if away[moment] == min(away.values())]
    if len(nearest) > 1:
        msg = (
            f"--marker '{mark.raw}' has no date, and the capture from {first:%Y-%m-%d %H:%M} to "
            f"{last:%Y-%m-%d %H:%M} UTC goes over that time on {len(nearest)} days. Write the "
            f"date too: '{nearest[-1]:%Y-%m-%d}T{mark.raw.strip()}'."
        )
        raise UsageError(msg)
    return nearest[0]


def _zone(text: str) -> timezone:
    if text.upper() in ("Z", "UTC"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
