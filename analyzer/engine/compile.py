"""From a match tree to one null-safe Polars expression.

The null law: a condition on an absent value is false, ``not`` of it is true, and only ``exists``
sees absence. It holds because every leaf, not the whole expression, ends in ``fill_null(False)``.

``body_text`` holds at most 4096 characters of a body (the head, and of a stream its head and its
last event), so a text operator on it sees no more than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import polars as pl

from analyzer import columns
from analyzer.engine import tree
from analyzer.engine.operators import OPERATORS
from analyzer.engine.tree import Group, KnownColumns, Leaf, MatchError, Node

__all__ = ["MatchError", "compile_match", "compile_tree", "leaf_expr", "leaves"]


def compile_match(node: Any, *, known: KnownColumns = columns.dtype_of) -> pl.Expr:
    """Return the expression of a plain ``match``; it is never null.

    Raises:
        MatchError: a field, operator or value is wrong; says where, and what was meant.
    """
    return compile_tree(tree.read(node, known=known), known=known)


def compile_tree(node: Node, *, known: KnownColumns = columns.dtype_of) -> pl.Expr:
    """Return the expression of a tree that was read before."""
    if isinstance(node, Leaf):
        return leaf_expr(node, known=known)
    parts = [compile_tree(child, known=known) for child in node.children]
    return combine(node, parts)


def combine(group: Group, parts: list[pl.Expr]) -> pl.Expr:
    """Return a group's expression from those of its children."""
    if group.kind == "all":
        return reduce(lambda a, b: a & b, parts)
    some = reduce(lambda a, b: a | b, parts)
    return ~some if group.kind == "not" else some


def leaf_expr(leaf: Leaf, *, known: KnownColumns = columns.dtype_of) -> pl.Expr:
    """Return the expression of one condition; it is never null."""
    dtype = known(leaf.field)
    assert dtype is not None, leaf.field
    return OPERATORS[leaf.operator].build(leaf.field, leaf.value, dtype).fill_null(False)


def leaves(node: Any, *, known: KnownColumns = columns.dtype_of) -> Iterator[Leaf]:
    """Yield the conditions of a plain ``match`` in the order of writing.

    Raises:
        MatchError: as :func:`compile_match`.
    """
    return tree.leaves(tree.read(node, known=known))
