"""The match grammar: a compiled match equals a naive reading of it, and mistakes are located."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import columns
from analyzer.engine import operators, tree
from analyzer.engine.compile import compile_match, leaves
from analyzer.engine.evaluate import matches
from analyzer.engine.prune import alive
from analyzer.engine.tree import MatchError

# -- a naive reading ---------------------------------------------------------------------------


def lower(text: str) -> str:
    """Lower case of ASCII letters only."""
    return re.sub("[A-Z]", lambda found: found[0].lower(), text)


NAIVE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda cell, value: cell == value,
    "ne": lambda cell, value: cell != value,
    "in": lambda cell, value: cell in value,
    "not_in": lambda cell, value: cell not in value,
    "gt": lambda cell, value: cell > value,
    "gte": lambda cell, value: cell >= value,
    "lt": lambda cell, value: cell < value,
    "lte": lambda cell, value: cell <= value,
    "between": lambda cell, value: value[0] <= cell <= value[1],
    "class": lambda cell, value: cell // 100 == int(value[0]),
    "contains": lambda cell, value: value in cell,
    "starts_with": lambda cell, value: cell.startswith(value),
    "ends_with": lambda cell, value: cell.endswith(value),
    "icontains": lambda cell, value: lower(value) in lower(cell),
    "contains_any": lambda cell, value: any(lower(v) in lower(cell) for v in value),
    "regex": lambda cell, value: re.search(value, cell) is not None,
    "has": lambda cell, value: value in cell,
}


def holds(node: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a match holds for a row, read literally from the grammar and the null law."""
    return all(_key(key, value, row) for key, value in node.items())


def _key(key: str, value: Any, row: dict[str, Any]) -> bool:
    if key == "all":
        return all(holds(item, row) for item in value)
    if key == "any":
        return any(holds(item, row) for item in value)
    if key == "not":
        return not any(holds(item, row) for item in value)
    cell = row[key]
    wanted = (
        value if isinstance(value, dict) else {"in" if isinstance(value, list) else "eq": value}
    )
    return all(_operator(op, item, cell) for op, item in wanted.items())


def _operator(op: str, value: Any, cell: Any) -> bool:
    if op == "exists":
        return (cell is not None) == value
    return cell is not None and NAIVE[op](cell, value)


# -- random matches and rows -------------------------------------------------------------------

TEXT_CELLS = ("", "a", "A", "ab", "Ab c", "b.c", "é", "É", "ä Ab")
WORDS = ("a", "A", "b", "AB", "c", ".", "é", "É")
NUMBERS = (0, 1, 199, 200, 404, 499, 500, 503, 599)
KINDS = {"text": "server", "integer": "status", "number": "duration_ms", "bool": "stream",
         "list": "seen_in"}  # fmt: skip


def one(kind: str) -> st.SearchStrategy[Any]:
    return {
        "text": st.sampled_from(WORDS),
        "integer": st.sampled_from((*NUMBERS, -1, 2**40)),
        "number": st.sampled_from((*NUMBERS, 0.5, -2.25)),
        "bool": st.booleans(),
        "list": st.sampled_from(WORDS),
    }[kind]


def value_for(op: str, kind: str) -> st.SearchStrategy[Any]:
    several = st.lists(one(kind), min_size=1, max_size=3)
    if op in ("in", "not_in", "contains_any"):
        return several
    if op == "between":
        return st.tuples(one(kind), one(kind)).map(lambda pair: sorted(pair))
    return {
        "class": st.sampled_from(operators.CLASSES),
        "exists": st.booleans(),
        "regex": st.sampled_from(("^a", "b$", "[A-Z]", "^$", r"\.", "a|b")),
    }.get(op, one(kind))


