"""Traefik's access log in the common log format, with router, service and duration behind it.

``ClientHost - ClientUsername [start] "request" status size "referer" "agent" count "router" "URL"
Nms``; the generic variant ends behind the agent. Status and size are what Traefik sent.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import traefik_words as words
from analyzer.ingest.reader import Alone, Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_QUOTED = r'(?:[^"\\]|\\.)*'
# The path is written as it is, quotes included; the router's closing quote is missing in places.
_LINE = (
    r'^(?P<client>[^\["]*) - (?P<user>[^\["]*) \[(?P<time>[^\]]*)\] "(?P<request>.*?)" '
    r"(?P<status>\d{1,3}|-) (?P<size>\d+|-) "
    rf'(?:"(?P<referer>{_QUOTED})"|-) (?:"(?P<agent>{_QUOTED})"|-)'
    rf'(?: (?P<count>\d+|-) (?P<router>"{_QUOTED}"?|-) (?:"(?P<service>[^"]*)"|-) '
    r"(?P<elapsed>\d+)ms)?\s*$"
)
_LACKS = 'it lacks \'client - user [time] "request" status size "referer" "agent"\''


class TraefikReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_")).unnest("_")
        told = made["time"].is_not_null()
        others = made.filter(~told)
        notices = others.select(words.is_notice(pl.col("line"))).to_series()
        rows = fields.request_line(made.filter(told), "request", self._wants)
        rows = rows.with_columns(
            status=fields.status(pl.col("status")),
            service=fields.known(pl.col("service")),
            _start=clock.clf_time(pl.col("time")),
        )
        rows = rows.select("record", "method", "path", "scheme", "key_tag", **self._columns())
        return Parsed(rows, int(notices.sum()), bad_lines(others.filter(~notices), _LACKS))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _columns(self) -> dict[str, pl.Expr]:
        start = pl.col("_start")
        duration = fields.number(pl.col("elapsed"))
        heads = {
            "req_header.user-agent": fields.unescaped(pl.col("agent")),
            "req_header.referer": fields.unescaped(pl.col("referer")),
        }
        return {
            "started_at": start,
            # Where the fields of time are dropped, the shipper's stamp is all there is.
            "ended_at": pl.coalesce(fields.after(start, duration), "stamp"),
            "duration_ms": duration,
            "time_kind": pl.lit("start"),
            "time_precision_ms": pl.lit(1000.0),
            "host": pl.col("named_host"),
            "status": pl.col("status"),
            "response_bytes": fields.size(pl.col("size")),
            "upstream_status": _behind(),
            "upstream_address": words.server(pl.col("service")),
            "phase": _phase(),
            **fields.headers(self._wants, heads),
        }


def _behind() -> pl.Expr:
    """Return what the service answered: what Traefik sent, unless it may have written it itself.

    The size that is logged is the one sent to the client, in which an ``errors`` middleware may
    have put another body, so that it does not tell whose a 502 is.
    """
    forwarded = pl.col("service").is_not_null() & ~words.own_status(pl.col("status"))
    return pl.when(forwarded).then("status")


def _phase() -> pl.Expr:
    """Without a service behind it, a refusal is Traefik's: authentication, limits, no router."""
    told = pl.col("elapsed").is_not_null()
    refused = told & pl.col("service").is_null() & (pl.col("status") >= 400)
    return (
        pl.when(refused.fill_null(False))
        .then(pl.lit("not_sent"))
        .when(_behind().is_not_null())
        .then(pl.lit("done"))
    )


class Traefik(TextLog):
    """Traefik access log."""

    name = "traefik"
    title = "Traefik access log (common log format)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'^[^\["]+ \[(?:\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}|-)\] ".*" '
        r'(?:\d{1,3}|-) (?:\d+|-) .*["-] (?:\d+|-) (?:".*|-) (?:"[^"]*"|-) \d+ms\s*$'
    )
    weight = 0.97

    def reader(self, source: Input) -> TraefikReader:
        """Return a reader for one input."""
        return TraefikReader(source.wants)


FORMAT = Traefik()
