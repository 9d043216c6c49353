"""Many tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p values (q), in the order given.

    Calling everything with q <= x a finding keeps the expected share of false ones among them at
    x or below. Y. Benjamini and Y. Hochberg (1995), "Controlling the false discovery rate",
    J. R. Stat. Soc. B 57:289-300. Everything that was tested must be given, not only what looks
    good.

    Raises:
        ValueError: a value is not between 0 and 1.
    """
    bad = [p for p in p_values if not 0 <= p <= 1]
    if bad:
        msg = f"p values lie between 0 and 1, got {bad[0]}"
        raise ValueError(msg)
    n = len(p_values)
    q = [1.0] * n
    smallest = 1.0
    for rank, index in zip(
        range(n, 0, -1), sorted(range(n), key=lambda i: p_values[i], reverse=True), strict=True
    ):
        smallest = min(smallest, p_values[index] * n / rank)
        q[index] = smallest
    return q
