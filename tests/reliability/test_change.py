"""The change test: rarely wrong where nothing changed, and awake where much did."""

from __future__ import annotations

import random

import pytest
from reliability import process
from reliability.power import END, PAGE, START, Case

from analyzer.reliability import change, rates
from analyzer.reliability.change import Side
from analyzer.reliability.model import ALL, Change


@pytest.mark.parametrize("calls", [2_000, 20_000])
def test_false_rate_is_at_most_five_percent(calls: int) -> None:
    """200 histories in which nothing changed; 17 of them are within chance of 5 % (99 %)."""
    assert Case(4, calls, 1.0).real(200, seed=7, rounds=change.FIRST_ROUNDS) <= 17


def test_power_against_a_fivefold_rate() -> None:
    assert Case(4, 20_000, 5.0).real(40, seed=7, rounds=change.FIRST_ROUNDS) >= 24


def test_the_page_has_the_simulated_table() -> None:
    table = PAGE.read_text(encoding="utf-8").split(START)[1].split(END)[0]
    rows = [line.split("|")[1:-1] for line in table.strip().splitlines()[2:]]
    assert len(rows) == 4
    for row in rows:
        assert float(row[2].rstrip("% ")) <= 5.0 + 1.4, "false alarms, within two sigma of 1,000"


def side(days: list[tuple[float, float]]) -> Side:
    bad, n = sum(d[0] for d in days), sum(d[1] for d in days)
    return Side(rates.rate(n - bad, n, [d for d in days if d[1]]), days)


QUIET = [(3.0, 1000.0)] * 28
FEW = [(0.0, 20.0)] * 28


@pytest.mark.parametrize(
    ("before", "now", "weeks", "verdict", "why"),
    [
        (QUIET, [(90.0, 1000.0)] * 7, 4, "real", "hardly ever"),
        (QUIET, [(3.0, 1000.0)] * 7, 4, "noise", "differ as much"),
        ([], [(3.0, 1000.0)] * 7, 0, "cannot tell", "no week before"),
        (QUIET, [(3.0, 20.0)] * 7, 4, "cannot tell", "fewer than 200 decided this week"),
        ([(0.0, 2.0)] * 7, [(3.0, 90.0)] * 7, 1, "cannot tell", "in the weeks before"),
        (QUIET, [(3.0, 1000.0)] * 3 + [(0.0, 0.0)] * 4, 4, "cannot tell", "fewer than 5 days"),
        (FEW, [(0.0, 20.0)] * 6 + [(1.0, 100.0)], 4, "cannot tell", "could hide"),
    ],
    ids=["real", "noise", "no history", "few now", "few before", "few days", "could hide"],
)  # fmt: skip
def test_verdicts(
    before: list[tuple[float, float]], now: list[tuple[float, float]], weeks: int, verdict: str,
    why: str,
) -> None:  # fmt: skip
    made = change.change("m", side(before), side(now), [f"w{i}" for i in range(weeks)])
    (judged,) = change.judged([made], [0.005])
    assert judged.verdict == verdict
    assert why in judged.why


def test_many_models_are_corrected_for_their_number() -> None:
    """p = 0.04 of one among twenty is no finding; the sum of all is not one of them."""
    told = {"before": 0.99, "now": 0.98, "points": -1.0, "low": -1.5, "high": -0.1,
            "verdict": "cannot tell", "why": ""}  # fmt: skip
    changes = [
        Change(model=name, p=p, **told)  # type: ignore[arg-type]
        for name, p in [(ALL, 0.04), ("one", 0.04), *((f"m{i}", 0.9) for i in range(19))]
    ]
    judged = change.judged(changes, [0.05] * len(changes))
    assert [one.verdict for one in judged[:3]] == ["real", "noise", "noise"]
    assert judged[1].q == pytest.approx(0.8)


def test_a_monday_peak_is_no_change() -> None:
    """Failures that come every Monday are exchanged among Mondays only."""
    week = [(60.0, 1000.0), *[(2.0, 1000.0)] * 6]
    p = change.likelihood(week * 4, week)
    assert p == 1.0


def test_mix_alone_moves_the_whole() -> None:
    """No model changed, traffic moved to the worse one: all of it is mix."""
    found = change.mix({"a": (10, 1000), "b": (100, 1000)}, {"a": (2, 200), "b": (180, 1800)})
    assert found is not None
    assert found.rate_points == pytest.approx(0)
    assert found.mix_points == pytest.approx(found.points)
    assert found.points == pytest.approx(100 * (110 / 2000 - 182 / 2000))


def test_a_model_that_is_new_changes_the_mix_alone() -> None:
    found = change.mix({"a": (10, 1000)}, {"a": (10, 1000), "b": (500, 1000)})
    assert found is not None
    assert found.rate_points == 0
    assert found.points == pytest.approx(100 * (0.01 - 0.255))


def test_process_is_what_the_page_states() -> None:
    """Mean failure rate: base plus bursts; traffic: the stated shares of the days."""
    rng = random.Random(3)
    days = [process.days(rng, 1, 20_000) for _ in range(60)]
    n = sum(d[1] for week in days for d in week)
    assert n / 60 == pytest.approx(20_000, rel=0.02)
    mondays = sum(week[0][1] for week in days)
    assert mondays / n == pytest.approx(1.5 / 6.3, rel=0.02)
    rate = sum(d[0] for week in days for d in week) / n
    bursts = 3 * 22.5 / (7 * 24 * 60) * 0.6
    assert rate == pytest.approx(0.003 + bursts, rel=0.25)
