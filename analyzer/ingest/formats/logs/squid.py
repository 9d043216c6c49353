"""Squid's access logs: its native format, and the built-in ``common`` and ``combined``.

Native is ``%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt``; the other two are a
common log line that ends in ``%Ss:%Sh``. What users append is searched for Squid's error names.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.reader import Alone, Input, Parsed
from analyzer.ingest.textlog import TextLog

_NATIVE = (
    r"^(?P<time>\d{9,10}\.\d{3}) +(?P<elapsed>-?\d+) \S+ "
    r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<verb>\S+) (?P<target>\S+) "
    r"\S+ (?P<hierarchy>[A-Z_]+)/(?P<server>\S+) (?P<type>\S+)(?P<more>.*)$"
)
_COMMON = (
    r'^\S+ \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<verb>\S+) (?P<target>[^"]*?)(?: [A-Z]+/[\d.]+)?" '
    r'(?P<status>\d{1,3}) (?P<bytes>\d+|-)(?: "(?:[^"\\]|\\.)*" "(?P<agent>(?:[^"\\]|\\.)*)")? '
    r"(?P<result>[A-Z_]+):(?P<hierarchy>[A-Z_]+)(?P<more>.*)$"
)
_LACK = "it lacks 'time elapsed client RESULT/status bytes' and 'RESULT:HIERARCHY' at its end"
_NO_REQUEST = "error:transaction-end-before-headers"
"""Connections that were opened and closed again."""
_NOT_FORWARDED = ("NONE", "HIER_NONE")
_UNFINISHED = r"_(?:ABORTED|TIMEDOUT)$"
_ERROR = r"\b(ERR_[A-Z_]+(?:/[^\s-]\S*)?)"
_NO_ERROR = r"(?:^| )-/-(?: |$)"
"""What ``%err_code/%err_detail`` give if nothing was wrong."""
_UNREACHED = r"^ERR_(?:CONNECT_FAIL|SECURE_CONNECT_FAIL|CONFLICT_HOST)"
_SILENT = r"^ERR_(?:READ_TIMEOUT|READ_ERROR|ZERO_SIZE_OBJECT|WRITE_ERROR|INVALID_RESP)"
_REFUSED = (
    r"^ERR_(?:\w*ACCESS_DENIED|CANNOT_FORWARD|DNS_FAIL|INVALID_|UNSUP_|TOO_BIG|ONLY_IF_CACHED)"
)
_INTERNAL = r"^(?:error:|cache_object:)"
"""Targets that are no addresses: requests that Squid could not read, and its own pages."""
_OWN_PAGE = "text/html"
_OWN_BYTES = (2_500, 5_000)
"""Squid's own error pages have 3.4 to 3.9 kB with their heads; those of web servers and load
balancers have a few hundred bytes, those of CDNs more. Providers' errors are JSON."""


class SquidReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        native, left = _matched(lines, _NATIVE)
        common, left = _matched(left, _COMMON)
        found = [frame for frame in (native, common) if frame.height]
        asked = [frame.filter(_is_request()) for frame in found]
        notices = sum(frame.height for frame in found) - sum(frame.height for frame in asked)
        rows = [self._rows(frame) for frame in asked if frame.height]
        return Parsed(
            pl.concat(rows, how="diagonal_relaxed").sort("record") if rows else None,
            notices,
            left.select("record", reason=pl.lit(_LACK)),
        )

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, found: pl.DataFrame) -> pl.DataFrame:
        is_native = "elapsed" in found.columns
        times = _native_times() if is_native else _common_times()
        nothing = pl.lit(None, pl.String())
        server, kind = (pl.col("server"), pl.col("type")) if is_native else (nothing, nothing)
        agent = {} if is_native else {"req_header.user-agent": fields.unescaped(pl.col("agent"))}
        rows = fields.target(found, "target", self._wants)
        rows = rows.with_columns(
            peer=server, kind=fields.known(kind), error=pl.col("more").str.extract(_ERROR)
        )
        return rows.select(
            "record",
            "scheme",
            "key_tag",
            **times,
            **_columns(),
            content_type=pl.col("kind").str.to_lowercase(),
            **fields.headers(self._wants, agent),
        )


