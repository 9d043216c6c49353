"""ok: false without a usable answer, null where the end is not in the capture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from analyzer import signals
from analyzer.signals.catalogue import SignalData

CHAT = {"method": "POST", "host": "gw.example", "path": "/v1/chat/completions", "status": 200}
JSON = {"body_kind": "json", "content_type": "application/json", "visible_output": True}
SSE = {"body_kind": "sse", "content_type": "text/event-stream", "visible_output": True}
ABORTED = "net::ERR_ABORTED"
CUT = "net::ERR_INCOMPLETE_CHUNKED_ENCODING"


@pytest.mark.parametrize(
    ("name", "row", "ok"),
    [
        ("no answer", {"status": None, "client_error": "net::ERR_FAILED"}, False),
        ("401", {"status": 401}, False),
        ("499 of a proxy's log", {"status": 499}, False),
        ("503", {"status": 503}, False),
        ("access log", {}, True),
        ("stream not recorded", {**SSE, "stream_state": "not_recorded"}, True),
        ("answer", JSON, True),
        ("304", {"status": 304}, True),
        ("101", {"status": 101, "path": "/v1/realtime"}, True),
        ("socket, answered", {"status": 101, "path": "/v1/realtime", "body_kind": "ndjson",
                              "stream_state": "complete"}, True),
        ("socket, failed", {"status": 101, "path": "/v1/realtime", "body_kind": "ndjson",
                            "stream_state": "error", "error_shape": "openai"}, False),
        ("socket, torn", {"status": 101, "path": "/v1/realtime", "stream_state": "truncated"},
         False),
        ("socket, filtered", {"status": 101, "stream_state": "complete",
                              "finish_reason": "content_filter"}, False),
        ("socket, export midway", {"status": 101, "stream_state": "capture_cut"}, None),
        ("redirect", {"status": 302}, None),
        ("early hint", {"status": 103}, None),
        ("complete stream", {**SSE, "stream_state": "complete", "finish_reason": "stop"}, True),
        ("truncated", {**SSE, "stream_state": "truncated"}, False),
        ("truncated with its reason",
         {**SSE, "stream_state": "truncated", "client_error": CUT}, False),
        ("error event", {**SSE, "stream_state": "error"}, False),
        ("empty stream", {**SSE, "stream_state": "empty", "visible_output": False}, False),
        ("recorder stopped", {**SSE, "stream_state": "capture_cut"}, None),
        ("recorder stopped on JSON", {"body_kind": "text", "stream_state": "capture_cut",
                                      "content_type": "application/json", "body_text": "{"}, None),
        ("recorder stopped, user too",
         {**SSE, "stream_state": "capture_cut", "client_error": ABORTED}, None),
        ("recorder stopped, transfer broke",
         {**SSE, "stream_state": "capture_cut", "client_error": CUT}, False),
        ("error in a 200", {**JSON, "error_shape": "openrouter"}, False),
        ("page", {"body_kind": "html"}, False),
        ("page by its type", {"body_kind": "absent", "content_type": "text/html"}, False),
        ("JSON with a wrong type", {**JSON, "content_type": "text/html"}, True),
        ("empty body", {"body_kind": "empty"}, False),
        ("empty 204", {"body_kind": "empty", "status": 204}, True),
        ("torn JSON", {"body_kind": "text", "content_type": "application/json",
                       "body_text": '{"choices": ['}, False),
        ("no stream", {"body_kind": "text", "content_type": "text/event-stream"}, False),
        ("content filter", {**JSON, "finish_reason": "content_filter"}, False),
        ("gemini's filter", {**JSON, "finish_reason": "SAFETY", "visible_output": False}, False),
        ("length with output", {**JSON, "finish_reason": "length"}, True),
        ("length without", {**JSON, "finish_reason": "length", "visible_output": False}, False),
        ("refusal with output", {**JSON, "finish_reason": "refusal"}, True),
        ("refusal without", {**JSON, "finish_reason": "refusal", "visible_output": False}, False),
        ("nothing said", {**JSON, "finish_reason": "stop", "visible_output": False}, False),
        ("abort", {**SSE, "stream_state": "complete", "finish_reason": "abort"}, False),
        ("no resources", {**JSON, "finish_reason": "insufficient_system_resource"}, False),
        ("finish error", {**JSON, "finish_reason": "error"}, False),
        ("aborted after a whole stream",
         {**SSE, "stream_state": "complete", "client_error": ABORTED}, True),
        ("aborted after a whole answer", {**JSON, "client_error": ABORTED}, True),
        ("aborted, body missing", {"body_kind": "absent", "client_error": ABORTED}, False),
        ("aborted HEAD", {"method": "HEAD", "body_kind": "absent", "client_error": ABORTED}, True),
        ("aborted 204", {"status": 204, "body_kind": "empty", "client_error": ABORTED}, True),
        ("aborted, torn", {"body_kind": "text", "body_text": '{"a', "client_error": CUT}, False),
        ("haproxy: server cut", {"format": "haproxy", "proxy_flags": "SD--"}, False),
        ("haproxy: client left", {"format": "haproxy", "proxy_flags": "CD--"}, None),
        ("haproxy: normal", {"format": "haproxy", "proxy_flags": "----"}, True),
        ("haproxy: last data", {"format": "haproxy", "proxy_flags": "LH--"}, True),
        ("envoy: idle", {"format": "envoy", "proxy_flags": "URX,SI"}, False),
        ("envoy: short of memory", {"format": "envoy", "proxy_flags": "OM"}, False),
        ("envoy: cached", {"format": "envoy", "proxy_flags": "RFCF"}, True),
        ("envoy: none", {"format": "envoy", "proxy_flags": "-"}, True),
        ("squid: client left", {"format": "squid", "proxy_flags": "TCP_MISS_ABORTED"}, None),
        ("envoy: client left", {"format": "envoy", "proxy_flags": "DC"}, None),
        ("envoy: cut, then left", {"format": "envoy", "proxy_flags": "UC,DC"}, False),
        ("squid: out of time", {"format": "squid", "proxy_flags": "TCP_MISS_TIMEDOUT"}, False),
        ("squid: whole", {"format": "squid", "proxy_flags": "TCP_MISS"}, True),
        ("flags of nobody known", {"format": "nginx", "proxy_flags": "SD"}, True),
    ],
)  # fmt: skip
def test_ok(
    known: SignalData,
    frame: Callable[..., pl.DataFrame],
    name: str,
    row: dict[str, Any],
    ok: bool | None,
) -> None:
    alone = signals.apply(frame({**CHAT, **row}), known)
    assert alone["ok"].to_list() == [ok], name
    # Beside rows that fill every column, so that nothing is left out of the expressions.
    full = dict.fromkeys(
        ("client_error", "proxy_flags", "format", "body_text", "error_shape", "stream_state"), "x"
    )
    beside = {**CHAT, **JSON, **full, "scheme": "https", "finish_reason": "stop"}
    both = signals.apply(frame({**CHAT, **row}, beside), known)
    assert both["ok"].to_list()[0] is ok, name
    lazy = signals.apply(frame({**CHAT, **row}).lazy(), known).collect()
    assert lazy["ok"].to_list() == [ok], name


@pytest.mark.parametrize(
    ("path", "method", "row", "ok"),
    [
        ("/v1/models", "GET", {"body_kind": "html"}, False),
        ("/v1/models", "GET", {"body_kind": "json"}, True),
        ("/v1/whatever", "GET", {"body_kind": "html"}, True),
        ("/v1/whatever", "POST", {"body_kind": "html"}, False),
        ("/v1/audio/transcriptions", "POST", {"body_kind": "text", "body_text": "hello"}, True),
        ("/v1/embeddings", "POST", {"body_kind": "json", "visible_output": True}, True),
    ],
)
def test_other_endpoints(
    known: SignalData,
    frame: Callable[..., pl.DataFrame],
    path: str,
    method: str,
    row: dict[str, Any],
    ok: bool,
) -> None:
    rows = frame({**CHAT, "host": "api.openai.com", "path": path, "method": method, **row})
    assert signals.apply(rows, known)["ok"].to_list() == [ok]


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        ({"method": "GET", "body_kind": "html", "content_type": "text/html",
          "visible_output": False}, True),
        ({"method": "POST", "body_kind": "html", "content_type": "text/html",
          "visible_output": False}, True),
        ({"method": "GET", "body_kind": "binary", "content_type": "font/woff2",
          "visible_output": False}, True),
        ({"method": "GET", "body_kind": "empty", "visible_output": False}, True),
        ({"method": "POST", "body_kind": "text", "content_type": "application/json",
          "body_text": '{"a":'}, False),
        ({"method": "POST", "status": 500}, False),
        ({"method": "POST", "body_kind": "html", "llm_body": True}, False),
        ({"method": "POST", "body_kind": "html", "host": "api.openai.com", "path": "/v1/x"}, False),
    ],
)  # fmt: skip
def test_with_all_traffic_a_web_page_is_no_broken_api(
    known: SignalData, row: dict[str, Any], ok: bool
) -> None:
    base = {"host": "www.example", "path": "/shop", "status": 200, "scheme": "https"}
    one = pl.DataFrame([{**base, **row}], schema_overrides={"status": pl.Int32})
    assert signals.apply(one, known, all_traffic=True)["ok"].to_list() == [ok]


def test_the_type_of_an_aws_error_comes_from_its_header(
    known: SignalData, frame: Callable[..., pl.DataFrame]
) -> None:
    header = "resp_header.x-amzn-errortype"
    rows = frame(
        {**CHAT, "status": 429, header: "ThrottlingException:http://x/"},
        {**CHAT, "status": 400, header: "ValidationException", "error_type": "said"},
        {**CHAT, "status": 400},
    )
    found = signals.apply(rows, known)["error_type"].to_list()
    assert found == ["ThrottlingException", "said", None]


@pytest.mark.parametrize(
    ("row", "stream"),
    [
        ({**SSE, "stream_state": "complete"}, True),
        (JSON, None),
        ({**JSON, "stream": True}, True),
    ],
)
def test_stream(
    known: SignalData,
    frame: Callable[..., pl.DataFrame],
    row: dict[str, Any],
    stream: bool | None,
) -> None:
    assert signals.apply(frame({**CHAT, **row}), known)["stream"].to_list() == [stream]


def test_a_body_without_the_parameter_asked_for_no_stream(
    known: SignalData, frame: Callable[..., pl.DataFrame]
) -> None:
    rows = frame({**CHAT, **JSON}).with_columns(llm_body=True)
    found = signals.apply(rows, known)
    assert found["stream"].to_list() == [False]
    assert "llm_body" not in found.columns
