"""HAProxy logs of JSON objects, whose keys the user chose in ``log-format``.

There is no standard for the keys: each of our columns has the spellings that are in use. Only the
termination state, under one of its names, makes an object one of HAProxy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.formats.logs import haproxy_row
from analyzer.ingest.jsonlog import JsonLog, decode_alike
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import ZoneNote, any_time

_STATE = (
    "termination_state_with_cookie_status", "termination_state", "termination_reason",
    "term_state", "terminationState", "tsc", "haproxy_termination_state",
)  # fmt: skip
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "began": (
        "haproxy_timestamp", "request_date", "accept_date", "gmt_date_time", "local_date_time",
        "date_time", "time_local", "timestamp", "time", "datetime", "date",
    ),
    "wrote": ("@timestamp",),
    "flags": _STATE,
    "status_text": ("status_code", "http_status_code", "http_status", "status", "response_code"),
    "bytes": ("bytes_read", "body_bytes_sent", "response_bytes", "resp_bytes", "bytes_sent",
              "response_size", "bytes"),
    "sent_bytes": ("bytes_uploaded", "request_bytes", "req_bytes", "bytes_received",
                   "request_size"),
    "frontend": ("frontend_name_transport", "frontend_name", "frontend", "fe_name"),
    "backend": ("backend_name", "backend", "be_name"),
    "server": ("server_name", "server", "srv_name"),
    "retries": ("retries", "retry_count"),
    "tr_request": ("time_client_req", "time_request", "request_receive_time", "TR", "Tq", "tq"),
    "tr_queue": ("time_queue", "time_wait", "queue_time", "wait_time", "Tw", "tw"),
    "tr_connect": ("time_backend_connect", "time_connect", "upstream_connect_time",
                   "backend_connect_time", "connect_time", "Tc", "tc"),
    "tr_answer": ("time_server_response", "time_backend_response", "upstream_response_time",
                  "server_response_time", "response_time", "Tr"),
    "tr_total": ("time_active", "time_duration", "time_total", "total_time", "active_time",
                 "session_duration", "request_duration", "Ta", "ta", "Tt", "tt"),
    "line": ("http_request", "request", "captured_request"),
    "verb": ("http_method", "http_verb", "request_method", "method", "verb"),
    "place": ("http_request_uri", "http_uri", "request_uri", "uri", "url", "http_request_path",
              "http_path", "request_path", "path"),
    "query": ("http_request_query_string", "http_query", "query_string", "query"),
    "told_host": ("http_host", "request_host", "req_host", "host", "ssl_sni", "sni"),
    "agent": ("http_user_agent", "user_agent", "useragent", "agent"),
    "request_id": ("unique_id", "unique-id", "x_unique_id", "x-unique-id", "request_id",
                   "x_request_id", "x-request-id", "http_request_id", "uniq_id"),
    "traceparent": ("traceparent", "trace_id"),
}  # fmt: skip
_KEYS = tuple(dict.fromkeys(key for keys in _ALIASES.values() for key in keys))
_LINE = r"^([A-Z][A-Z-]{1,19}) (.*?)(?: HTTP/[0-9.]+)?$"
_SIGNED = r'(":\s*)(\+\d+)'
"""``+1`` retries after a redispatch, ``+N`` of a log before the end: no JSON if not quoted."""
_NO_STATE = "it has no termination state"


class HaproxyJsonReader:
    """Reads one input; every line stands alone."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        if lines["line"].str.contains(_SIGNED).any():
            lines = lines.with_columns(pl.col("line").str.replace_all(_SIGNED, '$1"$2"'))
        made, bad = decode_alike(lines, HaproxyJson.type)
        rows = made.select(
            "record", "stamp", **{name: _first(keys) for name, keys in _ALIASES.items()}
        )
        told = rows["flags"].is_not_null()
        lost = rows.filter(~told).select("record", reason=pl.lit(_NO_STATE))
        rows = rows.filter(told)
        return Parsed(self._rows(rows) if rows.height else None, bad=pl.concat([bad, lost]))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        self._zone.look(rows["began"])
        zone = self._wants.reading.zone
        began = pl.col("began")
        rows = _request(rows).with_columns(
            time=pl.coalesce(haproxy_row.haproxy_time(began, zone), any_time(began, zone)),
            stamp=pl.coalesce(any_time(pl.col("wrote"), zone), "stamp"),
        )
        rows = haproxy_row.with_texts(fields.target(rows, "target", self._wants))
        return rows.select(
            "record",
            "key_tag",
            "request_id",
            **haproxy_row.columns(rows["time"]) | _own(),
            **fields.headers(self._wants, {"req_header.user-agent": pl.col("agent")}),
        )


def _first(keys: tuple[str, ...]) -> pl.Expr:
    return pl.coalesce(fields.known(pl.col(key)) for key in keys)


def _request(rows: pl.DataFrame) -> pl.DataFrame:
    """Find method and target: in one request line, or each under its own key."""
    group = pl.col("line").str.extract_groups(_LINE).struct
    bare = pl.when(pl.col("line").str.starts_with("/")).then("line")
    place = pl.coalesce("place", bare)
    query = pl.col("query").str.strip_prefix("?")
    joined = pl.when(~place.str.contains("?", literal=True)).then(pl.format("{}?{}", place, query))
    return rows.with_columns(
        method=pl.coalesce(fields.method(pl.col("verb")), group.field("1")),
        target=pl.coalesce(joined, place, group.field("2")),
    )


def _own() -> dict[str, pl.Expr]:
    """Return what only the JSON form has to decide."""
    spoken = pl.any_horizontal(
        pl.col(name).is_not_null() for name in ("status_text", "line", "verb", "place")
    )
    tls = pl.when(pl.col("frontend").str.ends_with("~")).then(pl.lit("https"))
    exact = pl.col("began").str.contains(r"[.,]\d{3}|^\d{13}")
    return {
        # In TCP mode there is neither a request nor a status.
        "scheme": pl.coalesce("scheme", tls, pl.when(~spoken).then(pl.lit("tcp"))),
        "method": pl.col("method"),
        "time_precision_ms": pl.when(exact).then(1.0).otherwise(1000.0),
        "trace_id": pl.col("traceparent").str.extract(r"^(?:00-)?([0-9a-f]{32})(?:-|$)"),
    }


class HaproxyJson(JsonLog):
    """HAProxy log of JSON objects."""

    name = "haproxy-json"
    title = "HAProxy log (JSON log-format)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = rf'^[^{{]*\{{.*"(?:{"|".join(_STATE)})"\s*:\s*"[A-Za-z-]{{2,4}}"'
    weight = 0.97
    type = pl.Struct({key: pl.String() for key in _KEYS})

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether an object has a termination state."""
        return any(isinstance(item.get(key), str) for key in _STATE) and len(item) > 2

    def reader(self, source: Input) -> HaproxyJsonReader:
        """Return a reader for one input."""
        return HaproxyJsonReader(source)


FORMAT = HaproxyJson()
