"""What the fields of text logs have in common, as expressions: blanks, numbers, request lines.

The credentials of request targets are learnt here as well, so that no text log leaks one.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from analyzer.ingest.base import Wants
from analyzer.ingest.url import address

BLANKS = ("-", "", '"-"')
_CREDENTIAL = r"(?i)[?&](?:[\w-]*key|[\w-]*token|sig|[\w-]*signature|[\w-]*secret|auth)="
_ABSOLUTE = r"^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)$"
_METHOD = r"^[A-Z][A-Z-]{1,19}$"
_MOST = 9.2e18
"""What 64 bits hold."""
_LONGEST_MS = 1e12
"""About thirty years."""
_REQUEST_LINE = r"^([A-Z][A-Z-]{1,19}) (.*?)(?: (HTTP/[0-9.]+))?$"


def known(text: pl.Expr) -> pl.Expr:
    """Return null for what logs write where they know nothing: ``-`` and blanks."""
    return pl.when(~text.is_in(BLANKS)).then(text)


def number(text: pl.Expr) -> pl.Expr:
    """Read a decimal number; null where it is none, and for the ``-1`` of a phase not reached."""
    value = text.cast(pl.Float64, strict=False)
    # "inf" and "nan" are numbers to the parser.
    return pl.when(value.is_between(0, _MOST)).then(value)


def millis(seconds: pl.Expr) -> pl.Expr:
    """Turn seconds (text or number) into milliseconds, at most microseconds exact."""
    return (number(seconds) * 1000).round(3)


def size(text: pl.Expr) -> pl.Expr:
    """Read a number of bytes; ``+N`` (a log written before the end) counts as N."""
    return text.cast(pl.String).str.strip_prefix("+").cast(pl.Int64, strict=False)


def status(value: pl.Expr) -> pl.Expr:
    """Read an HTTP status, 100 to 999; null for ``0``, ``000``, ``-1``, ``-``: no answer."""
    code = value.cast(pl.Int32, strict=False)
    return pl.when(code.is_between(100, 999)).then(code)


def before(end: pl.Expr, duration_ms: pl.Expr) -> pl.Expr:
    """Return the time ``duration_ms`` before ``end``; ``end`` itself if the duration is unknown."""
    return pl.coalesce(end - _span(duration_ms), end)


def after(start: pl.Expr, duration_ms: pl.Expr) -> pl.Expr:
    """Return the time ``duration_ms`` after ``start``; null if the duration is unknown."""
    return start + _span(duration_ms)


def _span(duration_ms: pl.Expr) -> pl.Expr:
    # Longer ones are no durations, and lead out of the calendar.
    sane = pl.when(duration_ms.is_between(-_LONGEST_MS, _LONGEST_MS)).then(duration_ms)
    return pl.duration(microseconds=(sane * 1000).round().cast(pl.Int64))


def host(text: pl.Expr) -> pl.Expr:
    """Return a host in the form of the ``host`` column: lower case, no port 80 or 443."""
    return known(text).str.to_lowercase().str.replace(r":(?:80|443)?$", "")


def request_line(rows: pl.DataFrame, column: str, wants: Wants) -> pl.DataFrame:
    """Take ``METHOD target HTTP/x`` apart; what is none of that gives nulls.

    Adds ``method``, ``scheme``, ``named_host`` (of an absolute target), ``path`` and ``key_tag``.
    The target may hold blanks and the protocol may be missing.
    """
    found = pl.col(column).str.extract_groups(_REQUEST_LINE).struct
    split = rows.with_columns(method=found.field("1"), _target=found.field("2"))
    return target(split, "_target", wants).drop("_target")


def target(rows: pl.DataFrame, column: str, wants: Wants) -> pl.DataFrame:
    """Take a request target (path and query, or an absolute URL) apart.

    Adds ``scheme``, ``named_host``, ``path`` and ``key_tag``, and learns the query's credentials.
    """
    tags = key_tags(rows[column], wants)
    text = pl.col(column)
    path = text.str.splitn("?", 2).struct.field("field_0")
    nothing = pl.lit(None, pl.String())
    if not rows[column].str.contains("://", literal=True).any():
        return rows.with_columns(tags, path=path, scheme=nothing, named_host=nothing)
    found = text.str.extract_groups(_ABSOLUTE).struct
    rest = found.field("3").str.splitn("?", 2).struct.field("field_0")
    rest = pl.when(found.field("1").is_not_null() & (rest == "")).then(pl.lit("/")).otherwise(rest)
    return rows.with_columns(
        tags,
        path=pl.coalesce(rest, path),
        scheme=found.field("1").str.to_lowercase(),
        named_host=host(found.field("2").str.replace(r"^.*@", "")),
    )


def method(text: pl.Expr) -> pl.Expr:
    """Return a method; null for what is none (TLS bytes, ``<BADREQ>``, ``-``)."""
    return pl.when(text.str.contains(_METHOD)).then(text)


def key_tags(targets: pl.Series, wants: Wants) -> pl.Series:
    """Return ``key_tag``: the pseudonyms of credentials in queries, which are learnt.

    Only distinct targets that look as if they held one are read.
    """
    none = pl.Series("key_tag", [None], dtype=pl.String()).new_from_index(0, targets.len())
    hit = targets.str.contains("=", literal=True).fill_null(False)
    if not hit.any():
        return none
    suspects = targets.filter(hit & targets.str.contains(_CREDENTIAL).fill_null(False)).unique()
    tags: dict[str, str] = {}
    for text in suspects:
        found = address(text)
        for kind, value in found.secrets:
            wants.secrets.learn(value, kind)
        if found.key:
            tags[text] = wants.secrets.tag(found.key)
    if not tags:
        return none
    return targets.replace_strict(tags, default=None, return_dtype=pl.String()).alias("key_tag")


def credential_tags(values: pl.Series, wants: Wants) -> pl.Series:
    """Return ``key_tag`` of header values such as ``Bearer sk-…``, which are learnt."""
    tags = {}
    for value in values.drop_nulls().unique():
        bare = value.rpartition(" ")[2]
        if len(bare) > 7 and set(bare) != {"*"} and bare != "REDACTED":
            tags[value] = wants.secrets.tag(bare)
    if not tags:
        return pl.Series("key_tag", [None], dtype=pl.String()).new_from_index(0, values.len())
    return values.replace_strict(tags, default=None, return_dtype=pl.String()).alias("key_tag")


def headers(wants: Wants, told: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Return those of ``told`` (``req_header.user-agent`` -> text) that the run wants."""
    return {name: known(value) for name, value in told.items() if name in wants.headers}


def unescaped(text: pl.Expr) -> pl.Expr:
    r"""Undo ``\"`` and ``\\`` inside a quoted field."""
    return text.str.replace_all(r"\\(.)", "$1")
