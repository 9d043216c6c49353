"""Whether a week was worse than the weeks before: real, noise, or not to be told.

Days are permuted, not calls: failures of one outage stand or fall together, and a test that took
them for independent would call every storm a trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.reliability.model import ALL, Change, Mix
from analyzer.reliability.rates import Rate
from analyzer.render import formatting as fmt
from analyzer.statistics import blocks, intervals, multiple

ENOUGH = 200
"""Calls or attempts, this week and before, below which weeks are not compared."""
FEWEST_DAYS = 5
"""Days with data on each side below which there is too little to permute."""
ALPHA = 0.05
WEEK = 7
ROUNDS = 1_999
"""Relabellings that are drawn: p is then known to about 0.005 where it matters."""
FIRST_ROUNDS = 199
FAR = 0.3
"""A p above this after the first rounds stays far above every level; more would not change it."""

Day = tuple[float, float]
"""``(failed, decided)`` of one day."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one stretch of time has of a model: its rate, and its days, oldest first.

    Days without data are (0, 0).
    """

    rate: Rate
    days: Sequence[Day]


def change(model: str | None, before: Side, now: Side, weeks: Sequence[str]) -> Change:
    """Return the change of one model, not yet corrected for how many were tested."""
    made = Change(
        model=model or ALL, before=before.rate.value, now=now.rate.value,
        verdict="cannot tell", why=_too_little(before, now, weeks), weeks=list(weeks),
    )  # fmt: skip
    if made.before is None or made.now is None:
        return made
    span = intervals.newcombe(
        now.rate.good, now.rate.n, before.rate.good, before.rate.n,
        deff=now.rate.design_effect, other_deff=before.rate.design_effect,
    )  # fmt: skip
    points = {
        "points": 100 * (made.now - made.before), "low": 100 * span.low, "high": 100 * span.high,
    }  # fmt: skip
    if made.why:
        return made.model_copy(update=points)
    p = likelihood(before.days, now.days)
    return made.model_copy(update={**points, "p": p})


def likelihood(before: Sequence[Day], now: Sequence[Day], rounds: int = ROUNDS) -> float | None:
    """Return how often days at random differ by as much as these two stretches do.

    ``before`` holds whole weeks, ``now`` one; a day is exchanged only with the same day of another
    week, so that a Monday peak is no change. ``None``: one side has no traffic.
    """
    days = [*before, *now]
    p = blocks.compare(days, len(now), period=WEEK, rounds=FIRST_ROUNDS).p
    if p is None or p > FAR or rounds <= FIRST_ROUNDS:
        return p
    return blocks.compare(days, len(now), period=WEEK, rounds=rounds).p


def _too_little(before: Side, now: Side, weeks: Sequence[str]) -> str:
    if not weeks:
        return "there is no week before to compare with"
    for side, when in ((now, "this week"), (before, "in the weeks before")):
        if side.rate.n < ENOUGH:
            return f"fewer than {ENOUGH} decided {when}"
        if sum(n > 0 for _, n in side.days) < FEWEST_DAYS:
            return f"data of fewer than {FEWEST_DAYS} days {when}"
    return ""


def judged(changes: Sequence[Change], budgets: Sequence[float]) -> list[Change]:
    """Return the changes with q-values and verdicts; ``budgets`` are 1 - target, one each.

    All models together are no further hypothesis: only single models are corrected for their
    number. Noise is said only where the interval shuts out a change as large as the whole budget.
    """
    tested = [one for one in changes if one.p is not None and one.model != ALL]
    found = multiple.benjamini_hochberg([one.p for one in tested if one.p is not None])
    q = {one.model: value for one, value in zip(tested, found, strict=True)}
    return [
        _judged(one, q.get(one.model, one.p), budget)
        for one, budget in zip(changes, budgets, strict=True)
    ]


def _judged(one: Change, q: float | None, budget: float) -> Change:
    if q is None or one.low is None or one.high is None:
        return one
    word, why = "noise", "days as they come differ as much"
    if q <= ALPHA:
        word, why = "real", "days at random hardly ever differ as much"
    elif max(-one.low, one.high) > 100 * budget:
        word = "cannot tell"
        why = (
            "days as they come differ as much, but a change as large as the whole error budget "
            f"({100 * budget:.6g}{fmt.TIE}%) could hide in the data"
        )
    return one.model_copy(update={"q": q, "verdict": word, "why": why})


def mix(before: dict[str, Day], now: dict[str, Day]) -> Mix | None:
    """Take the change of the whole apart (Kitagawa): other rates, or other traffic.

    A model that only one side has can have no change of rate: all it does is traffic.
    """
    n0, n1 = (sum(n for _, n in side.values()) for side in (before, now))
    if not n0 or not n1:
        return None
    by_rate = by_mix = 0.0
    for model in {*before, *now}:
        (bad0, m0), (bad1, m1) = before.get(model, (0.0, 0.0)), now.get(model, (0.0, 0.0))
        if not m0 and not m1:
            continue
        good0 = 1 - bad0 / m0 if m0 else 1 - bad1 / m1
        good1 = 1 - bad1 / m1 if m1 else good0
        share0, share1 = m0 / n0, m1 / n1
        by_rate += (good1 - good0) * (share0 + share1) / 2
        by_mix += (share1 - share0) * (good0 + good1) / 2
    points = 100 * (by_rate + by_mix)
    text = (
        f"{points:+.2f} points for all models together: {100 * by_rate:+.2f} because models did "
        f"better or worse, {100 * by_mix:+.2f} because traffic moved between them."
    )
    return Mix(points=points, rate_points=100 * by_rate, mix_points=100 * by_mix, text=text)
