"""Which parts of rules can hold for no row, told from the values that the columns have at all.

A capture shows a handful of statuses and products, and most rules ask for others. Leaving those
out before any expression is built is what makes a small capture quick. It never changes a result:
a condition is left out only if it is met by no value there is, and a rule only if it needs one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from analyzer import columns
from analyzer.engine import operators
from analyzer.engine.tree import Leaf, Node

MANY_ROWS = 20_000
"""Above this, looking for distinct values costs more than it saves; only absence is looked at."""
MANY_VALUES = 20_000
"""Above this, distinct values are too many to be compared one by one."""
FEW_TEXTS = 64
"""Up to so many distinct texts, looking for a word in them costs less than compiling the search."""
_EXACT = frozenset((operators.TEXT, operators.INTEGER, operators.BOOL))
"""Types whose values equal a literal in Python exactly when they do in Polars."""


class Values:
    """The values of the columns of a frame, looked up when they are first asked for."""

    def __init__(self, rows: pl.DataFrame, many_rows: int | None = MANY_ROWS) -> None:
        """``many_rows`` is ``None`` where the distinct values are needed for something else too."""
        self.rows = rows
        self.many_rows = many_rows
        self.uniques: dict[str, pl.Series] = {}
        self.known: dict[str, frozenset[object] | None] = {}
        self.caseless: dict[str, list[bytes]] = {}

    def of(self, column: str) -> frozenset[object] | None:
        """Return the distinct values without null; ``None`` where they were not looked for."""
        if column not in self.known:
            self.known[column] = self._find(column)
        return self.known[column]

    def without_case(self, column: str) -> list[bytes]:
        """Return the distinct texts of a column with ASCII letters in lower case, as bytes."""
        if column not in self.caseless:
            self.caseless[column] = [
                _without_case(text) for text in self.of(column) or () if isinstance(text, str)
            ]
        return self.caseless[column]

    def distinct(self, column: str) -> pl.Series:
        """Return the distinct values without null, however many there are."""
        if column not in self.uniques:
            self.uniques[column] = self.rows[column].drop_nulls().unique()
        return self.uniques[column]

    def _find(self, column: str) -> frozenset[object] | None:
        values = self.rows[column]
        if values.null_count() == len(values):
            return frozenset()
        dtype = columns.dtype_of(column)
        if dtype is None or operators.kind_of(dtype) not in _EXACT:
            return None
        if self.many_rows is not None and len(values) > self.many_rows:
            return None
        there = self.distinct(column)
        return frozenset(there.to_list()) if len(there) <= MANY_VALUES else None


class _Always:
    """Stands for a part of a match that holds for every row."""


ALWAYS = _Always()


def trim(node: Node, values: Values) -> Node | _Always | None:
    """Return a match without the parts that no row can meet; ``None`` if it can hold for no row.

    What is left gives the same result on every row of the frame that ``values`` looked at.
    """
    if isinstance(node, Leaf):
        return node if _leaf_can_hold(node, values) else None
    parts = [trim(child, values) for child in node.children]
    if node.kind == "all" and None in parts:
        return None
    if node.kind != "all" and ALWAYS in parts:
        return ALWAYS if node.kind == "any" else None
    kept = tuple(part for part in parts if not isinstance(part, _Always) and part is not None)
    if kept:
        return replace(node, children=kept)
    return None if node.kind == "any" else ALWAYS


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
    if len(there) <= FEW_TEXTS and leaf.operator in ("contains_any", "icontains"):
        words = leaf.value if leaf.operator == "contains_any" else [leaf.value]
        texts = values.without_case(leaf.field)
        return any(_without_case(word) in text for word in words for text in texts)
    return bool(there)


def _without_case(text: str) -> bytes:
    # bytes.lower() touches ASCII letters alone, which is exactly what the operators promise.
    return text.encode("utf-8", "surrogatepass").lower()


def alive(
    rows: pl.DataFrame, nodes: Sequence[Node], values: Values | None = None
) -> dict[int, Node]:
    """Return, by their numbers, the matches that may hold for some row, trimmed to what matters.

    ``values`` are those of the rows, where somebody has them.
    """
    values = values or Values(rows)
    living: dict[int, Node] = {}
    for number, node in enumerate(nodes):
        left = trim(node, values)
        if left is not None:
            living[number] = node if isinstance(left, _Always) else left
    return living
