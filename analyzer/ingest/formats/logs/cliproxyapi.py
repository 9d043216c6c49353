"""CLIProxyAPI's console: gin's fields behind a time, a level, a request id and a source line.

Two layouts exist, with the id in brackets before the level or between bars behind it.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import console
from analyzer.ingest.formats.logs.gin import access_columns, unquoted
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_HEAD = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:\[[\w-]{8}\] )?\[[a-z]{4,5} *\]"
_LINE = (
    r"^.{0,80}?\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] (?:\[(?P<id>[\w-]{8})\] )?"
    r"\[[a-z]{4,5} *\] "
    r"(?:\[[^\]]*:\d+\] )?(?:\| (?P<id2>[\w-]{8}) \| )? *(?P<status>\d{1,3}) \| *(?P<took>\S+) \| "
    r'*(?P<peer>[^|]*?) \| *(?P<verb>[A-Z]+) +"(?P<target>(?:[^"\\]|\\.)*)"(?: \| (?P<error>.*?))?$'
)  # fmt: skip
_OTHER = rf"^.{{0,80}}?{_HEAD}|^(?:\s|\[GIN-debug\])"
_NO_ID = "--------"


class CliProxyReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        plain = lines.with_columns(pl.col("line").str.replace_all(console.ANSI, ""))
        made = plain.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_")).unnest("_")
        zone = self._wants.reading.zone
        time = clock.local_time(pl.col("time"), "%Y-%m-%d %H:%M:%S", zone)
        made = made.with_columns(time.alias("_time"), unquoted(pl.col("target")).alias("target"))
        access = made["_time"].is_not_null()
        others = made.filter(~access)
        notice = others["line"].str.contains(_OTHER)
        bad = bad_lines(others.filter(~notice), "it lacks '[time] [level] … status | latency'")
        return Parsed(self._rows(made.filter(access)), int(notice.sum()), bad)

    def _rows(self, access: pl.DataFrame) -> pl.DataFrame:
        rows = fields.target(access, "target", self._wants)
        own = pl.coalesce("id", "id2")
        error = pl.when(pl.col("error").str.contains(r"\S")).then(pl.col("error").str.strip_chars())
        return rows.select(
            "record", "path", "key_tag", **access_columns(),
            request_id=pl.when(own != _NO_ID).then(own),
            gateway=pl.lit("cliproxyapi"),
            proxy_detail=error,
            error_message=pl.when(pl.col("status") >= "400").then(error),
        )  # fmt: skip

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


class CliProxy(TextLog):
    """CLIProxyAPI."""

    name = "cliproxyapi"
    title = "CLIProxyAPI log"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        rf"^.{{0,80}}?{_HEAD} (?:\[[^\]]*:\d+\] )?(?:\| [\w-]{{8}} \| )? *\d{{1,3}} \| *\S+ \| "
    )
    weight = 0.97
    zoned = False

    def sniff(self, head: bytes, name: str) -> float:
        """By all lines of such a console; one must be a request."""
        return console.sure(self, head, _OTHER)

    def reader(self, source: Input) -> CliProxyReader:
        """Return a reader for one input."""
        return CliProxyReader(source.wants)


FORMAT = CliProxy()
