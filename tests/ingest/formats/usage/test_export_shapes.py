"""How exports are packed: preambles, delimiters, byte-order marks, pages, lines, broken ends."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.base import Format, Limits
from analyzer.ingest.formats.usage import (
    anthropic_cost,
    azure_llm_log,
    cursor,
    deepseek_cost,
    litellm_spend,
    new_api,
    openai_cost,
    openai_usage,
    xlsx_sheet,
)
from analyzer.ingest.formats.usage.export import Export

HEAD = "utc_date,model,wallet_type,cost,currency"
LOG = {
    "id": 1, "created_at": 1775800000, "type": 2, "content": "", "token_name": "t",
    "model_name": "m", "quota": 500000, "prompt_tokens": 3, "completion_tokens": 4, "use_time": 2,
    "is_stream": True, "group": "default", "other": "{}",
}  # fmt: skip


def usage_formats() -> list[Format]:
    return list(detect.family("analyzer.ingest.formats.usage"))


@pytest.mark.parametrize(
    "data",
    [
        f"{HEAD}\n20260801,m,Paid,1.5,CNY\n",
        f"\ufeff{HEAD}\r\n20260801,m,Paid,1.5,CNY\r\n",
        f"{HEAD.upper()}\n20260801,m,Paid,1.5,CNY",
        f"Report,x\nCurrency,CNY\n\n{HEAD}\n2026-08-01,m,Paid,1.5,CNY\n",
        'currency;cost;"model";wallet_type;utc_date;\nCNY;1,5;m;Paid;20260801;\n',
        "cost\twallet_type\tmodel\tutc_date\tcurrency\n1.5\tPaid\tm\t20260801\tCNY\n",
        f"{HEAD}\n1.8.2026,m,Paid,1.5,CNY\n",
    ],
)
def test_a_csv_however_it_is_packed(run, data) -> None:
    got = run(data.encode(), deepseek_cost.FORMAT, name="x.csv")
    assert deepseek_cost.FORMAT.sniff(data.encode(), "x.csv") > 0.9
    row = got.row
    assert (row["cost"], row["currency"], row["record"]) == (Decimal("1.5"), "CNY", 1)
    assert f"{row['time']:%Y-%m-%d}" == "2026-08-01"
    assert got.problems == []


def test_a_semicolon_makes_a_comma_the_decimal_mark(run) -> None:
    data = f"{HEAD}\n20260801,m,Paid,1.234,USD\n".replace(",", ";").replace("1.234", "1,234")
    assert run(data.encode(), deepseek_cost.FORMAT).row["cost"] == Decimal("1.234")


def test_an_export_without_rows_says_so(run) -> None:
    got = run(f"{HEAD}\n".encode(), deepseek_cost.FORMAT)
    assert [(p.kind, p.lost) for p in got.problems] == [("no_rows", False)]


@pytest.mark.parametrize(
    "pack",
    [
        lambda rows: json.dumps(rows),
        lambda rows: json.dumps(rows, indent=2),
        lambda rows: "\n".join(map(json.dumps, rows)),
        lambda rows: json.dumps({"success": True, "message": "", "data": rows}),
        lambda rows: json.dumps({"success": True, "data": {"page": 1, "total": 2, "items": rows}}),
        lambda rows: json.dumps({"data": {"items": rows}}, indent=1),
        lambda rows: "\n".join(json.dumps({"success": True, "data": [row]}) for row in rows),
        lambda rows: "\n".join(json.dumps({"data": [row]}, indent=2) for row in rows),
        lambda rows: json.dumps([{"data": [row]} for row in rows]),
        lambda rows: "\ufeff" + json.dumps(rows),
    ],
)
def test_json_however_it_is_packed(run, pack) -> None:
    data = pack([LOG, {**LOG, "quota": 1}]).encode()
    assert new_api.FORMAT.sniff(data.removeprefix(b"\xef\xbb\xbf"), "x") > 0.9
    got = run(data, new_api.FORMAT, name="x.json")
    assert got.frame["cost"].to_list() == [Decimal(1), Decimal("0.000002")]
    assert got.frame["record"].to_list() == [1, 2]
    assert got.records == 2
    assert got.problems == []


def test_a_document_that_breaks_off_keeps_its_whole_records(run) -> None:
    data = json.dumps({"data": [LOG, LOG, LOG]}).encode()
    got = run(data[:-40], new_api.FORMAT)
    assert got.frame.height == 2
    assert [(p.kind, p.lost) for p in got.problems] == [("truncated", True)]


def test_lines_that_are_no_json_are_told_by_number(run) -> None:
    line = json.dumps(LOG)
    got = run(f"{line}\n{line[:50]}\n\n{line}\n".encode(), new_api.FORMAT)
    assert got.frame.height == 2
    assert [(p.kind, p.record) for p in got.problems] == [("bad_line", 2)]


def test_a_line_over_the_limit_is_left_out(run) -> None:
    line = json.dumps(LOG)
    long = json.dumps({**LOG, "content": "x" * 2000})
    got = run(f"{line}\n{long}\n{line}\n".encode(), new_api.FORMAT, limits=Limits(entry_bytes=999))
    assert got.frame.height == 2
    assert "too_large" in got.kinds


def test_numbers_keep_every_digit_of_their_text(run) -> None:
    spent = "0.123456789012345678"
    row = json.dumps({
        "request_id": "r", "call_type": "acompletion", "startTime": "2026-06-01T12:00:00Z",
        "endTime": "2026-06-01T12:00:01Z", "spend": 12345,
    })  # fmt: skip
    data = row.replace("12345", spent).encode()
    assert run(data, litellm_spend.FORMAT).row["cost"] == Decimal(spent)


def test_keys_that_are_not_known_are_told_by_name_only(run) -> None:
    got = run(json.dumps([{**LOG, "shiny": {"deep": "value"}}]).encode(), new_api.FORMAT)
    (problem,) = got.problems
    assert (problem.kind, problem.lost) == ("unknown_column", False)
    assert "shiny" in problem.message
    assert "value" not in problem.message


def test_a_workbook_says_how_to_go_on(run) -> None:
    data = b'<?xml version="1.0"?><worksheet xmlns="x"><sheetData/></worksheet>'
    assert xlsx_sheet.FORMAT.sniff(data, "xl/worksheets/sheet1.xml") == 0.9
    assert xlsx_sheet.FORMAT.sniff(data, "sheet1.xml") == 0.0
    got = run(data, xlsx_sheet.FORMAT)
    assert got.kinds == ["workbook"]
    assert "CSV" in got.problems[0].message


def test_no_two_formats_claim_each_others_headers() -> None:
    for item in usage_formats():
        if not isinstance(item, Export):
            continue
        for names in item.required:
            # A column after the required ones: each line has its delimiter.
            head = (",".join(sorted(names)) + "\n").encode()
            others = [
                other.name
                for other in usage_formats()
                if other is not item and other.sniff(head, "x.csv") >= item.sniff(head, "x.csv") > 0
            ]
            assert others == [], (item.name, sorted(names))


def test_required_columns_and_keys_are_known() -> None:
    for item in usage_formats():
        if not isinstance(item, Export) or not item.told:
            continue
        for names in item.required:
            assert names <= item.known, item.name


SEEDS = {
    "csv": (f"{HEAD}\n20260801,m,Paid,1.5,CNY\n20260801,m,Paid,x,CNY\n".encode(), deepseek_cost),
    "quoted": (f'{HEAD}\n20260801,"m,\nn",Paid,"1,5",CNY\n'.encode(), deepseek_cost),
    "log": (json.dumps([LOG, LOG], indent=1).encode(), new_api),
    "lines": ((json.dumps(LOG) + "\n").encode() * 2, new_api),
    "pages": (
        json.dumps({"object": "page", "data": [{"start_time": 1, "end_time": 2, "results": [
            {"amount": {"value": 1.5, "currency": "usd"}, "line_item": "m, input"}]}]}).encode(),
        openai_cost,
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", sorted(SEEDS))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), at=st.integers(0, 300), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, seed, data, at, out) -> None:
    usual, module = SEEDS[seed]
    got = run(usual[:at] + data + usual[at + out :], module.FORMAT)
    assert got.frame.height <= got.records
    assert all(p.message and (p.record is None or p.record >= 1) for p in got.problems)


FORMATS = [
    anthropic_cost, azure_llm_log, cursor, deepseek_cost, litellm_spend, new_api, openai_cost,
    openai_usage,
]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_head_can_be_asked(data) -> None:
    for prefix in (b"", b"{", b'[{"data":', b"a,b\n"):
        for module in FORMATS:
            assert 0.0 <= module.FORMAT.sniff(prefix + data, "x") <= 1.0
