"""How numbers, times, sizes and money are written: the same words in every output.

Three rules hold everywhere. ``None`` means "not measured" and is written ``–``, never ``0``. A
share is never written as 0 % or 100 % unless it is exactly that. Times are UTC, dates are ISO 8601.

Numbers are grouped by a narrow no-break space and units are tied to their number by a no-break
space; an output that cannot show these replaces them (see :mod:`analyzer.render.text`).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

NOT_MEASURED = "–"
GROUP = "\u202f"
TIE = "\u00a0"


def number(value: int | float | None) -> str:
    """Write a count with groups of three digits: ``4 812``."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}".replace(",", GROUP)
    return f"{int(value):,}".replace(",", GROUP)


def count(value: int | None, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``1 attempt``, ``3 attempts``."""
    word = noun if value == 1 else plural or f"{noun}s"
    return f"{number(value)}{TIE}{word}"


def rate(value: float | None) -> str:
    """Write a share between 0 and 1 as a percentage with two decimals: ``92.79 %``.

    0 % and 100 % are written only for exactly 0 and 1; what would round to them becomes
    ``<0.01 %`` and ``>99.99 %``.
    """
    if value is None:
        return NOT_MEASURED
    if value in (0, 1):
        return f"{value * 100:.0f}{TIE}%"
    text = f"{value * 100:.2f}"
    if text == "0.00":
        text = "<0.01"
    elif text == "100.00":
        text = ">99.99"
    return f"{text}{TIE}%"


def percent(part: int | None, whole: int | None) -> str:
    """Write ``part / whole`` as :func:`rate` does; nothing measured (or no whole) is ``–``."""
    return NOT_MEASURED if part is None or not whole else rate(part / whole)


def upper_bound(n: int) -> float | None:
    """Return the 95 % upper bound of a failure rate after ``n`` attempts without one failure.

    It is the exact form of the rule of three: 3/n for large n, and never above 1 for small n.
    """
    return None if n < 1 else float(1 - 0.05 ** (1 / n))


def duration(ms: float | None) -> str:
    """Write milliseconds with the unit that reads best: ``850 ms``, ``1.2 s``, ``2 min 05 s``."""
    if ms is None:
        return NOT_MEASURED
    if ms < 9.95:
        small = "0" if ms == 0 else "<0.1" if 0 < ms < 0.05 else f"{ms:.1f}"
        return f"{small}{TIE}ms"
    if ms < 999.5:
        return f"{ms:.0f}{TIE}ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f}{TIE}s"
    seconds = round(ms / 1000)
    if seconds < 3600:
        return f"{seconds // 60}{TIE}min{TIE}{seconds % 60:02d}{TIE}s"
    minutes = round(ms / 60_000)
    if minutes < 24 * 60:
        return f"{minutes // 60}{TIE}h{TIE}{minutes % 60:02d}{TIE}min"
    hours = round(ms / 3_600_000)
    return f"{hours // 24}{TIE}d{TIE}{hours % 24}{TIE}h"


def span(start: datetime | None, end: datetime | None) -> str:
    """Write how long it is from ``start`` to ``end``."""
    if start is None or end is None:
        return NOT_MEASURED
    return duration((end - start).total_seconds() * 1000)


def size(octets: int | None) -> str:
    """Write bytes in decimal units: ``512 B``, ``1.4 MB``."""
    if octets is None:
        return NOT_MEASURED
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f}{TIE}{unit}" if unit == "B" else f"{value:.1f}{TIE}{unit}"
        value /= 1000
    return f"{value:.1f}{TIE}TB"


def clock(moment: datetime | None) -> str:
    """Write the time of day: ``14:21:44Z``."""
    return NOT_MEASURED if moment is None else f"{moment:%H:%M:%S}Z"


def stamp(moment: datetime | None) -> str:
    """Write date and time: ``2026-11-22 14:21:44Z``."""
    return NOT_MEASURED if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def iso(moment: datetime | None) -> str:
    """Write the machine form for ``<time datetime>``: ``2026-11-22T14:21:44Z``."""
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def window(start: datetime | None, end: datetime | None, *, dated: bool = False) -> str:
    """Write a stretch of time: ``14:21-14:38 UTC``.

    The date is shown when asked for, and on both ends when the stretch spans days; seconds when
    both ends lie in one minute.
    """
    if start is None or end is None:
        return NOT_MEASURED
    if start.date() != end.date():
        return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    day = f"{start:%Y-%m-%d} " if dated else ""
    if f"{start:%H:%M}" != f"{end:%H:%M}":
        return f"{day}{start:%H:%M}-{end:%H:%M} UTC"
    if start.second == end.second:
        return f"{day}{start:%H:%M:%S} UTC"
    return f"{day}{start:%H:%M:%S}-{end:%H:%M:%S} UTC"


def bin_width(seconds: int) -> str:
    """Write the width of a bin of the timeline: ``10 s``, ``1 min``, ``1 h``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length}{TIE}{unit}"
    return f"{seconds}{TIE}s"


def money(amount: str | None, currency: str) -> str:
    """Write an amount with its currency: ``3.82 USD``; small amounts keep four figures.

    An amount that is no number is shown as it stands, since inventing one would be worse.
    """
    if amount is None:
        return NOT_MEASURED
    unit = currency or "(currency not stated)"
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return f"{amount}{TIE}{unit}"
    if not value.is_finite():
        return f"{amount}{TIE}{unit}"
    return f"{_figures(value)}{TIE}{unit}"


def _figures(value: Decimal) -> str:
    if value == 0:
        return "0"
    # Two decimals from 1 upwards; below, four significant digits: 0.000021 must not become 0.
    places = 2 if abs(value) >= 1 else max(2, 3 - value.adjusted())
    text = f"{value:,.{places}f}"
    whole, _, decimals = text.partition(".")
    kept = decimals[:2] + decimals[2:].rstrip("0")
    return f"{whole}.{kept}".replace(",", GROUP)
