from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.helicone import FORMAT

ROW = {
    "response_id": "r", "response_created_at": "2026-01-02T10:00:02Z", "response_status": 500,
    "response_model": "m-1", "request_id": "q", "request_created_at": "2026-01-02 10:00:00.125",
    "request_path": "https://api.openai.com/v1/chat/completions?x=1", "request_model": "m",
    "provider": "OPENAI", "delay_ms": 2000, "time_to_first_token": 300, "prompt_tokens": 1,
    "completion_tokens": 2, "costUSD": 1.5e-5,
    "target_url": "https://api.openai.com/v1/chat/completions",
    "cache_reference_id": "00000000-0000-0000-0000-000000000000",
    "response_body": {"error": {"message": "broken", "type": "server_error"}},
}  # fmt: skip


def read(run, *rows):
    return run("".join(f"{json.dumps(row)}\n" for row in rows).encode(), FORMAT)


def test_a_row(run, source) -> None:
    row = read(run, ROW).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (500, 500, "done")
    assert (row["duration_ms"], row["ttft_ms"]) == (2000.0, 300.0)
    assert (row["path"], row["model"], row["model_served"]) == ("/v1/chat/completions", "m", "m-1")
    assert (row["error_type"], row["error_message"]) == ("server_error", "broken")
    assert (row["cost"], row["currency"]) == (Decimal("0.000015"), "USD")
    assert detect.detect(source(json.dumps([ROW], indent=1).encode())) is FORMAT


STATES = [
    (-1, "timeout", None, None),
    (-3, "cancelled", "cancelled", None),
    (-4, "threat", None, "not_sent"),
]


@pytest.mark.parametrize(("code", "flags", "error", "phase"), STATES)
def test_negative_statuses(run, code, flags, error, phase) -> None:
    row = read(run, {**ROW, "response_status": code}).row
    assert (row["status"], row["upstream_status"]) == (None, None)
    assert (row["proxy_flags"], row["client_error"], row["phase"]) == (flags, error, phase)


def test_pending_requests_are_counted_nowhere(run) -> None:
    got = read(run, ROW, {**ROW, "response_status": -2})
    assert got.frame.height == 1
    assert "pending" in got.kinds


def test_a_cached_answer_was_not_sent(run) -> None:
    row = read(run, {**ROW, "response_status": 200, "cache_reference_id": "abc"}).row
    assert (row["phase"], row["upstream_status"]) == ("not_sent", None)


def test_bad_rows(run) -> None:
    got = read(run, ROW, {"request_created_at": "soon", "delay_ms": 1})
    assert [problem.record for problem in got.problems if problem.kind == "bad_line"] == [2]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), at=st.integers(0, 300))
def test_any_bytes(run, data, at) -> None:
    run(json.dumps(ROW).encode()[:at] + data + b"\n" + json.dumps(ROW).encode(), FORMAT)
