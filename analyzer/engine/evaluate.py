"""Every rule on every row: which matches hold, and what the context says where it is asked.

Equal conditions of several rules are computed once, in one pass over the rows; a rule then combines
Boolean columns. Context predicates are computed only for those that some rule asks for, once each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from analyzer.engine import tree
from analyzer.engine.compile import combine, leaf_expr
from analyzer.engine.context import predicates
from analyzer.engine.context.ledger import Ledger
from analyzer.engine.prune import Values, alive
from analyzer.engine.rule import UNCLASSIFIED, Call, Rule
from analyzer.engine.tree import Leaf, Node

MANY_ROWS = 512
"""From here on equal texts are looked at once."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Which rules' matches hold, one row number and rule number for each hit."""

    rules: tuple[Rule, ...]
    nodes: tuple[Node, ...]
    """The match of each rule."""
    hits: pl.DataFrame
    """row (UInt32), rule (UInt32): the match holds, whatever the context says."""
    calls: dict[str, pl.Series]
    """Key of a context call -> Boolean for each row, null = unknown."""


def ranked(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that take part: not deprecated ones, and not the one for the unknown."""
    return tuple(rule for rule in rules if rule.status != "deprecated" and rule.id != UNCLASSIFIED)


def evaluate(rows: pl.DataFrame, ledger: Ledger, rules: Sequence[Rule]) -> Evaluation:
    """Evaluate all rules on all rows."""
    nodes = tuple(tree.read(rule.match, trusted=True) for rule in rules)
    values = Values(rows, many_rows=None)
    living = alive(rows, nodes, values)
    found = matches(rows, list(living.values()), values)
    hits = _hits(living, found)
    asked = {
        call.key: call for number in hits["rule"].unique().sort() for call in rules[number].calls
    }
    return Evaluation(tuple(rules), nodes, hits, context(rows, ledger, asked.values()))


def _hits(rules: Iterable[int], found: pl.DataFrame) -> pl.DataFrame:
    """Return ``row rule`` of what is true in the columns, which are those of the rules."""
    rows = [pl.Series("row", [], dtype=pl.UInt32)]
    numbers = [pl.Series("rule", [], dtype=pl.UInt32)]
    for number, column in zip(rules, found.iter_columns(), strict=True):
        true = column.arg_true().cast(pl.UInt32)
        rows.append(true)
        numbers.append(pl.Series([number], dtype=pl.UInt32).new_from_index(0, len(true)))
    return pl.DataFrame([pl.concat(rows), pl.concat(numbers)])


def context(rows: pl.DataFrame, ledger: Ledger, calls: Iterable[Call]) -> dict[str, pl.Series]:
    """Return the values of context calls for every row."""
    known = predicates()
    return {call.key: known[call.name].evaluate(rows, ledger, call.params) for call in calls}


def matches(
    rows: pl.DataFrame, nodes: Sequence[Node], values: Values | None = None
) -> pl.DataFrame:
    """Return one Boolean column for each tree, named by its number."""
    names: dict[str, str] = {}
    by_column: dict[str, dict[str, pl.Expr]] = {}
    for node in nodes:
        for leaf in tree.leaves(node):
            key = _key(leaf)
            if key not in names:
                names[key] = f"leaf{len(names)}"
                by_column.setdefault(leaf.field, {})[names[key]] = leaf_expr(leaf)
    return _select(
        _conditions(rows, by_column, values or Values(rows)),
        [_combined(node, names).alias(str(number)) for number, node in enumerate(nodes)],
    )


def _conditions(
    rows: pl.DataFrame, by_column: dict[str, dict[str, pl.Expr]], values: Values
) -> pl.DataFrame:
    """Return a Boolean column for each condition, named as given."""
    direct: list[pl.Expr] = []
    queries: list[pl.LazyFrame] = []
    places: list[pl.Series] = []
    for column, wanted in by_column.items():
        named = [expr.alias(name) for name, expr in wanted.items()]
        codes = _codes(rows[column], values)
        if codes is None:
            direct.extend(named)
        else:
            queries.append(codes[0].to_frame().lazy().select(named))
            places.append(codes[1])
    queries.append(rows.lazy().select(direct))
    *repeated, plain = pl.collect_all(queries, optimizations=pl.QueryOptFlags.none())
    spread = [found[place] for found, place in zip(repeated, places, strict=True)]
    return pl.concat([plain, *spread], how="horizontal")


def _codes(column: pl.Series, values: Values) -> tuple[pl.Series, pl.Series] | None:
    """Return the distinct values of a text column, null last, and each row's place among them.

    A condition is then evaluated once for each value. ``None`` where that does not pay: other
    types, few rows, or values that hardly repeat.
    """
    if column.dtype != pl.String or len(column) < MANY_ROWS:
        return None
    texts = values.distinct(column.name)
    if len(texts) * 2 > len(column):
        return None
    codes = column.cast(pl.Enum(texts)).to_physical().cast(pl.UInt32).fill_null(len(texts))
    return pl.concat([texts, pl.Series(column.name, [None], dtype=pl.String)]), codes


def _select(frame: pl.DataFrame, exprs: Sequence[pl.Expr]) -> pl.DataFrame:
    """Select without the optimiser: nothing is left for it to find, and its search costs more."""
    return frame.lazy().select(exprs).collect(optimizations=pl.QueryOptFlags.none())


def _key(leaf: Leaf) -> str:
    return f"{leaf.field}\0{leaf.operator}\0{leaf.value!r}"


def _combined(node: Node, names: dict[str, str]) -> pl.Expr:
    if isinstance(node, Leaf):
        return pl.col(names[_key(node)])
    return combine(node, [_combined(child, names) for child in node.children])
