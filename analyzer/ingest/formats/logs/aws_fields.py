"""What the access logs of AWS services have in common: fields between blanks, some in quotes."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from analyzer.ingest import fields

_FIELD = r'"(?:[^"\\]|\\.)*"|[^ ]+'
_BARE_IPV6 = r"^([^\[\]]*:[^\[\]]*):(\d+)$"
_ROOT = r"(?:^|;)Root=([^;]+)"


def split(lines: pl.DataFrame, places: Mapping[str, int]) -> pl.DataFrame:
    """Return ``record`` and the fields at ``places``, without quotes; null where a line is shorter.

    Services append fields, so that what stands behind the last known one is left out.
    """
    tokens = pl.col("line").str.extract_all(_FIELD)
    told = lines.select("record", _tokens=tokens)
    return told.select(
        "record",
        **{
            name: pl.col("_tokens").list.get(place, null_on_oob=True).str.strip_chars('"')
            for name, place in places.items()
        },
    )


def lacking(*needs: tuple[pl.Expr, str]) -> pl.Expr:
    """Return what the first need that is not met says, null if all are met."""
    return pl.coalesce(
        *(pl.when(~met.fill_null(False)).then(pl.lit(reason)) for met, reason in needs)
    )


def moment(text: pl.Expr) -> pl.Expr:
    """Read ``2026-11-22T10:00:00.345678Z``; null for any other spelling."""
    made = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False, time_unit="us")
    return made.dt.replace_time_zone("UTC")


def code(text: pl.Expr) -> pl.Expr:
    """Whether a field is a status, or ``-`` for none."""
    return text.str.contains(r"^(?:\d{3}|-)$")


def address(text: pl.Expr) -> pl.Expr:
    """Return ``ip:port``; an IPv6 address gets the brackets that AWS leaves out."""
    return fields.known(text).str.replace(_BARE_IPV6, "[$1]:$2")


def seconds(name: str) -> pl.Expr:
    """Read a timer in milliseconds; null for ``-1``, a step that was not reached."""
    return fields.millis(pl.col(name))


def first_byte(*names: str) -> pl.Expr:
    """Return the sum of the timers up to the first byte; null unless all were reached."""
    return pl.sum_horizontal(*map(seconds, names), ignore_nulls=False).round(3)


def root(text: pl.Expr) -> pl.Expr:
    """Return the root id of an ``X-Amzn-Trace-Id``, the whole text where it names none."""
    told = fields.known(text)
    return pl.coalesce(told.str.extract(_ROOT), told)


def w3c_trace(text: pl.Expr) -> pl.Expr:
    """Return the root id where it is a W3C trace id already: 32 hexadecimal digits."""
    return text.str.extract(r"(?:^|;)Root=([0-9a-f]{32})(?:;|$)")
