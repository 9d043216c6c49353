from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from analyzer import ledger
from analyzer.engine.judge import SCHEMA, judge
from analyzer.engine.knowledge import Suppression
from analyzer.errors import ConfigError

EMPTY = ledger.merge([])
CHAT, MODELS = {"status": 503}, {"endpoint": "models", "status": 200, "ok": True}


def at(seconds: int) -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)


def judged(kb: Any, attempts: pl.DataFrame) -> pl.DataFrame:
    failed = attempts.filter(pl.col("ok").eq(other=False))
    return judge(failed, ledger.fold(attempts), None, kb)


def test_the_verdict_columns_are_the_published_ones_in_the_order_of_the_rows(
    make: Any, rows: Any
) -> None:
    found = judge(rows({"status": 500}, {"status": 503}, {"status": 1}), EMPTY, None,
                  make.knowledge(make.rule()))  # fmt: skip

    assert found.schema == SCHEMA
    assert found["attempt_id"].to_list() == [0, 1, 2]
    assert found["rule"].to_list() == [
        "unknown.unclassified",
        "gateway.sample",
        "unknown.unclassified",
    ]
    assert found.drop("suppressed").null_count().sum_horizontal().item() == 0


def test_no_rows_give_no_verdicts(make: Any, rows: Any) -> None:
    assert judge(rows({}).clear(), EMPTY, None, make.knowledge(make.rule())).schema == SCHEMA


def test_a_knowledge_base_without_the_unknown_is_an_error(make: Any, rows: Any) -> None:
    import msgspec

    kb = msgspec.structs.replace(make.knowledge(), rules=())

    with pytest.raises(ConfigError, match=r"unknown\.unclassified"):
        judge(rows(CHAT), EMPTY, None, kb)


def test_a_header_that_no_row_has_counts_as_absent(make: Any, rows: Any) -> None:
    has = make.rule("gateway.a", match={"resp_header.x-a": "1"})
    lacks = make.rule("gateway.b", match={"resp_header.x-a": {"exists": False}})

    assert judge(rows(CHAT), EMPTY, None, make.knowledge(has, lacks))["rule"].item() == "gateway.b"


@pytest.mark.parametrize(
    ("expected", "basis"),
    [("unknown", "none"), ("unbilled", "inference"), ("partial", "inference")],
)
def test_an_expectation_rests_on_inference_until_somebody_knows_more(
    make: Any, rows: Any, expected: str, basis: str
) -> None:
    rule = make.rule(billing={"expected": expected, "why": "So it is."})

    found = judge(rows(CHAT), EMPTY, None, make.knowledge(rule)).row(0, named=True)

    assert (found["billing_expected"], found["billing_basis"]) == (expected, basis)


def test_perspective_turns_a_gateways_rule_into_the_providers(make: Any, rows: Any) -> None:
    rule = make.rule(emitted_by="gateway")
    attempts = rows(
        {**CHAT, "provider_host": True}, {**CHAT, "provider_host": True, "hop": "gateway"}
    )

    found = judge(attempts, EMPTY, None, make.knowledge(rule))

    assert found["layer"].to_list() == ["upstream", "gateway"]
    assert found["emitted_by"].to_list() == ["upstream", "gateway"]


# -- confidence --------------------------------------------------------------------------------


def test_raises_and_lowers_move_one_step_each_with_the_reason(make: Any, rows: Any) -> None:
    rule = make.rule(
        confidence="medium",
        context={"raises": ["models_endpoint_ok"], "lowers": [{"immediate": {"below": "1s"}}]},
    )
    probe = {**MODELS, "started_at": at(60)}
    slow = judged(make.knowledge(rule), rows({**CHAT, "duration_ms": 5000.0}, probe))
    quick = judged(make.knowledge(rule), rows({**CHAT, "duration_ms": 5.0}, probe))
    alone = judged(make.knowledge(rule), rows({**CHAT, "duration_ms": 5.0}))
    blind = judged(make.knowledge(rule), rows(CHAT))

    assert slow["confidence"].item() == "high"
    assert slow["confidence_steps"].to_list() == [["medium -> high: /models answered within 5 min"]]
    assert quick["confidence"].item() == "medium"
    assert quick["confidence_steps"].to_list() == [
        [
            "medium -> high: /models answered within 5 min",
            "high -> medium: it failed in less than 1 s",
        ]
    ]
    assert alone["confidence"].item() == "low"
    assert (blind["confidence"].item(), blind["confidence_steps"].to_list()) == ("medium", [[]])


