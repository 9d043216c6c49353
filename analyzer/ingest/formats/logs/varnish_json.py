"""varnishncsa with a format string that gives JSON objects.

The keys are the user's; each of our columns has the spellings in use. Only a key for Varnish's
handling of the request, with one of Varnish's words, makes an object one of Varnish's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import varnish
from analyzer.ingest.jsonlog import JsonLog, decode_alike
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import ZoneNote, any_time

_HANDLING = (
    "handling", "Handling", "varnish_handling", "Varnish:handling", "varnish_hit_miss",
    "varnish_hitmiss", "Varnish:hitmiss", "hit_miss", "hitmiss",
)  # fmt: skip
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "handling": _HANDLING,
    "start": ("@timestamp", "timestamp", "Timestamp", "time", "time_local"),
    "status": ("status", "Status", "http_status_code", "status_code"),
    "line": ("request", "Request", "http_request", "message"),
    "verb": ("method", "request_method", "http_method"),
    "place": ("url", "request_url", "uri"),
    "query": ("qs", "query_string", "query"),
    "told_host": ("host", "request_header_host", "virtualhost", "vhost"),
    "bytes": ("bytes", "Bytes", "body_bytes_sent", "response_size", "network_bytes_written",
              "resp_body_size"),
    "micros": ("duration_usec", "response_time_microseconds", "http_response_time",
               "Time-To-Serve", "time_elapsed"),
    "first": ("time_firstbyte", "time_first_byte", "varnish_time_firstbyte",
              "varnish_time_first_byte", "time_first_byte_s", "ttfb"),
    "agent": ("user_agent", "User-Agent", "http_user_agent", "request_header_user_agent",
              "agent", "ua"),
    "xid": ("x_varnish", "X-Varnish", "x-varnish"),
    "error": ("fetch_error", "Fetch-Error"),
    "side": ("varnish_side", "Varnish-Side", "vside", "side"),
}  # fmt: skip
_KEYS = tuple(dict.fromkeys(key for keys in _ALIASES.values() for key in keys))
_LINE = r"^([A-Z][A-Z-]{1,19}) (.*?)(?: HTTP/[0-9.]+)?$"
_NO_HANDLING = "it does not say how Varnish handled it"
_SHARED = ("phase", "upstream_status", "stream_state")


class VarnishJsonReader:
    """Reads one input; every line stands alone."""

    def __init__(self, source: Input) -> None:
        self._wants: Wants = source.wants
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`; fetches from a backend are notices."""
        made, bad = decode_alike(lines, VarnishJson.type)
        rows = made.select(
            "record", "stamp", **{name: _first(keys) for name, keys in _ALIASES.items()}
        )
        # varnishncsa -b writes a row for the backend's side of a request, besides the client's.
        behind = (rows["side"] == "b").fill_null(False)
        rows = rows.filter(~behind)
        told = rows["handling"].is_not_null()
        lost = rows.filter(~told).select("record", reason=pl.lit(_NO_HANDLING))
        rows = rows.filter(told)
        bad = pl.concat([bad, lost])
        return Parsed(self._rows(rows) if rows.height else None, int(behind.sum()), bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        text = pl.col("start").str.strip_chars("[]")
        clf = pl.when(text.str.contains("/", literal=True)).then(clock.clf_time(text))
        began = pl.coalesce(clf, any_time(text, self._wants.reading.zone), "stamp")
        self._zone.look(rows["start"].filter(~rows["start"].str.contains("/", literal=True)))
        rows = fields.target(_request(rows).with_columns(time=began), "target", self._wants)
        duration = fields.number(pl.col("micros")) / 1000
        asked, failed = varnish.columns(), varnish.fetched()
        # The error of the fetch, where it is logged beside the handling.
        broke = pl.col("error").is_not_null()
        told = {name: pl.when(broke).then(failed[name]).otherwise(asked[name]) for name in _SHARED}
        return rows.select(
            "record",
            "method",
            "path",
            "scheme",
            "key_tag",
            started_at=pl.col("time"),
            ended_at=fields.after(pl.col("time"), duration),
            duration_ms=duration,
            ttfb_ms=fields.millis(pl.col("first")),
            time_kind=pl.lit("start"),
            time_precision_ms=pl.lit(1000.0),
            host=pl.coalesce("named_host", fields.host(pl.col("told_host"))),
            response_bytes=fields.size(pl.col("bytes")),
            request_id=pl.col("xid").str.extract(r"^(\d+)"),
            proxy_flags=asked["proxy_flags"],
            proxy_detail=failed["proxy_detail"],
            status=asked["status"],
            **told,
            **fields.headers(self._wants, {"req_header.user-agent": pl.col("agent")}),
        )


def _first(keys: tuple[str, ...]) -> pl.Expr:
    return pl.coalesce(fields.known(pl.col(key).str.strip_chars()) for key in keys)


def _request(rows: pl.DataFrame) -> pl.DataFrame:
    """Find method and target: in one request line, or each under its own key."""
    group = pl.col("line").str.extract_groups(_LINE).struct
    query = pl.col("query").str.strip_prefix("?")
    bare = ~pl.col("place").str.contains("?", literal=True)
    joined = pl.when(bare).then(pl.format("{}?{}", "place", query))
    return rows.with_columns(
        method=pl.coalesce(fields.method(pl.col("verb")), group.field("1")),
        target=pl.coalesce(joined, group.field("2"), "place"),
    )


class VarnishJson(JsonLog):
    """varnishncsa log of JSON objects."""

    name = "varnish-json"
    title = "Varnish log (varnishncsa, JSON)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = rf'^[^{{]*\{{.*"(?:{"|".join(_HANDLING)})"\s*:\s*"\s*(?:{varnish.WORDS})\s*"'
    weight = 0.97
    type = pl.Struct({key: pl.String() for key in _KEYS})

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether an object says in Varnish's words how the request was handled."""
        words = varnish.WORDS.split("|")
        said = (item.get(key) for key in _HANDLING)
        return any(isinstance(value, str) and value.strip() in words for value in said)

    def reader(self, source: Input) -> VarnishJsonReader:
        """Return a reader for one input."""
        return VarnishJsonReader(source)


FORMAT = VarnishJson()
