from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest.formats.usage import openai_cost, openai_usage

COST_NAMES = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,"
    "quantity_unit,line_item,user_id,api_key_id,project_id,organization_id,project_name,"
    "organization_name,user_email,api_source"
)
DAY = "1790553600,1790640000,2026-09-28T00:00:00,2026-09-29T00:00:00"
COSTS = f"""{COST_NAMES}
1790467200,1790553600,2026-09-27T00:00:00+00:00,2026-09-28T00:00:00+00:00,,,,,,,,,,,,,
{DAY},0.003835980000000000000000000000,usd,,,,,,,org-x,,X,nobody@example.com,
{DAY},0.5,usd,1000,tokens,"gpt-5-nano, input_tokens",,key_1,proj_a,org-x,Proj A,,,
{DAY},-0.1,eur,,,Web search,,,proj_b,org-x,,,,
"""


def test_costs_of_the_dashboard(run) -> None:
    data = COSTS.encode()
    assert openai_cost.FORMAT.sniff(data, "x") > 0.9
    assert openai_usage.FORMAT.sniff(data, "x") == 0.0
    got = run(data, openai_cost.FORMAT)
    assert got.problems == []
    empty, plain, item, search = got.frame.rows(named=True)
    # A day without spend is a row that says nothing of money: missing is not zero.
    assert (empty["cost"], empty["entry"], empty["cost_basis"]) == (None, None, None)
    assert empty["time"] == datetime(2026, 9, 27, tzinfo=UTC)
    assert (plain["cost"], plain["model"], plain["grain"]) == (Decimal("0.00383598"), None, "day")
    assert (item["model"], item["meter"], item["key_id"]) == ("gpt-5-nano", "input_tokens", "key_1")
    assert (item["group"], item["quantity"], item["unit"]) == ("Proj A", Decimal(1000), "tokens")
    assert (search["model"], search["meter"], search["currency"]) == (None, "Web search", "EUR")
    assert (search["cost"], search["provider"], search["hop"]) == (
        Decimal("-0.1"), "openai", "upstream",
    )  # fmt: skip
    assert "nobody@example.com" not in str(got.frame.rows())


@given(st.lists(st.decimals(-9, 9, places=18, allow_nan=False), min_size=1, max_size=30))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_sum_is_that_of_the_text_to_the_last_digit(run, values) -> None:
    lines = [f'{DAY},{value:f}000000000000,usd,1,tokens,"m, in",,k,p,o,P,,,' for value in values]
    data = "\n".join([COST_NAMES, *lines, ""])
    sums = sum(
        (Decimal(row["amount_value"]) for row in csv.DictReader(io.StringIO(data))), Decimal(0)
    )
    assert run(data.encode(), openai_cost.FORMAT).frame["cost"].sum() == sums


def page(*results: dict[str, object], seconds: int = 86400) -> bytes:
    start = 1755129600
    bucket = {"object": "bucket", "start_time": start, "end_time": start + seconds}
    data = [{**bucket, "results": list(results)}]
    return json.dumps({"object": "page", "data": data, "has_more": False}).encode()


def test_pages_of_the_costs_api(run) -> None:
    data = page(
        {"object": "organization.costs.result", "amount": {"value": 12.5, "currency": "usd"},
         "line_item": "gpt-4o-2024-08-06, input", "project_id": "proj", "api_key_id": None},
    )  # fmt: skip
    assert openai_cost.FORMAT.sniff(data, "x") > 0.9
    got = run(data, openai_cost.FORMAT)
    assert got.problems == []
    assert (got.row["cost"], got.row["currency"]) == (Decimal("12.5"), "USD")
    assert (got.row["model"], got.row["meter"]) == ("gpt-4o-2024-08-06", "input")
    assert got.row["period_end"] == datetime(2025, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "grain"), [(60, "minute"), (3600, "hour"), (86400, "day")])
def test_pages_of_the_usage_api(run, seconds, grain) -> None:
    result = {
        "input_tokens": 1000, "input_cached_tokens": 400, "input_cache_write_tokens": 100,
        "output_tokens": 500, "num_model_requests": 5, "model": "gpt-4o", "api_key_id": "key_1",
        "project_id": "proj", "service_tier": "default", "batch": False, "user_id": None,
    }  # fmt: skip
    data = page(result, {**result, "model": None}, seconds=seconds)
    assert openai_usage.FORMAT.sniff(data, "x") > 0.9
    got = run(data, openai_usage.FORMAT)
    assert got.problems == []
    row = got.frame.row(0, named=True)
    assert (row["grain"], row["requests"], row["input_includes_cache"]) == (grain, 5, True)
    assert (row["input_tokens"], row["cached_tokens"]) == (1000, 400)
    assert (row["cache_write_tokens"], row["output_tokens"], row["cost"]) == (100, 500, None)


def test_a_page_of_empty_buckets_covers_its_period(run) -> None:
    data = page()
    assert openai_usage.FORMAT.sniff(data, "x") > 0.9
    row = run(data, openai_usage.FORMAT).row
    assert (row["grain"], row["requests"]) == ("day", None)


def test_usage_csv_with_counts_printed_as_floats(run) -> None:
    data = b"""start_time,end_time,start_time_iso,end_time_iso,num_model_requests,model,input_tokens
1790553600,1790553660,2026-09-28T00:00:00+00:00,2026-09-28T00:01:00+00:00,3.0,gpt-4o,20.0
"""
    assert openai_usage.FORMAT.sniff(data, "x") > 0.9
    row = run(data, openai_usage.FORMAT).row
    assert (row["requests"], row["input_tokens"], row["grain"]) == (3, 20, "minute")


def test_four_times_alone_are_a_period_without_usage(run) -> None:
    data = f"start_time,end_time,start_time_iso,end_time_iso\n{DAY}\n".encode()
    assert openai_usage.FORMAT.sniff(data, "x") > 0.9
    assert openai_cost.FORMAT.sniff(data, "x") == 0.0
    assert run(data, openai_usage.FORMAT).row["time"] == datetime(2026, 9, 28, tzinfo=UTC)
