"""new-api and one-api: gin lines with a request id, and the relay's own words about a request.

An access line alone cannot tell whose failure it is. The relay writes a line for every channel
that failed (``relay error (channel #3, status code: 429): …``), before or after the access line
and perhaps in another block: those are folded into the request of the same id (``new_api_relay``).
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.formats.logs import console
from analyzer.ingest.formats.logs.gin import GIN_TIME, access_columns, unquoted
from analyzer.ingest.formats.logs.new_api_relay import Relay
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_LINE = (
    r"^.{0,80}?\[GIN\] (?P<time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| *(?P<id>[\w-]*) *\| "
    r"*(?P<status>\d{1,3}) \| *(?P<took>\S+) \| *(?P<peer>[^|]*?) \| *(?P<verb>\S+) +"
    r"(?P<target>.*?)$"
)
_SAID = (
    r"^.{0,80}?\[(?P<level>ERR|ERROR|WARN|INFO|DEBUG|FATAL|SYS)\] "
    r"(?P<time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| *(?P<id>[^| ]*) *\| ?(?P<text>.*?) *$"
)
_NOTICE = (
    r"^.{0,80}?\[(?:SYS|ERR|ERROR|WARN|INFO|DEBUG|FATAL|GIN-debug)\](?: |$)"
    r"|^(?:\s|goroutine |Error #\d+:)"
)


class NewApiReader:
    """Reads one input: access lines, and what the relay says of requests."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._relay = Relay(source.name)
        self._gateway = _which(source.head)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        lines = lines.with_columns(pl.col("line").str.replace_all(console.ANSI, ""))
        gin = lines["line"].str.contains("[GIN]", literal=True)
        access = lines.filter(gin).with_columns(pl.col("line").str.extract_groups(_LINE).alias("_"))
        access = access.unnest("_")
        zone = self._wants.reading.zone
        access = access.with_columns(_time=clock.local_time(pl.col("time"), GIN_TIME, zone))
        fits = access["_time"].is_not_null()
        said = lines.filter(~gin).with_columns(pl.col("line").str.extract_groups(_SAID).alias("_"))
        said = said.unnest("_")
        notice = said["line"].str.contains(_NOTICE)
        misfits = pl.concat(
            [access.filter(~fits).select("record"), said.filter(~notice).select("record")]
        )
        bad = bad_lines(misfits, "it lacks '[GIN] time | request id | status | latency'")
        rows = self._relay.add(self._rows(access.filter(fits)), said.filter(pl.col("id") != ""))
        return Parsed(rows, int(notice.sum()), bad)

    def _rows(self, access: pl.DataFrame) -> pl.DataFrame:
        plain = access.with_columns(target=unquoted(pl.col("target")))
        rows = fields.target(plain, "target", self._wants)
        return rows.select(
            "record", "path", "key_tag", **access_columns(), request_id=fields.known(pl.col("id")),
            gateway=pl.lit(self._gateway, pl.String()),
        )  # fmt: skip

    def finish(self) -> Parsed:
        """Return the failures that waited for the relay's words."""
        return Parsed(self._relay.rest())


def _which(head: tuple[bytes, ...]) -> str | None:
    """Return which of the two programs writes so; ``None`` if its first lines do not show it."""
    if any(b"client_ip=" in line or b"[ERR] " in line for line in head):
        return "new-api"
    return "one-api" if any(b"[ERROR] " in line for line in head) else None


class NewApi(TextLog):
    """new-api or one-api."""

    name = "new-api"
    title = "new-api or one-api log"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r"^.{0,80}?\[(?:GIN|ERR|ERROR|INFO|WARN)\] \d{4}/\d\d/\d\d - \d\d:\d\d:\d\d \| *"
        r"(?:SYSTEM|[\w-]{8,64}|) *\| "
    )
    weight = 0.98
    zoned = False

    def sniff(self, head: bytes, name: str) -> float:
        """By all lines of such a console."""
        return console.sure(self, head, _NOTICE)

    def reader(self, source: Input) -> NewApiReader:
        """Return a reader for one input."""
        return NewApiReader(source)


FORMAT = NewApi()
