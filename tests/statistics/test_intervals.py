"""Intervals against the examples of the papers that define them, and against their laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.statistics.intervals import (
    Interval,
    design_effect,
    newcombe,
    weighted_share,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_limits(hits: int, n: int, low: float, high: float) -> None:
    found = wilson(hits, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("one", "two", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_gives_the_published_limits(
    one: tuple[int, int], two: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(*one, *two)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_nothing_counted_may_be_anything() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)
    assert newcombe(0, 0, 0, 0) == Interval(-1.0, 1.0)
    assert newcombe(10, 10, 0, 0) == Interval(wilson(10, 10).low - 1, 1.0)


@pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, math.inf), (math.nan, 5)])
def test_impossible_counts_are_refused(hits: float, n: float) -> None:
    with pytest.raises(ValueError, match="hits must be between 0 and n"):
        wilson(hits, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
        wilson(1, 5, confidence=confidence)


@settings(max_examples=50)
@given(n=st.integers(1, 10**6), share=st.floats(0, 1), deff=st.floats(1, 50))
def test_wilson_holds_the_share_and_widens_with_the_design_effect(
    n: int, share: float, deff: float
) -> None:
    hits = round(n * share)
    plain, wide, sure = wilson(hits, n), wilson(hits, n, deff=deff), wilson(hits, n, confidence=0.8)
    assert 0 <= wide.low <= plain.low <= hits / n <= plain.high <= wide.high <= 1
    assert plain.low <= sure.low <= sure.high <= plain.high


def test_design_effect_of_clusters_that_fail_as_a_whole_is_their_size() -> None:
    hours = [(0, 100)] * 90 + [(100, 100)] * 10
    assert design_effect(hours) == pytest.approx(100 * 100 / 99)


@pytest.mark.parametrize(
    "hours", [[], [(3, 10)], [(0, 10), (0, 20)], [(10, 10), (20, 20)], [(5, 10), (5, 10), (0, 0)]]
)
def test_design_effect_is_one_where_nothing_tells_of_clusters(
    hours: list[tuple[float, float]],
) -> None:
    assert design_effect(hours) == 1


def test_a_share_of_weighted_rows_tells_as_much_as_fewer_equal_ones() -> None:
    found = weighted_share([(True, 3.0), (False, 1.0), (True, 1.0)])
    assert found is not None
    assert (found.share, found.hits, found.total) == (0.8, 4.0, 5.0)
    assert found.effective == pytest.approx(25 / 11)
    assert weighted_share([]) is None
