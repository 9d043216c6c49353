"""Amounts of money as exports and spreadsheets write them, read exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext

import polars as pl

from analyzer import columns
from analyzer.ingest.table import MONEY

_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f'’_]")
_SHAPE = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[+\-−–])?\s*(?P<before>[^\d\s.,+\-−()]{0,4})\s*(?P<late>[+\-−])?\s*"
    r"(?P<number>\d[\d.,\s\u00a0\u2007\u2009\u202f'’_]*|[.,]\d+)(?P<power>[eE][+-]?\d{1,3})?\s*"
    r"(?P<after>[^\d\s.,+\-−()]{0,4})\s*(?P<trail>-)?\s*(?P<close>\))?"
)
_SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "元": "CNY", "￥": "CNY", "CN¥": "CNY", "RMB": "CNY",
    "US$": "USD", "A$": "AUD", "C$": "CAD", "₩": "KRW", "zł": "PLN", "CHF": "CHF",
}  # fmt: skip
"""Signs that name one currency; ``$`` and ``¥`` are shared by several."""
_SHARED = ("$", "¥")
_CODE = re.compile(r"[A-Z]{3}")
_PLACES = 18
_LIMIT = Decimal(10) ** 20
_COMMA_DECIMAL = r"(?:^|[^\d.])0,\d|,\d{1,2}(?:\D*$)|,\d{4,}|\.\d{3},\d"
_DOT_DECIMAL = r",\d{3}\.|,\d{3},\d{3}"
_DIGITS = 140
"""Digits that are kept while a text is rounded; a number of more is none."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """A column of amounts: exact values, named currencies, and what could not be kept."""

    values: pl.Series
    currency: pl.Series
    """Code that a value itself names, else null."""
    unread: pl.Series
    """Where a text is no amount, or one that can be read in two ways."""
    rounded: pl.Series
    """Where more than 18 decimal places had to be rounded."""


def amounts(texts: pl.Series, *, grouped: bool = False, delimiter: str = ",") -> Amounts:
    """Read amounts; ``grouped`` says that the source is known to write ``1,234`` for thousands.

    A comma is the decimal mark if the column says so (``0,5``, ``1.234,56``) or the file is
    separated by semicolons; where nothing tells, ``1,234`` is not guessed.
    """
    texts = texts.str.strip_chars().fill_null("")
    mark = _mark(texts, grouped, delimiter)
    # Zeros beyond the places that are kept change nothing.
    short = texts.str.replace(rf"^([+-]?\d+\.\d{{{_PLACES}}})0+$", "$1")
    plain = short.str.contains(MONEY)
    if mark == ",":
        plain &= ~short.str.contains(".", literal=True)
    values = short.set(~plain, None).cast(columns.MONEY, strict=False)
    odd = texts.filter(~plain & (texts != "")).unique()
    none = pl.repeat(None, len(texts), dtype=pl.String(), eager=True)
    if not odd.len():
        return Amounts(values, none, values.is_null() & (texts != ""), none.is_not_null())
    read = {text: found for text in odd if (found := amount(text, mark)) is not None}
    looked = [read.get(text) for text in texts.to_list()]
    others = pl.Series([item and item[0] for item in looked], dtype=columns.MONEY, strict=False)
    named = pl.Series([item and item[1] for item in looked], dtype=pl.String())
    exact = pl.Series([item is None or item[2] for item in looked], dtype=pl.Boolean())
    values = values.zip_with(plain, others)
    unread = values.is_null() & (texts != "")
    return Amounts(values, named.set(plain, None), unread, ~exact & ~plain)


def _mark(texts: pl.Series, grouped: bool, delimiter: str) -> str | None:
    """Return the decimal mark of a column; ``None`` if one comma could be either."""
    with_comma = texts.filter(texts.str.contains(",", literal=True))
    if not with_comma.len():
        return "."
    comma = with_comma.str.contains(_COMMA_DECIMAL).any()
    dot = with_comma.str.contains(_DOT_DECIMAL).any()
    if comma != dot:
        return "," if comma else "."
    if comma:
        return None
    if delimiter == ";":
        return ","
    return "." if grouped else None


def amount(text: str, mark: str | None = ".") -> tuple[Decimal, str | None, bool] | None:
    """Return the value, the currency that the text names, and whether the value is exact.

    ``None`` if it is no amount, is too large, or could be read in two ways.
    """
    found = _SHAPE.fullmatch(text.strip())
    if found is None or (found["open"] is None) != (found["close"] is None):
        return None
    signs = [found[name] for name in ("sign", "late", "trail") if found[name]]
    words = [found[name] for name in ("before", "after") if found[name]]
    number = _number(_SPACES.sub("", found["number"]), mark)
    if number is None or len(signs) > 1 or len(words) > 1 or (found["open"] and signs):
        return None
    code = _currency(words[0]) if words else ""
    if code is None:
        return None
    minus = found["open"] or (signs and signs[0] != "+")
    value = _decimal(("-" if minus else "") + number + (found["power"] or ""))
    return None if value is None else (value[0], code or None, value[1])


def _number(digits: str, mark: str | None) -> str | None:
    """Return ``digits`` with a dot as decimal mark and nothing between thousands."""
    commas, dots = digits.count(","), digits.count(".")
    if commas and dots:
        last = max(digits.rfind(","), digits.rfind("."))
        return _split(digits, digits[last])
    if not commas and (not dots or (dots == 1 and mark != ",")):
        return digits
    if dots:
        return _split(digits, ",")
    if commas > 1 or mark == ".":
        return _split(digits, ".")
    if mark == "," or len(digits.rpartition(",")[2]) != 3 or digits.startswith("0"):
        return _split(digits, ",")
    return None


def _split(digits: str, mark: str) -> str | None:
    other = "." if mark == "," else ","
    if digits.count(mark) > 1:
        return None
    whole, _, rest = digits.partition(mark)
    groups = whole.split(other)
    if other in rest or (len(groups) > 1 and any(len(group) != 3 for group in groups[1:])):
        return None
    if len(groups) > 1 and (not 1 <= len(groups[0]) <= 3 or groups[0].startswith("0")):
        return None
    return "".join(groups) + ("." + rest if rest else "")


def _currency(word: str) -> str | None:
    """Return a code, ``""`` for a sign that several currencies share, ``None`` for another word."""
    if word in _SIGNS:
        return _SIGNS[word]
    if word in _SHARED:
        return ""
    return word.upper() if _CODE.fullmatch(word.upper()) else None


def _decimal(text: str) -> tuple[Decimal, bool] | None:
    with localcontext() as context:
        context.prec = _DIGITS
        try:
            value = Decimal(text)
            if not value.is_finite() or abs(value) >= _LIMIT:
                return None
            kept = round(value, _PLACES)
        except (InvalidOperation, ValueError, OverflowError):
            return None
        return kept, kept == value
