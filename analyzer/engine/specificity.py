"""How specific a rule is: what the last but one step of the ranking counts."""

from __future__ import annotations

from analyzer.engine.rule import Rule
from analyzer.engine.tree import Leaf, Node

REQUIRED_CONTEXT = 2
"""What a required context predicate counts: it says more than one column does."""


def specificity(rule: Rule, node: Node) -> int:
    """Return the number of conditions that ``node``, the rule's match, must meet.

    Every condition of ``all`` counts, of ``any`` the branch that asks least, each item under
    ``not`` one, and each required context predicate two.
    """
    return _asked(node) + REQUIRED_CONTEXT * len(rule.requires)


def _asked(node: Node) -> int:
    if isinstance(node, Leaf):
        return 1
    if node.kind == "not":
        return len(node.children)
    asked = [_asked(child) for child in node.children]
    return min(asked) if node.kind == "any" else sum(asked)
