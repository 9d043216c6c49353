"""Which rules can hold for none of the rows, told from the values that their columns have at all.

A capture shows a handful of statuses and products, and most rules ask for others. Leaving those
out before any expression is built is what makes a small capture quick. It never changes a result:
a rule is left out only if a condition that it must meet is met by no value there is.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analyzer import columns
from analyzer.engine import operators
from analyzer.engine.tree import Leaf, Node

MANY_ROWS = 20_000
"""Above this, looking for distinct values costs more than it saves; only absence is looked at."""
_EXACT = frozenset((operators.TEXT, operators.INTEGER, operators.BOOL))
"""Types whose values equal a literal in Python exactly when they do in Polars."""


class Values:
    """The values of the columns of a frame, looked up when they are first asked for."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.known: dict[str, frozenset[object] | None] = {}

    def of(self, column: str) -> frozenset[object] | None:
        """Return the distinct values without null; ``None`` where they were not looked for."""
        if column not in self.known:
            self.known[column] = self._find(column)
        return self.known[column]

    def _find(self, column: str) -> frozenset[object] | None:
        values = self.rows[column]
        if values.null_count() == len(values):
            return frozenset()
        dtype = columns.dtype_of(column)
        if len(values) > MANY_ROWS or dtype is None or operators.kind_of(dtype) not in _EXACT:
            return None
        return frozenset(values.drop_nulls().unique())


def can_hold(node: Node, values: Values) -> bool:
    """Whether a match may hold for some row; ``True`` where it cannot be excluded."""
    if isinstance(node, Leaf):
        return _leaf_can_hold(node, values)
    if node.kind == "not":
        return True
    held = (can_hold(child, values) for child in node.children)
    return all(held) if node.kind == "all" else any(held)


def _leaf_can_hold(leaf: Leaf, values: Values) -> bool:
    if leaf.operator == "exists" and leaf.value is False:
        return True
    there = values.of(leaf.field)
    if there is None:
        return True
    if leaf.operator == "eq":
        return leaf.value in there
    if leaf.operator == "in":
        return not there.isdisjoint(leaf.value)
    return bool(there)


def alive(rows: pl.DataFrame, nodes: Sequence[Node]) -> list[int]:
    """Return the numbers of the matches that may hold for some row."""
    values = Values(rows)
    return [number for number, node in enumerate(nodes) if can_hold(node, values)]
