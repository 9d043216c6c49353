"""Fisher's exact test of a table of two by two."""

from __future__ import annotations

import math

_TIE = 1 + 1e-7
"""Tables as probable as the one seen count as extreme; rounding must not part them."""
_NEGLIGIBLE = 1e-17


def fisher(a: int, b: int, c: int, d: int) -> float:
    """Return the two-sided p value of the table [[a, b], [c, d]].

    The sum of the probabilities of all tables with the same margins that are no more probable than
    the one seen. R. A. Fisher (1935), "The logic of inductive inference", J. R. Stat. Soc.
    98:39-82; the two-sided rule is the common one of statistical packages. A margin of zero gives
    1: such a table says nothing. Costs as many steps as the tails have terms that matter, so that
    counts in the millions are fine.

    Raises:
        ValueError: a count is negative.
    """
    if min(a, b, c, d) < 0:
        msg = f"counts must not be negative: {a}, {b}, {c}, {d}"
        raise ValueError(msg)
    row, column, n = a + b, a + c, a + b + c + d
    low, high = max(0, row + column - n), min(row, column)
    if low == high:
        return 1.0
    table = _Table(row, column, n)
    seen = table.log(a)
    limit = seen + math.log(_TIE)
    mode = min(max((row + 1) * (column + 1) // (n + 2), low), high)
    step, end, opposite = (-1, low, high) if a <= mode else (1, high, low)
    near = table.tail(a, end, step)
    across = mode if a != mode else a - step
    start = table.first_below(limit, across, opposite, -step) if a != opposite else None
    far = 0.0 if start is None else table.tail(start, opposite, -step)
    return min(1.0, near + far)


class _Table:
    """The hypergeometric probabilities of the count in the corner, margins fixed."""

    def __init__(self, row: int, column: int, n: int) -> None:
        self.row, self.column, self.n = row, column, n
        self._whole = _log_choose(n, column)

    def log(self, k: int) -> float:
        rest = _log_choose(self.n - self.row, self.column - k)
        return _log_choose(self.row, k) + rest - self._whole

    def first_below(self, limit: float, mode: int, end: int, step: int) -> int | None:
        """Return the count nearest to ``mode`` towards ``end`` with log probability <= limit."""
        if self.log(end) > limit:
            return None
        near, far = 0, abs(end - mode)
        while near < far:
            middle = (near + far) // 2
            if self.log(mode + step * middle) <= limit:
                far = middle
            else:
                near = middle + 1
        return mode + step * near

    def tail(self, start: int, end: int, step: int) -> float:
        """Return the sum of the probabilities from ``start`` to ``end``, which only fall."""
        term = total = math.exp(self.log(start))
        # Thousands of steps: each is the ratio of neighbouring probabilities, written out here.
        row, column, rest = self.row, self.column, self.n - self.row - self.column
        k = start
        while k != end and term > total * _NEGLIGIBLE:
            if step > 0:
                term *= (row - k) * (column - k) / ((k + 1) * (rest + k + 1))
            else:
                term *= k * (rest + k) / ((row - k + 1) * (column - k + 1))
            k += step
            total += term
        return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
