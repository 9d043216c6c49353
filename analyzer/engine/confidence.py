"""How sure a verdict is: the rule's word, moved in steps, each step with its reason.

Raises and lowers move one step each where they are true; disagreement takes one step back; and a
rule that leans on what a missing body does not say ends at most at ``medium``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer import vocabulary
from analyzer.engine.context import predicates
from analyzer.engine.rule import Call, Rule
from analyzer.engine.tree import Leaf, Node

WORDS = vocabulary.CONFIDENCE_WORDS
CAP = WORDS.index("medium")

BODY_COLUMNS = frozenset(
    (
        "body_kind", "body_text", "html_title", "error_type", "error_code", "error_param",
        "error_message", "error_shape", "error_provider", "finish_reason", "visible_output",
        "edge_marker", "gateway_marker", "upstream_marker",
    )
)  # fmt: skip
"""Columns that are empty because a body was not recorded, not because it said nothing."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Where the confidence ended, and how it came there."""

    word: str
    steps: tuple[str, ...]


def settle(
    rule: Rule, raised: Sequence[Call], lowered: Sequence[Call], *, ambiguous: bool, capped: bool
) -> Steps:
    """Return the confidence of a verdict.

    ``raised`` and ``lowered`` are the rule's predicates that are true; ``capped`` says that the
    answer's body was not recorded and that the match leans on it.
    """
    known = predicates()
    moves = [(1, known[call.name].says(call.params)) for call in raised]
    moves += [(-1, known[call.name].says(call.params)) for call in lowered]
    if ambiguous:
        moves.append((-1, "another rule of the same tier disagrees"))
    level = WORDS.index(rule.confidence)
    steps = []
    for move, why in moves:
        new = min(max(level + move, 0), len(WORDS) - 1)
        if new != level:
            steps.append(f"{WORDS[level]} -> {WORDS[new]}: {why}")
        level = new
    if capped and level > CAP:
        steps.append(f"{WORDS[level]} -> {WORDS[CAP]}: the answer's body was not recorded")
        level = CAP
    return Steps(WORDS[level], tuple(steps))


def leans_on_body(node: Node) -> bool:
    """Whether a match counts on something not being in the body.

    Such a condition holds by itself when no body was recorded, so the match proves less than it
    seems to. Conditions on what a body says cannot hold without it and need no care.
    """
    return _leans(node, negated=False)


def _leans(node: Node, *, negated: bool) -> bool:
    if isinstance(node, Leaf):
        absence = node.operator == "exists" and node.value is False
        return node.field in BODY_COLUMNS and (negated != absence)
    return any(_leans(child, negated=negated != (node.kind == "not")) for child in node.children)
