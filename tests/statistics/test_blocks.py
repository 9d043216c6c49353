"""The block test: exact where all relabellings are tried, and honest under the null."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from analyzer.statistics.blocks import Day, compare

CALM: Day = (5.0, 1000.0)
BAD: Day = (200.0, 1000.0)


def brute(days: list[Day], after: int) -> float:
    def apart(chosen: tuple[int, ...]) -> float:
        inside = [days[i] for i in chosen]
        outside = [day for i, day in enumerate(days) if i not in chosen]
        rates = [sum(f for f, _ in part) / sum(n for _, n in part) for part in (inside, outside)]
        return abs(rates[0] - rates[1])

    seen = apart(tuple(range(len(days) - after, len(days))))
    every = [apart(chosen) for chosen in combinations(range(len(days)), after)]
    return sum(value >= seen - 1e-12 for value in every) / len(every)


def test_all_relabellings_are_tried_where_they_are_few() -> None:
    rng = random.Random(1)
    days = [(float(rng.randint(0, 30)), 500.0 + 100 * i) for i in range(9)]
    found = compare(days, 3)
    assert found.complete
    assert found.relabelled == 84
    assert found.p == pytest.approx(brute(days, 3))


def test_a_change_of_every_day_is_found_and_one_bad_day_is_not() -> None:
    changed = compare([CALM] * 21 + [(40.0, 1000.0)] * 7, 7)
    assert changed.p is not None
    assert changed.p < 0.01
    assert changed.difference == pytest.approx(0.035)
    one_bad = compare([CALM] * 21 + [CALM] * 6 + [BAD], 7)
    assert one_bad.p is not None
    assert one_bad.p > 0.2


def test_the_same_seed_gives_the_same_p() -> None:
    days = [(float(i % 7), 1000.0) for i in range(35)]
    assert compare(days, 7, seed=3) == compare(days, 7, seed=3)


def test_weekdays_are_only_exchanged_with_weekdays() -> None:
    week: list[Day] = [(50.0, 1000.0)] * 5 + [(1.0, 100.0)] * 2
    found = compare(week * 3, 7, period=7)
    assert found.p == 1
    assert found.relabelled == 3**7


def test_one_block_as_long_as_the_stretch_turns_the_days() -> None:
    found = compare([CALM] * 7 + [BAD] * 7, 7, block=7)
    assert found.relabelled == 14
    assert found.p == pytest.approx(2 / 14)
    assert found.smallest_p == pytest.approx(1 / 14)


@pytest.mark.parametrize(("block", "period"), [(1, None), (1, 7), (7, None)])
def test_false_alarms_stay_at_the_level(block: int, period: int | None) -> None:
    rng = random.Random(7)
    alarms, tried = 0, 200
    for _ in range(tried):
        days = [(float(rng.choice([2, 3, 4, 5, 80])), 1000.0) for _ in range(35)]
        p = compare(days, 7, block=block, period=period, rounds=99, seed=1).p
        alarms += p is not None and p <= 0.05
    # Binomial(200, 0.05) is above 19 once in a hundred.
    assert alarms <= 19


def test_no_traffic_on_one_side_is_not_testable() -> None:
    found = compare([CALM] * 7 + [(0.0, 0.0)] * 7, 7)
    assert (found.p, found.after, found.difference) == (None, None, None)
    assert found.before == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("after", "block", "period", "said"),
    [
        (0, 1, None, "leave days on both sides: 0 of 14"),
        (14, 1, None, "leave days on both sides: 14 of 14"),
        (7, 2, None, "blocks of 2 days do not make up 7"),
        (7, 7, 7, "only for blocks of one day"),
    ],
)
def test_impossible_stretches_are_refused(
    after: int, block: int, period: int | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        compare([CALM] * 14, after, block=block, period=period)
