from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.base import Limits
from analyzer.ingest.formats.logs import tnetstring
from analyzer.ingest.formats.logs.mitm_flow import FORMAT

START = 1_760_000_000.0


def pack(value) -> bytes:
    if value is None:
        data, tag = b"", b"~"
    elif isinstance(value, bool):
        data, tag = str(value).lower().encode(), b"!"
    elif isinstance(value, int | float):
        data, tag = repr(value).encode(), b"#" if isinstance(value, int) else b"^"
    elif isinstance(value, bytes):
        data, tag = value, b","
    elif isinstance(value, str):
        data, tag = value.encode(), b";"
    elif isinstance(value, list):
        data, tag = b"".join(map(pack, value)), b"]"
    else:
        data, tag = b"".join(pack(k) + pack(v) for k, v in value.items()), b"}"
    return b"%d:%s%s" % (len(data), data, tag)


def flow(response=(), error=None, server=(), **request):
    asked = {
        "http_version": b"HTTP/2.0", "method": b"POST", "scheme": b"https", "port": 443,
        "host": "10.0.0.1", "authority": b"api.openai.com",
        "path": b"/v1/chat/completions?key=sk-0123456789abcdef0123",
        "headers": [[b"Content-Type", b"application/json"],
                    [b"Authorization", b"Bearer sk-abcdefabcdefabcdefab"]],
        "content": b'{"model":"gpt-4o","messages":[]}',
        "timestamp_start": START, "timestamp_end": START + 0.01, **request,
    }  # fmt: skip
    answer = None
    if response is not None:
        answer = {
            "status_code": 429, "reason": b"",
            "headers": [[b"content-type", b"application/json"], [b"content-encoding", b"gzip"]],
            "content": gzip.compress(b'{"error":{"message":"slow","type":"rate_limit"}}'),
            "timestamp_start": START + 1, "timestamp_end": START + 1.5, **dict(response),
        }  # fmt: skip
    opened = {
        "id": "s1", "timestamp_start": START + 0.02, "timestamp_tcp_setup": START + 0.05,
        "timestamp_tls_setup": START + 0.1, **dict(server),
    }  # fmt: skip
    return {"type": "http", "version": 20, "request": asked, "response": answer, "error": error,
            "server_conn": opened, "client_conn": {"id": "c1"}}  # fmt: skip


def read(run, *flows, **more):
    return run(b"".join(map(pack, flows)), FORMAT, name="x.mitm", **more)


def test_a_flow(run, source) -> None:
    got = read(run, flow())
    row = got.row
    assert detect.detect(source(pack(flow()), "x.mitm")) is FORMAT
    assert row["started_at"] == datetime.fromtimestamp(START, UTC)
    assert (row["duration_ms"], row["ttfb_ms"]) == (1500.0, 1000.0)
    assert (row["connect_ms"], row["tls_ms"], row["send_ms"]) == (80.0, 50.0, 10.0)
    assert (row["host"], row["path"], row["status"]) == (
        "api.openai.com", "/v1/chat/completions", 429,
    )  # fmt: skip
    assert (row["error_type"], row["error_message"], row["model"]) == (
        "rate_limit", "slow", "gpt-4o",
    )  # fmt: skip
    assert (row["hop"], row["phase"], row["llm"]) == (None, "done", True)  # hop: capture fills it
    assert "sk-0123456789abcdef0123" in got.secrets.learnt
    assert row["key_tag"].endswith("sk-abcdefabcdefabcdefab")


def test_only_the_first_flow_of_a_connection_opened_it(run) -> None:
    got = read(run, flow(), flow()).frame
    assert got["connect_ms"].to_list() == [80.0, None]


NEVER = {"timestamp_tcp_setup": None, "timestamp_tls_setup": None}
ERRORS = [
    (NEVER, "connecting"),
    ({"timestamp_tls_setup": None}, "connecting"),
    ({}, "sent"),
]


@pytest.mark.parametrize(("server", "phase"), ERRORS)
def test_errors_without_an_answer(run, server, phase) -> None:
    error = {"msg": "something broke", "timestamp": START + 2}
    row = read(run, flow(None, error, server)).row
    assert (row["status"], row["client_error"], row["phase"]) == (None, "something broke", phase)
    assert row["duration_ms"] == 2000.0


def test_streams_that_break_and_bodies_that_were_streamed_through(run) -> None:
    heads = {"status_code": 200, "headers": [[b"content-type", b"text/event-stream"]]}
    cut = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    error = {"msg": "Server disconnected", "timestamp": START + 9}
    broken = flow({**heads, "content": cut}, error)
    unseen = flow({**heads, "content": None})
    got = read(run, broken, unseen).frame
    assert got["stream_state"].to_list() == ["truncated", "not_recorded"]
    assert got["duration_ms"].to_list() == [9000.0, 1500.0]


def test_websocket_messages(run) -> None:
    made = flow({"status_code": 101, "headers": [], "content": b""})
    event = json.dumps({"type": "error", "error": {"type": "x", "message": "no"}})
    made["websocket"] = {"messages": [[1, False, event.encode(), START + 1, False, False]]}
    assert read(run, made).row["error_message"] == "no"


def test_what_is_no_flow(run) -> None:
    got = read(run, {"type": "tcp", "messages": []}, flow(), {"type": "http"}, [1])
    assert got.frame["record"].to_list() == [2]
    assert got.records == 4
    assert [(p.kind, p.record) for p in got.problems] == [
        ("bad_entry", 3), ("bad_entry", 4), ("notice", None),
    ]  # fmt: skip


def test_a_file_that_ends_early_and_a_flow_too_large(run) -> None:
    data = pack(flow()) + pack(flow())[:-5]
    got = run(data, FORMAT)
    assert (got.frame.height, got.kinds) == (1, ["truncated"])
    large = run(pack({"x": b"0" * 5000}) + pack(flow()), FORMAT, limits=Limits(entry_bytes=3000))
    assert (large.frame.height, large.kinds) == (1, ["too_large"])


@pytest.mark.parametrize("data", [b"5:abc", b"x", b"3:abc?", b"4:12:x]", b"99999999999999:x,"])
def test_broken_netstrings(data) -> None:
    last = list(tnetstring.items(io.BytesIO(data), 1 << 20))[-1]
    assert isinstance(last, tnetstring.BrokenError | tnetstring.CutError)


def test_depth_is_bounded() -> None:
    value = None
    for _ in range(200):
        value = [value]
    found = list(tnetstring.items(io.BytesIO(pack(value)), 1 << 20))
    assert isinstance(found[0], tnetstring.BrokenError)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=100), at=st.integers(0, 900), cut=st.integers(0, 50))
def test_any_bytes(run, data, at, cut) -> None:
    whole = pack(flow())
    run(whole[:at] + data + whole[at + cut :] + whole, FORMAT)
