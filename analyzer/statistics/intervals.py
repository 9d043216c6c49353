"""Intervals of rates and of their differences, and how much clustered failures widen them.

All intervals are approximate at the stated confidence. They answer "which rate does this service
have"; what happened in a complete log is a census and needs none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

CONFIDENCE = 0.95
_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval."""

    low: float
    high: float


def wilson(hits: float, n: float, *, deff: float = 1.0, confidence: float = CONFIDENCE) -> Interval:
    """Return the Wilson score interval of ``hits / n``, clamped to [0, 1].

    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference",
    J. Am. Stat. Assoc. 22:209-212.

    Args:
        hits: how many of ``n`` have the property; a sum of weights will do.
        n: how many were looked at; 0 gives [0, 1]: nothing is known.
        deff: design effect (see :func:`design_effect`) by which clusters shrink ``n``; values
            below 1 are taken as 1.
        confidence: two-sided, between 0 and 1.

    Raises:
        ValueError: ``hits`` is not between 0 and ``n``, or ``confidence`` not between 0 and 1.
    """
    _check(hits, n)
    if n == 0:
        return Interval(0.0, 1.0)
    share = hits / n
    effective = n / max(1.0, deff)
    z2 = _z(confidence) ** 2
    middle = share + z2 / (2 * effective)
    half = math.sqrt(z2 * (share * (1 - share) / effective + z2 / (4 * effective**2)))
    scale = 1 + z2 / effective
    low = 0.0 if hits == 0 else (middle - half) / scale
    high = 1.0 if hits == n else (middle + half) / scale
    return Interval(min(max(low, 0.0), share), max(min(high, 1.0), share))


def newcombe(
    hits: float, n: float, other_hits: float, other_n: float, *,
    deff: float = 1.0, other_deff: float = 1.0, confidence: float = CONFIDENCE,
) -> Interval:  # fmt: skip
    """Return the interval of ``hits / n - other_hits / other_n`` from two Wilson intervals.

    R. G. Newcombe (1998), "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17:873-890, method 10. With no rows on one side its rate
    may be anything, and the interval says so.

    Raises:
        ValueError: as for :func:`wilson`.
    """
    one = wilson(hits, n, deff=deff, confidence=confidence)
    two = wilson(other_hits, other_n, deff=other_deff, confidence=confidence)
    if n == 0 or other_n == 0:
        return Interval(one.low - two.high, one.high - two.low)
    p, q = hits / n, other_hits / other_n
    below = math.hypot(p - one.low, two.high - q)
    above = math.hypot(one.high - p, q - two.low)
    return Interval(max(-1.0, p - q - below), min(1.0, p - q + above))


def design_effect(clusters: Iterable[tuple[float, float]]) -> float:
    """Return by how much clusters widen the variance of a rate, at least 1.

    The variance of the ratio estimator over clusters divided by that of a simple random sample of
    the same size: W. G. Cochran, "Sampling Techniques" (3rd ed., 1977), sections 6.3 and 9A; the
    term is L. Kish's, "Survey Sampling" (1965), section 5.4. For failure rates the clusters are
    hours, since failures of one outage are no independent draws.

    Args:
        clusters: (hits, n) of each; empty ones are left out. One cluster, or a rate of exactly 0
            or 1, gives 1: nothing tells otherwise.
    """
    rows = [(hits, n) for hits, n in clusters if n > 0]
    total = sum(n for _, n in rows)
    hits = sum(h for h, _ in rows)
    if len(rows) < 2 or hits <= 0 or hits >= total:
        return 1.0
    share = hits / total
    spread = sum((h - share * n) ** 2 for h, n in rows) * len(rows) / (len(rows) - 1)
    return max(1.0, spread / total / (share * (1 - share)))


@dataclass(frozen=True, slots=True)
class WeightedShare:
    """A share of rows that stand for different numbers of attempts."""

    share: float
    hits: float
    """Sum of the weights of rows with the property."""
    total: float
    """Sum of all weights."""
    effective: float
    """Rows of equal weight that would tell as much."""


def weighted_share(rows: Iterable[tuple[bool, float]]) -> WeightedShare | None:
    """Return the share of weighted rows with a property; ``None`` if there is no weight.

    The effective number is Kish's (1965, section 11.7): (sum of weights)^2 / sum of squares.
    """
    hits = total = squares = 0.0
    for has, weight in rows:
        total += weight
        squares += weight * weight
        hits += weight if has else 0.0
    if total <= 0:
        return None
    return WeightedShare(hits / total, hits, total, total * total / squares)


def _check(hits: float, n: float) -> None:
    if not (0 <= hits <= n and math.isfinite(n)):
        msg = f"hits must be between 0 and n, and n finite; got {hits} of {n}"
        raise ValueError(msg)


def _z(confidence: float) -> float:
    if confidence == CONFIDENCE:
        return _Z_95
    if not 0 < confidence < 1:
        msg = f"confidence must be between 0 and 1, got {confidence}"
        raise ValueError(msg)
    # A slow import, and nearly everybody asks for 95 %.
    from statistics import NormalDist

    return NormalDist().inv_cdf((1 + confidence) / 2)
