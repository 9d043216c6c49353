"""HAProxy logs of JSON objects with keys of the user's choice."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.haproxy_json import FORMAT

FULL = {
    "client_ip": "192.0.2.7", "haproxy_timestamp": "22/Nov/2026:10:00:00.250",
    "frontend_name": "web~", "backend_name": "llm", "server_name": "node1",
    "time_client_req": 1, "time_queue": 2, "time_backend_connect": 3,
    "time_server_response": 400, "time_duration": 1500, "status_code": 200, "bytes_read": 812,
    "termination_state_with_cookie_status": "----", "retries": 0,
    "http_request": "POST /v1/messages?beta=true HTTP/1.1", "host": "API.test:443",
    "agent": "OpenAI/Python 1.0", "unique_id": "req-1",
}  # fmt: skip


def read(run, *items, **more):
    lines = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="haproxy.json", **more)


def test_a_request_that_went_well(run) -> None:
    got = read(run, FULL, headers=("req_header.user-agent",))
    assert got.kinds == ["assumed_zone"]
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    wanted = {
        "format": "haproxy-json", "time_kind": "start", "time_precision_ms": 1.0,
        "duration_ms": 1500.0, "ttfb_ms": 406.0, "connect_ms": 3.0, "wait_ms": 400.0,
        "method": "POST", "host": "api.test", "path": "/v1/messages", "scheme": "https",
        "status": 200, "upstream_status": 200, "response_bytes": 812, "proxy_flags": "----",
        "upstream_address": "llm/node1", "upstream_tries": 1, "phase": "done",
        "request_id": "req-1", "req_header.user-agent": "OpenAI/Python 1.0",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


SPELLINGS = [
    {"timestamp": 1795341600, "http_status": 503, "http_request": "GET /v1/models HTTP/1.1",
     "bytes_read": 9, "backend_name": "llm", "retries": 3, "upstream_response_time": "-1",
     "upstream_connect_time": "-1", "session_duration": "3003", "termination_state": "SC"},
    {"time": "2026-11-22T10:00:00Z", "request": "/v1/models", "request_method": "GET",
     "query": "?a=b", "status": "503", "body_bytes_sent": "9", "server_name": "node1",
     "Tc": "-1", "Tr": "-1", "Tt": "3003", "termination_state": "SC--"},
    {"date_time": "22/Nov/2026:10:00:00 +0000", "http_method": "GET", "http_path": "/v1/models",
     "http_status_code": "503", "tsc": "SC--", "time_total": 3003, "bytes": 9},
]  # fmt: skip


@pytest.mark.parametrize("item", SPELLINGS, ids=lambda item: next(iter(item)))
def test_spellings(run, item) -> None:
    got = read(run, item)
    assert got.problems == []
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert (row["method"], row["path"], row["status"]) == ("GET", "/v1/models", 503)
    assert (row["duration_ms"], row["response_bytes"]) == (3003.0, 9)
    assert (row["phase"], row["upstream_status"]) == ("connecting", None)
    assert row["proxy_flags"] == item.get("termination_state", "SC--")


@pytest.mark.parametrize(
    ("changes", "phase", "upstream", "stream"),
    [
        ({"status_code": -1, "termination_state_with_cookie_status": "SD--",
          "time_server_response": None}, "sent", None, None),
        ({"termination_state_with_cookie_status": "SD--"}, "body", 200, "truncated"),
        ({"time_server_response": None}, "done", 200, None),
        ({"server_name": "<NOSRV>", "status_code": 429}, "not_sent", None, None),
    ],
)  # fmt: skip
def test_states(run, changes, phase, upstream, stream) -> None:
    row = read(run, FULL | changes).row
    assert (row["phase"], row["upstream_status"]) == (phase, upstream)
    assert row["stream_state"] == stream


def test_numbers_with_a_sign(run) -> None:
    text = json.dumps(FULL).replace('"retries": 0', '"retries": +1')
    early = json.dumps(FULL).replace('"time_duration": 1500', '"time_duration":+406')
    got = read(run, text, early)
    assert "bad_line" not in got.kinds
    assert got.frame["upstream_tries"].to_list() == [2, 1]
    assert got.frame["duration_ms"].to_list() == [1500.0, None]
    assert got.frame["phase"].to_list() == ["done", "headers"]


def test_a_connection_has_neither_request_nor_status(run) -> None:
    keep = ("haproxy_timestamp", "backend_name", "server_name", "time_duration")
    item = {key: FULL[key] for key in keep} | {"termination_state": "--"}
    row = read(run, item).row
    assert (row["scheme"], row["status"], row["phase"]) == ("tcp", None, "done")


def test_a_key_in_a_query_of_its_own(run) -> None:
    item = {**FULL, "http_path": "/v1/models", "http_query": "?key=sk-test-query-1"}
    got = read(run, item)
    assert got.row["key_tag"] == "key:sk-test-query-1"
    assert got.row["path"] == "/v1/models"


def test_damage_and_other_objects(run, source) -> None:
    got = read(run, FULL, '{"termination_state": ', {"a": 1}, "@cee:" + json.dumps(FULL))
    bad = [(p.record, p.kind) for p in got.problems if p.kind == "bad_line"]
    assert sorted(bad) == [(2, "bad_line"), (3, "bad_line")]
    assert got.frame["record"].to_list() == [1, 4]
    data = (json.dumps(FULL) + "\n").encode() * 3
    assert detect.detect(source(data, "x.json")) is FORMAT
    assert not FORMAT.owns({"status": 200, "request": "GET / HTTP/1.1", "state": "--"})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), at=st.integers(0, 400), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    usual = (json.dumps(FULL) + "\n").encode()
    got = run(usual + usual[:at] + data + usual[at + out :] + usual, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
    assert got.frame.height + counted == got.records
