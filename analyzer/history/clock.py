"""Times that commands are told: dates, and how long something is kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from analyzer.analysis.build import now
from analyzer.errors import UsageError

_AGE = re.compile(r"^\s*(\d{1,5})\s*([dw])\s*$")
_DAYS = {"d": 1, "w": 7}


def since(keep: str) -> datetime:
    """Return the midnight (UTC) from which on is kept: ``400d`` or ``57w`` before now.

    Raises:
        UsageError: it is no such age, or it would keep nothing.
    """
    found = _AGE.match(keep)
    days = int(found[1]) * _DAYS[found[2]] if found else 0
    if not days:
        msg = f"--keep {keep!r} is no age. Days or weeks are written as 400d or 57w"
        raise UsageError(msg)
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return today - timedelta(days=days)
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def day(text: str) -> datetime:
    """Return the midnight (UTC) with which a date begins.

    Raises:
        UsageError: it is no date.
    """
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        msg = f"--before {text!r} is no date. Dates are written as 2026-11-16"
        raise UsageError(msg) from None
