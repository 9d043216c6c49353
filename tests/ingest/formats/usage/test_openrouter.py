from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
        ("0.123456789012345678", "0.123456789012345678"), ("0.1234567890123456789", "problem"),
        ("1e30", "problem"), ("NaN", "problem"), ("$1.25", "problem"), ("1,25", "problem"),
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
