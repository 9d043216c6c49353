from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from analyzer.ingest.formats.usage import anthropic_cost, anthropic_usage

COSTS = """usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,\
list_price_usd,cost_type,inference_geo,speed,api_key_id,api_key_status
2026-08-04,Claude Haiku 4.5,Default,demo,message,≤ 200k,input_no_cache,0.05,0.06,token,\
not_available,,apikey_01,archived
2026-08-05,Claude Opus 4.5,Default,demo,message,≤ 200k,output,0.30,0.30,token,,,apikey_01,active
"""
USAGE = """usage_date_utc,model_version,api_key,workspace,usage_type,context_window,\
usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,\
usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed
2026-08-04,claude-haiku-4-5,demo,Default,message,≤ 200k,100,20,3,400,50,0,not_available,
"""
BUCKET = {"starting_at": "2026-08-01T00:00:00Z", "ending_at": "2026-08-02T00:00:00Z"}


def report(*results: dict[str, object]) -> bytes:
    data = [{**BUCKET, "results": list(results)}]
    return json.dumps({"data": data, "has_more": False, "next_page": None}).encode()


def test_costs_of_the_console(run) -> None:
    data = COSTS.encode()
    assert anthropic_cost.FORMAT.sniff(data, "x") > 0.9
    got = run(data, anthropic_cost.FORMAT)
    assert got.problems == []
    row = got.frame.row(0, named=True)
    assert row["time"] == datetime(2026, 8, 4, tzinfo=UTC)
    assert (row["grain"], row["meter"], row["key_id"]) == ("day", "input_no_cache", "apikey_01")
    assert (row["cost"], row["list_cost"], row["currency"]) == (
        Decimal("0.05"), Decimal("0.06"), "USD",
    )  # fmt: skip
    assert got.frame["cost"].sum() == Decimal("0.35")


def test_the_cost_report_counts_cents(run) -> None:
    data = report(
        {"amount": "123.78912", "currency": "USD", "cost_type": "tokens", "model": "claude-x",
         "token_type": "uncached_input_tokens", "description": "d", "workspace_id": "w",
         "context_window": None, "service_tier": "standard", "inference_geo": None},
        {"amount": "50", "currency": "USD", "cost_type": "web_search", "description": "Search",
         "model": None, "token_type": None},
    )  # fmt: skip
    assert anthropic_cost.FORMAT.sniff(data, "x") > 0.9
    got = run(data, anthropic_cost.FORMAT)
    assert got.problems == []
    assert got.frame["cost"].to_list() == [Decimal("1.2378912"), Decimal("0.5")]
    assert got.frame["meter"].to_list() == ["uncached_input_tokens", "Search"]


def test_tokens_of_the_console_are_counted_apart(run) -> None:
    data = USAGE.encode()
    assert anthropic_usage.FORMAT.sniff(data, "x") > 0.9
    row = run(data, anthropic_usage.FORMAT).row
    assert (row["input_tokens"], row["cached_tokens"], row["cache_write_tokens"]) == (100, 400, 23)
    assert (row["input_includes_cache"], row["output_tokens"], row["model"]) == (
        False, 50, "claude-haiku-4-5",
    )  # fmt: skip
    assert (row["cost"], row["requests"]) == (None, None)


def test_the_usage_report(run) -> None:
    data = report({
        "uncached_input_tokens": 1500, "cache_read_input_tokens": 200, "output_tokens": 500,
        "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
        "server_tool_use": {"web_search_requests": 10}, "model": "claude-x", "api_key_id": "k",
    })  # fmt: skip
    assert anthropic_usage.FORMAT.sniff(data, "x") > 0.9
    assert anthropic_cost.FORMAT.sniff(data, "x") == 0.0
    got = run(data, anthropic_usage.FORMAT)
    assert got.problems == []
    assert (got.row["cache_write_tokens"], got.row["key_id"]) == (1500, "k")
    assert got.row["period_end"] == datetime(2026, 8, 2, tzinfo=UTC)
