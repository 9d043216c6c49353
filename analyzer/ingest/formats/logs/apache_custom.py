"""Apache access logs whose own fields are named: ``common`` or ``combined`` with ``D=123 X=+``.

``D`` is ``%D`` (us), ``ms`` ``%{ms}T``, ``T`` ``%T`` (s), ``X`` ``%X`` (the connection at the end),
``I`` and ``O`` ``%I`` and ``%O``, ``worker`` and ``uid`` the variables of the balancer and of
``mod_unique_id``. Without such names the fields behind ``combined`` cannot be told.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.reader import Alone, Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_TIME = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
_QUOTED = r'(?:[^"\\]|\\.)*'
_NAMED = r"(?:D=\d+|X=[-+X])(?:\s|$)"
_LINE = (
    r'^(?:(?P<vhost>[A-Za-z0-9_.-]+):(?P<port>\d+) )?(?P<peer>\S+) \S+ (?P<user>[^\["]*?) ?'
    rf'(?P<time>{_TIME}) "(?P<request>{_QUOTED})" (?P<status>\d{{3}}|-) (?P<size>\d+|-)'
    rf'(?: "(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})")?(?P<tail> .*)$'
)
_SSL_REQUEST = rf'^{_TIME} \S+ (?:TLSv|SSLv)[\d.]+ \S+ "'
"""``ssl_request_log``: no status, and each request is in the access log as well."""
_LACKS = "it has no named field (D=, X=) behind combined"


class ApacheReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_")).unnest("_")
        told = made["time"].is_not_null() & made["tail"].str.contains(rf"(?:^|\s){_NAMED}")
        told = told.fill_null(False)
        others = made.filter(~told)
        notices = others["line"].str.contains(_SSL_REQUEST)
        rows = fields.request_line(made.filter(told), "request", self._wants)
        rows = rows.with_columns(
            _duration=_duration(), _start=clock.clf_time(pl.col("time").str.strip_chars("[]"))
        )
        rows = rows.select("record", "method", "path", "scheme", "key_tag", **self._columns())
        return Parsed(rows, int(notices.sum()), bad_lines(others.filter(~notices), _LACKS))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _columns(self) -> dict[str, pl.Expr]:
        aborted = _named("X") == "X"
        heads = {
            "req_header.user-agent": fields.unescaped(pl.col("agent")),
            "req_header.referer": fields.unescaped(pl.col("referer")),
        }
        return {
            "started_at": pl.col("_start"),
            "ended_at": fields.after(pl.col("_start"), pl.col("_duration")),
            "duration_ms": pl.col("_duration"),
            "time_kind": pl.lit("start"),
            "time_precision_ms": pl.lit(1000.0),
            "host": pl.coalesce(
                "named_host", fields.host(pl.concat_str("vhost", "port", separator=":"))
            ),
            "status": fields.status(pl.col("status")),
            "response_bytes": fields.size(pl.coalesce(_named("O"), "size")),
            "request_bytes": fields.size(_named("I")),
            "request_id": pl.coalesce(_named("uid"), _named("unique_id")),
            "upstream_address": pl.coalesce(_named("worker"), _named("balancer")),
            "proxy_flags": _named("X"),
            # Apache's own word: the connection was gone before the answer was out.
            "stream_state": pl.when(aborted).then(pl.lit("truncated")),
            **fields.headers(self._wants, heads),
        }


def _named(name: str) -> pl.Expr:
    """Return the value of ``name=value`` or ``name="value"`` in the tail."""
    return fields.known(pl.col("tail").str.extract(rf'\s{name}="?([^"\s]+)'))


def _duration() -> pl.Expr:
    return pl.coalesce(
        fields.number(_named("D")) / 1000, fields.number(_named("ms")), fields.millis(_named("T"))
    )


class Apache(TextLog):
    """Apache access log with named fields."""

    name = "apache"
    title = "Apache access log with named fields"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        rf'^(?:[^\["]* {_TIME} ".*" (?:\d{{3}}|-) (?:\d+|-) (?:.* )?{_NAMED}|{_SSL_REQUEST[1:]})'
    )
    weight = 0.96

    def reader(self, source: Input) -> ApacheReader:
        """Return a reader for one input."""
        return ApacheReader(source.wants)


FORMAT = Apache()
