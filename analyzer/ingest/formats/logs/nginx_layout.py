"""Which format the lines of a file have, when nobody says: from their keys, or a known format.

``combined`` with fields such as ``rt=0.12 us="502, 200"`` behind it is a ``log_format`` whose keys
tell the variables; other formats are compared with those that many installations share.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache

import polars as pl

from analyzer.ingest.formats.logs.nginx_format import LogFormat, assembled, library
from analyzer.ingest.formats.logs.nginx_plan import regex
from analyzer.ingest.formats.logs.nginx_variables import ANY, SKIP, TAIL

SHARE = 0.5
"""Share of the first lines that must have a format for the file to have it."""

ALIASES: dict[str, tuple[str, ...]] = {
    "request_time": ("rt", "request_time", "req_time", "reqtime", "duration"),
    "upstream_addr": ("ua", "upstream_addr", "uaddr", "upstream"),
    "upstream_status": ("us", "upstream_status", "ups_status", "ustatus"),
    "upstream_response_time": ("ut", "urt", "upstream_response_time", "upstream_time"),
    "upstream_connect_time": ("uc", "uct", "upstream_connect_time"),
    "upstream_header_time": ("uh", "uht", "upstream_header_time"),
    "upstream_bytes_received": ("ubr", "upstream_bytes_received"),
    "upstream_cache_status": ("cs", "cache", "upstream_cache_status"),
    "request_length": ("rl", "request_length"),
    "request_id": ("rid", "req_id", "request_id", "reqid", "x_request_id"),
    "upstream_http_x_request_id": ("urid", "upstream_request_id"),
    "http_cf_ray": ("cf_ray", "ray", "cfray"),
    "http_traceparent": ("traceparent", "trace_id"),
    "host": ("host", "vhost", "http_host"),
    "model": ("model",),
}
"""Variable -> the names that people give it in their log_format."""
_BY_KEY = {key: name for name, keys in ALIASES.items() for key in keys}

HEAD: tuple[tuple[str, bool], ...] = (
    (ANY, True), ("[", False), ("time_local", True), ('] "', False), ("request", True),
    ('" ', False), ("status", True), (" ", False), ("body_bytes_sent", True),
)  # fmt: skip
AGENT: tuple[tuple[str, bool], ...] = (
    (' "', False), ("http_referer", True), ('" "', False), ("http_user_agent", True), ('"', False),
)  # fmt: skip
COMMON = assembled([*HEAD])
COMBINED = assembled([*HEAD, *AGENT, (TAIL, True)])

LINE = regex(COMBINED)
"""Of any line that begins like ``combined``."""
_KEY = re.compile(r"(?:\A|(?<=[\s,;]))([A-Za-z_][\w.-]*)=")
_END = re.compile(r"[\s,;]+\Z")


@lru_cache(maxsize=4)
def format_of(lines: Sequence[str]) -> LogFormat | None:
    """Return the format that at least half of the first lines have; ``None`` if there is none.

    Only formats that say more than ``combined`` count.
    """
    return keyed(lines) or _known(lines)


def keyed(lines: Sequence[str]) -> LogFormat | None:
    """Return the format of lines that have keys behind ``combined``."""
    tails = [tail for tail in map(tail_of, lines) if tail and known_keys(tail)]
    if not tails or len(tails) < SHARE * len(lines):
        return None
    shapes: Counter[tuple[tuple[str, ...], ...]] = Counter(map(_shape, tails))
    usual = shapes.most_common(1)[0][0]
    pattern = next(tail for tail in tails if _shape(tail) == usual)
    return assembled([*HEAD, *AGENT, *_parts(pattern)])


def tail_of(line: str) -> str | None:
    """Return what stands behind the user agent; ``None`` if the line is not like ``combined``."""
    found = _line().search(line)
    return found[found.re.groups] if found else None


@cache
def _line() -> re.Pattern[str]:
    return re.compile(LINE)


def known_keys(tail: str) -> bool:
    """Whether a tail has fields that we know."""
    return any(key.lower() in _BY_KEY for key in _KEY.findall(tail))


def _shape(tail: str) -> tuple[tuple[str, ...], ...]:
    """Return the keys of each piece outside quotes: what all lines of one log_format share."""
    return tuple(tuple(_KEY.findall(piece)) for piece in tail.split('"')[::2])


def _parts(tail: str) -> list[tuple[str, bool]]:
    """Return the texts and variables of a tail, which is one line's."""
    parts: list[tuple[str, bool]] = []
    used: set[str] = set()
    pieces = tail.rstrip("\r\n").split('"')
    key = ""
    for index, piece in enumerate(pieces):
        if index % 2:
            parts += [('"', False), (_name(key, used), True), ('"', False)]
            continue
        key = ""
        at = 0
        for found in _KEY.finditer(piece):
            parts += _value(piece[at : found.start()], _name(key, used) if key else "")
            parts.append((found[0], False))
            key, at = found[1], found.end()
        rest = piece[at:]
        quoted = index + 1 < len(pieces)
        if rest or not (quoted and key):
            parts += _value(rest, _name(key, used) if key else "")
            key = ""
    return parts


def _value(text: str, name: str) -> list[tuple[str, bool]]:
    """Return a value and the separator behind it; a text without a key is one to skip."""
    end = _END.search(text)
    value, sep = (text[: end.start()], end[0]) if end else (text, "")
    if name:
        return [(name, True), (sep, False)]
    if not value:
        return [(sep, False)]
    start = value[: len(value) - len(value.lstrip())]
    return [(start, False), (SKIP, True), (sep, False)]


def _name(key: str, used: set[str]) -> str:
    name = _BY_KEY.get(key.lower(), SKIP)
    if name in used:
        return SKIP
    if name != SKIP:
        used.add(name)
    return name


def _known(lines: Sequence[str]) -> LogFormat | None:
    """Return the known format with upstream fields that most lines have."""
    asked = [line for line in lines if _may_be_known(line)]
    if not asked or len(asked) < SHARE * len(lines):
        return None
    for form in library().values():
        if not any(name.startswith("upstream_") for name in form.variables):
            continue
        pattern = _compiled(form)
        if sum(pattern.search(line) is not None for line in lines) >= SHARE * len(lines):
            return form
    return None


def _may_be_known(line: str) -> bool:
    """Whether it is worth while to compare a line with the known formats."""
    if not _DATED.search(line[:400]) or line.startswith("{"):
        return False
    tail = tail_of(line)
    return tail is None or _TIMED.search(tail) is not None


_DATED = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_TIMED = re.compile(r"\d\.\d{3}(?!\d)|kong_request_id")


@cache
def _compiled(form: LogFormat) -> re.Pattern[str]:
    return re.compile(regex(form))


def from_tail(tail: pl.Expr, name: str) -> pl.Expr:
    """Return a variable's value from a tail of any layout: slower, for the lines that do not fit.

    Null if ``name`` has no key.
    """
    if name not in ALIASES:
        return pl.lit(None, pl.String())
    keys = "|".join(ALIASES[name])
    quoted = tail.str.extract(rf'(?:^|[\s,;])(?:{keys})="([^"]*)"', 1)
    bare = tail.str.extract(
        rf'(?:^|[\s,;])(?:{keys})=([^\s"=,]+(?:(?:,| :) [^\s"=,]+)*)(?:[\s,;]|$)', 1
    )
    return pl.coalesce(quoted, bare)
