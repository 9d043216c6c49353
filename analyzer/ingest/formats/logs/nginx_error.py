"""nginx error log: the entries that tell why a request failed.

A row is an entry of level error or worse with the request it is about; the others are notices. What
status the client got is not in it, so that ``status`` is null: the same request stands in the
access log, at the same second, with the same path. Entries about several servers tried for one
request are one row.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.formats.logs.error_groups import GROUP, grouped, place
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_ENTRY = (
    r"^(?P<stamped>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]+)\] \d+#\d+: "
    r"(?:\*(?P<connection>\d+) )?(?P<text>.*)$"
)
# A message may quote what the client sent, the context's own words included: quotes are skipped
# pairwise before the first ", client:" is believed. Values are not escaped by nginx, and an entry
# is cut at 2 KiB, so that the last quote may be missing.
_ASKED = (
    r", client: [^,]*(?:, server: [^,]*)?"
    r'(?:, request: "(?P<request>.*?)(?:"|$))?(?:, subrequest: ".*?(?:"|$))?'
    r'(?:, upstream: "(?P<upstream>.*?)(?:"|$))?(?:, host: "(?P<asked>.*?)(?:"|$))?'
    r'(?:, referrer: "(?P<referer>.*?)"?)?$'
)
_CONTEXT = rf'^(?P<message>(?:[^"]|"[^"]*")*?){_ASKED}'
_LOOSE = rf"^(?P<message>.*){_ASKED}"
_LEVELS = ("error", "crit", "alert", "emerg")
_NO_FAILURE = (
    r"^delaying requests|, dry run|sent in stderr|^client .*closed (?:keepalive )?connection"
    r"|client prematurely closed|buffered to a temporary file|while (?:logging|closing) request"
)
"""Entries that may have such a level by configuration and do not mean that a request failed."""
_USER = r'^user "[^"]*"'
_SERVER = r"^[a-z0-9+.-]+://(unix:[^:]*|[^/]+)"

_NOT_SENT = (
    r"no live upstreams|no host in upstream|could not be resolved|no resolver defined"
    r"|^limiting (?:requests|connections)|^access forbidden by rule|too large body|is forbidden"
    r'|^user "|^no user/password|^open\(\)|is not found|redirection cycle|auth request unexpected'
    r"|while reading client request"
)
_CONNECTING = r"while connecting to upstream|while SSL handshaking to upstream"
_SENT = r"while sending (?:request )?to upstream|while reading response header from upstream"
_BODY = r"while reading upstream|while sending to client"
_BROKE_OFF = r"(?:upstream|recv\(\)|readv\(\)|SSL_read\(\)).*while reading upstream"
_AT_ONCE = pl.duration(seconds=2)
# The longest that proxy_connect_timeout can be.
_LATER = pl.duration(seconds=76)


class NginxErrorReader:
    """Reads one input; entries about one request are looked for within a block of lines."""

    def __init__(self, source: Input) -> None:
        self._name = source.name
        self._wants = source.wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_ENTRY).alias("_")).unnest("_")
        time = clock.local_time(pl.col("stamped"), "%Y/%m/%d %H:%M:%S", self._wants.reading.zone)
        made = made.with_columns(time=time)
        told = made["time"].is_not_null()
        bad = bad_lines(made.filter(~told), "it lacks 'YYYY/MM/DD h:m:s [level] pid#tid:'")
        failed = _failed(made.filter(told))
        rows = self._rows(failed) if failed.height else None
        return Parsed(rows, made.height - bad.height - failed.height, bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, failed: pl.DataFrame) -> pl.DataFrame:
        made = fields.request_line(failed, "request", self._wants)
        for name in ("upstream", "referer"):
            fields.key_tags(made[name], self._wants)
        told = {"req_header.referer": pl.col("referer")}
        made = made.with_columns(
            place(self._name),
            message=pl.col("message").str.replace(_USER, 'user "…"'),
            host=pl.coalesce(fields.host(pl.col("asked")), "named_host"),
            server=pl.col("upstream").str.extract(_SERVER),
            **fields.headers(self._wants, told),
        )
        first = [name for name in told if name in made.columns]
        return _folded(made, ["method", "scheme", "host", "path", "key_tag", *first])


def _failed(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the entries about failed requests, with their context."""
    text = pl.col("text")
    serious = pl.col("level").is_in(_LEVELS) & ~text.str.contains(_NO_FAILURE)
    made = entries.filter(serious & text.str.contains(', request: "', literal=True))
    strict = made.with_columns(text.str.extract_groups(_CONTEXT).alias("_"))
    odd = strict["_"].struct.field("request").is_null()
    if odd.any():
        # A lone quote in the message: the last context that there is, then.
        loose = made.filter(odd).with_columns(text.str.extract_groups(_LOOSE).alias("_"))
        strict = pl.concat([strict.filter(~odd), loose]).sort("record")
    return strict.unnest("_").filter(pl.col("request").is_not_null())


def _folded(made: pl.DataFrame, first: list[str]) -> pl.DataFrame:
    """Return one row per request: the servers tried for it have an entry each."""
    server = pl.col("server")
    made = made.with_columns(own=server.is_null(), kind=server.fill_null(""))
    message = pl.col("message")
    late = message.str.contains("timed out", literal=True)
    near = pl.col("since").is_between(-_AT_ONCE, pl.when(late).then(_LATER).otherwise(_AT_ONCE))
    made = grouped(made, ["connection", "request", "host", "own"], "kind", near)
    # Where servers were tried before none was left, those tell how far it came.
    none_left = message.str.contains("^no live upstreams")
    telling = message.filter(~none_left).last().fill_null(message.last())
    tried = server.str.contains(":", literal=True).sum().cast(pl.Int64)
    rows = made.group_by(GROUP, maintain_order=True).agg(
        *(pl.col(name).first() for name in ("record", *first)),
        pl.col("seen_in"),
        started_at=pl.col("time").first(),
        ended_at=pl.col("time").last(),
        proxy_flags=pl.col("level").last(),
        proxy_detail=message.unique(maintain_order=True).str.join("; "),
        upstream_address=server.last(),
        upstream_tries=pl.when(server.is_not_null().any()).then(tried),
        phase=_phase(telling),
        stream_state=pl.when(message.last().str.contains(_BROKE_OFF)).then(pl.lit("truncated")),
    )
    return rows.drop(GROUP).with_columns(time_kind=pl.lit("end"), time_precision_ms=pl.lit(1000.0))


def _phase(message: pl.Expr) -> pl.Expr:
    return (
        pl.when(message.str.contains(_NOT_SENT)).then(pl.lit("not_sent"))
        .when(message.str.contains(_CONNECTING)).then(pl.lit("connecting"))
        .when(message.str.contains(_SENT)).then(pl.lit("sent"))
        .when(message.str.contains(_BODY)).then(pl.lit("body"))
    )  # fmt: skip


class NginxError(TextLog):
    """nginx error log."""

    name = "nginx-error"
    title = "nginx error log"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "
        r"\[(?:debug|info|notice|warn|error|crit|alert|emerg)\] \d+#\d+: "
    )
    weight = 0.97
    zoned = False

    def reader(self, source: Input) -> NginxErrorReader:
        """Return a reader for one input."""
        return NginxErrorReader(source)


FORMAT = NginxError()
