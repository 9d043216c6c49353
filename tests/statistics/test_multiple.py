"""Benjamini-Hochberg against the example of the paper, and its laws."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.statistics.multiple import benjamini_hochberg

# Benjamini and Hochberg (1995), section 3.2: of these fifteen, four are findings at 0.05.
PAPER = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip


def test_the_example_of_the_paper() -> None:
    q = benjamini_hochberg(PAPER)
    assert [p for p, adjusted in zip(PAPER, q, strict=True) if adjusted <= 0.05] == PAPER[:4]
    assert q[0] == pytest.approx(0.0015)
    assert q[3] == pytest.approx(0.0095 * 15 / 4)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=30))
def test_equals_the_step_up_procedure(p_values: list[float]) -> None:
    q = benjamini_hochberg(p_values)
    n = len(p_values)
    for level in (0.01, 0.05, 0.5):
        ranked = sorted(p_values)
        passing = [p for i, p in enumerate(ranked, 1) if p * n / i <= level]
        limit = max(passing, default=-1.0)
        assert [x <= level for x in q] == [p <= limit for p in p_values]


def test_no_p_value_is_refused_silently() -> None:
    assert benjamini_hochberg([]) == []
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.2"):
        benjamini_hochberg([0.1, 1.2])
