"""HAProxy's text logs: ``httplog``, ``httpslog``, ``tcplog``, error lines and notices.

Lines are told apart by trying their grammars in turn, each on what the one before left: nearly all
lines of a file are of one kind. What a line's fields mean stands in ``haproxy_row``.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import haproxy_row
from analyzer.ingest.formats.logs.haproxy_tail import request_and_captures
from analyzer.ingest.reader import Alone, Input, Parsed
from analyzer.ingest.textlog import TextLog

_HEAD = (
    r"^\S+:\d+ \[(?P<time>[^\]]*)\] (?P<frontend>\S+) (?P<backend>[^/\s]+)/(?P<server>\S+) "
    r"(?P<inserted>(?:\S+ )*?)"
)
_LOAD = r" \d+/\d+/\d+/\d+(?:/(?P<retries>\+?\d+))? \+?\d+/\+?\d+"
_HTTP = (
    _HEAD + r"(?P<tr_request>-?\d+)/(?P<tr_queue>-?\d+)/(?P<tr_connect>-?\d+)/(?P<tr_answer>-?\d+)"
    r"/(?P<tr_total>\+?-?\d+) (?P<status_text>-?\d+) (?P<bytes>\+?\d+) (?P<cookie>\S+) "
    r"(?P<cookie_set>\S+) (?P<flags>[A-Za-z-]{4})" + _LOAD + r"(?P<tail>.*)$"
)
_USUAL = (
    r"^\S+:\d+ \[[^\]\s]*\] \S+ [^/\s]+/\S+ -?\d+/-?\d+/-?\d+/-?\d+/\+?-?\d+ -?\d+ \+?\d+ "
    r"\S+ \S+ [A-Za-z-]{4} \d+/\d+/\d+/\d+/\+?\d+ \+?\d+/\+?\d+(?: |$)"
)
"""What httplog writes if nothing is inserted: blanks and slashes are enough to take it apart."""
_TCP = (
    _HEAD + r"(?P<tr_queue>-?\d+)/(?P<tr_connect>-?\d+)/(?P<tr_total>\+?-?\d+) (?P<bytes>\+?\d+) "
    r"(?P<flags>[A-Za-z-]{2})" + _LOAD + r"(?:\s.*)?$"
)
_WORDS = (
    "peer", "time", "frontend", "where", "timers", "status_text", "bytes", "cookie",
    "cookie_set", "flags", "load", "tail",
)  # fmt: skip
_FIELDS = (
    "time", "frontend", "backend", "server", "inserted", *haproxy_row.TEXTS[:5], "status_text",
    "bytes", "cookie", "cookie_set", "flags", "retries", "tail",
)  # fmt: skip
_ERROR = r"^\S+:\d+ \[(?P<time>[^\]]*)\] (?P<frontend>[^/\s]+)/[^:\s]+: (?P<proxy_detail>.+)$"
_NOTICE = (
    r"Connect from \S+:\d+ to \S+:\d+ \("
    r"|Proxy \S+ (?:started|stopped)"
    r"|(?:Stopping|Pausing|Resuming|Enabling|Disabling) (?:frontend|backend|proxy|listener) \S+"
    r"|(?:Backup |backup )?[Ss]erver \S+/\S+ (?:is|was|has|started)"
    r"|[Bb]ackend \S+ has no server available"
    r"|Health check for (?:backup )?server \S+/\S+ "
    r"|\[(?:NOTICE|WARNING|ALERT)\] +\S*\(\d+\) : "
)
_TIMED = (
    r"\S+:\d+ \[(?:\d\d/[A-Z][a-z]{2}/\d{4}:[\d:. +-]+)?\] "
    r"(?:\S+ [^/\s]+/\S+ (?:\S+ )*?-?\d+(?:/[-+]*\d+){2,4} |[^/\s]+/[^:\s]+: )"
)
_PROGRAM = r"^.{0,200}? haproxy\[\d+\]: "
"""A syslog head of another kind than the rest of the file has."""


@dataclass(frozen=True, slots=True)
class _Sign:
    """What a line must have, and how to say that it lacks it."""

    pattern: str
    lack: str


_SIGNS = (
    _Sign(r"^\S+:\d+ ", "it does not begin with client:port"),
    _Sign(r"^\S+:\d+ \[[^\]]*\]", "no [date] stands behind client:port"),
    _Sign(r"\] \S+ [^/\s]+/\S+", "it lacks 'frontend backend/server' behind the date"),
    _Sign(r" -?\d+(?:/[-+]?\d+){2,4} ", "it lacks the timers TR/Tw/Tc/Tr/Ta"),
)
_ORDER = "its fields are not in the order of httplog or tcplog"


class HaproxyReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        if lines["line"].str.contains(" haproxy[", literal=True).any():
            lines = lines.with_columns(pl.col("line").str.replace(_PROGRAM, ""))
        usual, left = _split(lines)
        http, left = _matched(left, _HTTP)
        http = pl.concat([usual, http.select(usual.columns)]) if http.height else usual
        tcp, left = _matched(left, _TCP)
        errors, left = _matched(left, _ERROR)
        notice = left["line"].str.contains(f"^(?:{_NOTICE})")
        made = [self._http(http), self._tcp(tcp), self._errors(errors)]
        rows = [frame for frame in made if frame is not None]
        return Parsed(
            pl.concat(rows, how="diagonal_relaxed").sort("record") if rows else None,
            notices=int(notice.sum()),
            bad=left.filter(~notice).select("record", reason=_lacks()),
        )

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _http(self, found: pl.DataFrame) -> pl.DataFrame | None:
        if not found.height:
            return None
        rows = request_and_captures(found, self._wants)
        rows = self._timed(fields.request_line(rows, "request", self._wants))
        tls = pl.when(pl.col("frontend").str.ends_with("~")).then(pl.lit("https"))
        return rows.select(
            "record",
            "content_type",
            "request_id",
            "trace_id",
            "proxy_detail",
            **haproxy_row.columns(rows["time"])
            | {
                "method": fields.method(pl.col("method")),
                "scheme": pl.coalesce("scheme", tls, "tls"),
                "key_tag": pl.coalesce("key_tag", "header_tag"),
                "time_precision_ms": _precision(),
            },
            **fields.headers(self._wants, {"req_header.user-agent": pl.col("agent")}),
        )

    def _tcp(self, found: pl.DataFrame) -> pl.DataFrame | None:
        """Return connections that were only passed on: of their requests nothing is known."""
        if not found.height:
            return None
        nothing = pl.lit(None, pl.String())
        rows = self._timed(found.with_columns(method=nothing, path=nothing, named_host=nothing))
        return rows.select(
            "record",
            **haproxy_row.columns(rows["time"])
            | {"scheme": pl.lit("tcp"), "time_precision_ms": _precision()},
        )

    def _errors(self, found: pl.DataFrame) -> pl.DataFrame | None:
        """Return clients that never came to ask: their TLS handshake failed, mostly."""
        if not found.height:
            return None
        rows = self._timed(found)
        tls = pl.col("proxy_detail").str.contains("SSL|TLS")
        return rows.select(
            "record",
            "proxy_detail",
            started_at=pl.coalesce("time", "stamp"),
            time_kind=pl.when(pl.col("time").is_null()).then(pl.lit("end")).otherwise(
                pl.lit("start")
            ),
            time_precision_ms=_precision(),
            scheme=pl.when(tls).then(pl.lit("https")),
            phase=pl.lit("not_sent"),
        )  # fmt: skip

    def _timed(self, rows: pl.DataFrame) -> pl.DataFrame:
        zone = self._wants.reading.zone
        text = pl.col("time")
        return haproxy_row.with_texts(
            rows.with_columns(
                time=haproxy_row.haproxy_time(text, zone), fraction=text.str.contains(r"\.\d+")
            )
        )


def _matched(lines: pl.DataFrame, grammar: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines of one kind with their fields, and the others."""
    if not lines.height:
        return lines.clear(), lines
    made = lines.with_columns(pl.col("line").str.extract_groups(grammar).alias("_"))
    fits = made["_"].struct.field("time").is_not_null()
    return made.filter(fits).unnest("_"), lines.filter(~fits)


