"""Lints that run the examples of a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from analyzer.engine import sample, tree
from analyzer.engine.compile import compile_tree
from analyzer.engine.lint.base import Issue, Lint
from analyzer.engine.rule import UNCLASSIFIED, Rule
from analyzer.engine.rule_file import RuleFile
from analyzer.engine.tree import Group, Leaf, Node

MINIMUM = 2


class ExampleCount(Lint):
    """Two rows that match and two that do not."""

    code = "KB020"
    doc = "Fewer than two examples that match or that do not, or an example cell is wrong."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        for kind, rows in (
            ("match", rule.examples_match),
            ("no_match", rule.examples_no_match),
        ):
            if len(rows) < MINIMUM:
                message = f"{len(rows)} '{kind}' examples; at least {MINIMUM} are needed"
                yield self.issue(file.locate("examples", kind), message, soft=is_draft(rule))


class ExampleRuns(Lint):
    """Examples do what they say."""

    code = "KB021"
    doc = "A 'match' example does not match, or a 'no_match' example does."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        node = tree.read(rule.match)
        for kind, rows, wanted in (
            ("match", rule.examples_match, True),
            ("no_match", rule.examples_no_match, False),
            ("todo", rule.examples_todo, True),
        ):
            if not rows:
                continue
            results = evaluate([node], rows)[0]
            for index, result in enumerate(results):
                if result != wanted:
                    place = file.locate("examples", kind, index)
                    message = _says(node, rows[index], kind)
                    yield self.issue(place, message, soft=kind == "todo")


class UntestedCondition(Lint):
    """Every condition is needed: without it, some example comes out differently."""

    code = "KB022"
    doc = "Removing a condition of the match changes the result of no example."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        rows = (*rule.examples_match, *rule.examples_no_match)
        if not rows or rule.id == UNCLASSIFIED:
            return
        node = tree.read(rule.match)
        leaves = list(tree.leaves(node))
        variants = [without(node, leaf) for leaf in leaves]
        whole, *mutated = evaluate([node, *variants], rows)
        for leaf, result in zip(leaves, mutated, strict=True):
            if result == whole:
                message = (
                    f"no example needs the condition '{tree.dotted(leaf.path)}' "
                    f"({describe(leaf)}): add one that only it decides"
                )
                place = file.locate("match", *leaf.path)
                yield self.issue(place, message, soft=is_draft(rule))


def is_draft(rule: Rule) -> bool:
    """Whether a rule is still being written, so that it is checked leniently."""
    return rule.status == "draft"


def evaluate(nodes: Sequence[Node | None], rows: Sequence[dict[str, Any]]) -> list[list[bool]]:
    """Return for each tree its results on the rows; a tree of nothing matches everything."""
    headers = {leaf.field for node in nodes if node for leaf in tree.leaves(node)}
    table = sample.frame(rows, [name for name in headers if name.startswith("re")])
    results = table.select(
        (compile_tree(node) if node else pl.lit(value=True)).alias(str(index))
        for index, node in enumerate(nodes)
    )
    return [
        list(results[name]) * (1 if results.height == len(rows) else 0) for name in results.columns
    ]


def without(node: Node, leaf: Leaf) -> Node | None:
    """Return the tree without one condition; ``None`` if nothing is left."""
    if isinstance(node, Leaf):
        return None if node is leaf else node
    children = tuple(kept for child in node.children if (kept := without(child, leaf)))
    return Group(node.kind, children, node.path) if children else None


def describe(leaf: Leaf) -> str:
    """Return a condition in words."""
    return f"{leaf.field} {leaf.operator} {leaf.value!r}"


def _says(node: Node, row: dict[str, Any], kind: str) -> str:
    """Say why an example came out wrong, by the conditions that decided."""
    leaves = list(tree.leaves(node))
    results = [result[0] for result in evaluate(list(leaves), [row])]
    if kind == "no_match":
        held = (describe(leaf) for leaf, ok in zip(leaves, results, strict=True) if ok)
        return f"this row matches, though it should not; true: {', '.join(held) or 'nothing'}"
    failed = (
        f"{tree.dotted(leaf.path)} ({describe(leaf)})"
        for leaf, ok in zip(leaves, results, strict=True)
        if not ok
    )
    what = "a known gap" if kind == "todo" else "this row does not match"
    return f"{what}; false: {', '.join(failed) or 'only the conditions under not'}"
