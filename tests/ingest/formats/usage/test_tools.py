from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from analyzer.ingest.formats.usage import (
    ccusage,
    copilot,
    cursor,
    langfuse,
    litellm_daily,
    litellm_spend,
)

V1 = (
    "Date,Model,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,"
    "Total Tokens,Cost,Cost to you\n"
)
V2 = (
    "Date,Kind,Model,Max Mode,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,"
    "Output Tokens,Total Tokens,Cost\n"
)
V3 = V2.replace("Date,", "Date,Cloud Agent ID,Automation ID,")


def event(kind: str, cost: str, version: int = 3) -> str:
    agent = '"bc-1","",' if version == 3 else ""
    return (
        f'"2026-07-22T14:05:00.902Z",{agent}"{kind}","m","No","5","80","263","7","355","{cost}"\n'
    )


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("kind", "cost", "value", "basis", "entry", "cancelled"),
    [
        ("Included", "Included", None, "included", "charge", False),
        # A plan covers it: its worth is no money that was taken.
        ("Included", "0.06", "0.06", "included", "charge", False),
        ("On-Demand", "$0.12", "0.12", "charged", "charge", False),
        ("Errored, No Charge", "Free", None, "free", "error", False),
        ("Aborted, Not Charged", "-", None, "free", "error", True),
        ("", "0.12", "0.12", None, "charge", None),
        ("User API Key", "", None, None, "charge", False),
    ],
)
def test_events_of_cursor(run, version, kind, cost, value, basis, entry, cancelled) -> None:
    data = ((V3 if version == 3 else V2) + event(kind, cost, version)).encode()
    assert cursor.FORMAT.sniff(data, "x") > 0.9
    got = run(data, cursor.FORMAT)
    assert got.problems == []
    row = got.row
    assert row["cost"] == (None if value is None else Decimal(value))
    assert (row["cost_basis"], row["entry"], row["cancelled"]) == (basis, entry, cancelled)
    assert (row["status"], row["trace_id"]) == (kind or None, "bc-1" if version == 3 else None)
    assert (row["input_tokens"], row["cache_write_tokens"], row["cached_tokens"]) == (80, 5, 263)


def test_the_oldest_export_of_cursor_has_two_costs(run) -> None:
    data = (V1 + "2025-06-01T00:00:00Z,m,1,2,3,4,10,$0.20,$0.05\n").encode()
    row = run(data, cursor.FORMAT).row
    assert (row["cost"], row["list_cost"], row["cost_basis"]) == (
        Decimal("0.05"), Decimal("0.20"), "charged",
    )  # fmt: skip


def test_equal_events_are_kept_and_odd_costs_told(run) -> None:
    same = event("On-Demand", "1")
    got = run((V3 + same + same + event("On-Demand", "lots")).encode(), cursor.FORMAT)
    assert got.frame.height == 3
    assert [(p.kind, p.record) for p in got.problems] == [("bad_money", 3)]


def test_copilot_of_both_years(run) -> None:
    old = (
        "\ufeffdate,username,product,sku,model,quantity,unit_type,applied_cost_per_quantity,"
        "gross_amount,discount_amount,net_amount,exceeds_quota,total_monthly_quota,organization,"
        "cost_center_name\n"
        "2025-10-01,alice,copilot,copilot_premium_request,Claude Sonnet 4,3.6,requests,0.04,"
        "0.144,0.1,0.044,False,Unlimited,org,CC\n"
    )
    got = run(old.encode(), copilot.FORMAT)
    assert got.problems == []
    row = got.row
    assert (row["cost"], row["list_cost"]) == (Decimal("0.044"), Decimal("0.144"))
    # 3.6 is requests times the model's factor.
    assert (row["quantity"], row["unit"], row["requests"]) == (Decimal("3.6"), "requests", None)
    assert (row["time"], row["grain"]) == (datetime(2025, 10, 1, tzinfo=UTC), "day")
    assert "alice" not in str(row)
    new = (
        "date,username,product,sku,model,quantity,unit_type,applied_cost_per_quantity,gross_amount,"
        "discount_amount,net_amount,total_monthly_quota,organization,repository,cost_center_name,"
        "aic_quantity,aic_gross_amount,input,output,cache_read,cache_write\n"
        "2026-06-09,alice,copilot,copilot_ai_credit,Auto: GPT-5.4,820,ai-credits,0.01,8.20,8.20,"
        "0.00,1900,Org,,,820,8.20,100,20,3,4\n"
    )
    row = run(new.encode(), copilot.FORMAT).row
    assert (row["input_tokens"], row["cache_write_tokens"], row["cost"]) == (100, 4, Decimal(0))


def test_ccusage_by_model_or_by_day(run) -> None:
    part = {"modelName": "claude-x", "inputTokens": 1, "outputTokens": 2, "cost": 0.25}
    total = {"inputTokens": 277, "outputTokens": 3, "totalTokens": 9, "totalCost": 17.58}
    days = [
        {"date": "2026-05-16", **total, "modelsUsed": ["a", "b"], "modelBreakdowns": [part, part]},
        {"date": "2026-05-17", **total, "modelsUsed": ["a"], "modelBreakdowns": []},
    ]
    data = json.dumps({"daily": days, "totals": total}).encode()
    assert ccusage.FORMAT.sniff(data, "x") > 0.9
    got = run(data, ccusage.FORMAT)
    # Its days are those of the machine.
    assert got.kinds == ["assumed_zone"]
    assert got.frame["model"].to_list() == ["claude-x", "claude-x", "a"]
    assert got.frame["cost"].sum() == Decimal("18.08")
    assert got.frame["cost_basis"].unique().to_list() == ["estimated"]


