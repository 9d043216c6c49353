"""Context predicates: cases from the design, and a brute-force reading of each definition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import columns
from analyzer.engine.context import predicates, read_call
from analyzer.engine.context.base import ParamError
from analyzer.engine.context.ledger import LATENCY_SCHEMA, Ledger
from analyzer.ledger import SCHEMA

START = 1_800_000_000
"""Epoch seconds of bucket 0 in these tests; a whole number of buckets."""

Cell = dict[str, Any]


def ledger_of(cells: Iterable[Cell]) -> pl.DataFrame:
    base = {"hop": "client", "host": "h", "endpoint": "chat", "model": "m1", "key_tag": "k",
            "ok": 0, "failed": 0, "undecided": 0}  # fmt: skip
    rows = [{**base, **cell, "bucket": START // 10 + cell["bucket"]} for cell in cells]
    return pl.DataFrame(rows, schema=SCHEMA)


def rows_of(points: Iterable[Cell]) -> pl.DataFrame:
    base = {"host": "h", "endpoint": "chat", "model": "m1", "key_tag": "k"}
    rows = []
    for point in points:
        bucket = point["bucket"]
        at = None if bucket is None else dt.datetime.fromtimestamp(START + bucket * 10 + 3, dt.UTC)
        cells = {**base, **point, "started_at": at}
        del cells["bucket"]
        rows.append(cells)
    names = rows[0]
    return columns.conform(
        pl.DataFrame(
            {n: pl.Series([r.get(n) for r in rows], dtype=columns.dtype_of(n)) for n in names}
        )
    )


def ask(
    written: Any, points: Iterable[Cell], cells: Iterable[Cell], medians: Iterable[Cell] = ()
) -> list[bool | None]:
    call = read_call(written)
    latency = pl.DataFrame(list(medians), schema=LATENCY_SCHEMA)
    around = Ledger.of(ledger_of(cells), latency)
    values = predicates()[call.name].evaluate(rows_of(points), around, call.params)
    assert values.dtype == pl.Boolean
    return values.to_list()


# -- cases -------------------------------------------------------------------------------------

HERE = {"bucket": 0}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([{"bucket": 0, "failed": 2}, {"bucket": 3, "model": "m2", "ok": 1}], True),
        ([{"bucket": 0, "failed": 1}, {"bucket": 3, "model": "m2", "ok": 1}], False),
        ([{"bucket": 0, "failed": 1}, {"bucket": 30, "failed": 1},
          {"bucket": -30, "model": "m2", "ok": 1}], True),
        ([{"bucket": 0, "failed": 1}, {"bucket": 31, "failed": 1},
          {"bucket": -30, "model": "m2", "ok": 1}], False),
        ([{"bucket": 0, "failed": 2}], None),
        ([{"bucket": 0, "failed": 2}, {"bucket": 31, "model": "m2", "ok": 1}], None),
        ([{"bucket": 0, "failed": 2}, {"bucket": 0, "model": "m2", "undecided": 1}], None),
        ([{"bucket": 0, "failed": 2}, {"bucket": 0, "model": None, "ok": 1}], None),
        ([{"bucket": 0, "failed": 2},
          {"bucket": 0, "model": "m2", "ok": 1, "host": "other"}], None),
        ([{"bucket": 0, "failed": 2}, {"bucket": 0, "model": "m2", "ok": 9, "failed": 1}], True),
        ([{"bucket": 0, "failed": 2}, {"bucket": 0, "model": "m2", "ok": 8, "failed": 1}], False),
        # one failure that two hops saw is one failure
        ([{"bucket": 0, "failed": 1}, {"bucket": 0, "failed": 1, "hop": "gateway"},
          {"bucket": 3, "model": "m2", "ok": 1}], False),
    ],
)  # fmt: skip
def test_only_this_model_fails(cells: list[Cell], expected: bool | None) -> None:
    assert ask("only_this_model_fails", [HERE], cells) == [expected]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([{"bucket": 0, "failed": 1}, {"bucket": 1, "model": "m2", "failed": 1}], True),
        ([{"bucket": 0, "failed": 1}, {"bucket": 1, "model": "m2", "ok": 1}], False),
        ([{"bucket": 0, "failed": 1}, {"bucket": 1, "ok": 1},
          {"bucket": 1, "model": "m2", "failed": 1}], False),
        ([{"bucket": 0, "failed": 5}], None),
        ([{"bucket": 0, "failed": 1}, {"bucket": 31, "model": "m2", "failed": 1}], None),
        ([{"bucket": 0, "failed": 1}, {"bucket": 1, "model": None, "failed": 1}], None),
        ([{"bucket": 0, "failed": 1}, {"bucket": 1, "model": "m2", "undecided": 1}], None),
    ],
)  # fmt: skip
def test_all_models_fail(cells: list[Cell], expected: bool | None) -> None:
    assert ask("all_models_fail", [HERE], cells) == [expected]


@pytest.mark.parametrize(
    ("cells", "works", "fails"),
    [
        ([{"bucket": 5, "endpoint": "models", "model": None, "ok": 1}], True, False),
        ([{"bucket": 5, "endpoint": "models", "model": None, "failed": 1}], False, True),
        ([{"bucket": 5, "endpoint": "models", "ok": 1, "failed": 1}], False, False),
        ([{"bucket": 5, "endpoint": "models", "undecided": 1}], None, None),
        ([{"bucket": 31, "endpoint": "models", "ok": 1}], None, None),
        ([{"bucket": 5, "endpoint": "models", "host": "other", "ok": 1}], None, None),
        ([{"bucket": 5, "ok": 1}], None, None),
    ],
)
def test_the_models_endpoint(cells: list[Cell], works: bool | None, fails: bool | None) -> None:
    assert ask("models_endpoint_ok", [HERE], cells) == [works]
    assert ask("models_endpoint_fails", [HERE], cells) == [fails]


def test_immediate_and_long_wait_look_at_the_duration() -> None:
    points = [{**HERE, "duration_ms": ms} for ms in (None, 0.0, 1999.9, 2000.0, 19_999.0, 20_000.0)]

    assert ask("immediate", points, []) == [None, True, True, False, False, False]
    assert ask({"immediate": {"below": "500ms"}}, points, [])[1:3] == [True, False]
    assert ask("long_wait", points, []) == [None, False, False, False, False, True]


def test_a_wait_is_long_for_a_model_that_is_usually_quick() -> None:
    medians = [{"host": "h", "model": "m1", "median_ms": 800.0}]
    points = [{**HERE, "duration_ms": 3999.0}, {**HERE, "duration_ms": 4000.0},
              {**HERE, "duration_ms": 4000.0, "model": "m2"}]  # fmt: skip

    assert ask("long_wait", points, [], medians) == [False, True, False]


def test_no_wait_is_both_immediate_and_long() -> None:
    medians = [{"host": "h", "model": "m1", "median_ms": 3.0}]
    points = [{**HERE, "duration_ms": 1999.0}, {**HERE, "duration_ms": 2000.0}]

    assert ask("long_wait", points, [], medians) == [False, True]
    assert ask("immediate", points, [], medians) == [True, False]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([{"bucket": 0, "failed": 1}, {"bucket": 18, "failed": 1}], True),
        ([{"bucket": 0, "failed": 1}, {"bucket": 17, "failed": 1}], False),
        ([{"bucket": -9, "failed": 1}, {"bucket": 0, "failed": 1},
          {"bucket": 9, "failed": 1}], True),
        ([{"bucket": -9, "failed": 1}, {"bucket": 0, "failed": 1}, {"bucket": 5, "ok": 1},
          {"bucket": 9, "failed": 1}], False),
        ([{"bucket": -20, "failed": 1}, {"bucket": 0, "failed": 1, "ok": 1},
          {"bucket": 20, "failed": 1}], False),
        ([{"bucket": 0, "failed": 1}, {"bucket": 30, "failed": 1}], True),
        ([{"bucket": 0, "failed": 1}, {"bucket": 31, "failed": 1}], False),
        ([{"bucket": 0, "failed": 1}], None),
        ([{"bucket": 0, "failed": 1}, {"bucket": 20, "failed": 1, "model": "m2"}], None),
    ],
)  # fmt: skip
def test_repeats_for(cells: list[Cell], expected: bool | None) -> None:
    assert ask("repeats_for", [HERE], cells) == [expected]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([{"bucket": 1, "ok": 1}], True),
        ([{"bucket": 30, "ok": 1}], True),
        ([{"bucket": 31, "ok": 1}], False),
        ([{"bucket": 0, "ok": 1}], None),
        ([{"bucket": 0, "ok": 1}, {"bucket": 2, "ok": 1}], True),
        ([{"bucket": -1, "ok": 1}], False),
        ([{"bucket": 1, "ok": 1, "key_tag": "other"}], False),
        ([{"bucket": 1, "ok": 1, "endpoint": "models"}], False),
        ([], False),
    ],
)
def test_retry_succeeded(cells: list[Cell], expected: bool | None) -> None:
    assert ask("retry_succeeded", [HERE], [{"bucket": 0, "failed": 1}, *cells]) == [expected]


@pytest.mark.parametrize(
    "name", [name for name in predicates() if name not in ("immediate", "long_wait")]
)
def test_a_row_without_a_time_knows_nothing(name: str) -> None:
    cells = [{"bucket": 0, "failed": 3}, {"bucket": 1, "model": "m2", "ok": 1}]

    assert ask(name, [{"bucket": None}, HERE], cells)[0] is None


# -- brute force -------------------------------------------------------------------------------


class Naive:
    """Every definition read literally, row by row."""

    def __init__(self, cells: list[Cell]) -> None:
        """Count an attempt that several hops saw once: the most that any hop saw in the bucket."""
        self.by_key = self.fold(cells, ("bucket", "host", "endpoint", "model", "key_tag"))
        self.by_model = self.fold(cells, ("bucket", "host", "endpoint", "model"))

    @staticmethod
    def fold(cells: list[Cell], keys: tuple[str, ...]) -> list[Cell]:
        seen: dict[tuple[Any, ...], dict[str, list[int]]] = {}
        for cell in cells:
            if cell["ok"] + cell["failed"]:
                hops = seen.setdefault(tuple(cell[k] for k in keys), {})
                total = hops.setdefault(cell["hop"], [0, 0])
                total[0] += cell["ok"]
                total[1] += cell["failed"]
        return [
            {**dict(zip(keys, key, strict=True)), "ok": max(t[0] for t in hops.values()),
             "failed": max(t[1] for t in hops.values())}
            for key, hops in seen.items()
        ]  # fmt: skip

    def near(self, row: Cell, width: int) -> list[Cell]:
        return [
            c for c in self.by_model
            if c["host"] == row["host"] and abs(c["bucket"] - row["bucket"]) <= width
        ]  # fmt: skip

    def only_this_model_fails(self, row: Cell, p: dict[str, float]) -> bool | None:
        near = [c for c in self.near(row, round(p["within"] / 10)) if c["model"] is not None]
        if row["model"] is None:
            return None
        own = sum(c["failed"] for c in near if c["model"] == row["model"])
        others = [c for c in near if c["model"] != row["model"]]
        attempts = sum(c["ok"] + c["failed"] for c in others)
        if own < p["min_failures"]:
            return False
        if not attempts:
            return None
        return sum(c["failed"] for c in others) <= p["max_other_error_rate"] * attempts

    def all_models_fail(self, row: Cell, p: dict[str, float]) -> bool | None:
        near = [c for c in self.near(row, round(p["within"] / 10)) if c["model"] is not None]
        models = {c["model"] for c in near}
        if len(models) < 2:
            return None
        ok = {c["model"] for c in near if c["ok"]}
        failed = {c["model"] for c in near if c["failed"]}
        return failed == models and not ok

    def _probes(self, row: Cell, p: dict[str, float]) -> tuple[int, int]:
        near = [c for c in self.near(row, round(p["within"] / 10)) if c["endpoint"] == "models"]
        return sum(c["ok"] for c in near), sum(c["failed"] for c in near)

    def models_endpoint_ok(self, row: Cell, p: dict[str, float]) -> bool | None:
        ok, failed = self._probes(row, p)
        return (ok > 0 and failed == 0) if ok + failed else None

    def models_endpoint_fails(self, row: Cell, p: dict[str, float]) -> bool | None:
        ok, failed = self._probes(row, p)
        return (failed > 0 and ok == 0) if ok + failed else None

    def repeats_for(self, row: Cell, p: dict[str, float]) -> bool | None:
        mine = [c for c in self.by_model if (c["host"], c["model"]) == (row["host"], row["model"])]
        counts: dict[int, list[int]] = {}
        for cell in mine:
            total = counts.setdefault(cell["bucket"], [0, 0])
            total[0] += cell["ok"]
            total[1] += cell["failed"]
        here = row["bucket"]
        if here not in counts or sum(map(sum, counts.values())) <= 1:
            return None
        if counts[here][0]:
            return p["at_least"] <= 0
        first = last = here
        for step in (-1, 1):
            at = here
            for bucket in sorted(
                (b for b in counts if (b - here) * step > 0), key=lambda b: b * step
            ):
                if counts[bucket][0] or abs(bucket - at) > p["within"] / 10:
                    break
                at = bucket
            first, last = (at, last) if step < 0 else (first, at)
        return (last - first) * 10 >= p["at_least"]

    def retry_succeeded(self, row: Cell, p: dict[str, float]) -> bool | None:
        keys = ("host", "endpoint", "model", "key_tag")
        ok = {
            c["bucket"] - row["bucket"]
            for c in self.by_key
            if c["ok"] and all(c[k] == row[k] for k in keys)
        }
        if any(0 < away <= p["within"] / 10 for away in ok):
            return True
        return None if 0 in ok else False


def of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


KEYS = {
    "host": of("h", None),
    "endpoint": of("chat", "models"),
    "model": of("m1", "m2", "m3", None),
    "key_tag": of("k", None),
}
CELLS = st.fixed_dictionaries(
    {
        **KEYS,
        "bucket": st.integers(0, 40),
        "hop": of("client", "gateway"),
        "ok": of(0, 0, 1, 2),
        "failed": of(0, 0, 1, 2),
        "undecided": of(0, 1),
    }
)
POINTS = st.fixed_dictionaries({**KEYS, "bucket": st.integers(0, 40)})
CALLS: dict[str, dict[str, Any]] = {
    "only_this_model_fails": {"within": "1m", "max_other_error_rate": 0.25},
    "all_models_fail": {"within": "1m"},
    "models_endpoint_ok": {"within": "1m"},
    "models_endpoint_fails": {"within": "20s"},
    "repeats_for": {"at_least": "1m", "within": "80s"},
    "retry_succeeded": {"within": "1m"},
}


def test_every_predicate_on_the_ledger_has_a_brute_force_reading() -> None:
    assert {*CALLS, "immediate", "long_wait"} == set(predicates())
    assert all(hasattr(Naive, name) for name in CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
@settings(deadline=None, max_examples=150)
@given(cells=st.lists(CELLS, max_size=25), points=st.lists(POINTS, min_size=1, max_size=5))
def test_predicates_equal_the_brute_force_reading(
    name: str, cells: list[Cell], points: list[Cell]
) -> None:
    # A judged row is itself in the ledger, as phase 1 puts it there.
    cells = [
        *cells,
        *({**p, "hop": "client", "ok": 0, "failed": 1, "undecided": 0} for p in points),
    ]
    params = read_call({name: CALLS[name]}).params
    naive: Callable[..., bool | None] = getattr(Naive(cells), name)

    assert ask({name: CALLS[name]}, points, cells) == [naive(point, params) for point in points]


# -- how they are written ----------------------------------------------------------------------


def test_a_bare_word_means_the_defaults() -> None:
    assert read_call("immediate") == read_call({"immediate": {}}) == read_call({"immediate": None})
    assert read_call("immediate").params == {"below": 2.0}
    assert read_call("repeats_for").key == "repeats_for(at_least=180,within=300)"


@pytest.mark.parametrize(
    ("written", "name", "message"),
    [
        ("imediate", "", "Did you mean 'immediate'?"),
        ({"immediate": {"belw": "2s"}}, "belw", "Did you mean 'below'?"),
        ({"immediate": {"below": 2}}, "below", "a duration such as"),
        ({"immediate": {"below": "0s"}}, "below", "a duration such as"),
        ({"immediate": "2s"}, "", "takes a mapping"),
        ({"repeats_for": {"at_least": "3s"}}, "at_least", "multiple of 10s"),
        ({"only_this_model_fails": {"min_failures": 0}}, "min_failures", "whole number from 1"),
        ({"only_this_model_fails": {"max_other_error_rate": 2}}, "max_other_error_rate", "0 to 1"),
        ({"long_wait": {"factor": 1}}, "factor", "above 1"),
        ({"a": 1, "b": 2}, "", "predicate's name"),
        (5, "", "predicate's name"),
    ],
)
def test_wrong_calls_say_what_was_expected(written: Any, name: str, message: str) -> None:
    with pytest.raises(ParamError, match=message) as caught:
        read_call(written)

    assert caught.value.name == name


@pytest.mark.parametrize("name", sorted(predicates()))
def test_every_predicate_can_say_what_it_saw_and_what_it_needs(name: str) -> None:
    params = read_call(name).params

    assert predicates()[name].says(params)
    assert predicates()[name].needs(params)
    assert predicates()[name].doc
