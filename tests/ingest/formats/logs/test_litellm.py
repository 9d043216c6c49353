from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs.litellm import FORMAT

START = 1_760_000_000.0


def payload(**changes):
    made = {
        "id": "chatcmpl-1", "trace_id": "trace-1", "call_type": "acompletion", "stream": False,
        "status": "success", "custom_llm_provider": "openai", "startTime": START,
        "endTime": START + 2.5, "completionStartTime": START + 2.5, "model": "gpt-4o-2024",
        "model_group": "gpt-4o", "api_base": "https://api.openai.com/v1", "cache_hit": None,
        "response_cost": 0.00022500000000000002, "prompt_tokens": 10, "completion_tokens": 20,
        "metadata": {"user_api_key_hash": "c0ffee00c0ffee00"}, "error_str": None,
        "error_information": {"error_code": "", "error_class": "", "error_message": ""},
        "response": {"model": "gpt-4o-2024-08-06", "choices": [{"finish_reason": "stop"}]},
    }  # fmt: skip
    return {**made, **changes}


def failure(kind: str, code: str, message: str, category: str | None = None, **changes):
    about = {
        "error_code": code, "error_class": kind, "error_message": message,
        "error_rate_limit_category": category,
    }  # fmt: skip
    return payload(status="failure", error_information=about, error_str=message, **changes)


def read(run, *items, **more):
    data = "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in items)
    return run(data.encode(), FORMAT, name="litellm.jsonl", **more)


def test_a_success(run) -> None:
    got = read(run, payload(stream=True, completionStartTime=START + 0.5))
    row = got.row
    assert row["started_at"] == datetime.fromtimestamp(START, UTC)
    assert (row["duration_ms"], row["ttft_ms"], row["ttfb_ms"]) == (2500.0, 500.0, 500.0)
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["model"], row["model_served"]) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert (row["upstream_address"], row["provider"]) == ("api.openai.com", "openai")
    assert (row["cost"], row["currency"]) == (Decimal("0.000225"), "USD")
    assert (row["input_tokens"], row["output_tokens"]) == (10, 20)
    assert (row["endpoint"], row["finish_reason"], row["llm"]) == ("chat", "stop", True)
    assert row["hop"] == "gateway"
    assert got.problems == []


def test_the_hash_of_a_key_is_in_no_column(run) -> None:
    got = read(run, payload())
    assert got.row["key_tag"] == "key:c0ffee00c0ffee00"  # as the store of this test makes it
    assert got.secrets.learnt == {"c0ffee00c0ffee00": "key"}


