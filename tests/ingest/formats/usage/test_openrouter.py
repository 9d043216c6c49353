from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest.formats.usage import (
    openrouter_daily,
    openrouter_generation,
    openrouter_totals,
)
from analyzer.ingest.formats.usage.openrouter import OpenRouterActivity

NAMES = (
    "generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion",
    "tokens_reasoning", "tokens_cached", "model_permaslug", "provider_name", "cancelled",
    "streamed", "finish_reason_raw", "finish_reason_normalized", "generation_time_ms",
    "time_to_first_token_ms", "api_key_name", "app_name",
)  # fmt: skip
ROW = {
    "generation_id": "gen-1782618417-aaa", "created_at": "2026-06-28 03:46:57.713",
    "cost_total": "0.00003452", "tokens_prompt": "10389", "tokens_completion": "137",
    "tokens_reasoning": "0", "tokens_cached": "12", "model_permaslug": "openai/gpt-oss-120b",
    "provider_name": "Example", "cancelled": "false", "streamed": "true",
    "finish_reason_raw": "stop_x", "finish_reason_normalized": "stop",
    "generation_time_ms": "2940", "time_to_first_token_ms": "1016", "api_key_name": "demo-key",
    "app_name": "demo, app",
}  # fmt: skip


def export(*rows: dict[str, str], names: tuple[str, ...] = NAMES, end: str = "\n") -> bytes:
    def cell(value: str) -> str:
        return f'"{value}"' if "," in value or "\n" in value else value

    lines = [",".join(names)]
    lines += [",".join(cell({**ROW, **row}.get(name, "")) for name in names) for row in rows]
    return end.join([*lines, ""]).encode()


def read(run, data: bytes):
    return run(data, OpenRouterActivity(), name="activity.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("app", ["demo, app", "demo", "a\nb"])
def test_a_row(run, app, end) -> None:
    got = read(run, export({"app_name": app}, end=end))
    row = got.row
    assert got.problems == []
    assert row["time"] == datetime(2026, 6, 28, 3, 46, 57, 713_000, UTC)
    assert row["cost"] == Decimal("0.00003452")
    assert (row["currency"], row["grain"], row["requests"]) == ("USD", "request", 1)
    assert (row["request_id"], row["model"]) == ("gen-1782618417-aaa", "openai/gpt-oss-120b")
    assert (row["stream"], row["cancelled"], row["finish_reason"]) == (True, False, "stop")
    assert (row["input_tokens"], row["output_tokens"], row["cached_tokens"]) == (10389, 137, 12)
    assert (row["duration_ms"], row["ttft_ms"], row["key_name"]) == (2940.0, 1016.0, "demo-key")
    assert (row["client"], row["record"], row["input"]) == (app, 1, "activity.csv")


def test_columns_are_found_by_name_whatever_their_order(run) -> None:
    got = read(run, export({}, names=(*reversed(NAMES), "new_column")))
    assert got.row["cost"] == Decimal("0.00003452")
    assert [(p.kind, p.lost) for p in got.problems] == [("unknown_column", False)]
    assert "new_column" in got.problems[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"), ("-1.50", "-1.50"), ("3.452e-05", "0.00003452"), ("+1", "1"), ("", None),
        ("0.123456789012345678", "0.123456789012345678"), ("$1.25", "1.25"), ("1,25", "1.25"),
        ("0.0012300000000000000000000000", "0.00123"), ("NULL", None),
        ("1e30", "problem"), ("NaN", "problem"), ("1,250", "problem"), ("free", "problem"),
    ],
)  # fmt: skip
def test_money_is_exact_or_a_problem(run, text, expected) -> None:
    got = read(run, export({"cost_total": text}))
    if expected == "problem":
        assert got.row["cost"] is None
        assert [(p.kind, p.record) for p in got.problems] == [("bad_money", 1)]
    else:
        assert got.problems == []
        assert got.row["cost"] == (None if expected is None else Decimal(expected))


def test_more_places_than_are_kept_are_rounded_and_told(run) -> None:
    got = read(run, export({"cost_total": "0.1234567890123456789"}))
    assert got.row["cost"] == Decimal("0.123456789012345679")
    assert [(p.kind, p.lost) for p in got.problems] == [("rounded_money", False)]


def test_what_an_own_key_cost_upstream_stands_apart(run) -> None:
    names = (*NAMES, "byok_usage_inference", "cost_cache")
    got = read(run, export({"byok_usage_inference": "0.5", "cost_cache": "0"}, names=names))
    assert (got.row["upstream_cost"], got.row["cost_basis"]) == (Decimal("0.5"), "charged")
    assert got.problems == []


def test_the_columns_of_2025_lack_what_was_added_since(run) -> None:
    names = tuple(name for name in NAMES if name != "tokens_cached")
    got = read(run, export({}, names=names))
    assert (got.row["cached_tokens"], got.row["model"]) == (None, "openai/gpt-oss-120b")
    assert got.problems == []


@given(value=st.decimals(-(10**15), 10**15, allow_nan=False, places=18))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_amount_of_eighteen_places_survives(run, value) -> None:
    assert read(run, export({"cost_total": f"{value:f}"})).row["cost"] == value


