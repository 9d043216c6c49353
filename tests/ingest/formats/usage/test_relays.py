from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from analyzer.ingest.formats.usage import new_api, one_api, quota

NEW = (
    "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,"
    "completion_tokens,use_time,is_stream,channel,channel_name,token_id,group,ip,request_id,"
    "upstream_request_id,other\n"
)
ONE = (
    "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,"
    "completion_tokens,channel,request_id,elapsed_time,is_stream,system_prompt_reset\n"
)
ID = "20260410054640123456789abcdefgh"


def new(kind: int, points: int, content: str = "", other: object = None, own: str = ID) -> str:
    text = json.dumps(other or {}).replace('"', '""')
    return (
        f'1,1,1775800000,{kind},"{content}",u,tok,m,{points},3,4,2,true,9,,7,default,192.0.2.1,'
        f'{own},,"{text}"\n'
    )


def one(kind: int, points: int) -> str:
    return f"1,1,1740000000,{kind},c,u,tok,m,{points},3,4,9,{ID},3210,true,false\n"


def test_a_charge_of_new_api(run) -> None:
    other = {"frt": 812, "cache_tokens": 2, "model_ratio": 1.5,
             "stream_status": {"status": "error", "end_reason": "client_gone", "end_error": "gone"},
             "local_count_tokens": True, "admin_info": {"use_channel": ["3", "9"]}}  # fmt: skip
    data = (NEW + new(2, 4734723, "note", other)).encode()
    assert new_api.FORMAT.sniff(data, "x") > 0.9
    got = run(data, new_api.FORMAT)
    assert got.problems == []
    row = got.row
    # Stamped when it was settled, in whole seconds.
    assert row["time"] == datetime(2026, 4, 10, 5, 46, 40, tzinfo=UTC)
    assert (row["time_kind"], row["time_precision_ms"], row["duration_ms"]) == (
        "settled", 1000.0, 2000.0,
    )  # fmt: skip
    assert (row["cost"], row["currency"]) == (Decimal("9.469446"), "USD")
    assert (row["quantity"], row["unit"], row["entry"]) == (Decimal(4734723), "quota", "charge")
    assert (row["ttft_ms"], row["cached_tokens"], row["tokens_estimated"]) == (812.0, 2, True)
    assert (row["cancelled"], row["finish_reason"], row["detail"]) == (
        True, "client_gone", "note; gone",
    )  # fmt: skip
    assert (row["upstream_tries"], row["group"], row["key_name"]) == (2, "default", "tok")
    assert "192.0.2.1" not in str(row)


@pytest.mark.parametrize(
    ("kind", "points", "entry", "cost", "requests"),
    [
        (2, 250000, "charge", "0.5", 1),
        # What was reserved was more than what was used.
        (2, -250000, "refund", "-0.5", None),
        (5, 0, "error", "0", 1),
        # A refund is a positive number of points: it has to lower the sum.
        (6, 2500, "refund", "-0.005", None),
        (1, 500000, "topup", None, None),
        (3, 5, "other", None, None),
        (4, 5, "other", None, None),
        (9, 5, None, None, None),
    ],
)
def test_the_types_of_new_api(run, kind, points, entry, cost, requests) -> None:
    row = run((NEW + new(kind, points)).encode(), new_api.FORMAT).row
    assert (row["entry"], row["requests"]) == (entry, requests)
    assert row["cost"] == (None if cost is None else Decimal(cost))
    assert row["quantity"] == Decimal(points)


def test_five_is_an_error_in_one_and_a_test_in_the_other(run) -> None:
    error = run((NEW + new(5, 0)).encode(), new_api.FORMAT).row
    data = (ONE + one(5, 1)).encode()
    test = run(data, one_api.FORMAT).row
    assert (error["entry"], error["status"]) == ("error", "error")
    assert (test["entry"], test["status"], test["cost"]) == ("test", "test", Decimal("0.000002"))
    assert new_api.FORMAT.sniff(data, "x") == 0.0
    assert one_api.FORMAT.sniff((NEW + new(5, 0)).encode(), "x") == 0.0
    assert (test["duration_ms"], test["gateway"]) == (3210.0, "one-api")


def test_an_old_one_api_does_not_say_what_five_is(run) -> None:
    old = ONE.replace(",request_id,elapsed_time,is_stream,system_prompt_reset", "")
    data = old + "1,1,1740000000,5,c,u,tok,m,1,3,4,9\n1,1,1740000000,2,c,u,tok,m,250,3,4,9\n"
    got = run(data.encode(), one_api.FORMAT)
    assert got.kinds == ["ambiguous_type"]
    assert got.frame["entry"].to_list() == [None, "charge"]
    assert got.frame["cost"].to_list() == [None, Decimal("0.0005")]


def test_ids_in_the_text(run) -> None:
    said = "status_code=503, no channel (request id: 20260410B)"
    rows = new(5, 0, said) + new(5, 0, said, own="")
    got = run((NEW + rows).encode(), new_api.FORMAT)
    own, without = got.frame.rows(named=True)
    # Another relay's id stands in the text of its error.
    assert (own["request_id"], own["upstream_request_id"]) == (ID, "20260410B")
    assert (without["request_id"], without["upstream_request_id"]) == ("20260410B", None)


def test_no_first_byte_is_no_time(run) -> None:
    other = {"frt": -1000, "error_type": "upstream", "error_code": "bad", "status_code": 504}
    row = run((NEW + new(5, 0, "x", other)).encode(), new_api.FORMAT).row
    assert (row["ttft_ms"], row["http_status"], row["error_code"]) == (None, 504, "bad")


def test_tokens_of_anthropic_models_are_counted_apart(run) -> None:
    rows = new(2, 1, other={"usage_semantic": "anthropic"}) + new(2, 1, other={"frt": 1})
    got = run((NEW + rows).encode(), new_api.FORMAT)
    assert got.frame["input_includes_cache"].to_list() == [False, True]


def test_broken_details_lose_nothing_else(run) -> None:
    data = (NEW + new(2, 500000)).replace('"{}"', '"{broken"')
    got = run(data.encode(), new_api.FORMAT)
    assert (got.row["cost"], got.row["cached_tokens"]) == (Decimal(1), None)


def test_what_points_are_worth_is_data_with_a_source() -> None:
    import yaml

    from analyzer import data

    items = yaml.safe_load((Path(data.root("knowledge")) / quota.UNITS).read_text("utf-8"))
    assert {item["ledger"] for item in items} == set(quota.units())
    for item in items:
        assert item["url"].startswith("https://github.com/")
        assert quota.units()[item["ledger"]].per_unit == 500_000