@st.composite
def condition(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    names = draw(st.lists(st.sampled_from(operators.for_kind(kind)), min_size=1, max_size=2,
                          unique=True))  # fmt: skip
    column = KINDS[kind]
    if kind != "list" and draw(st.booleans()):
        short = one(kind) if draw(st.booleans()) else st.lists(one(kind), min_size=1, max_size=2)
        return {column: draw(short)}
    return {column: {name: draw(value_for(name, kind)) for name in names}}


def grouped(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    lists = st.lists(inner, min_size=1, max_size=3)
    several = st.dictionaries(st.sampled_from(tree.GROUPS), lists, min_size=1, max_size=3)
    return st.tuples(several, st.one_of(st.just({}), condition())).map(lambda p: {**p[0], **p[1]})


MATCHES = st.recursive(condition(), grouped, max_leaves=12)
ROWS = st.fixed_dictionaries(
    {
        "server": st.none() | st.sampled_from(TEXT_CELLS),
        "status": st.none() | st.sampled_from(NUMBERS),
        "duration_ms": st.none() | st.sampled_from((0.0, 0.5, 1.0, 503.0)),
        "stream": st.none() | st.booleans(),
        "seen_in": st.none() | st.lists(st.sampled_from(WORDS), max_size=2),
    }
)


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = KINDS.values()
    data = {
        name: pl.Series([row[name] for row in rows], dtype=columns.dtype_of(name)) for name in names
    }
    return columns.conform(pl.DataFrame(data))


@settings(deadline=None)
@given(match=MATCHES, rows=st.lists(ROWS, min_size=1, max_size=6))
def test_a_compiled_match_equals_the_naive_reading(
    match: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    compiled = table(rows).select(held=compile_match(match))["held"]

    assert compiled.to_list() == [holds(match, row) for row in rows]


@settings(deadline=None)
@given(several=st.lists(MATCHES, min_size=1, max_size=4),
       rows=st.lists(ROWS, min_size=1, max_size=6),
       times=st.sampled_from((1, 200)))  # fmt: skip
def test_shared_conditions_and_repeated_texts_change_nothing(
    several: list[dict[str, Any]], rows: list[dict[str, Any]], times: int
) -> None:
    found = matches(table(rows * times), [tree.read(match) for match in several])

    assert found.null_count().sum_horizontal().item() == 0
    for number, match in enumerate(several):
        assert found[str(number)].to_list() == [holds(match, row) for row in rows] * times


@settings(deadline=None)
@given(match=MATCHES, rows=st.lists(ROWS, min_size=1, max_size=6))
def test_trimming_a_match_beforehand_changes_no_result(
    match: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    frame = table(rows)
    node = tree.read(match)

    living = alive(frame, [node])
    expected = [holds(match, row) for row in rows]
    if living:
        assert matches(frame, list(living.values()))["0"].to_list() == expected
    else:
        assert not any(expected)


@pytest.mark.parametrize(
    ("match", "possible"),
    [
        ({"status": 503}, True),
        ({"status": 504}, False),
        ({"status": [1, 2]}, False),
        ({"server": "x", "status": 503}, False),
        ({"any": [{"status": 504}, {"status": {"gte": 1}}]}, True),
        ({"any": [{"status": 504}, {"server": {"contains": "x"}}]}, False),
        ({"not": [{"status": 503}]}, True),
        ({"server": {"exists": False}}, True),
        ({"server": {"ne": "x"}}, False),
    ],
)
def test_what_no_value_fits_is_left_out(match: dict[str, Any], possible: bool) -> None:
    only = columns.conform(pl.DataFrame({"status": [503]}, schema={"status": pl.Int32}))

    assert bool(alive(only, [tree.read(match)])) is possible


# -- the null law ------------------------------------------------------------------------------

EXAMPLE: dict[str, dict[str, Any]] = {
    "text": {"eq": "a", "ne": "a", "in": ["a"], "not_in": ["a"], "contains": "a",
             "starts_with": "a", "ends_with": "a", "icontains": "a", "contains_any": ["a"],
             "regex": "a"},
    "integer": {"eq": 1, "ne": 1, "in": [1], "not_in": [1], "gt": 1, "gte": 1, "lt": 1, "lte": 1,
                "between": [1, 2], "class": "5xx"},
    "number": {"eq": 1, "ne": 1, "in": [1.5], "not_in": [1], "gt": 1, "gte": 1, "lt": 1, "lte": 1,
               "between": [1, 2]},
    "money": {"eq": 1, "ne": 1, "in": [1.5], "not_in": [1], "gt": 1, "gte": 1, "lt": 1, "lte": 1,
              "between": [1, 2]},
    "bool": {"eq": True, "ne": True, "in": [True], "not_in": [True]},
    "time": dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte"), "2026-11-22T10:00:00Z")
    | {"in": ["2026-11-22T10:00:00Z"], "not_in": ["2026-11-22T10:00:00+01:00"],
       "between": ["2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"]},
    "list": {"has": "a"},
}  # fmt: skip
COLUMN = {**KINDS, "money": "cost", "time": "started_at"}


@pytest.mark.parametrize(
    ("kind", "op"), [(kind, op) for kind, ops in EXAMPLE.items() for op in ops]
)
def test_a_condition_on_an_absent_value_is_false_and_not_of_it_is_true(kind: str, op: str) -> None:
    condition = {COLUMN[kind]: {op: EXAMPLE[kind][op]}}
    absent = columns.conform(pl.DataFrame({"record": [1]}))

    assert absent.select(compile_match(condition)).item() is False
    assert absent.select(compile_match({"not": [condition]})).item() is True


def test_every_operator_of_every_type_is_in_the_table_above() -> None:
    for kind, ops in EXAMPLE.items():
        assert {*ops, "exists"} == set(operators.for_kind(kind))


@pytest.mark.parametrize("kind", sorted(COLUMN))
def test_only_exists_sees_absence(kind: str) -> None:
    absent = columns.conform(pl.DataFrame({"record": [1]}))

    assert absent.select(compile_match({COLUMN[kind]: {"exists": False}})).item() is True
    assert absent.select(compile_match({COLUMN[kind]: {"exists": True}})).item() is False


def test_money_and_times_compare_by_value(frame: Any) -> None:
    import datetime as dt
    from decimal import Decimal

    rows = frame(
        {"cost": Decimal("0.1"), "started_at": dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)}
    )

    assert rows.select(compile_match({"cost": 0.1})).item()
    assert rows.select(compile_match({"started_at": "2026-11-22T11:00:00+01:00"})).item()


# -- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "place", "message"),
    [
        ({"statu": 503}, "statu", "Did you mean 'status'?"),
        ({"all": [{"status": 1}, {"servr": "x"}]}, "all.1.servr", "Did you mean 'server'?"),
        ({"cf-ray": "x"}, "cf-ray", "resp_header.cf-ray"),
        ({"resp_header.CF-Ray": "x"}, "resp_header.CF-Ray", "'resp_header.cf-ray'"),
        ({"status": {"betwen": [1, 2]}}, "status.betwen", "Did you mean 'between'?"),
        ({"status": {"contains": "5"}}, "status.contains", "no operator for integer"),
        ({"status": "503"}, "status", "expected a number"),
        ({"status": 503.5}, "status", "expected a whole number"),
        ({"status": True}, "status", "expected a number"),
        ({"status": None}, "status", "write {exists: false}"),
        ({"server": 503}, "server", "quote it"),
        ({"server": {"contains": ""}}, "server.contains", "empty text"),
        ({"server": {"in": []}}, "server.in", "at least one item"),
        ({"server": {"contains_any": "x"}}, "server.contains_any", "list of texts"),
        ({"server": {"regex": "(?=x)"}}, "server.regex", "look-around"),
        ({"server": {"regex": "("}}, "server.regex", "no regular expression"),
        ({"server": "$stock"}, "server", "{in: $stock}"),
        ({"server": {}}, "server", "at least one"),
        ({"stream": "true"}, "stream", "true or false"),
        ({"stream": {"exists": 1}}, "stream.exists", "true or false"),
        ({"started_at": {"gt": "2026-11-22"}}, "started_at.gt", "expected a time"),
        ({"status": {"class": "6xx"}}, "status.class", "expected one of"),
        ({"status": {"between": [5, 1]}}, "status.between", "lower one first"),
        ({"duration_ms": {"gt": float("nan")}}, "duration_ms.gt", "finite"),
        ({"all": []}, "all", "at least one condition"),
        ({"not": {"status": 1}}, "not", "takes a list"),
        ({"any": ["x"]}, "any.0", "expected a mapping"),
        ({}, "match", "expected a mapping"),
        ([], "match", "expected a mapping"),
    ],
)
def test_mistakes_are_located_and_say_what_was_meant(match: Any, place: str, message: str) -> None:
    with pytest.raises(MatchError) as caught:
        compile_match(match)

    (problem,) = caught.value.problems
    assert tree.dotted(problem.path) == place
    assert message in problem.message


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(MatchError) as caught:
        compile_match({"statu": 1, "any": [{"server": 1}, {"hots": "x"}]})

    places = [tree.dotted(problem.path) for problem in caught.value.problems]
    assert places == ["statu", "any.0.server", "any.1.hots"]


def test_leaves_are_the_conditions_in_the_order_of_writing() -> None:
    match = {"all": [{"status": {"gte": 500, "lt": 600}}, {"any": [{"server": "x"}]}],
             "not": [{"body_kind": ["json", "sse"]}]}  # fmt: skip

    found = [(tree.dotted(leaf.path), leaf.operator) for leaf in leaves(match)]

    assert found == [
        ("all.0.status.gte", "gte"),
        ("all.0.status.lt", "lt"),
        ("all.1.any.0.server", "eq"),
        ("not.0.body_kind", "in"),
    ]


def test_lists_are_put_in_where_an_operator_takes_a_list() -> None:
    match = {"all": [{"server": {"in": "$ids"}}, {"html_title": {"contains": "$ids"}}]}

    resolved = tree.resolve_lists(match, {"ids": ["a", "b"]})

    assert resolved == {
        "all": [{"server": {"in": ["a", "b"]}}, {"html_title": {"contains": "$ids"}}]
    }
    with pytest.raises(MatchError, match="Did you mean 'ids'"):
        tree.resolve_lists({"server": {"in": "$idz"}}, {"ids": ["a"]})
