from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from analyzer.errors import ConfigError
from analyzer.ingest import capture, detect
from analyzer.ingest.base import Reading, Wants
from analyzer.ingest.formats.usage import generic
from analyzer.ingest.told import zone

TABLE = b"""Kostenbericht;August
Datum;Modell;Betrag;W\xc3\xa4hrung;Eingabe;Strom
01.08.2026;gpt-4o;"1.234,56";EUR;1200;ja
"""
MAPPING = {
    "time": "Datum", "model": "Modell", "cost": "Betrag", "currency": "W\u00e4hrung",
    "input_tokens": "Eingabe",
}  # fmt: skip


def reading(**changes: str) -> Reading:
    return Reading(mapping={**MAPPING, **changes})


def test_a_table_by_mapping(run) -> None:
    assert generic.FORMAT.claim(TABLE, "x.csv", reading()) > 0.95
    got = run(TABLE, generic.FORMAT, reading=reading(), name="x.csv")
    assert got.kinds == ["assumed_zone"]
    row = got.row
    assert (row["cost"], row["currency"], row["model"]) == (Decimal("1234.56"), "EUR", "gpt-4o")
    assert row["time"] == datetime(2026, 8, 1, tzinfo=UTC)
    assert (row["grain"], row["input_tokens"], row["record"]) == ("day", 1200, 1)


def test_the_users_zone_and_currency_are_taken(run) -> None:
    data = b"when,usd\n2026-08-01 10:00:00,0.5\n"
    told = Reading(
        mapping={"time": "when", "cost": "usd", "currency": "eur"}, zone=zone("Europe/Berlin")
    )
    got = run(data, generic.FORMAT, reading=told)
    assert got.kinds == ["unknown_grain"]
    assert "--map grain=request" in got.problems[0].message
    assert got.row["time"] == datetime(2026, 8, 1, 8, tzinfo=UTC)
    assert (got.row["currency"], got.row["grain"]) == ("EUR", None)


def test_what_no_column_says_is_said_of_all_rows(run) -> None:
    data = b"when,usd,grain,cur\n2026-08-01 10:00:00,0.5,weekly,eur\n"
    mapping = {"time": "when", "cost": "usd", "grain": "request", "currency": "cur"}
    got = run(data, generic.FORMAT, reading=Reading(mapping={**mapping, "time_kind": "end"}))
    assert got.kinds == ["assumed_zone"]
    row = got.row
    assert (row["grain"], row["time_kind"], row["currency"]) == ("request", "end", "EUR")


def test_a_mapped_column_that_is_missing_is_told(run) -> None:
    got = run(TABLE, generic.FORMAT, reading=reading(request_id="Vorgang"))
    assert "missing_column request_id" in got.kinds
    assert got.row["request_id"] is None


def test_a_mapping_without_its_columns_claims_nothing() -> None:
    other = Reading(mapping={"time": "a", "cost": "b"})
    assert generic.FORMAT.claim(TABLE, "x.csv", other) == 0.0
    # One of a log is not one of usage.
    assert generic.FORMAT.claim(TABLE, "x.csv", Reading(mapping={"status": "Datum"})) == 0.0


def test_names_of_a_mapping_are_checked() -> None:
    with pytest.raises(ConfigError, match="no column 'costs' to fill"):
        detect.check(reading(costs="Betrag"))


def test_detection_gives_a_mapped_table_to_usage(source) -> None:
    told = reading()
    wants = Wants(frozenset(), capture._Forgetful(), reading=told)
    batches = list(capture.read([source(TABLE, "x.csv")], wants))
    rows = [batch.usage for _, _, batch in batches if batch.usage is not None]
    assert rows[0]["format"].to_list() == ["generic-usage"]


@pytest.mark.parametrize(
    ("head", "near", "suggested"),
    [
        ("created_at,cost_total,tokens_prompt,generation\n2026-08-01,1,2,3\n",
         "OpenRouter activity export (CSV, one row per generation), which also has "
         "generation_id, tokens_completion.",
         ["--map time=created_at", "--map cost=cost_total", "--map input_tokens=tokens_prompt",
          "--map model=COLUMN"]),
        ("Day,Total spend (EUR),Model\n2026-08-01,1,x\n", "",
         ["--map time=day", "--map cost='total spend (eur)'", "--map model=model"]),
        ("日期,模型,消耗金额\n2026-08-01,m,1\n", "No known export",
         ["--map time=日期", "--map cost=消耗金额", "--map model=模型"]),
    ],
)  # fmt: skip
def test_an_unknown_table_is_told_what_it_lacks(run, source, head, near, suggested) -> None:
    data = head.encode()
    found = detect.detect(source(data, "x.csv"))
    assert found is generic.FORMAT
    got = run(data, generic.FORMAT, name="x.csv")
    (problem,) = got.problems
    assert problem.kind == "unknown_columns"
    assert near in problem.message
    assert "Known: Amazon, Anthropic, AWS," in problem.message
    for word in suggested:
        assert word in problem.message, word


@pytest.mark.parametrize(
    "data",
    [
        b"name,phone\na,1\n",
        b"In total, the model cost a lot, that day\nand so on\n",
        b"a,b,c\n1,2,3\n",
        b"# Costs, tokens and time\n\nText, more, text, here.\n",
        b"",
    ],
)
def test_other_texts_are_left_alone(data) -> None:
    assert generic.FORMAT.sniff(data, "x.csv") == 0.0


@pytest.mark.parametrize("column", ["key_tag", "key_name", "key_id"])
def test_a_column_of_keys_is_never_kept(run, column) -> None:
    key = "sk-or-v1-" + "0123456789abcdef" * 2
    name = "apikey_01AbCdEfGhIjKlMnOpQrStUv"
    data = f"when,cost,who\n2026-08-01,1,{key}\n2026-08-01,1,{name}\n".encode()
    told = Reading(mapping={"time": "when", "cost": "cost", column: "who"})
    got = run(data, generic.FORMAT, reading=told)
    assert key in got.secrets.learnt
    shown = [value for row in got.frame.drop("key_tag").iter_rows() for value in row]
    assert key not in shown
    if column != "key_tag":
        assert got.frame[column].to_list() == [None, name]