def _matched(lines: pl.DataFrame, grammar: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines of one kind with their fields, and the others."""
    if not lines.height:
        return lines.clear(), lines
    made = lines.with_columns(pl.col("line").str.extract_groups(grammar).alias("_"))
    fits = made["_"].struct.field("time").is_not_null()
    return made.filter(fits).unnest("_"), lines.filter(~fits)


def _native_times() -> dict[str, pl.Expr]:
    end = clock.epoch_time(pl.col("time"))
    duration = fields.number(pl.col("elapsed"))
    return {
        "ended_at": end,
        "started_at": fields.before(end, duration),
        "duration_ms": duration,
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.lit(1.0),
    }


def _common_times() -> dict[str, pl.Expr]:
    # The time may have thousandths where users spell the format themselves.
    whole = pl.col("time").str.replace(r"\.\d+", "")
    end = clock.clf_time(whole)
    return {
        "ended_at": end,
        "started_at": end,
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.lit(1000.0),
    }


def _columns() -> dict[str, pl.Expr]:
    tunnel = pl.col("verb") == "CONNECT"
    named = ~tunnel & ~pl.col("target").str.contains(_INTERNAL)
    way = pl.concat_str("hierarchy", "peer", separator="/", ignore_nulls=True)
    return {
        "method": pl.when(pl.col("verb") != "NONE").then(fields.method(pl.col("verb"))),
        "host": pl.coalesce("named_host", pl.when(tunnel).then(fields.host(pl.col("target")))),
        "path": pl.when(named).then("path"),
        "status": _status(),
        "upstream_status": pl.when(_fetched()).then(_status()),
        "response_bytes": fields.size(pl.col("bytes")),
        "proxy_flags": pl.col("result"),
        "proxy_detail": pl.concat_str(way, "error", separator="; ", ignore_nulls=True),
        "upstream_address": fields.known(pl.col("peer")),
        "phase": _phase(),
        "stream_state": _stream_state(tunnel),
    }


def _status() -> pl.Expr:
    return fields.status(pl.col("status"))


def _is_request() -> pl.Expr:
    """Whether a line is of a request: peers also ask each other over UDP what they have."""
    asked = pl.col("result").str.starts_with("UDP_")
    return ~asked & (pl.col("target") != _NO_REQUEST)


def _forwarded() -> pl.Expr:
    denied = pl.col("result").str.starts_with("TCP_DENIED")
    return ~pl.col("hierarchy").is_in(_NOT_FORWARDED) & ~denied


def _says(pattern: str) -> pl.Expr:
    return pl.col("error").str.contains(pattern).fill_null(False)


def _fetched() -> pl.Expr:
    """Whether the status is the server's, that of a miss.

    Squid says 5xx itself too: as a page of HTML, and with the error's name where that is logged.
    """
    missed = _forwarded() & pl.col("result").str.contains("MISS|REFRESH_MODIFIED")
    clean = pl.col("more").str.contains(_NO_ERROR) | (pl.col("kind") != _OWN_PAGE)
    theirs = _status().is_between(100, 499) | (clean.fill_null(False) & (_status() >= 500))
    begun = _says(_SILENT) | _says("^ERR_CLIENT_GONE")
    whole = pl.col("error").is_null() & theirs
    return (missed & (whole | (begun & _status().is_between(200, 399)))).fill_null(False)


def _own_page() -> pl.Expr:
    """Whether the answer has the form of Squid's own error pages, where no error is named."""
    page = pl.col("kind") == _OWN_PAGE
    return (page & fields.size(pl.col("bytes")).is_between(*_OWN_BYTES)).fill_null(False)


def _phase() -> pl.Expr:
    """Return how far a request came; without the error's name only Squid's own pages tell."""
    lit = pl.lit
    broken = pl.col("result").str.contains(_UNFINISHED) | pl.col("error").is_not_null()
    # A tunnel through this proxy alone is refused by nobody else.
    alone = (pl.col("verb") == "CONNECT") & pl.col("hierarchy").str.ends_with("DIRECT")
    return (
        pl.when(_says(_UNREACHED))
        .then(lit("connecting"))
        .when(_fetched())
        .then(pl.when(broken).then(lit("body")).otherwise(lit("done")))
        .when(_says(_SILENT) & _forwarded())
        .then(lit("sent"))
        .when(~_forwarded() | _says(_REFUSED))
        .then(lit("not_sent"))
        .when(alone & (_status() >= 500))
        .then(lit("connecting"))
        .when(_own_page() & (_status() == 503))
        .then(lit("connecting"))
        .when(_own_page() & _status().is_in([502, 504]))
        .then(lit("sent"))
    )


def _stream_state(tunnel: pl.Expr) -> pl.Expr:
    """Return ``truncated`` for good answers that the server did not bring to an end.

    ``ABORTED`` is no sign of that: it also stands on answers after whose end the client left.
    """
    broken = pl.col("result").str.ends_with("_TIMEDOUT") | _says(_SILENT)
    return pl.when(broken & ~tunnel & _status().is_between(200, 299)).then(pl.lit("truncated"))


class Squid(TextLog):
    """Squid access log."""

    name = "squid"
    title = "Squid access log (native, common or combined)"
    hop = "network"
    source_kind = "proxy"
    pattern = (
        r"^(?:\d{9,10}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} \d+ "
        r'|\S+ \S+ \S+ \[[^\]]+\] "[^"]*" \d{1,3} (?:\d+|-)(?: "[^"]*" ".*")? '
        r"(?:TCP|UDP|NONE|TAG)_?[A-Z_]*:[A-Z_]+)"
    )
    weight = 0.98

    def reader(self, source: Input) -> SquidReader:
        """Return a reader for one input."""
        return SquidReader(source.wants)


FORMAT = Squid()
