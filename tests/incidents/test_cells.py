"""The rows of a stretch of minutes are those that a filter would find."""

from __future__ import annotations

import math

import polars as pl
import pytest
from incidents.minutes import frames, together
from polars.testing import assert_frame_equal

from analyzer.incidents import series
from analyzer.incidents.cells import Cells
from analyzer.incidents.window import Scope

A, ALL = Scope("model", "a"), Scope("all")


@pytest.fixture
def rows() -> pl.DataFrame:
    gap = [(i, 4, i % 3) for i in (*range(5), *range(9, 12))]
    every = [(i, 10, 0.5) for i in range(12)]
    return series.cells(*together(frames(gap, model="a"), frames(every, model="b")))


@pytest.mark.parametrize("scope", [A, ALL, Scope("model", "none")])
@pytest.mark.parametrize(
    ("first", "behind"), [(0, 12), (2, 10), (2.5, 9.5), (6, 6), (-9, math.inf)]
)
def test_a_stretch_is_what_a_filter_finds(
    rows: pl.DataFrame, scope: Scope, first: float, behind: float
) -> None:
    start = rows["at"].min()
    assert isinstance(start, int)
    inside = pl.col("at").is_between(start + first, start + behind, closed="left")
    expected = rows.filter(inside & series.is_of(scope))
    cells = Cells(rows)
    found = cells.of(scope, start + first, start + behind, *rows.columns)
    assert_frame_equal(found, expected)
    left, gone = cells.without(scope, start + first, start + behind)
    assert_frame_equal(left.rows, rows.filter(~(inside & series.is_of(scope))))
    assert left.minutes == left.rows["at"].unique().sort().to_list()
    assert gone["model"] == set(expected["model"])


def test_failures_without_an_attempt_are_attempts_too(rows: pl.DataFrame) -> None:
    summed = Cells(rows).summed(A, -math.inf, math.inf, pl.col("service") * 3)
    assert summed["at"].is_sorted()
    assert summed["failed"].to_list() == [0, 3, 6, 0, 3, 0, 3, 6]
    assert summed["attempts"].to_list() == [4, 4, 6, 4, 4, 4, 4, 6]


@pytest.mark.parametrize("scope", [A, Scope("model", "b"), ALL])
def test_what_was_asked_before_a_stretch_went_is_not_told_after_it(
    rows: pl.DataFrame, scope: Scope
) -> None:
    start = rows["at"].min()
    assert isinstance(start, int)
    cells = Cells(rows)
    for each in (A, Scope("model", "b"), ALL):
        cells.series(each, -math.inf, math.inf)
    cells.broken(ALL, -math.inf, math.inf, "service")
    left, _ = cells.without(A, start + 2, start + 10)
    fresh = Cells(left.rows)
    for first, behind in ((-math.inf, math.inf), (start, start + 12), (start + 1, start + 10)):
        assert_frame_equal(left.series(scope, first, behind), fresh.series(scope, first, behind))
        known = left.broken(scope, first, behind, "service")
        assert known == fresh.broken(scope, first, behind, "service")


def test_nothing_has_no_minutes(rows: pl.DataFrame) -> None:
    none = Cells(rows.clear())
    assert none.minutes == []
    assert not none.of(A, -math.inf, math.inf, "at").height
    assert not none.series(A, -math.inf, math.inf).height
