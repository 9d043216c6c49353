"""Envoy access logs of JSON objects: ``json_format``, ``typed_json_format``, Envoy Gateway, Istio.

The keys are the user's; each of our columns has the spellings in use. With ``json_format`` every
value is text and an unset one ``-``; with ``typed_json_format`` there are numbers and ``null``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import envoy_row
from analyzer.ingest.jsonlog import JsonLog, decode_alike
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import ZoneNote, any_time

_OWN = (
    "response_flags", "responseFlags", "response_flag", "response_code_details",
    "responseCodeDetails", "upstream_transport_failure_reason", "upstreamTransportFailureReason",
    "x-envoy-upstream-service-time", "x-envoy-origin-path",
)  # fmt: skip
"""Keys that nobody but Envoy has a reason for."""
_UPSTREAM = ("upstream_host", "upstreamHost", "upstream_address", "upstream")
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "start": ("start_time", "startTime", "request_start_time", "timestamp", "time", "@timestamp",
              "ts"),
    "code": ("response_code", "responseCode", "status_code", "status", "http_status", "code"),
    "flags": ("response_flags", "responseFlags", "response_flag", "flags"),
    "details": ("response_code_details", "responseCodeDetails", "code_details"),
    "termination": ("connection_termination_details", "connectionTerminationDetails"),
    "transport": ("upstream_transport_failure_reason", "upstreamTransportFailureReason"),
    "received": ("bytes_received", "bytesReceived", "request_bytes"),
    "sent": ("bytes_sent", "bytesSent", "response_bytes"),
    "duration": ("duration", "duration_ms", "durationMs", "total_duration", "request_time"),
    "service": ("x-envoy-upstream-service-time", "x_envoy_upstream_service_time",
                "upstream_service_time", "upstreamServiceTime"),
    "first_byte": ("response_duration", "responseDuration"),
    "attempts": ("upstream_request_attempt_count", "upstreamRequestAttemptCount"),
    "upstream": _UPSTREAM,
    "cluster": ("upstream_cluster", "upstreamCluster", "upstream_cluster_raw"),
    "sni": ("requested_server_name", "requestedServerName"),
    "authority": (":authority", "authority", "host", "x-forwarded-host"),
    "agent": ("user-agent", "user_agent", "userAgent", "http_user_agent"),
    "request_id": ("x-request-id", "x_request_id", "request_id", "requestId", "xRequestId"),
    "verb": ("method", ":method", "request_method", "http_method", "verb"),
    "target": ("x-envoy-origin-path", "x-envoy-original-path", "path", ":path", "request_path",
               "uri", "request_uri", "url"),
    "trace": ("traceparent", "trace_id", "traceId", "x-b3-traceid", "x_b3_traceid"),
    "model": ("gen_ai.request.model", "genai_model_name", "x-ai-eg-model"),
    "model_served": ("gen_ai.response.model", "genai_model_name_override", "response_model"),
    "tokens_in": ("gen_ai.usage.input_tokens", "genai_tokens_input", "llm_input_token"),
    "tokens_out": ("gen_ai.usage.output_tokens", "genai_tokens_output", "llm_output_token"),
    "session": ("session.id", "session_id"),
}  # fmt: skip
_KEYS = tuple(dict.fromkeys(key for keys in _ALIASES.values() for key in keys))
_NO_CODE = "it has neither a response code nor flags"


class EnvoyJsonReader:
    """Reads one input; rows of single tries are folded into the request's row of their block."""

    def __init__(self, source: Input) -> None:
        self._wants: Wants = source.wants
        self._name = source.name
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode_alike(lines, EnvoyJson.type)
        rows = made.select(
            "record", "stamp", **{name: _first(keys) for name, keys in _ALIASES.items()}
        )
        told = rows["code"].is_not_null() | rows["flags"].is_not_null()
        lost = rows.filter(~told).select("record", reason=pl.lit(_NO_CODE))
        rows = rows.filter(told)
        if not rows.height:
            return Parsed(bad=pl.concat([bad, lost]))
        text = lines["line"].head(1).item()
        logged = any(f'"{key}"' in text for key in _UPSTREAM)
        return Parsed(self._rows(rows, logged), bad=pl.concat([bad, lost]))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, rows: pl.DataFrame, host_logged: bool) -> pl.DataFrame:
        rows = _folded(rows, self._name)
        self._zone.look(rows["start"])
        start = any_time(pl.col("start"), self._wants.reading.zone)
        rows = rows.with_columns(time=pl.coalesce(start, "stamp"), method=pl.col("verb"))
        rows = fields.target(rows, "target", self._wants)
        exact = pl.col("start").str.contains(r"[.,]\d{3}|^\d{13}")
        return rows.select(
            "record",
            "key_tag",
            "seen_in",
            "model",
            "model_served",
            **envoy_row.columns(host_logged),
            time_precision_ms=pl.when(exact).then(1.0).otherwise(1000.0),
            session_id=pl.col("session"),
            trace_id=pl.col("trace").str.extract(r"^(?:00-)?([0-9a-f]{32})(?:-|$)"),
            input_tokens=pl.col("tokens_in").str.to_integer(strict=False),
            output_tokens=pl.col("tokens_out").str.to_integer(strict=False),
            **fields.headers(self._wants, {"req_header.user-agent": pl.col("agent")}),
        )


def _first(keys: tuple[str, ...]) -> pl.Expr:
    return pl.coalesce(fields.known(pl.col(key)) for key in keys)


def _folded(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Fold the rows of an ``upstream_log``, one a try, into the row of their request.

    They have its id and no code details, which the request's own row always has.
    """
    rows = rows.with_columns(seen_in=pl.concat_list(pl.format("{}#{}", pl.lit(name), "record")))
    whole = rows.filter(pl.col("details").is_not_null())
    if whole.height in (0, rows.height):
        return rows
    single = rows.filter(pl.col("details").is_null() & pl.col("request_id").is_not_null())
    # Callers may use an id again: the first row that has it gets the tries.
    first = whole.unique("request_id", keep="first").select("request_id", _into="record")
    single = single.join(first, on="request_id", how="inner")
    if not single.height:
        return rows
    tries = single.group_by(record="_into").agg(
        _tries=pl.len().cast(pl.String), _seen=pl.col("seen_in").sort_by("record").explode()
    )
    kept = rows.join(single.select("record"), on="record", how="anti", maintain_order="left")
    kept = kept.join(tries, on="record", how="left", maintain_order="left")
    seen = pl.when(pl.col("_seen").is_not_null()).then(pl.concat_list("seen_in", "_seen"))
    return kept.with_columns(
        attempts=pl.coalesce("attempts", "_tries"), seen_in=pl.coalesce(seen, "seen_in")
    ).drop("_tries", "_seen")


class EnvoyJson(JsonLog):
    """Envoy access log of JSON objects."""

    name = "envoy-json"
    title = "Envoy access log (JSON)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = rf'^[^{{]*\{{.*"(?:{"|".join(_OWN)})"\s*:'
    weight = 0.97
    type = pl.Struct({key: pl.String() for key in _KEYS})

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether an object has keys that only Envoy's logs have, and a code."""
        return any(key in item for key in _OWN) and any(key in item for key in _ALIASES["code"])

    def reader(self, source: Input) -> EnvoyJsonReader:
        """Return a reader for one input."""
        return EnvoyJsonReader(source)


FORMAT = EnvoyJson()
