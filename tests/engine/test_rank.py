"""Which rule speaks for a row, whatever the order in which rules were read."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import columns, ledger
from analyzer.engine import tree
from analyzer.engine.context.ledger import Ledger
from analyzer.engine.evaluate import evaluate, ranked
from analyzer.engine.judge import judge
from analyzer.engine.rank import rank
from analyzer.engine.specificity import specificity
from analyzer.engine.supersede import closure, cycle

EMPTY = ledger.merge([])


def verdict(make: Any, rows: Any, *rules: Any, row: dict[str, Any] | None = None) -> dict[str, Any]:
    found = judge(rows(row or {"status": 503}), EMPTY, None, make.knowledge(*rules))
    return found.row(0, named=True)


def test_the_tier_goes_before_everything_else(make: Any, rows: Any) -> None:
    weak = make.rule("gateway.a", tier="specific")
    more = {"status": 503, "ok": False, "hop": "client"}
    strong = make.rule("edge.b", tier="general", match=more, layer="edge", supersedes=["gateway.a"])

    found = verdict(make, rows, weak, strong)

    assert (found["rule"], found["also"], found["ambiguous"]) == ("gateway.a", ["edge.b"], False)


def test_supersedes_goes_before_specificity(make: Any, rows: Any) -> None:
    weak = make.rule("gateway.a", supersedes=["gateway.b"])
    strong = make.rule("gateway.b", match={"status": 503, "ok": False})

    assert verdict(make, rows, weak, strong)["rule"] == "gateway.a"


def test_supersedes_works_through_a_rule_that_does_not_hold(make: Any, rows: Any) -> None:
    first = make.rule("gateway.a", supersedes=["gateway.b"])
    between = make.rule("gateway.b", supersedes=["gateway.c"], match={"status": 1})
    last = make.rule("gateway.c", match={"status": 503, "ok": False}, layer="client")

    found = verdict(make, rows, first, between, last)

    assert (found["rule"], found["also"], found["ambiguous"]) == ("gateway.a", ["gateway.c"], False)


def test_a_rule_that_does_not_hold_supersedes_nothing(make: Any, rows: Any) -> None:
    absent = make.rule("gateway.a", supersedes=["gateway.b"], match={"status": 1})

    assert verdict(make, rows, absent, make.rule("gateway.b"))["rule"] == "gateway.b"


def test_then_the_more_specific_and_then_the_id(make: Any, rows: Any) -> None:
    one, two = make.rule("gateway.b"), make.rule("gateway.a")
    more = make.rule("gateway.c", match={"all": [{"status": 503}, {"hop": "client"}]})

    found = verdict(make, rows, one, two, more)

    assert found["rule"] == "gateway.c"
    assert found["also"] == ["gateway.a", "gateway.b"]


def test_rows_are_alike_only_if_all_of_very_many_rules_say_so(make: Any, rows: Any) -> None:
    numbers = range(130)
    rules = [make.rule(f"gateway.r{n}", match={"status": {"gte": 400 + n}}) for n in numbers]
    statuses = [400 + n for n in (0, 62, 63, 64, 128, 62, 129)]

    found = judge(rows(*({"status": one} for one in statuses)), EMPTY, None, make.knowledge(*rules))

    for status, rule, also in zip(statuses, found["rule"], found["also"], strict=True):
        expected = {f"gateway.r{n}" for n in numbers if 400 + n <= status}
        assert {rule, *also} == expected


@pytest.mark.parametrize(
    ("match", "context", "expected"),
    [
        ({"status": 503}, {}, 1),
        ({"status": {"gte": 500, "lt": 600}}, {}, 2),
        ({"any": [{"status": 1}, {"all": [{"status": 2}, {"server": "x"}]}]}, {}, 1),
        ({"status": 1, "not": [{"server": "x"}, {"body_kind": "json", "stream": True}]}, {}, 3),
        ({"status": 503}, {"requires": ["immediate"]}, 3),
        ({"status": 503}, {"raises": ["immediate"]}, 1),
    ],
)
def test_specificity_counts_what_a_match_must_meet(
    make: Any, match: dict[str, Any], context: dict[str, Any], expected: int
) -> None:
    rule = make.rule(match=match, context=context)

    assert specificity(rule, tree.read(rule.match)) == expected


@pytest.mark.parametrize(
    ("changes", "ambiguous"),
    [
        ({}, False),
        ({"layer": "client"}, True),
        ({"billing": {"expected": "unknown", "why": "?"}}, True),
        ({"cause": "internal_error", "confidence": "low"}, False),
        ({"layer": "client", "tier": "general"}, False),
    ],
)
def test_disagreement_within_a_tier_is_ambiguous(
    make: Any, rows: Any, changes: dict[str, Any], ambiguous: bool
) -> None:
    found = verdict(make, rows, make.rule("gateway.a"), make.rule("gateway.b", **changes))

    assert found["ambiguous"] is ambiguous
    assert found["confidence"] == ("medium" if ambiguous else "high")
    assert found["also"] == ["gateway.b"]


def test_an_edge_settles_a_disagreement(make: Any, rows: Any) -> None:
    rules = [
        make.rule("gateway.a", supersedes=["client.b"]),
        make.rule("client.b", layer="client"),
    ]

    assert verdict(make, rows, *rules)["ambiguous"] is False


def test_disagreement_is_tested_on_what_the_rules_say_before_perspective(
    make: Any, rows: Any
) -> None:
    behind = make.rule("edge.a", layer="behind")
    gateway = make.rule("gateway.b", layer="gateway")

    found = verdict(make, rows, behind, gateway)

    assert (found["layer"], found["ambiguous"]) == ("gateway", True)


def test_deprecated_rules_take_no_part(make: Any, rows: Any) -> None:
    assert verdict(make, rows, make.rule(status="deprecated"))["rule"] == "unknown.unclassified"


def test_what_cannot_be_told_is_possible_and_says_what_it_needs(make: Any, rows: Any) -> None:
    requires = {"requires": ["models_endpoint_ok", "immediate"]}
    needs = make.rule("upstream.a", layer="upstream", context=requires)

    unknown = verdict(make, rows, needs)
    known_false = verdict(make, rows, needs, row={"status": 503, "duration_ms": 9000.0})
    half = verdict(make, rows, needs, row={"status": 503, "duration_ms": 10.0})

    assert unknown["rule"] == "unknown.unclassified"
    assert unknown["possible"] == [
        "upstream.a: a call of /models on that host within 5 min and the duration of the attempt"
    ]
    assert known_false["possible"] == []
    assert half["possible"] == ["upstream.a: a call of /models on that host within 5 min"]


CONDITIONS = ({"status": 503}, {"hop": "client"}, {"server": "x"}, {"ok": False}, {"stream": True})


@st.composite
def rule_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(draw(st.integers(1, 6))):
        conditions = draw(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3))
        made.append(
            {
                "rule_id": f"gateway.r{number}",
                "tier": draw(st.sampled_from(("specific", "specific", "general"))),
                "layer": draw(st.sampled_from(("gateway", "upstream"))),
                "match": {draw(st.sampled_from(("all", "any"))): conditions},
                # edges only to higher numbers, so that there is no circle
                "supersedes": draw(
                    st.lists(
                        st.sampled_from([f"gateway.r{n}" for n in range(number + 1, 8)]),
                        max_size=2,
                        unique=True,
                    )
                ),
            }
        )
    return made


ROW = st.fixed_dictionaries(
    {"status": st.sampled_from((503, 502)), "server": st.sampled_from(("x", None)),
     "stream": st.sampled_from((True, None))}
)  # fmt: skip


def frame_of(cells: list[dict[str, Any]]) -> pl.DataFrame:
    data = {
        name: pl.Series([cell[name] for cell in cells], dtype=columns.dtype_of(name))
        for name in cells[0]
    }
    return columns.conform(pl.DataFrame(data))


def primary(cells: list[dict[str, Any]], rules: list[Any]) -> dict[int, dict[str, Any]]:
    ranking = rank(evaluate(frame_of(cells), Ledger.of(EMPTY), ranked(rules))).primary
    return {
        row["row"]: {**row, "rule": rules[row["rule"]].id} for row in ranking.iter_rows(named=True)
    }


@settings(deadline=None, max_examples=60)
@given(
    written=rule_sets(), given_cells=st.lists(ROW, min_size=1, max_size=4), seed=st.integers(0, 9)
)
def test_the_result_never_depends_on_the_order_of_rules_and_equals_the_definition(
    make: Any, written: list[dict[str, Any]], given_cells: list[dict[str, Any]], seed: int
) -> None:
    rules = [make.rule(**one) for one in written]
    cells = [{"ok": False, "hop": "client", **cell} for cell in given_cells]
    found = primary(cells, rules)

    assert found == primary(cells, random.Random(seed).sample(rules, len(rules)))
    below = closure({one.id: one.supersedes for one in rules})
    for number, cell in enumerate(cells):
        holding = [r for r in rules if _holds(r.match, cell)]
        best = min((TIERS.index(r.tier) for r in holding), default=None)
        top = [r for r in holding if TIERS.index(r.tier) == best]
        left = [r for r in top if not any(r.id in below[o.id] for o in top)]
        left.sort(key=lambda r: (-specificity(r, tree.read(r.match)), r.id))
        if not left:
            assert number not in found
            continue
        assert found[number]["rule"] == left[0].id
        assert set(found[number]["also"]) == {r.id for r in holding} - {left[0].id}
        assert found[number]["ambiguous"] == (len({r.layer for r in left}) > 1)


TIERS = ("specific", "general", "fallback")


def _holds(match: dict[str, Any], row: dict[str, Any]) -> bool:
    ((kind, conditions),) = match.items()
    held = [row[name] == value for c in conditions for name, value in c.items()]
    return all(held) if kind == "all" else any(held)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
        ({"a": ["missing"]}, []),
    ],
)
def test_a_circle_is_named(edges: dict[str, list[str]], expected: list[str]) -> None:
    assert cycle(edges) == expected


def test_the_closure_follows_chains() -> None:
    below = closure({"a": ["b"], "b": ["c"], "d": []})

    assert below["a"] == {"b", "c"}
    assert below["d"] == frozenset()
