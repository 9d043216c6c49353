"""HAProxy's ``option httplog clf``: a common log line with HAProxy's fields behind it.

``client - - [%trg] "request" status bytes "" "" port ms "frontend" "backend" "server" TR Tw Tc Tr
Ta "state" connections queues "cookies" "captures"``; the time is GMT and begins the request, its
milliseconds stand apart.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import haproxy_row
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_NAME = r'"?(?P<{0}>[^"\s]+)"?'
_TIMER = r"(?P<{0}>-?\d+)"
_NAMES = ("frontend", "backend", "server")
_TIMERS = ("tr_request", "tr_queue", "tr_connect", "tr_answer")
_STATE = r'"?(?P<flags>[A-Za-z-]{4})"?'
_LINE = " ".join(
    (
        r'^\S+ \S+ \S+ \[(?P<time>[^\]]*)\] "(?P<request>[^"]*)" (?P<status_text>-?\d+)',
        r'(?P<bytes>\+?\d+|-) "[^"]*" "[^"]*" \d+ (?P<ms>\d{1,3})',
        *(_NAME.format(name) for name in _NAMES),
        *(_TIMER.format(name) for name in _TIMERS),
        r"(?P<tr_total>\+?-?\d+)",
        _STATE,
        r"\d+ \d+ \d+ \d+ (?P<retries>\+?\d+) \d+ \d+(?P<tail>.*)$",
    )
)


class HaproxyClfReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_")).unnest("_")
        told = made["time"].is_not_null()
        bad = bad_lines(made.filter(~told), "it lacks HAProxy's fields behind the common ones")
        rows = fields.request_line(made.filter(told), "request", self._wants)
        if not rows.height:
            return Parsed(bad=bad)
        zone = self._wants.reading.zone
        millis = pl.duration(milliseconds=pl.col("ms").str.to_integer(strict=False))
        began = haproxy_row.haproxy_time(pl.col("time"), zone) + millis
        rows = haproxy_row.with_texts(rows.with_columns(time=began))
        tls = pl.when(pl.col("frontend").str.ends_with("~")).then(pl.lit("https"))
        own = {
            "method": fields.method(pl.col("method")),
            "scheme": pl.coalesce("scheme", tls),
            "time_precision_ms": pl.lit(1.0),
        }
        return Parsed(
            rows.select("record", "key_tag", **haproxy_row.columns(rows["time"]) | own), bad=bad
        )

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


class HaproxyClf(TextLog):
    """HAProxy log in the common log format."""

    name = "haproxy-clf"
    title = "HAProxy log (httplog clf)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'^\S+ \S+ \S+ \[[^\]]*\] "[^"]*" -?\d+ (?:\+?\d+|-) "[^"]*" "[^"]*" \d+ \d{1,3} '
        r'\S+ \S+ \S+ (?:-?\d+ ){4}\+?-?\d+ "?[A-Za-z-]{4}"? \d'
    )
    weight = 0.98

    def reader(self, source: Input) -> HaproxyClfReader:
        """Return a reader for one input."""
        return HaproxyClfReader(source.wants)


FORMAT = HaproxyClf()
