from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from analyzer import ledger
from analyzer.engine.explain import Explanation, Node, explain
from analyzer.errors import UsageError

EMPTY = ledger.merge([])


def ask(make: Any, attempts: pl.DataFrame, *rules: Any, **more: Any) -> Explanation:
    return explain(attempts, EMPTY, None, make.knowledge(*rules), 0, **more)


def flat(nodes: tuple[Node, ...]) -> Iterator[tuple[str, str, str | None]]:
    for node in nodes:
        yield node.mark, node.label, node.actual
        yield from flat(node.children)


def test_the_verdict_shows_every_condition_with_what_was_found(make: Any, rows: Any) -> None:
    match = {
        "status": {"in": [502, 503]},
        "any": [{"server": {"contains": "x"}}, {"resp_header.via": {"exists": True}}],
        "not": [{"body_kind": "json"}],
    }
    rule = make.rule(
        match=match, context={"raises": ["immediate"], "lowers": ["models_endpoint_ok"]}
    )
    found = ask(make, rows({"status": 503, "server": "nginx", "duration_ms": 10.0}), rule)

    assert (found.rule, found.layer, found.confidence) == ("gateway.sample@1", "gateway", "medium")
    (part,) = found.rules
    assert (part.relation, part.outcome) == ("verdict", "this is the verdict")
    assert list(flat(part.nodes)) == [
        ("✓", "all of", None),
        ("✓", "status equals one of 502, 503", "503"),
        ("✓", "any of", None),
        ("✓", "server contains x", "nginx"),
        ("✗", "resp_header.via is there", "absent"),
        ("✓", "none of", None),
        ("✗", "body_kind equals json", "absent"),
        ("?", "raises", None),
        ("✓", "immediate: it failed in less than 2 s", None),
        ("?", "lowers", None),
        ("?", "models_endpoint_ok: /models answered within 5 min",
         "unknown; needs a call of /models on that host within 5 min"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"match": {"status": 504}}, "its match does not hold"),
        ({"tier": "general"}, "'gateway.sample' goes first, because specific goes before general"),
        ({}, "'gateway.sample' supersedes it"),
        ({"context": {"requires": ["models_endpoint_ok"]}}, "possible: its match holds"),
        ({"context": {"requires": ["long_wait"]}}, "what it requires around the attempt is not"),
        ({"status": "deprecated"}, "deprecated"),
    ],
)
def test_why_not_another_rule(make: Any, rows: Any, changes: dict[str, Any], outcome: str) -> None:
    winner = make.rule(supersedes=["gateway.other"])
    other = make.rule("gateway.other", **changes)

    found = ask(
        make, rows({"status": 503, "duration_ms": 5.0}), winner, other, rule_id="gateway.other"
    )

    (part,) = found.rules
    assert (part.relation, part.rule) == ("asked", "gateway.other")
    assert outcome in part.outcome


def test_also_and_possible_rules_are_shown_behind_the_verdict(make: Any, rows: Any) -> None:
    found = ask(
        make,
        rows({"status": 503}),
        make.rule(),
        make.rule("gateway.also", tier="general"),
        make.rule("gateway.maybe", context={"requires": ["immediate"]}),
    )

    assert [(part.relation, part.rule) for part in found.rules] == [
        ("verdict", "gateway.sample"), ("also", "gateway.also"), ("possible", "gateway.maybe"),
    ]  # fmt: skip


def test_an_unclassified_attempt_names_the_three_nearest_misses(make: Any, rows: Any) -> None:
    near = make.rule("gateway.near", match={"status": 503, "server": "x"})
    further = make.rule("gateway.further", match={"status": 503, "server": "x", "host": "y"})
    vetoed = make.rule("gateway.vetoed", match={"status": 503, "not": [{"hop": "client"}]})
    last = make.rule("gateway.last", match={"status": 503, "server": "x", "via": "z", "edge": "q"})
    nothing = make.rule("gateway.nothing", match={"status": 1})

    found = ask(make, rows({"status": 503}), near, further, vetoed, last, nothing)

    assert [part.rule for part in found.rules if part.relation == "nearest"] == [
        "gateway.near", "gateway.vetoed", "gateway.further",
    ]  # fmt: skip


def test_values_are_redacted_cut_and_bodies_not_shown(make: Any, rows: Any) -> None:
    match = {"error_message": {"contains": "secret"}, "body_text": {"contains": "secret"},
             "error_code": {"starts_with": "x"}}  # fmt: skip
    cells = {
        "error_message": "secret word",
        "body_text": "the secret body",
        "error_code": "x" * 500,
    }

    found = ask(make, rows(cells), make.rule(match=match),
                redact=lambda text: text.replace("secret", "[hidden]"))  # fmt: skip

    actual = [value for _, _, value in flat(found.rules[0].nodes) if value]
    assert actual[:2] == ["[hidden] word", "a body of 15 characters"]
    assert len(actual[2]) == 120


def test_no_such_attempt_or_rule_is_a_usage_error(make: Any, rows: Any) -> None:
    kb = make.knowledge(make.rule())

    with pytest.raises(UsageError, match="no failed attempt 7"):
        explain(rows({"status": 503}), EMPTY, None, kb, 7)
    with pytest.raises(UsageError, match=r"Did you mean 'gateway\.sample'"):
        explain(rows({"status": 503}), EMPTY, None, kb, 0, "gateway.sampel")