def test_confidence_stays_within_its_words(make: Any, rows: Any) -> None:
    top = make.rule(confidence="certain", context={"raises": ["immediate"]})
    bottom = make.rule(confidence="low", context={"lowers": ["immediate"]})

    for rule, word in ((top, "certain"), (bottom, "low")):
        found = judge(rows({**CHAT, "duration_ms": 5.0}), EMPTY, None, make.knowledge(rule))
        assert (found["confidence"].item(), found["confidence_steps"].to_list()) == (word, [[]])


@pytest.mark.parametrize(
    ("match", "row", "capped"),
    [
        ({"status": 503}, {}, False),
        ({"status": 503}, {"body_kind": "absent"}, False),
        ({"status": 503, "not": [{"body_kind": "json"}]}, {"body_kind": "absent"}, True),
        ({"status": 503, "not": [{"body_kind": "json"}]}, {}, True),
        ({"status": 503, "not": [{"body_kind": "json"}]}, {"body_kind": "html"}, False),
        ({"status": 503, "error_code": {"exists": False}}, {"body_kind": "absent"}, True),
        ({"ok": False, "not": [{"body_kind": "json"}]}, {"status": None}, False),
        ({"status": 503, "error_code": {"exists": False}}, {"body_kind": "text"}, False),
        (
            {"status": 503, "not": [{"not": [{"body_kind": "absent"}]}]},
            {"body_kind": "absent"},
            False,
        ),
        ({"status": 503, "not": [{"server": "x"}]}, {"body_kind": "absent"}, False),
    ],
)
def test_a_match_that_leans_on_a_missing_body_ends_at_medium(
    make: Any, rows: Any, match: dict[str, Any], row: dict[str, Any], capped: bool
) -> None:
    rule = make.rule(match=match, confidence="certain")

    found = judge(rows({**CHAT, **row}), EMPTY, None, make.knowledge(rule)).row(0, named=True)

    assert found["rule"] == rule.id
    assert found["confidence"] == ("medium" if capped else "certain")
    assert bool(found["confidence_steps"]) is capped


# -- context gates -----------------------------------------------------------------------------


def test_what_a_rule_requires_decides_per_row(make: Any, rows: Any) -> None:
    rule = make.rule(context={"requires": [{"only_this_model_fails": {"within": "1m"}}]})
    attempts = rows(
        {**CHAT, "model": "a", "started_at": at(0)},
        {**CHAT, "model": "a", "started_at": at(20)},
        {"model": "b", "status": 200, "ok": True, "started_at": at(20)},
        {**CHAT, "model": "a", "started_at": at(900)},
        {**CHAT, "model": "c", "started_at": at(5000)},
        {**CHAT, "model": "c", "started_at": at(5010)},
    )

    found = judged(make.knowledge(rule), attempts)

    assert found["rule"].to_list() == [rule.id, rule.id, *["unknown.unclassified"] * 3]
    assert found["possible"].list.len().cast(pl.Boolean).to_list() == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_many_rows_get_what_each_would_get_alone(make: Any, rows: Any) -> None:
    kb = make.knowledge(
        make.rule(id="gateway.general", tier="general", match={"status": {"gte": 500}}),
        make.rule(id="gateway.word", match={"error_message": {"contains_any": ["busy"]}}),
        make.rule(id="gateway.other", layer="upstream", match={"status": 503}),
    )
    kinds = [
        {"status": status, "error_message": text}
        for status in (429, 500, 503)
        for text in (None, "busy", "so busy", "idle")
    ]
    few = judge(rows(*kinds), EMPTY, None, kb).drop("attempt_id")
    many = judge(rows(*kinds * 60), EMPTY, None, kb).drop("attempt_id")
    assert few["ambiguous"].any()
    assert many.equals(pl.concat([few] * 60))


# -- suppression -------------------------------------------------------------------------------


def test_a_suppression_marks_its_rows_and_hides_nothing(make: Any, rows: Any) -> None:
    one = Suppression("gateway.sample", "Known, ticket 7.", where={"host": "old.example"})
    kb = make.knowledge(make.rule(), suppressions=(one,))

    found = judge(rows({**CHAT, "host": "old.example"}, CHAT, {"status": 1}), EMPTY, None, kb)

    assert found["suppressed"].to_list() == ["Known, ticket 7.", None, None]
    assert found["rule"].to_list()[0] == "gateway.sample"
