"""varnishncsa with Varnish's own words behind a combined line.

Nothing but those words tells a line of Varnish from one of any web server. On the client's side
they are ``%{Varnish:handling}x`` or ``%{Varnish:hitmiss}x``, in any order with
``%{Varnish:time_firstbyte}x`` and ``%D``, the duration in microseconds. On the backend's side
(``-b``, a line for each fetch) there is no handling: time to the first byte, ``%D``, ``-``, the
transaction's number and ``%{VSL:FetchError}x`` behind each other are as good. The time is that of
the request's arrival.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

WORDS = "hit|miss|pass|pipe|synth|error|hitmiss|hitpass|streaming-hit"
"""What Varnish calls the ways in which it handles a request."""
_TAIL = r'(?: (?:[^"\s]+|"[^"]*"))*?'
_BODY = (
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}|-) (?P<bytes>\d+|-)'
    r' "(?:[^"\\]|\\.)*" "(?P<agent>(?:[^"\\]|\\.)*)"(?P<tail> .*)$'
)
_LINE = r'^[^"\[]*\[(?P<time>[^\]]+)\][^"]*' + _BODY
_HANDLING = rf'(?:^|[ "])({WORDS})(?:[ "]|$)'
_FIRST_BYTE = r'(?:^|[ "])(\d+\.\d{3,9})(?:[ "]|$)'
_FETCH = r'^ "?(?P<byte>\d+\.\d{6})"? (?P<micros>\d+) - \d+ "(?P<error>[^"]*)"'
_WHOLE_NUMBER = r"^\d+$"
_LOOKED_AT = 8
"""Words behind the user agent among which the duration is looked for."""
_LACK = "it lacks Varnish's handling, or what a fetch leaves, behind the user agent"
_FETCHED = ("miss", "pass", "hitmiss", "hitpass")
_OWN = ("hit", "synth", "error", "streaming-hit")
_FETCH_FAILED = 503
"""What Varnish says when the fetch failed; a backend may say it as well."""
_NOBODY = r"(?i)unhealthy|\bbusy\b|no backend|no director|backend\.list"
_UNREACHED = r"(?i)fail errno|no backend connection|failed to connect|connect timeout"


class VarnishReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_")).unnest("_")
        made = made.with_columns(
            pl.col("tail").str.extract_groups(_FETCH).alias("_fetch"),
            handling=pl.col("tail").str.extract(_HANDLING),
        ).unnest("_fetch")
        fetch = made["error"].is_not_null()
        asked = ~fetch & made["handling"].is_not_null()
        bad = bad_lines(made.filter(~fetch & ~asked), _LACK)
        rows = [self._fetches(made.filter(fetch)), self._requests(made.filter(asked))]
        found = [frame for frame in rows if frame.height]
        return Parsed(pl.concat(found).sort("record") if found else None, bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _requests(self, found: pl.DataFrame) -> pl.DataFrame:
        rows = found.with_columns(first=fields.millis(pl.col("tail").str.extract(_FIRST_BYTE)))
        return self._rows(rows.with_columns(duration=_duration(rows)), columns())

    def _fetches(self, found: pl.DataFrame) -> pl.DataFrame:
        rows = found.with_columns(
            fields.known(pl.col("error")),
            first=fields.millis(pl.col("byte")),
            # A fetch that failed has the duration 0.
            duration=pl.when(pl.col("micros") != "0").then(
                pl.col("micros").cast(pl.Float64) / 1000
            ),
        )
        return self._rows(rows, fetched())

    def _rows(self, found: pl.DataFrame, told: dict[str, pl.Expr]) -> pl.DataFrame:
        rows = fields.request_line(found, "request", self._wants)
        start = clock.clf_time(pl.col("time"))
        agent = fields.unescaped(pl.col("agent"))
        return rows.select(
            "record",
            "path",
            "scheme",
            "key_tag",
            started_at=start,
            ended_at=fields.after(start, pl.col("duration")),
            duration_ms=pl.col("duration"),
            ttfb_ms=pl.col("first"),
            time_kind=pl.lit("start"),
            time_precision_ms=pl.lit(1000.0),
            method=fields.method(pl.col("method")),
            host=pl.col("named_host"),
            response_bytes=fields.size(pl.col("bytes")),
            **told,
            **fields.headers(self._wants, {"req_header.user-agent": agent}),
        )


def columns() -> dict[str, pl.Expr]:
    """Return what ``handling`` and ``status`` (text) say of who answered a client."""
    status, handling = fields.status(pl.col("status")), pl.col("handling")
    behind = handling.is_in(_FETCHED) & (status != _FETCH_FAILED)
    nothing = pl.lit(None, pl.String())
    return {
        "status": status,
        "upstream_status": pl.when(behind).then(status),
        "proxy_flags": handling,
        "proxy_detail": nothing,
        "phase": pl.when(handling.is_in(_OWN))
        .then(pl.lit("not_sent"))
        .when(behind)
        .then(pl.lit("done")),
        "stream_state": nothing,
    }


def fetched() -> dict[str, pl.Expr]:
    """Return what ``error`` (FetchError, null: none) and ``status`` (text) say of a fetch.

    Varnish puts 503 where a fetch brought no status; with another one the answer had begun.
    """
    status, error, lit = fields.status(pl.col("status")), pl.col("error"), pl.lit
    answered = error.is_null() | (status != _FETCH_FAILED)
    begun = error.is_not_null() & (status != _FETCH_FAILED)
    return {
        "status": status,
        "upstream_status": pl.when(answered).then(status),
        "proxy_flags": lit(None, pl.String()),
        "proxy_detail": error,
        "phase": pl.when(error.is_null())
        .then(lit("done"))
        .when(error.str.contains(_UNREACHED))
        .then(lit("connecting"))
        .when(error.str.contains(_NOBODY))
        .then(lit("not_sent"))
        .when(begun)
        .then(lit("body"))
        .otherwise(lit("sent")),
        "stream_state": pl.when(begun & status.is_between(200, 299)).then(lit("truncated")),
    }


def _duration(rows: pl.DataFrame) -> pl.Expr:
    """Return ``%D`` in milliseconds: the first number that can be it in every line.

    Other numbers there are ages, counts and transactions: a duration is nowhere less than the time
    to the first byte.
    """
    words = pl.col("tail").str.replace_all('"', "", literal=True).str.strip_chars().str.split(" ")
    for place in range(_LOOKED_AT):
        word = words.list.get(place, null_on_oob=True)
        number = pl.when(word.str.contains(_WHOLE_NUMBER)).then(word).cast(pl.Float64)
        if rows.select(((number + 1) / 1000 >= pl.col("first")).fill_null(False).all()).item():
            return number / 1000
    return pl.lit(None, pl.Float64())


class Varnish(TextLog):
    """varnishncsa with Varnish's own fields."""

    name = "varnish"
    title = "Varnish log (varnishncsa with Varnish:handling or Varnish:hitmiss)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'^[^"\[]*\[\d\d/[A-Z][a-z]{2}/\d{4}:[^\]]+\][^"]*"[^"]*" (?:\d{3}|-) (?:\d+|-) "[^"]*" '
        rf'"[^"]*"(?:{_TAIL} "?(?:{WORDS})"?(?: |$)| "?\d+\.\d{{6}}"? \d+ - \d+ ")'
    )
    weight = 0.97

    def reader(self, source: Input) -> VarnishReader:
        """Return a reader for one input."""
        return VarnishReader(source.wants)


FORMAT = Varnish()
