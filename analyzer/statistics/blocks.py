"""Whether a rate changed between two stretches of days: a permutation test over blocks of days.

Failures come in bursts, so attempts are no independent draws, and a test that counts them is sure
of far too much. Days are nearly so. If nothing changed, any days might have been the later ones:
the test asks how often relabelled days differ as much as the real ones do. Blocks of several days
keep what lasts over midnight together. R. A. Fisher, "The Design of Experiments" (1935);
H. R. Künsch (1989), Ann. Statist. 17:1217-1241 for blocks that may start anywhere.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

ROUNDS = 4_999
"""Relabellings that are drawn where not all can be tried."""

Day = tuple[float, float]
"""(failed, all) of one day."""


@dataclass(frozen=True, slots=True)
class BlockTest:
    """What the relabelled days say of a difference."""

    before: float | None
    """Rate of the earlier days; ``None`` without traffic."""
    after: float | None
    difference: float | None
    """after - before."""
    p: float | None
    """Share of relabellings that differ as much or more, either way; ``None``: not testable."""
    smallest_p: float
    """The least ``p`` these days could give: above the level wanted, no verdict is possible."""
    relabelled: int
    """How many relabellings were tried, the real one included."""
    complete: bool
    """Whether these are all there are."""


def compare(
    days: Sequence[Day], after: int, *, block: int = 1, period: int | None = None,
    rounds: int = ROUNDS, seed: int = 0,
) -> BlockTest:  # fmt: skip
    """Test whether the last ``after`` days have another rate than the days before them.

    Args:
        days: (failed, all) of each day, oldest first, days without traffic as (0, 0).
        after: how many of the last days are the later stretch.
        block: days that stay together; blocks may start on any day and wrap at the end.
        period: days are only exchanged with days the same number of days apart modulo this, 7 for
            weekdays; only with ``block`` 1.
        rounds: relabellings to draw if there are more.
        seed: of the draws; the same seed gives the same ``p``.

    Raises:
        ValueError: ``after`` leaves no days on one side, or ``block`` does not divide it.
    """
    _check(len(days), after, block, period)
    early, late = days[:-after], days[-after:]
    before, now = _rate(early), _rate(late)
    if before is None or now is None:
        return BlockTest(before, now, None, None, 1.0, 0, complete=False)
    choices = _Choices(len(days), after, block, period)
    complete = choices.count <= rounds + 1
    drawn = choices.all() if complete else choices.draw(rounds, random.Random(seed))  # noqa: S311
    total_failed, total = _sum(days)
    seen = abs(now - before) * (1 - 1e-9)
    extreme = tried = 0
    for chosen in drawn:
        failed, n = _sum(days[i] for i in chosen)
        tried += 1
        extreme += _apart(failed, n, total_failed, total) >= seen
    if not complete:
        extreme, tried = extreme + 1, tried + 1
    return BlockTest(
        before, now, now - before, extreme / tried, 1 / tried, tried, complete=complete
    )


def _apart(failed: float, n: float, total_failed: float, total: float) -> float:
    """Return by how much the rate of the chosen days differs from that of the others."""
    if n <= 0 or n >= total:
        return 0.0
    return abs(failed / n - (total_failed - failed) / (total - n))


@dataclass(frozen=True, slots=True)
class _Choices:
    """The sets of days that might have been the later stretch."""

    days: int
    after: int
    block: int
    period: int | None

    @property
    def count(self) -> int:
        if self.block == self.after:
            return self.days
        if self.block > 1:
            # Non-overlapping blocks anywhere on a circle: only ever drawn.
            return 1 << 62
        return math.prod(math.comb(len(places), take) for places, take in self._strata())

    def all(self) -> Iterator[Iterable[int]]:
        if self.block > 1:
            for start in range(self.days):
                yield [(start + i) % self.days for i in range(self.after)]
            return
        picks = [itertools.combinations(places, take) for places, take in self._strata()]
        for pick in itertools.product(*picks):
            yield itertools.chain.from_iterable(pick)

    def draw(self, rounds: int, rng: random.Random) -> Iterator[Iterable[int]]:
        strata = self._strata()
        for _ in range(rounds):
            if self.block > 1:
                yield self._blocks(rng)
            else:
                yield [i for places, take in strata for i in rng.sample(places, take)]

    def _strata(self) -> list[tuple[list[int], int]]:
        period = self.period or 1
        split: list[tuple[list[int], int]] = []
        for phase in range(period):
            places = [i for i in range(self.days) if i % period == phase]
            take = sum(i >= self.days - self.after for i in places)
            split.append((places, take))
        return split

    def _blocks(self, rng: random.Random) -> list[int]:
        """Return ``after`` days in blocks that do not overlap, anywhere on the circle of days."""
        blocks = self.after // self.block
        gaps = self.days - self.after
        # Blocks and single days in a random order, then turned by a random number of days.
        order = rng.sample(range(blocks + gaps), blocks)
        is_block = [False] * (blocks + gaps)
        for i in order:
            is_block[i] = True
        chosen: list[int] = []
        at = rng.randrange(self.days)
        for taken in is_block:
            if taken:
                chosen += [(at + i) % self.days for i in range(self.block)]
            at += self.block if taken else 1
        return chosen


def _rate(days: Sequence[Day]) -> float | None:
    failed, n = _sum(days)
    return failed / n if n > 0 else None


def _sum(days: Iterable[Day]) -> Day:
    failed = n = 0.0
    for f, m in days:
        failed += f
        n += m
    return failed, n


def _check(days: int, after: int, block: int, period: int | None) -> None:
    if not 0 < after < days:
        msg = f"the later stretch must leave days on both sides: {after} of {days}"
        raise ValueError(msg)
    if block < 1 or after % block:
        msg = f"blocks of {block} days do not make up {after} days"
        raise ValueError(msg)
    if block > 1 and period:
        msg = "period is only for blocks of one day"
        raise ValueError(msg)
