"""nginx Proxy Manager access logs: ``proxy`` with the upstream's status, ``standard`` without.

Its fallback and default hosts write ``combined``, its error logs nginx's own: such lines in the
same file are given to their formats.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields, upstreams
from analyzer.ingest.base import Wants
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_TIME = r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_MULTI = upstreams.PATTERN
_LINE = (
    rf"^\[(?P<time>{_TIME})\] (?:(?P<cache>\S+) (?P<upstream_status>{_MULTI}) )?"
    r"(?P<code>\d{3}|-) - (?P<verb>\S*) (?P<protocol>\S+) (?P<asked>\S+) "
    r'"(?P<target>(?:[^"\\]|\\.)*)" \[Client [^\]]*\] \[Length (?P<bytes>[^\]]*)\] '
    r"\[Gzip [^\]]*\](?: \[Sent-to (?P<server>[^\]]*)\])?"
    r'(?: "(?P<agent>(?:[^"\\]|\\.)*)" "(?P<referer>(?:[^"\\]|\\.)*)")?'
)


class ProxyManagerReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_"))
        made = made.unnest("_").with_columns(time=clock.clf_time(pl.col("time")))
        told = made["time"].is_not_null()
        reason = "it lacks '[time] status - METHOD scheme host \"target\" [Client …] [Length …]'"
        bad = bad_lines(made.filter(~told), reason)
        rows = fields.target(made.filter(told), "target", self._wants)
        return Parsed(_rows(rows, self._wants), bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _rows(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    made = upstreams.read(made.with_columns(status=fields.status(pl.col("code"))))
    told = {"req_header.user-agent": pl.col("agent"), "req_header.referer": pl.col("referer")}
    named = {"scheme": pl.coalesce(fields.known(pl.col("protocol")), "scheme")}
    return made.select(
        "record", "path", "key_tag", "status", "upstream_status", "upstream_tries",
        "proxy_detail", "phase",
        **named,
        method=fields.method(pl.col("verb")),
        host=pl.coalesce(fields.host(pl.col("asked")), "named_host"),
        # The log has no durations: all that is known is when the line was written.
        ended_at=pl.col("time"),
        started_at=pl.col("time"),
        time_kind=pl.lit("end"),
        time_precision_ms=pl.lit(1000.0),
        response_bytes=fields.size(pl.col("bytes")),
        upstream_address=fields.known(pl.col("server")),
        proxy_flags=fields.known(pl.col("cache")),
        **fields.headers(wants, told),
    )  # fmt: skip


class ProxyManager(TextLog):
    """nginx Proxy Manager access log."""

    name = "nginx-proxy-manager"
    title = "nginx Proxy Manager access log (proxy, standard)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        rf"^\[{_TIME}\] (?:\S+ .{{1,200}} )?(?:\d{{3}}|-) - \S* \S+ \S+ "
        r'"(?:[^"\\]|\\.)*" \[Client [^\]]*\] \[Length '
    )
    weight = 0.98

    def reader(self, source: Input) -> ProxyManagerReader:
        """Return a reader for one input."""
        return ProxyManagerReader(source.wants)


FORMAT = ProxyManager()
