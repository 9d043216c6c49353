"""Squid's access logs: its native format, and the built-in ``common`` and ``combined``.

Native is ``%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt``; the other two are a
common log line that ends in ``%Ss:%Sh``. What users append is searched for Squid's error names.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.textlog import Input, Parsed, TextLog

_NATIVE = (
    r"^(?P<time>\d{9,10}\.\d{3}) +(?P<elapsed>-?\d+) \S+ "
    r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<verb>\S+) (?P<target>\S+) "
    r"\S+ (?P<hierarchy>[A-Z_]+)/(?P<server>\S+) (?P<type>\S+)(?P<more>.*)$"
)
_COMMON = (
    r'^\S+ \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<verb>\S+) (?P<target>[^"]*?)(?: HTTP/[\d.]+)?" '
    r'(?P<status>\d{3}) (?P<bytes>\d+|-)(?: "(?:[^"\\]|\\.)*" "(?P<agent>(?:[^"\\]|\\.)*)")? '
    r"(?P<result>[A-Z_]+):(?P<hierarchy>[A-Z_]+)(?P<more>.*)$"
)
_LACK = "it lacks 'time elapsed client RESULT/status bytes' and 'RESULT:HIERARCHY' at its end"
_NOT_FORWARDED = ("NONE", "HIER_NONE")
_DENIED = r"^TCP_DENIED"
_UNFINISHED = r"_(?:ABORTED|TIMEDOUT)$"
_ERROR = r"\b(ERR_[A-Z_]+(?:/[^\s-]\S*)?)"
_UNREACHED = r"^ERR_(?:CONNECT_FAIL|DNS_FAIL|SECURE_CONNECT_FAIL|CONFLICT_HOST)"
_SILENT = r"^ERR_(?:READ_TIMEOUT|READ_ERROR|ZERO_SIZE_OBJECT|WRITE_ERROR|GATEWAY_FAILURE)"
_REFUSED = r"^ERR_(?:\w*ACCESS_DENIED|CANNOT_FORWARD|INVALID_|UNSUP_|TOO_BIG|ONLY_IF_CACHED_MISS)"
_INTERNAL = r"^(?:error:|cache_object:)"
"""Targets that are no addresses: requests that Squid could not read, and its own pages."""


class SquidReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.textlog.Reader`."""
        native, left = _matched(lines, _NATIVE)
        common, left = _matched(left, _COMMON)
        # Peers ask each other over UDP whether they have an object.
        asked = native["result"].str.starts_with("UDP_") if native.height else None
        notices = int(asked.sum()) if asked is not None else 0
        native = native.filter(~asked) if asked is not None else native
        rows = [self._rows(frame) for frame in (native, common) if frame.height]
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
        rows = rows.with_columns(peer=server, error=pl.col("more").str.extract(_ERROR))
        return rows.select(
            "record",
            "scheme",
            "key_tag",
            **times,
            **_columns(),
            content_type=fields.known(kind).str.to_lowercase(),
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


def _forwarded() -> pl.Expr:
    denied = pl.col("result").str.contains(_DENIED)
    return ~pl.col("hierarchy").is_in(_NOT_FORWARDED) & ~denied


def _fetched() -> pl.Expr:
    """Whether the status is the server's: of a miss, but for 5xx, which Squid says itself too."""
    missed = pl.col("result").str.contains("MISS|REFRESH_MODIFIED")
    return _forwarded() & missed & _status().is_between(100, 499) & pl.col("error").is_null()


def _phase() -> pl.Expr:
    """Return how far a request came; without the error's name Squid mostly does not tell."""
    error, lit = pl.col("error"), pl.lit
    broken = pl.col("result").str.contains(_UNFINISHED)
    return (
        pl.when(~_forwarded() | error.str.contains(_REFUSED).fill_null(False))
        .then(lit("not_sent"))
        .when(error.str.contains(_UNREACHED))
        .then(lit("connecting"))
        .when(error.str.contains(_SILENT))
        .then(lit("sent"))
        .when(_fetched())
        .then(pl.when(broken).then(lit("body")).otherwise(lit("done")))
    )


def _stream_state(tunnel: pl.Expr) -> pl.Expr:
    """Return ``truncated`` for good answers of which Squid says that they were not completed."""
    broken = pl.col("result").str.contains(_UNFINISHED)
    return pl.when(broken & ~tunnel & _status().is_between(200, 299)).then(pl.lit("truncated"))


class Squid(TextLog):
    """Squid access log."""

    name = "squid"
    title = "Squid access log (native, common or combined)"
    hop = "network"
    source_kind = "proxy"
    pattern = (
        r"^(?:\d{9,10}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} \d+ "
        r'|\S+ \S+ \S+ \[[^\]]+\] "[^"]*" \d{3} (?:\d+|-)(?: "[^"]*" ".*")? '
        r"(?:TCP|UDP|NONE|TAG)_?[A-Z_]*:[A-Z_]+)"
    )
    weight = 0.98

    def reader(self, source: Input) -> SquidReader:
        """Return a reader for one input."""
        return SquidReader(source.wants)


FORMAT = Squid()
