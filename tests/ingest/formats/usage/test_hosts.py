from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from analyzer.ingest.formats.usage import (
    deepseek_amount,
    deepseek_cost,
    electronhub,
    fireworks,
    pollinations,
)

KEY = "ek-" + "0123456789abcdef" * 2


def test_deepseek_counts_in_long_rows(run) -> None:
    head = "user_id,{}model,api_key_name,api_key,type,price,amount\r\n"
    rows = "".join(
        f'u,{{}}m,"Team, A",sk-1234****cdef,{kind},{price},{amount}\r\n'
        for kind, price, amount in (
            ("input_cache_hit_tokens", "0.000000025", 1000),
            ("input_cache_miss_tokens", "0.000003", 500),
            ("output_tokens", "0.000006", 200),
            ("request_count", "", 3),
        )
    )
    old = "\ufeff" + head.format("utc_date,") + rows.format(*["20260725,"] * 4)
    zoned = "2026-08-13T00:00:00+08:00,2026-08-14T00:00:00+08:00,"
    new = head.format("start_time_iso,end_time_iso,") + rows.format(*[zoned] * 4)
    for data, start in ((old, (2026, 7, 25)), (new, (2026, 8, 12, 16))):
        assert deepseek_amount.FORMAT.sniff(data.removeprefix("\ufeff").encode(), "x") > 0.9
        got = run(data.encode(), deepseek_amount.FORMAT)
        assert got.problems == []
        sums = got.frame.select("cached_tokens", "input_tokens", "output_tokens", "requests").sum()
        assert sums.row(0) == (1000, 500, 200, 3)
        row = got.frame.row(0, named=True)
        assert row["time"] == datetime(*start, tzinfo=UTC)
        assert (row["grain"], row["key_name"], row["key_tag"]) == ("day", "Team, A", None)
        # The cost file of the same download has the money.
        assert got.frame["cost"].null_count() == 4


def test_deepseek_costs_keep_their_currency(run) -> None:
    data = (
        "user_id,utc_date,model,wallet_type,cost,currency\n"
        "u,20260701,m,Paid,0.003,CNY\nu,2026-07-02,m,Granted,10.5000000000000000,usd\n"
    )
    got = run(data.encode(), deepseek_cost.FORMAT)
    assert got.frame["cost"].to_list() == [Decimal("0.003"), Decimal("10.5")]
    assert got.frame["currency"].to_list() == ["CNY", "USD"]
    assert got.frame["meter"].to_list() == ["Paid", "Granted"]


def test_fireworks_with_and_without_the_cached_split(run) -> None:
    names = (
        "email,start_time,end_time,usage_type,accelerator_type,accelerator_seconds,base_model_name,"
        "model_bucket,parameter_count,prompt_tokens,completion_tokens"
    )
    row = (
        "a@example.com,2025-10-20 17:16:48 UTC,2025-10-20 17:16:{} UTC,TEXT_COMPLETION,,,"
        "accounts/fireworks/models/x,X,4,803,109"
    )
    data = f"{names}\n{row.format(48)}\n{row.format(50)}\n"
    assert fireworks.FORMAT.sniff(data.encode(), "x") > 0.9
    got = run(data.encode(), fireworks.FORMAT)
    assert got.problems == []
    assert got.frame["duration_ms"].to_list() == [None, 2000.0]
    assert got.frame["cached_tokens"].null_count() == 2
    assert "example.com" not in str(got.frame.rows())
    newer = f"{names},cached_prompt_tokens,uncached_prompt_tokens\n{row.format(48)},200,603\n"
    only = run(newer.encode(), fireworks.FORMAT).row
    assert (only["input_tokens"], only["cached_tokens"], only["input_includes_cache"]) == (
        803, 200, True,
    )  # fmt: skip
    assert (only["time_kind"], only["time_precision_ms"], only["cost"]) == ("start", 1000.0, None)


def test_pollinations(run) -> None:
    names = (
        "timestamp,type,model,api_key,api_key_type,meter_source,input_text_tokens,"
        "input_cached_tokens,output_text_tokens,output_reasoning_tokens,cost_usd,response_time_ms"
    )
    data = (
        f"{names}\n2026-07-01 10:00:00,generate.text,openai,site,secret,tier,10,2,5,1,0.001,812\n"
    )
    assert pollinations.FORMAT.sniff(data.encode(), "x") > 0.9
    got = run(data.encode(), pollinations.FORMAT)
    assert got.problems == []
    row = got.row
    assert (row["cost"], row["duration_ms"], row["grain"]) == (Decimal("0.001"), 812.0, "request")
    assert (row["input_tokens"], row["cached_tokens"], row["reasoning_tokens"]) == (10, 2, 1)


def test_electronhub_writes_whole_keys(run) -> None:
    item = {
        "key": KEY, "model": "gpt-4o", "route": "chat.completions", "credits": 0.001475,
        "timestamp": 1747802046, "status": "error", "input_tokens": 23, "output_tokens": 9,
        "ip": "192.0.2.1",
    }  # fmt: skip
    data = json.dumps([item, {**item, "key": "ek-masked", "status": "success"}]).encode()
    assert electronhub.FORMAT.sniff(data, "x") > 0.9
    got = run(data, electronhub.FORMAT)
    assert got.problems == []
    assert KEY in got.secrets.learnt
    assert got.frame["key_tag"].to_list() == [f"key:{KEY}", None]
    assert got.frame["entry"].to_list() == ["error", "charge"]
    # What a credit is worth is not said.
    assert got.frame["cost"].null_count() == 2
    assert got.frame["quantity"].to_list() == [Decimal("0.001475")] * 2
    assert "192.0.2.1" not in str(got.frame.rows())
