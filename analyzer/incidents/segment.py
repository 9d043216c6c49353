"""Where a failure rate changed: the stretch of minutes that speaks most against the usual rate.

For a given rate inside, every minute adds or takes evidence (the logarithm of the likelihood ratio
of its failures), and the best stretch is the one with the greatest sum, which one pass finds. The
rate inside is not known, so several are tried: the likelihood scan statistic of M. Kulldorff
(1997), Commun. Stat. Theory Methods 26:1481-1496, over time.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate, pairwise

_NEARLY_ALL = 0.99
_PAUSE = 30
"""Minutes at the usual rate from which on what comes before and after may be two stretches."""
_SILENCE = 180
_SILENT_STEPS = 30
"""Minutes without any attempt that end a stretch, and how many usual steps they must be at least:
who calls twice a day is not silent between."""
_TWO = 12.0
"""Evidence by which two stretches must be better than one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Minutes ``first`` to ``last`` (both inclusive), counted since 1970."""

    first: int
    last: int
    attempts: float
    failed: float
    evidence: float

    @property
    def rate(self) -> float:
        """Failure rate inside."""
        return self.failed / self.attempts

    @property
    def gap(self) -> float:
        """Minutes between failures on average."""
        return (self.last - self.first + 1) / self.failed


class Track:
    """Attempts and failures of one scope, minute by minute."""

    def __init__(
        self, minutes: Sequence[int], attempts: Sequence[float], failed: Sequence[float],
        silences: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        """``minutes`` counts since 1970, rises, and may leave out minutes without attempts.

        ``silences`` are those of :func:`silences`, of the whole capture.
        """
        self._silences = silences
        self.minutes = minutes
        self._attempts = [0.0, *accumulate(attempts)]
        self._failed = [0.0, *accumulate(failed)]
        self.failing = [i for i, n in enumerate(failed) if n > 0]
        """A best stretch begins and ends with a failure, so nothing else need be looked at."""
        self._steps = self._between_failures()

    def _between_failures(self) -> list[tuple[float, float, float]]:
        """Return, by failing minute: attempts since the one before; its failures; its successes."""
        attempts, failed = self._attempts, self._failed
        steps, behind = [], 0
        for i in self.failing:
            broken = failed[i + 1] - failed[i]
            good = attempts[i + 1] - attempts[i] - broken
            steps.append((attempts[i] - attempts[behind], broken, good))
            behind = i + 1
        return steps

    def attempts(self, first: int, last: int) -> float:
        """Return the attempts of minutes ``first`` to ``last``."""
        return self._between(self._attempts, first, last)

    def failed(self, first: int, last: int) -> float:
        """Return the failures of minutes ``first`` to ``last``."""
        return self._between(self._failed, first, last)

    def _between(self, sums: Sequence[float], first: int, last: int) -> float:
        return sums[bisect_right(self.minutes, last)] - sums[bisect_left(self.minutes, first)]

    def segment(self, first: int, last: int, usual: float) -> Segment:
        """Return minutes ``first`` to ``last`` as a segment."""
        attempts, failed = self.attempts(first, last), self.failed(first, last)
        return Segment(first, last, attempts, failed, evidence(attempts, failed, usual))

    def best(self, usual: float) -> Segment | None:
        """Return the stretch with most evidence of a rate above ``usual``; ``None``: nowhere.

        ``usual`` is the failure rate outside, between 0 and 1 (both exclusive). One stretch may
        have more evidence than each of two that are hours apart: then it is cut at the pause, and
        the better part returned.
        """
        found = self._whole(usual)
        while found is not None:
            cut = self._at_silence(found, usual) or self._cut(found, usual)
            if cut is None:
                break
            found = cut
        return found

    def _whole(self, usual: float) -> Segment | None:
        found: Segment | None = None
        # Many guesses lead to the same stretch, and so to the same next guess.
        best_at = cache(partial(self._best_at, usual))
        for guess in _guesses(usual):
            for _ in range(3):
                segment = best_at(guess)
                if segment is None:
                    break
                if found is None or segment.evidence > found.evidence:
                    found = segment
                better = min(segment.rate, _NEARLY_ALL)
                if better <= usual or abs(better - guess) < 1e-3 * guess:
                    break
                guess = better
        return found

    def _best_at(self, usual: float, rate: float) -> Segment | None:
        """Return the stretch with the greatest sum of evidence for ``rate`` (Kadane's pass)."""
        bad, good = math.log(rate / usual), math.log((1 - rate) / (1 - usual))
        total = top = 0.0
        start, span = 0, (0, -1)
        for i, (before, broken, fine) in enumerate(self._steps):
            # Attempts since the last failure only took evidence.
            total += before * good
            if total <= 0:
                total, start = 0.0, i
            total += broken * bad + fine * good
            if total > top:
                top, span = total, (start, i)
        if span[1] < 0:
            return None
        first, last = (self.minutes[self.failing[i]] for i in span)
        return self.segment(first, last, usual)

    def _at_silence(self, whole: Segment, usual: float) -> Segment | None:
        """Return the better side of a silence inside; ``None`` if there is none.

        Of a time that nobody recorded, nobody knows whether it was part of an incident.
        """
        for before, after in self._silences:
            if whole.first <= before and after <= whole.last:
                broken = [self.minutes[i] for i in self.failing]
                left = broken[bisect_right(broken, before) - 1]
                right = broken[bisect_left(broken, after)]
                sides = (
                    self.segment(whole.first, left, usual),
                    self.segment(right, whole.last, usual),
                )
                return max(sides, key=lambda side: side.evidence)
        return None

    def _cut(self, whole: Segment, usual: float) -> Segment | None:
        """Return the better side of the longest pause inside; ``None`` if it is all one."""
        rate = min(whole.rate, _NEARLY_ALL)
        bad, good = math.log(usual / rate), math.log((1 - usual) / (1 - rate))
        inside = [i for i in self.failing if whole.first <= self.minutes[i] <= whole.last]
        total = top = 0.0
        start, pause = inside[0], (inside[0], inside[0])
        for left, right in pairwise(inside):
            broken = self._failed[left + 1] - self._failed[left]
            minute = self._attempts[left + 1] - self._attempts[left]
            total += broken * bad + (minute - broken) * good
            if total <= 0:
                total, start = 0.0, left
            total += (self._attempts[right] - self._attempts[left + 1]) * good
            if total > top:
                top, pause = total, (start, right)
        before, after = self.minutes[pause[0]], self.minutes[pause[1]]
        if after - before - 1 < _PAUSE:
            return None
        sides = self.segment(whole.first, before, usual), self.segment(after, whole.last, usual)
        if sides[0].evidence + sides[1].evidence < whole.evidence + _TWO:
            return None
        return max(sides, key=lambda side: side.evidence)

    def widened(self, segment: Segment, usual: float) -> Segment:
        """Return the segment begun and ended one mean gap earlier and later.

        Where failures come more slowly than once a minute, the first is on average one gap after
        the change, and the last one gap before. Never by more than twice the mean gap in minutes,
        and not beyond what was recorded.
        """
        if segment.gap <= 1:
            return segment
        allowed, most = 1 / segment.rate, round(2 * segment.gap)
        first, last = segment.first, segment.last
        while first > max(self.minutes[0], segment.first - most):
            if self.attempts(first - 1, segment.first - 1) >= allowed:
                break
            first -= 1
        while last < min(self.minutes[-1], segment.last + most):
            if self.attempts(segment.last + 1, last + 1) >= allowed:
                break
            last += 1
        return self.segment(first, last, usual)


def silences(minutes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the last minute before and the first one after each time that nobody recorded.

    ``minutes`` are those with any attempt, rising. Between them nothing came for much longer than
    is usual.
    """
    steps = [(after - before, before, after) for before, after in pairwise(minutes)]
    ordered = sorted(step for step, _, _ in steps)
    # Of one step alone nobody knows whether it is usual.
    usually = ordered[(len(ordered) - 1) // 2] if len(ordered) > 1 else 1
    least = max(_SILENCE, _SILENT_STEPS * usually)
    return [(before, after) for step, before, after in steps if step > least]


def evidence(attempts: float, failed: float, usual: float) -> float:
    """Return the log likelihood ratio of the rate seen against ``usual``; 0 if it is not above."""
    if attempts <= 0 or failed / attempts <= usual:
        return 0.0
    good = attempts - failed
    told = failed * math.log(failed / attempts / usual)
    return told + (good * math.log(good / attempts / (1 - usual)) if good > 0 else 0.0)


def _guesses(usual: float) -> list[float]:
    guesses = []
    rate = 2 * usual
    while rate < 0.5:
        guesses.append(rate)
        rate *= 2
    return [*guesses, *(rate for rate in (0.5, 0.8, _NEARLY_ALL) if rate > usual)]
