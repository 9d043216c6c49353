"""Envoy logs of JSON objects: text and typed values, spellings of keys, single tries."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.envoy_json import FORMAT

TYPED = {
    ":authority": "api.test", "bytes_received": 154, "bytes_sent": 812,
    "connection_termination_details": None, "duration": 1500, "method": "POST",
    "protocol": "HTTP/2", "requested_server_name": None, "response_code": 200,
    "response_code_details": "via_upstream", "response_flags": "-", "route_name": "r",
    "start_time": "2026-11-22T10:00:00.250Z", "upstream_cluster": "c",
    "upstream_host": "192.0.2.12:443", "upstream_transport_failure_reason": None,
    "user-agent": "OpenAI/Python 1.0", "x-envoy-origin-path": "/v1/messages?beta=true",
    "x-envoy-upstream-service-time": None, "x-request-id": "req-1",
}  # fmt: skip
STRINGS = {key: "-" if value is None else str(value) for key, value in TYPED.items()}
OTHER_KEYS = {
    "authority": "api.test", "bytesReceived": "154", "bytesSent": "812", "durationMs": "1500",
    "request_method": "POST", "status": "200", "responseCodeDetails": "via_upstream",
    "responseFlags": "-", "@timestamp": "2026-11-22T10:00:00.250Z",
    "upstreamHost": "192.0.2.12:443", "user_agent": "OpenAI/Python 1.0",
    "path": "/v1/messages?beta=true", "request_id": "req-1",
}  # fmt: skip


def read(run, *items, **more):
    lines = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="envoy.json", **more)


@pytest.mark.parametrize("item", [TYPED, STRINGS, OTHER_KEYS], ids=["typed", "strings", "other"])
def test_a_request_that_went_well(run, item) -> None:
    got = read(run, item, headers=("req_header.user-agent",))
    assert got.problems == []
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    wanted = {
        "format": "envoy-json", "time_kind": "start", "time_precision_ms": 1.0,
        "duration_ms": 1500.0, "method": "POST", "host": "api.test", "path": "/v1/messages",
        "status": 200, "upstream_status": 200, "request_bytes": 154, "response_bytes": 812,
        "request_id": "req-1", "proxy_flags": None, "proxy_detail": "via_upstream",
        "upstream_address": "192.0.2.12:443", "phase": "done", "upstream_tries": None,
        "req_header.user-agent": "OpenAI/Python 1.0", "seen_in": ["envoy.json#1"],
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


RESET = "upstream_reset_before_response_started{connection_termination}"


@pytest.mark.parametrize(
    ("changes", "phase", "upstream", "stream", "detail"),
    [
        ({"response_code": 503, "response_flags": "UC", "response_code_details": RESET},
         "sent", None, None, RESET),
        ({"response_code": 503, "response_flags": "UF,URX", "response_code_details": None,
          "upstream_transport_failure_reason": "TLS error"}, "connecting", None, None, "TLS error"),
        ({"response_flags": "UC"}, "body", 200, "truncated", "via_upstream"),
        ({"response_code": 0, "response_flags": "DC", "response_code_details": None},
         "sent", None, None, None),
        ({"response_code": 429, "response_code_details": "ratelimited", "upstream_host": None},
         "not_sent", None, None, "ratelimited"),
    ],
)  # fmt: skip
def test_states(run, changes, phase, upstream, stream, detail) -> None:
    row = read(run, TYPED | changes).row
    assert (row["phase"], row["upstream_status"]) == (phase, upstream)
    assert (row["stream_state"], row["proxy_detail"]) == (stream, detail)


def test_no_host_says_nothing_where_hosts_are_not_logged(run) -> None:
    item = {key: value for key, value in TYPED.items() if key != "upstream_host"}
    item |= {"response_code": 403, "response_code_details": "ext_authz_error"}
    assert read(run, item).row["phase"] is None


def test_what_an_ai_gateway_adds(run) -> None:
    item = TYPED | {
        "gen_ai.request.model": "gpt-x", "gen_ai.response.model": "gpt-x-2026",
        "gen_ai.usage.input_tokens": 44, "gen_ai.usage.output_tokens": "12", "session.id": "s-1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "response_duration": 412, "upstream_request_attempt_count": 2,
    }  # fmt: skip
    older = TYPED | {"genai_model_name": "qwen", "genai_tokens_input": 1, "genai_tokens_output": 2}
    got = read(run, item, older)
    names = ("model", "model_served", "input_tokens", "output_tokens", "session_id")
    assert [got.frame[name].to_list() for name in names] == [
        ["gpt-x", "qwen"], ["gpt-x-2026", None], [44, 1], [12, 2], ["s-1", None],
    ]  # fmt: skip
    row = got.frame.row(0, named=True)
    assert row["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (row["ttfb_ms"], row["upstream_tries"]) == (412.0, 2)


def test_rows_of_single_tries_are_folded(run) -> None:
    single = TYPED | {"response_code_details": None, "response_code": 503, "bytes_sent": 0}
    other = TYPED | {"x-request-id": "req-2"}
    lone = single | {"x-request-id": "req-3"}
    got = read(run, single, single, TYPED, other, lone)
    assert got.frame["record"].to_list() == [3, 4, 5]
    assert got.frame["upstream_tries"].to_list() == [2, None, None]
    assert got.frame["seen_in"].to_list() == [
        ["envoy.json#3", "envoy.json#1", "envoy.json#2"], ["envoy.json#4"], ["envoy.json#5"],
    ]  # fmt: skip


def test_text_lines_between_objects(run) -> None:
    text = '[2026-11-22T10:00:00.250Z] "GET / HTTP/1.1" 200 - 0 5 7 3 "-" "a" "b" "api.test" "h:1"'
    got = read(run, TYPED, text, TYPED)
    assert got.frame["format"].to_list() == ["envoy-json", "envoy", "envoy-json"]
    assert got.problems == []


def test_damage_and_other_objects(run, source) -> None:
    got = read(run, TYPED, '{"response_flags": ', {"a": 1}, TYPED)
    assert sorted(p.record for p in got.problems) == [2, 3]
    assert got.frame["record"].to_list() == [1, 4]
    assert detect.detect(source((json.dumps(TYPED) + "\n").encode() * 3, "x")) is FORMAT
    assert not FORMAT.owns({"status": 200, "upstream_host": "h:1"})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), at=st.integers(0, 600), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    usual = (json.dumps(TYPED) + "\n").encode()
    got = run(usual + usual[:at] + data + usual[at + out :] + usual, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
    # A row that has lost its details is a single try of the same request.
    assert got.frame["seen_in"].list.len().sum() + counted == got.records