def _split(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usual HTTP lines with the fields that :data:`_HTTP` names, and the others.

    Three times faster than the grammar.
    """
    usual = lines["line"].str.contains(_USUAL)
    word = pl.col("line").str.splitn(" ", 12).struct.rename_fields(list(_WORDS))
    made = lines.filter(usual).with_columns(word.alias("_")).unnest("_")

    def parts(name: str, names: tuple[str, ...]) -> pl.Expr:
        return pl.col(name).str.splitn("/", len(names)).struct.rename_fields(list(names))

    made = made.with_columns(
        pl.col("time").str.strip_chars("[]"),
        parts("where", ("backend", "server")).alias("_where"),
        parts("timers", haproxy_row.TEXTS[:5]).alias("_timers"),
        parts("load", ("_0", "_1", "_2", "_3", "retries")).alias("_load"),
        inserted=pl.lit(""),
        tail=" " + pl.col("tail").str.splitn(" ", 2).struct.field("field_1"),
    )
    made = made.unnest("_where", "_timers", "_load")
    return made.select("record", "line", "stamp", *_FIELDS), lines.filter(~usual)


def _precision() -> pl.Expr:
    return pl.when(pl.col("fraction")).then(1.0).otherwise(1000.0)


def _lacks() -> pl.Expr:
    reason = pl.lit(_ORDER)
    for sign in reversed(_SIGNS):
        has = pl.col("line").str.contains(sign.pattern)
        reason = pl.when(~has).then(pl.lit(sign.lack)).otherwise(reason)
    return reason


class Haproxy(TextLog):
    """HAProxy log."""

    name = "haproxy"
    title = "HAProxy log (httplog, httpslog or tcplog)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = f"^(?:{_TIMED}|{_NOTICE})"
    weight = 0.97
    zoned = False

    def reader(self, source: Input) -> HaproxyReader:
        """Return a reader for one input."""
        return HaproxyReader(source.wants)


FORMAT = Haproxy()