OUTCOMES = [
    # class, code, message, category -> status, upstream_status, phase
    ("RateLimitError", "429", "litellm.RateLimitError: OpenAIException - slow", None,
     429, 429, "done"),
    ("RateLimitError", "429", "x", "vendor_rate_limit", 429, 429, "done"),
    ("ProxyRateLimitError", "429", "Rate limit exceeded for api_key", "litellm_rate_limit",
     429, None, "not_sent"),
    ("BudgetExceededError", "429", "Budget has been exceeded!", None, 429, None, "not_sent"),
    ("RouterRateLimitError", "429", "No deployments available for selected model", None,
     429, None, "not_sent"),
    ("APIConnectionError", "500", "OpenAIException - Cannot connect to host x:443", None,
     500, None, "connecting"),
    ("APIConnectionError", "500", "OpenAIException - Server disconnected", None,
     500, None, "sent"),
    ("InternalServerError", "500", "OpenAIException - Connection error.", None, 500, None, None),
    ("Timeout", "408", "litellm.Timeout: APITimeoutError - Request timed out", None,
     408, None, None),
    ("MidStreamFallbackError", "503", "OpenAIException - x", None, 503, None, "body"),
    ("AuthenticationError", "401", "OpenAIException - Incorrect API key", None, 401, 401, "done"),
    ("ServiceUnavailableError", "None", "x", None, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code", "message", "category", "status", "behind", "phase"),
                         OUTCOMES)  # fmt: skip
def test_failures(run, kind, code, message, category, status, behind, phase) -> None:
    row = read(run, failure(kind, code, message, category)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (status, behind, phase)
    assert (row["error_type"], row["proxy_detail"], row["error_message"]) == (kind, kind, message)
    assert row["proxy_flags"] == category
    assert row["error_shape"] == "litellm"


def test_a_cache_hit_was_not_sent(run) -> None:
    row = read(run, payload(cache_hit=True, id="chatcmpl-1_cache_hit1760000000.12")).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, None, "not_sent")
    assert row["request_id"] == "chatcmpl-1"


def test_a_client_that_left_stands_beside_a_success(run) -> None:
    about = {"error_code": "499", "error_class": "ClientDisconnected", "error_message": "left"}
    row = read(run, payload(stream=True, error_information=about)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "body")
    assert (row["proxy_detail"], row["client_error"]) == ("ClientDisconnected", "left")
    assert row["error_message"] is None


def test_tries_of_one_trace_are_one_request(run) -> None:
    first = failure("RateLimitError", "429", "OpenAIException - slow", startTime=START,
                    endTime=START + 1)  # fmt: skip
    second = payload(startTime=START + 2, endTime=START + 4)
    got = read(run, first, second)
    row = got.row
    assert (row["status"], row["upstream_tries"], row["record"]) == (200, 2, 2)
    assert row["seen_in"] == ["litellm.jsonl#1", "litellm.jsonl#2"]
    assert (row["started_at"], row["duration_ms"]) == (datetime.fromtimestamp(START, UTC), 4000.0)
    assert got.records == 2


def test_a_trace_alone_proves_no_retry(run) -> None:
    # A session may carry one trace id: failures only, or a success long after, stay apart.
    one = failure("Timeout", "408", "x", endTime=START + 1)
    other = failure("Timeout", "408", "x", startTime=START + 2, endTime=START + 3)
    late = payload(startTime=START + 500, endTime=START + 501)
    assert read(run, one, other).frame.height == 2
    assert read(run, one, late).frame.height == 2


def test_a_call_id_proves_it(run) -> None:
    tries = [
        failure("Timeout", "408", "x", litellm_call_id="c", startTime=START + at,
                endTime=START + at + 1)
        for at in range(3)
    ]  # fmt: skip
    row = read(run, *tries).row
    assert (row["request_id"], row["upstream_tries"], row["status"]) == ("c", 3, 408)


@pytest.mark.parametrize("shape", ["array", "single", "wrapped"])
def test_documents(run, source, shape) -> None:
    item = payload()
    data = {"array": [item], "single": item, "wrapped": {"standard_logging_object": item}}[shape]
    text = json.dumps(data, indent=None if shape == "wrapped" else 2).encode()
    assert detect.detect(source(text, "x.json")) is FORMAT
    assert run(text, FORMAT).row["status"] == 200


def test_spend_rows_only_with_error_information(source, run) -> None:
    row = {
        "request_id": "r", "call_type": "", "spend": 0, "status": "failure", "model": "gpt-4o",
        "startTime": "2026-01-02T10:00:00+00:00", "endTime": "2026-01-02T10:00:00+00:00",
        "metadata": {"error_information": {"error_code": "401", "error_class": "ProxyException",
                                           "error_message": "Expired Key"}},
    }  # fmt: skip
    data = (json.dumps(row) + "\n").encode()
    assert FORMAT.sniff(data, "x") > 0.9
    made = run(data, FORMAT).row
    assert (made["status"], made["phase"], made["duration_ms"]) == (401, "not_sent", None)
    plain = {**row, "metadata": {}, "status": "success"}
    assert FORMAT.sniff((json.dumps(plain) + "\n").encode(), "x") == 0.0


def test_times_without_zone_are_told(run) -> None:
    item = payload(startTime="2025-01-24 09:20:46.847371", endTime="2025-01-24 09:20:47.847371")
    got = read(run, item)
    assert got.kinds == ["assumed_zone"]
    assert got.row["started_at"] == datetime(2025, 1, 24, 9, 20, 46, 847371, tzinfo=UTC)
    zoned = read(run, item, reading=Reading(zone=UTC))
    assert zoned.problems == []


def test_bad_lines_have_number_and_reason(run) -> None:
    got = read(run, payload(), "nonsense", {"call_type": "x", "status": "success"})
    assert got.frame.height == 1
    assert [(problem.record, problem.message.rpartition(": ")[2]) for problem in got.problems] == [
        (2, "it is no JSON object."),
        (3, "it has no startTime that can be read."),
    ]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), at=st.integers(0, 400))
def test_any_bytes(run, data, at) -> None:
    good = (json.dumps(payload()) + "\n").encode()
    got = run(good + good[:at] + data + b"\n" + good, FORMAT)
    assert all(problem.message for problem in got.problems)


@pytest.mark.corpus
def test_corpus(corpus: Path, source, run) -> None:
    data = next((corpus / "logs/litellm_standard_logging").glob("*.log")).read_bytes()
    assert detect.detect(source(data, "x.log")) is FORMAT
    got = run(data, FORMAT)
    assert got.frame.height == got.records == 1
    said, row = json.loads(data), got.row
    assert (row["input_tokens"], row["output_tokens"]) == (
        said["prompt_tokens"], said["completion_tokens"],
    )  # fmt: skip
    assert (row["request_id"], row["model"], row["stream"]) == (said["id"], said["model"], True)
