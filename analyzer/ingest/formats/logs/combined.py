"""NCSA's common and combined log formats, as Apache, nginx, LiteSpeed and Varnish write them.

What stands before the ``[time]`` (virtual host, addresses, user) and behind the user agent
(forwarded addresses, durations without a key) is not read.
"""

from __future__ import annotations

import re

import polars as pl

from analyzer.ingest.formats.logs.nginx_layout import COMBINED, COMMON, HEAD, known_keys, tail_of
from analyzer.ingest.formats.logs.nginx_plan import escape
from analyzer.ingest.formats.logs.nginx_reader import NginxReader
from analyzer.ingest.formats.logs.nginx_variables import kind_of
from analyzer.ingest.reader import BAD, Input
from analyzer.ingest.textlog import TextLog

_CORE = "".join(
    kind_of(text).pattern if variable else escape(text) for text, variable in HEAD[1:]
)  # fmt: skip
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ANY_LINE = (
    r"^.*?\[(?P<time_local>\d\d/[A-Z][a-z][a-z]/\d\d\d\d:\d\d:\d\d:\d\d [+-]\d\d\d\d)\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d\d\d|-) (?P<body_bytes_sent>\d+|-)'
    r'(?: "(?P<http_referer>(?:[^"\\]|\\.)*)" "(?P<http_user_agent>(?:[^"\\]|\\.)*)")?'
    r"(?P<tail>.*)?$"
)
_MISSING = (
    ("no [day/Mon/year:h:m:s zone]", r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"),
    ('no "request" behind the time', rf"\] {_QUOTED}"),
    ("no status behind the request", r'" (?:\d{3}|-)(?: |$)'),
    ("no size behind the status", r'" (?:\d{3}|-) (?:\d+|-)(?:\s|$)'),
)
_ORDER = "its fields are not in the order of combined"


def by_bracket(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read lines by what stands around the time: any of this family, in any dress.

    Returns the variables, ``tail`` among them, and the bad lines.
    """
    found = lines.select("record", "line", pl.col("line").str.extract_groups(_ANY_LINE).alias("_"))
    made = found.unnest("_")
    told = made["time_local"].is_not_null()
    return made.filter(told).drop("line"), missing(made.filter(~told))


def missing(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the first thing that each line lacks: ``BAD``."""
    reason = pl.lit(_ORDER)
    for what, pattern in reversed(_MISSING):
        lacks = ~pl.col("line").str.contains(pattern)
        reason = pl.when(lacks).then(pl.lit(what)).otherwise(reason)
    return lines.select("record", reason=reason) if lines.height else pl.DataFrame(schema=BAD)


def _without_fields(lines: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Read lines, but for those with fields of an upstream: they are another format's."""
    made, bad = by_bracket(lines)
    keyed = pl.col("tail").str.contains(r"(?:^|[\s,;])[A-Za-z_][\w.-]*=").fill_null(False)
    known = made.filter(keyed)
    mine = [known_keys(tail or "") for tail in known["tail"]]
    others = known.filter(pl.Series(mine, dtype=pl.Boolean))
    if not others.height:
        return [made], bad
    reason = pl.lit("it has upstream fields behind the user agent")
    bad = pl.concat([bad, others.select("record", reason=reason)]).sort("record")
    mine_ = made.join(others.select("record"), on="record", how="anti", maintain_order="left")
    return [mine_], bad


class Combined(TextLog):
    """NCSA common or combined."""

    name = "combined"
    title = "NCSA common/combined access log"
    hop = "gateway"
    source_kind = "proxy"
    pattern = rf"^.*?{_CORE}(?: {_QUOTED} {_QUOTED}.*)?\s*$"
    weight = 0.6

    def reader(self, source: Input) -> NginxReader:
        """Return a reader for one input, for what most of its first lines are."""
        lines = [line.decode("utf-8", "replace") for line in source.head]
        common = sum(_COMMON.search(line) is not None for line in lines)
        if common > len(lines) / 2:
            return NginxReader(COMMON, source.wants, _without_fields)
        # Fields that begin later in the file than its first lines must not get lost.
        plain = ~pl.col("p6").str.contains("=", literal=True)
        return NginxReader(COMBINED, source.wants, _without_fields, plain)


_COMMON = re.compile(rf"^.*?{_CORE}\s*$")


def is_plain(line: str) -> bool:
    """Whether a line is of this family and has no fields of an upstream."""
    tail = tail_of(line)
    return tail is not None and not known_keys(tail)


FORMAT = Combined()