LITELLM = {
    "request_id": "chatcmpl-1_cache_hit1780315200.5", "call_type": "acompletion",
    "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    "spend": 0.000123, "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
    "startTime": "2026-06-01T12:00:00.000Z", "endTime": "2026-06-01T12:00:02.500Z",
    "completionStartTime": "2026-06-01T12:00:00.800Z", "model": "azure/gpt-4o",
    "model_group": "gpt-4o", "custom_llm_provider": "azure", "status": "success",
    "metadata": {"user_api_key_alias": "ci", "usage_object": {
        "prompt_tokens_details": {"cached_tokens": 64}, "cache_creation_input_tokens": 8}},
    "messages": {"secret": "prompt"}, "requester_ip_address": "192.0.2.1",
}  # fmt: skip


def test_litellm_spend(run) -> None:
    data = json.dumps([LITELLM]).encode()
    assert litellm_spend.FORMAT.sniff(data, "x") > 0.9
    got = run(data, litellm_spend.FORMAT)
    assert got.problems == []
    row = got.row
    assert (row["request_id"], row["model"], row["key_name"]) == ("chatcmpl-1", "gpt-4o", "ci")
    assert (row["duration_ms"], row["ttft_ms"], row["time_kind"]) == (2500.0, 800.0, "start")
    assert (row["cost"], row["cost_basis"]) == (Decimal("0.000123"), "estimated")
    assert (row["cached_tokens"], row["cache_write_tokens"], row["entry"]) == (64, 8, "charge")
    assert "prompt" not in str(row["detail"])


def test_a_failure_in_a_dump_of_litellms_table(run) -> None:
    names = "request_id,call_type,spend,startTime,endTime,completionStartTime,model,metadata,status"
    about = '"{""status"": ""failure"", ""error_information"": {""error_code"": ""504"", '
    about += '""error_message"": ""late""}}"'
    data = (
        f"{names}\nid-1,acompletion,0,2026-06-01 12:00:00+00,2026-06-01 12:00:30+00,"
        f"2026-06-01 12:00:30+00,gpt-4o,{about},\\N\n"
    )
    assert litellm_spend.FORMAT.sniff(data.encode(), "x") > 0.9
    row = run(data.encode(), litellm_spend.FORMAT).row
    assert (row["entry"], row["status"], row["error_code"]) == ("error", "failure", "504")
    assert (row["detail"], row["ttft_ms"], row["cost"]) == ("late", None, Decimal(0))


def test_litellm_daily(run) -> None:
    data = (
        "id,date,api_key,model,model_group,custom_llm_provider,prompt_tokens,completion_tokens,"
        "spend,api_requests,successful_requests,failed_requests\n"
        "1,2026-06-01,h,azure/gpt-4o,gpt-4o,azure,10,20,1.5,7,5,2\n"
    )
    assert litellm_daily.FORMAT.sniff(data.encode(), "x") > 0.9
    row = run(data.encode(), litellm_daily.FORMAT).row
    assert (row["requests"], row["cost"], row["grain"]) == (7, Decimal("1.5"), "day")


OBSERVATION = {
    "id": "o1", "trace_id": "t1", "project_id": "p", "type": "GENERATION", "level": "ERROR",
    "start_time": "2026-06-01 12:00:00.123456", "end_time": "2026-06-01 12:00:01.123456",
    "status_message": "429", "provided_model_name": "gpt-4o", "total_cost": 0.5, "latency": 1.0,
    "time_to_first_token": 0.25, "usage_details": {"input": 10, "output": 5, "total": 15},
    "cost_details": {"total": 0.5}, "name": "n", "input": "prompt",
}  # fmt: skip


def test_langfuse_in_json_and_csv(run) -> None:
    span = {**OBSERVATION, "type": "SPAN", "provided_model_name": "", "total_cost": None}
    data = "\n".join(map(json.dumps, (OBSERVATION, span))).encode()
    assert langfuse.FORMAT.sniff(data, "x") > 0.9
    got = run(data, langfuse.FORMAT)
    assert got.kinds == ["other_record"]
    row = got.row
    assert row["time"] == datetime(2026, 6, 1, 12, 0, 0, 123456, UTC)
    assert (row["input_tokens"], row["output_tokens"], row["ttft_ms"]) == (10, 5, 250.0)
    assert (row["entry"], row["detail"], row["trace_id"]) == ("error", "429", "t1")
    assert (row["cost"], row["cost_basis"]) == (Decimal("0.5"), "estimated")

    def cell(value: object) -> str:
        text = json.dumps(value) if isinstance(value, dict) else str(value)
        return '"' + text.replace('"', '""') + '"'

    table = ",".join(OBSERVATION) + "\n" + ",".join(map(cell, OBSERVATION.values())) + "\n"
    assert langfuse.FORMAT.sniff(table.encode(), "x") > 0.9
    assert run(table.encode(), langfuse.FORMAT).row == row
