from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.portkey import FORMAT

ROW = {
    "id": "pk-1", "trace_id": "t", "created_at": "2026-01-02T10:00:00.000Z", "is_success": False,
    "ai_org": "azure-openai", "ai_model": "gpt-4o", "req_units": 10, "res_units": 0,
    "request_url": "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
    "cost": 0.0123, "cost_currency": "USD", "response_time": 1234, "response_status_code": 429,
    "response": {"error": {"message": "slow", "type": "t", "code": "429"}},
}  # fmt: skip


def read(run, *rows, array=False):
    text = json.dumps(rows, indent=1) if array else "".join(f"{json.dumps(r)}\n" for r in rows)
    return run(text.encode(), FORMAT)


@pytest.mark.parametrize("array", [True, False])
def test_a_row(run, source, array) -> None:
    row = read(run, ROW, array=array).row
    assert (row["status"], row["duration_ms"], row["provider"]) == (429, 1234.0, "azure")
    assert row["path"] == "/openai/deployments/d/chat/completions"
    assert (row["upstream_address"], row["host"]) == ("x.openai.azure.com", None)
    assert (row["error_message"], row["error_code"]) == ("slow", "429")
    assert (row["cost"], row["currency"]) == (Decimal("0.0123"), "USD")
    assert detect.detect(source((json.dumps(ROW) + "\n").encode())) is FORMAT


def test_guardrails_flags_and_sums_without_currency(run) -> None:
    denied = {**ROW, "response_status_code": 446, "response": "text"}
    flag = {**ROW, "response_status_code": None, "is_success": True, "cost_currency": None}
    got = read(run, denied, flag).frame
    assert got["phase"].to_list() == ["not_sent", None]
    assert got["ok"].to_list() == [None, True]
    assert got["cost"].to_list()[1] is None


def test_bad_rows(run) -> None:
    got = read(run, ROW, 5, {"ai_org": "x", "ai_model": "y"})
    assert sorted(problem.record for problem in got.problems) == [2, 3]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), at=st.integers(0, 300))
def test_any_bytes(run, data, at) -> None:
    run(json.dumps(ROW).encode()[:at] + data + b"\n" + json.dumps(ROW).encode(), FORMAT)
