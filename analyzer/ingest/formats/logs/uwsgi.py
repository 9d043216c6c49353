"""uWSGI's request log (its default format) and the requests that its harakiri timer killed.

uWSGI is the server behind a proxy: what it answers is its own. A worker that ran longer than the
``harakiri`` limit is killed and writes no request line; the master's ``HARAKIRI [core N]`` line is
all that is left of the request, so that it becomes a row without a status.
"""

from __future__ import annotations

import re

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.reader import Alone, Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog, first_lines

_CTIME = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}"
_LINE = (
    r"\[pid: \d+\|app: -?\d+\|req: -?\d+/\d+\] .*?\{\d+ vars in \d+ bytes\} "
    rf"\[(?P<stamped>{_CTIME})\] (?P<verb>\S*) (?P<target>.*?) => generated (?P<bytes>\d+) bytes "
    r"in (?P<took>\d+) (?P<unit>msecs|micros)(?: via \w+\(\))? \((?:\S* )?(?P<code>\d+)\)"
)
_VHOST = r"^([\w.-]+(?::\d+)?) (?:\{|\[pid: )"
_KILLED = (
    rf"^(?:(?P<stamped>{_CTIME}) - )?(?P<text>HARAKIRI \[core \d+\]) \S*? ?- "
    r"(?P<verb>[A-Z]+) (?P<target>.*?) since (?P<since>\d+)"
)
_REQUEST = r"\[pid: \d+\|app: -?\d+\|req: -?\d+/\d+\] "
_NOTICE = (
    rf"^(?:{_CTIME} - |\[uWSGI\] )?(?:\*\*\* |\*{{3,}}|HARAKIRI|DAMN !|[Rr]espawned |spawned "
    r"|uwsgi_|uWSGI |SIG[A-Z]+|WSGI app |Python |mapped |your |detected |dropping |workers? "
    r"|graceful(?:ly)? |compiled |os: |nodename: |machine: |clock source|set[gu]id|thunder lock"
    r"|current working|writing pidfile|chdir|binary path|goodbye|VACUUM|cheaping|The work of"
    r"|\.\.\.|(?:OS|IO)Error: write error)"
)


class UwsgiReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        text = pl.col("line").str
        made = lines.with_columns(text.extract_groups(_LINE).alias("_")).unnest("_")
        time = self._local(pl.col("stamped"))
        made = made.with_columns(started_at=time, asked=pl.col("line").str.extract(_VHOST))
        told = made["started_at"].is_not_null()
        frames, again = [self._requests(made.filter(told))], 0
        others = lines.filter(~told)
        killed = others.filter(text.contains(_KILLED))
        if killed.height:
            rows = self._killed(killed)
            again = killed.height - rows.height
            frames.append(rows)
        others = others.filter(~text.contains(_KILLED))
        notices = again + others.filter(text.contains(_NOTICE)).height
        reason = "it lacks '[pid: …|app: …|req: …] … [time] METHOD target => generated'"
        bad = bad_lines(others.filter(~text.contains(_NOTICE)), reason)
        return Parsed(pl.concat(frames, how="diagonal_relaxed"), notices, bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _local(self, text: pl.Expr) -> pl.Expr:
        return clock.local_time(text.str.slice(4), "%b %e %H:%M:%S %Y", self._wants.reading.zone)

    def _requests(self, made: pl.DataFrame) -> pl.DataFrame:
        made = fields.target(made, "target", self._wants)
        took = fields.number(pl.col("took"))
        duration = pl.when(pl.col("unit") == "micros").then((took / 1000).round(3)).otherwise(took)
        return made.select(
            "record", "scheme", "key_tag", "started_at",
            path=fields.known(pl.col("path")),
            method=fields.method(pl.col("verb")),
            host=pl.coalesce(fields.host(pl.col("asked")), "named_host"),
            ended_at=fields.after(pl.col("started_at"), duration),
            duration_ms=duration,
            time_kind=pl.lit("start"),
            time_precision_ms=pl.lit(1000.0),
            status=fields.status(pl.col("code")),
            response_bytes=fields.size(pl.col("bytes")),
        )  # fmt: skip

    def _killed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Return a row per killed request; each attempt to end its worker tells it once more."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_KILLED).alias("_")).unnest("_")
        same = ["text", "verb", "target", "since"]
        made = made.unique(same, keep="first", maintain_order=True)
        made = fields.target(made, "target", self._wants)
        return made.select(
            "record", "path", "scheme", "key_tag",
            method=fields.method(pl.col("verb")),
            host=pl.col("named_host"),
            started_at=clock.epoch_time(pl.col("since")),
            # The start counts from 1970; the end is local time, no good beside it without its zone.
            ended_at=self._local(pl.col("stamped")) if self._wants.reading.zone else None,
            time_kind=pl.lit("start"),
            time_precision_ms=pl.lit(1000.0),
            proxy_flags=pl.lit("HARAKIRI"),
            proxy_detail=pl.col("text"),
        )  # fmt: skip


class Uwsgi(TextLog):
    """uWSGI request log."""

    name = "uwsgi"
    title = "uWSGI request log"
    hop = "upstream"
    source_kind = "proxy"
    pattern = rf"{_REQUEST}|^(?:{_CTIME} - )?HARAKIRI \[core \d+\] "
    weight = 0.98
    zoned = False

    def sniff(self, head: bytes, name: str) -> float:
        """By requests and notices: a fresh log begins with fifty lines about the start alone."""
        lines = first_lines(head)
        if not any(self.claims(line) or b"uWSGI" in line for line in lines):
            return 0.0
        notice = re.compile(_NOTICE.encode())
        share = sum(self.claims(line) or bool(notice.search(line)) for line in lines) / len(lines)
        return self.weight * share if share >= 0.5 else 0.0

    def reader(self, source: Input) -> UwsgiReader:
        """Return a reader for one input."""
        return UwsgiReader(source.wants)


FORMAT = Uwsgi()
