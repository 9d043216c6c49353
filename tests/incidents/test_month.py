"""A month whose truth is known: every staged incident is found, at its minutes, and nothing else.

With ``WHICHHOP_LONG_TESTS=1`` over a hundred seeds instead of eight.
"""

from __future__ import annotations

import os

import pytest
from incidents import month, truth
from incidents.month import STAGED
from incidents.truth import Match

from analyzer.incidents import Window, find

SEEDS = 100 if os.environ.get("WHICHHOP_LONG_TESTS") else 8

Months = dict[int, tuple[list[Match], list[Window]]]


@pytest.fixture(scope="module")
def months() -> Months:
    """Return what was found in the staged month of every seed, and what was found besides."""
    found = {}
    for seed in range(SEEDS):
        records = month.records(seed)
        found[seed] = truth.compare(STAGED, find(records.counts, records.failed))
    return found


@pytest.mark.parametrize("staged", STAGED, ids=lambda one: one.name)
def test_every_staged_incident_is_found_in_its_scope_with_its_cause(
    months: Months, staged: month.Staged
) -> None:
    missed = [
        seed
        for seed, (matches, _) in months.items()
        if any(match.staged is staged and match.window is None for match in matches)
    ]
    assert missed == []


def test_nothing_else_is_an_incident(months: Months) -> None:
    """In three healthy weeks' worth of time around them, bursts and the Monday peaks included."""
    false = {seed: rest for seed, (_, rest) in months.items() if rest}
    assert false == {}


def test_fast_failures_tell_start_and_end_to_two_minutes(months: Months) -> None:
    wrong = [
        (seed, match)
        for seed, (matches, _) in months.items()
        for match in matches
        if max(match.gap_start, match.gap_end) <= 0.5
        if not (match.good_start and match.good_end)
    ]
    assert wrong == []


def test_ends_are_within_tolerance_as_far_as_chance_allows(months: Months) -> None:
    """No failure comes for three mean gaps once in twenty times: the ends are off by that then.

    Going back one gap makes it once in fifty. All are within six.
    """
    every = [match for matches, _ in months.values() for match in matches]
    good = [side for match in every for side in (match.good_start, match.good_end)]
    assert sum(good) / len(good) >= 0.97
    for match in every:
        assert match.off_start <= 2 * truth.allowed(match.gap_start)
        assert match.off_end <= 2 * truth.allowed(match.gap_end)


def test_kinds_and_numbers(months: Months) -> None:
    kinds = {
        "storm": "storm", "one model": "storm", "one key": "storm", "edge-wide": "storm",
        "slow burn": "slow_burn", "small model": "storm", "maintenance": "maintenance",
    }  # fmt: skip
    for matches, _ in months.values():
        for match in matches:
            assert match.window is not None
            assert match.window.kind == kinds[match.staged.name]
            assert match.window.rate == pytest.approx(match.staged.probability, abs=0.15)
            assert not match.window.ongoing


def test_a_month_without_bursts_or_staging_has_none() -> None:
    records = month.records(1, (), weeks=2, bursts=0)
    assert find(records.counts, records.failed) == []


def test_a_month_can_be_made_again() -> None:
    one, two = (month.records(5, weeks=1, per_minute=2) for _ in range(2))
    assert one.counts.equals(two.counts)
    assert one.failed.equals(two.failed)
