"""Fisher's test against published values and against summing every table."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.statistics.exact import fisher

COUNT = st.integers(0, 40)


def summed(a: int, b: int, c: int, d: int) -> float:
    """Return the two-sided p by going through all tables in whole numbers."""
    row, column, n = a + b, a + c, a + b + c + d
    ways = {
        k: comb(row, k) * comb(n - row, column - k)
        for k in range(max(0, row + column - n), min(row, column) + 1)
    }
    return sum(w for w in ways.values() if w <= ways[a]) / sum(ways.values())


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((3, 1, 1, 3), 0.4857),  # Fisher (1935): the lady tasting tea
        ((2, 10, 15, 3), 0.0005367),  # Fisher (1962): convictions of twins
    ],
)
def test_published_values(table: tuple[int, int, int, int], p: float) -> None:
    assert fisher(*table) == pytest.approx(p, rel=1e-3)


@settings(max_examples=200)
@given(a=COUNT, b=COUNT, c=COUNT, d=COUNT)
def test_equals_the_sum_over_all_tables(a: int, b: int, c: int, d: int) -> None:
    assert fisher(a, b, c, d) == pytest.approx(summed(a, b, c, d), rel=1e-6, abs=1e-12)


@settings(max_examples=50)
@given(a=COUNT, b=COUNT, c=COUNT, d=COUNT)
def test_turning_the_table_changes_nothing(a: int, b: int, c: int, d: int) -> None:
    assert fisher(a, b, c, d) == pytest.approx(fisher(c, d, a, b), rel=1e-6)
    assert fisher(a, b, c, d) == pytest.approx(fisher(a, c, b, d), rel=1e-6)


def test_large_counts_are_exact_too() -> None:
    assert fisher(50_000, 100_000, 400_000, 800_100) == pytest.approx(0.98378, abs=1e-4)
    assert fisher(60_000, 90_000, 400_000, 800_100) < 1e-300


def test_a_margin_of_zero_says_nothing() -> None:
    assert fisher(0, 0, 3, 9) == 1
    assert fisher(4, 0, 9, 0) == 1


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative: 1, -2, 3, 4"):
        fisher(1, -2, 3, 4)