def test_rows_that_do_not_fit_the_header_are_told(run) -> None:
    plain = {"app_name": "x"}
    data = export(plain, plain).replace(b"\ngen", b"\nshort,row\ngen", 1)
    got = read(run, data + b"a,b")
    told = [(p.kind, p.record) for p in got.problems]
    assert told == [("bad_row", 1), ("truncated", 4)]
    assert got.frame["record"].to_list() == [2, 3]
    quoted = read(run, data.replace(b",x\n", b',"x"\n') + b"a,b")
    assert [(p.kind, p.record) for p in quoted.problems] == told
    assert quoted.frame.equals(got.frame)


def test_values_that_cannot_be_read_are_told(run) -> None:
    got = read(run, export({"created_at": "yesterday", "tokens_prompt": "many"}))
    assert (got.row["time"], got.row["input_tokens"]) == (None, None)
    assert [p.kind for p in got.problems] == ["bad_value", "bad_value"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (export(), 0.98),
        (b"\xef\xbb\xbf" + export().upper(), 0.98),
        (b'"' + b'","'.join(name.encode() for name in NAMES) + b'"\n', 0.98),
        (b"Model,Spend\nx,$1\n", 0.0),
        (b"", 0.0),
        (b"{}", 0.0),
    ],
)
def test_sniffing(head, expected) -> None:
    assert OpenRouterActivity().sniff(head, "x.csv") == expected


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=80), at=st.integers(0, 500), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, data, at, out) -> None:
    usual = export({}, {"app_name": "x"}, {})
    got = read(run, usual[:at] + data + usual[at + out :])
    assert all(p.record is None or p.record >= 1 for p in got.problems)
    assert got.frame.height <= got.records


GENERATION = {
    "id": "gen-1782618417-aaa", "upstream_id": "chatcmpl-1", "total_cost": 0.00003452,
    "usage": 0.00003452, "created_at": "2026-06-28T03:46:57.713Z", "model": "m/x", "streamed": True,
    "cancelled": True, "provider_name": "Second", "latency": 1016, "generation_time": 2940,
    "finish_reason": None, "tokens_prompt": 65, "tokens_completion": 116,
    "native_tokens_prompt": 64, "native_tokens_completion": 98, "native_tokens_cached": 0,
    "provider_responses": [
        {"provider_name": "First", "status": 503}, {"provider_name": "Second", "status": 200},
    ],
}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda it: {"data": it}, lambda it: it, lambda it: [it]])
def test_a_generation_shows_every_try_behind_it(run, wrap) -> None:
    data = json.dumps(wrap(GENERATION)).encode()
    assert openrouter_generation.FORMAT.sniff(data, "x") > 0.9
    row = run(data, openrouter_generation.FORMAT, name="g.json").row
    assert (row["request_id"], row["upstream_request_id"]) == ("gen-1782618417-aaa", "chatcmpl-1")
    assert (row["upstream_tries"], row["http_status"], row["provider"]) == (2, 200, "Second")
    assert (row["cost"], row["cancelled"], row["stream"]) == (Decimal("0.00003452"), True, True)
    assert (row["input_tokens"], row["output_tokens"], row["ttft_ms"]) == (64, 98, 1016.0)


def test_a_generation_in_the_spelling_of_the_client_library(run) -> None:
    item = {
        "id": "gen-1", "createdAt": "2026-06-28T03:46:57Z", "totalCost": 0.5, "tokensPrompt": 1,
        "tokensCompletion": 2, "providerResponses": None,
    }  # fmt: skip
    data = json.dumps(item).encode()
    assert openrouter_generation.FORMAT.sniff(data, "x") > 0.9
    row = run(data, openrouter_generation.FORMAT, name="g.json").row
    assert (row["cost"], row["input_tokens"], row["upstream_tries"]) == (Decimal("0.5"), 1, None)


def test_sums_of_a_day(run) -> None:
    item = {
        "date": "2026-08-24", "model": "openai/gpt-4.1", "usage": 0.015, "requests": 5,
        "byok_usage_inference": 0.012, "prompt_tokens": 50, "completion_tokens": 125,
        "reasoning_tokens": 25, "provider_name": "OpenAI", "endpoint_id": "e",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
    }  # fmt: skip
    data = json.dumps({"data": [item, item]}).encode()
    assert openrouter_daily.FORMAT.sniff(data, "x") > 0.9
    got = run(data, openrouter_daily.FORMAT, name="a.json")
    assert got.problems == []
    row = got.frame.row(1, named=True)
    assert (row["record"], row["grain"], row["requests"]) == (2, "day", 5)
    assert row["period_end"] == datetime(2026, 8, 25, tzinfo=UTC)
    assert (row["cost"], row["upstream_cost"]) == (Decimal("0.015"), Decimal("0.012"))


def test_totals_have_no_time_and_say_so(run) -> None:
    data = b'Model,Spend\n"a/b","$1,001.25"\nother,0.50\n'
    assert openrouter_totals.FORMAT.sniff(data, "x") == 0.7
    assert openrouter_totals.FORMAT.sniff(b"Model,Spend,Color\n", "x") == 0.0
    got = run(data, openrouter_totals.FORMAT, name="a.csv")
    assert got.frame["cost"].to_list() == [Decimal("1001.25"), Decimal("0.50")]
    assert got.frame["time"].null_count() == 2
    assert got.kinds == ["no_period"]
