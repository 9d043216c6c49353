"""The stretch with most evidence, against trying every stretch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.incidents.segment import Track, evidence, silences

MINUTES = st.lists(
    st.tuples(st.integers(1, 20), st.floats(0, 1)).map(lambda t: (t[0], round(t[0] * t[1]))),
    min_size=1,
    max_size=25,
)


@settings(max_examples=100)
@given(rows=MINUTES, usual=st.sampled_from([0.005, 0.05, 0.3]))
def test_finds_nearly_the_best_stretch(rows: list[tuple[int, int]], usual: float) -> None:
    track = Track(range(len(rows)), [n for n, _ in rows], [bad for _, bad in rows])
    best = max(
        evidence(track.attempts(i, j), track.failed(i, j), usual)
        for i in range(len(rows))
        for j in range(i, len(rows))
    )
    found = track.best(usual)
    told = found.evidence if found else 0.0
    assert told <= best + 1e-9
    # What can be an incident is found; a stretch that hardly differs may be missed.
    assert told >= 0.9 * best - 1.0


def test_gaps_between_minutes_are_no_evidence() -> None:
    track = Track([0, 1, 500, 501], [5, 5, 5, 5], [0, 4, 4, 0])
    found = track.best(0.01)
    assert found is not None
    assert (found.first, found.last, found.failed) == (1, 500, 8)


def test_no_failure_no_stretch() -> None:
    assert Track([0, 1], [5, 5], [0, 0]).best(0.01) is None
    assert Track([], [], []).best(0.01) is None


def test_evidence_is_the_likelihood_ratio_and_never_negative() -> None:
    assert evidence(10, 0, 0.1) == 0
    assert evidence(0, 0, 0.1) == 0
    assert evidence(10, 10, 0.1) == pytest.approx(10 * 2.302585)


def test_slow_failures_widen_the_stretch_by_one_gap_and_fast_ones_do_not() -> None:
    slow = Track(range(300), [1] * 300, [1 if 100 <= i < 200 and i % 10 == 5 else 0
                                         for i in range(300)])  # fmt: skip
    found = slow.best(0.001)
    assert found is not None
    wide = slow.widened(found, 0.001)
    assert (found.first, found.last) == (105, 195)
    assert (96 <= wide.first <= 97, 203 <= wide.last <= 204) == (True, True)
    fast = Track(range(30), [5] * 30, [4 if 10 <= i < 20 else 0 for i in range(30)])
    sharp = fast.best(0.001)
    assert sharp is not None
    assert fast.widened(sharp, 0.001) == sharp


def test_widening_stops_where_the_record_does() -> None:
    track = Track([10, 20, 30], [1, 1, 1], [1, 0, 1])
    found = track.best(0.01)
    assert found is not None
    wide = track.widened(found, 0.01)
    assert (wide.first, wide.last) == (10, 30)


def test_a_time_that_nobody_recorded_is_in_no_stretch() -> None:
    """Two captures a night apart are two incidents, however alike they are."""
    minutes = [*range(10), *range(600, 620)]
    track = Track(minutes, [10.0] * 30, [8.0] * 30, silences(minutes))
    found = track.best(0.01)
    assert found is not None
    assert (found.first, found.last) == (600, 619)


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ([], []),
        ([5], []),
        ([0, 276], [(0, 276)]),
        (list(range(0, 7200, 240)), []),
        ([*range(10), *range(150, 160)], []),
        ([*range(10), *range(600, 620)], [(9, 600)]),
    ],
    ids=["none", "one", "two", "every four hours", "two hours", "a night"],
)
def test_silences(minutes: list[int], found: list[tuple[int, int]]) -> None:
    assert silences(minutes) == found
