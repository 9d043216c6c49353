"""nginx access logs: ``combined`` with upstream fields behind it, and any ``log_format``.

The format is the one that is given (``--log-format``), else the one that the keys of the first
lines show, else one that many installations share.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs import combined
from analyzer.ingest.formats.logs.nginx_format import LogFormat, given
from analyzer.ingest.formats.logs.nginx_layout import (
    ALIASES,
    COMBINED,
    SHARE,
    format_of,
    from_tail,
    keyed,
    known_keys,
    tail_of,
)
from analyzer.ingest.formats.logs.nginx_plan import regex
from analyzer.ingest.formats.logs.nginx_reader import NginxReader
from analyzer.ingest.reader import Input
from analyzer.ingest.textlog import TextLog, first_lines

_MOST_SETS = 64
"""Different sets of keys in the lines of a block that are told apart."""
_KEYS = (
    r"(?:rt|request_time|ua|upstream_addr|us|upstream_status|ut|urt|upstream_response_time"
    r"|uct?|upstream_connect_time|uht?|upstream_header_time)="
)


class Nginx(TextLog):
    """nginx access log."""

    name = "nginx"
    title = "nginx access log (upstream fields or a log_format)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "(?:[^"\\]|\\.)*" (?:\d{3}|-) '
        rf'(?:\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"(?:.*[\s,;])?{_KEYS}'
    )
    weight = 0.95

    def sniff(self, head: bytes, name: str) -> float:
        """By the keys that follow the user agent, or by a known format."""
        lines = _texts(first_lines(head))
        form = format_of(lines) if lines else None
        if form is None:
            return 0.0
        told = [line for line in lines if known_keys(tail_of(line) or "")]
        # Lines with the same keys in another order are this format's as well.
        share = max(_share(form, lines), len(told) / len(lines))
        return self.weight * share if share >= SHARE else 0.0

    def claim(self, head: bytes, name: str, reading: Reading) -> float:
        """Claim what has the format that is given, in at least half of its first lines."""
        form = given(reading)
        if form is None:
            return self.sniff(head, name)
        lines = _texts(first_lines(head))
        share = _share(form, lines) if lines else 0.0
        return 1.0 if share >= SHARE else self.sniff(head, name)

    def reader(self, source: Input) -> NginxReader:
        """Return a reader for one input."""
        lines = _texts(source.head)
        form = given(source.wants.reading)
        if form is not None and _share(form, lines) >= SHARE:
            return NginxReader(form, source.wants)
        found = format_of(lines) if lines else None
        if found is not None and keyed(lines) is None:
            return NginxReader(found, source.wants)
        return _Keyed(found or COMBINED, source)


class _Keyed(NginxReader):
    """Reads ``combined`` with keys behind it, whatever their order is in a line."""

    def __init__(self, form: LogFormat, source: Input) -> None:
        extra = None
        if form is COMBINED:
            extra = ~pl.col("p6").str.contains("=", literal=True)
        super().__init__(form, source.wants, by_keys, extra)


def by_keys(lines: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Read lines of the family with the fields that their keys name, in any order."""
    made, bad = combined.by_bracket(lines)
    tail = pl.col("tail").fill_null("")
    made = made.with_columns(**{name: from_tail(tail, name) for name in ALIASES})
    # What a line says nothing of, because its format has no such variable, differs from "-".
    given_ = [pl.col(name).is_not_null().cast(pl.String) for name in ALIASES]
    made = made.with_columns(_set=pl.concat_str(given_))
    parts = [made]
    if 1 < made["_set"].n_unique() <= _MOST_SETS:
        parts = made.partition_by("_set", maintain_order=True)
    return [_filled(part.drop("_set")) for part in parts], bad


def _filled(made: pl.DataFrame) -> pl.DataFrame:
    return made.select(s for s in made if s.null_count() < made.height)


def _texts(lines: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(line[:16_384].decode("utf-8", "replace") for line in lines)


@cache
def _compiled(form: LogFormat) -> re.Pattern[str]:
    return re.compile(regex(form))


def _share(form: LogFormat, lines: tuple[str, ...]) -> float:
    if not lines:
        return 0.0
    pattern = _compiled(form)
    return sum(pattern.search(line) is not None for line in lines) / len(lines)


FORMAT = Nginx()
