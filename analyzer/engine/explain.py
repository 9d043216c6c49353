"""Why a verdict, and why not another: the rules of one attempt, condition by condition.

The conditions are evaluated by the same expressions as the verdicts, on a frame of one row; there
is no second reading of rules that could drift from the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from analyzer.engine import tree
from analyzer.engine.context import predicates
from analyzer.engine.context.ledger import Ledger
from analyzer.engine.evaluate import context, matches, ranked
from analyzer.engine.judge import judge, with_headers
from analyzer.engine.knowledge import KnowledgeBase
from analyzer.engine.operators import OPERATORS
from analyzer.engine.rank import POSSIBLE_SEPARATOR, TIER_WORDS
from analyzer.engine.rule import UNCLASSIFIED, Call, Rule
from analyzer.engine.supersede import closure
from analyzer.engine.tree import Group, Leaf
from analyzer.engine.tree import Node as MatchNode
from analyzer.errors import UsageError, did_you_mean

NEAREST = 3
SHOWN_CHARS = 120
MARKS = {True: "✓", False: "✗", None: "?"}
GROUP_LABELS = {"all": "all of", "any": "any of", "not": "none of"}

Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Node:
    """One condition or group of a rule, and how it came out for the attempt."""

    label: str
    """``status equals 503``, ``any of``, or the predicate and what it says."""
    holds: bool | None
    """``None`` is an unknown: nothing to compare with."""
    actual: str | None = None
    """What the row has, redacted; ``None`` for groups."""
    children: tuple[Node, ...] = ()

    @property
    def mark(self) -> str:
        """✓ it holds, ✗ it does not, ? unknown."""
        return MARKS[self.holds]


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule and the attempt."""

    relation: str
    """``verdict``, ``also``, ``possible``, ``nearest`` or ``asked``."""
    rule: str
    title: str
    tier: str
    outcome: str
    """A sentence: what became of this rule, and why."""
    nodes: tuple[Node, ...]
    """The match, then what the context requires, what raises and what lowers."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on one attempt and the rules around it."""

    attempt_id: int
    layer: str
    emitted_by: str
    cause: str
    rule: str
    """Id and revision: ``edge.cloudflare-524@1``."""
    confidence: str
    confidence_steps: tuple[str, ...]
    rules: tuple[RuleTrace, ...]
    """The verdict's rule first; for an unclassified attempt with the rules that came nearest."""


def explain(
    rows: pl.DataFrame,
    ledger: pl.DataFrame,
    latency: pl.DataFrame | None,
    kb: KnowledgeBase,
    attempt_id: int,
    rule_id: str | None = None,
    *,
    redact: Redact = str,
) -> Explanation:
    """Explain the verdict on one attempt; ``redact`` cleans every value before it is shown.

    Raises:
        UsageError: there is no such attempt or rule.
    """
    row = rows.filter(pl.col("attempt_id") == attempt_id)
    if row.height != 1:
        raise UsageError(f"there is no failed attempt {attempt_id}")
    asked = _asked(kb, rule_id)
    verdict = judge(row, ledger, latency, kb).row(0, named=True)
    tracer = _Tracer(with_headers(row, kb), Ledger.of(ledger, latency), kb, verdict, redact)
    return Explanation(
        attempt_id=attempt_id,
        layer=verdict["layer"],
        emitted_by=verdict["emitted_by"],
        cause=verdict["cause"],
        rule=f"{verdict['rule']}@{verdict['rev']}",
        confidence=verdict["confidence"],
        confidence_steps=tuple(verdict["confidence_steps"]),
        rules=tuple(tracer.traces(asked)),
    )


def _asked(kb: KnowledgeBase, rule_id: str | None) -> Rule | None:
    if rule_id is None:
        return None
    rule = kb.rule(rule_id)
    if rule is None:
        near = did_you_mean(rule_id, [one.id for one in kb.rules])
        disabled = " It is disabled by your knowledge.yaml." if rule_id in kb.disabled else ""
        raise UsageError(f"there is no rule '{rule_id}'.{near}{disabled}")
    return rule


class _Tracer:
    """Evaluates rules on one row and puts the results into words."""

    def __init__(
        self,
        row: pl.DataFrame,
        ledger: Ledger,
        kb: KnowledgeBase,
        verdict: dict[str, Any],
        redact: Redact,
    ) -> None:
        self.row = row
        self.cells = row.row(0, named=True)
        self.ledger = ledger
        self.kb = kb
        self.verdict = verdict
        self.redact = redact

    def traces(self, asked: Rule | None) -> Iterator[RuleTrace]:
        """Yield the asked rule, or all that have to do with the verdict."""
        if asked:
            yield self.trace("asked", asked)
            return
        verdict = self.verdict
        related = [("verdict", verdict["rule"]), *(("also", one) for one in verdict["also"])]
        related += [
            ("possible", one.partition(POSSIBLE_SEPARATOR)[0]) for one in verdict["possible"]
        ]
        for relation, rule_id in related:
            rule = self.kb.rule(rule_id)
            assert rule is not None, rule_id
            yield self.trace(relation, rule)
        if verdict["rule"] == UNCLASSIFIED:
            for rule in self.nearest():
                yield self.trace("nearest", rule)

    def trace(self, relation: str, rule: Rule) -> RuleTrace:
        node = tree.read(rule.match, trusted=True)
        match = self.node(node, self.results(tree.leaves(node)))
        requires = self.calls(rule.requires)
        around = (
            ("requires", requires, _every(requires)),
            ("raises", self.calls(rule.raises), None),
            ("lowers", self.calls(rule.lowers), None),
        )
        groups = [Node(name, held, None, nodes) for name, nodes, held in around if nodes]
        outcome = self.outcome(rule, match, requires)
        return RuleTrace(relation, rule.id, rule.title, rule.tier, outcome, (match, *groups))

    def results(self, leaves: Iterator[Leaf]) -> dict[tuple[str | int, ...], bool]:
        listed = list(leaves)
        found = matches(self.row, listed).row(0)
        return {leaf.path: held for leaf, held in zip(listed, found, strict=True)}

    def node(self, node: MatchNode, results: dict[tuple[str | int, ...], bool]) -> Node:
        if isinstance(node, Leaf):
            return Node(_label(node), results[node.path], self.actual(node.field))
        children = tuple(self.node(child, results) for child in node.children)
        return Node(GROUP_LABELS[node.kind], _group(node, children), None, children)

    def calls(self, calls: Sequence[Call]) -> tuple[Node, ...]:
        values = context(self.row, self.ledger, calls)
        known = predicates()
        made = []
        for call in calls:
            held = values[call.key][0]
            told = f"unknown; needs {known[call.name].needs(call.params)}" if held is None else None
            made.append(Node(f"{call.name}: {known[call.name].says(call.params)}", held, told))
        return tuple(made)

    def actual(self, field: str) -> str:
        value = self.cells.get(field)
        if value is None:
            return "absent"
        if field == "body_text":
            # The body is an internal column: it may hold prompts, and is never shown.
            return f"a body of {len(value)} characters"
        text = self.redact(value if isinstance(value, str) else str(value))
        return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"

    def outcome(self, rule: Rule, match: Node, requires: tuple[Node, ...]) -> str:
        winner = self.verdict["rule"]
        if rule.id == winner:
            return "this is the verdict"
        if not match.holds:
            return "its match does not hold"
        if any(one.holds is False for one in requires):
            return "its match holds, but what it requires around the attempt is not the case"
        if any(one.holds is None for one in requires):
            return "possible: its match holds, but what it requires cannot be told from the inputs"
        if rule.status == "deprecated":
            return "its match holds, but it is deprecated"
        return self.lost(rule, winner)

    def lost(self, rule: Rule, winner_id: str) -> str:
        winner = self.kb.rule(winner_id)
        assert winner is not None
        if rule.tier != winner.tier:
            why = f"{winner.tier} goes before {rule.tier}"
            return f"it holds too; '{winner_id}' goes first, because {why}"
        beaten_by = self.superseders(rule)
        if beaten_by:
            return f"it holds too; '{beaten_by[0]}' supersedes it"
        return f"it holds too; '{winner_id}' goes first, because it asks for more (or by its id)"

    def superseders(self, rule: Rule) -> list[str]:
        below = closure({one.id: one.supersedes for one in self.kb.rules})
        holding = (self.verdict["rule"], *self.verdict["also"])
        return [other for other in holding if rule.id in below.get(other, ())]

    def nearest(self) -> list[Rule]:
        """Return the rules that miss the fewest conditions, having at least one."""
        rules = ranked(self.kb.rules)
        nodes = [tree.read(rule.match, trusted=True) for rule in rules]
        leaves = [(number, leaf) for number, node in enumerate(nodes) for leaf in tree.leaves(node)]
        found = matches(self.row, [leaf for _, leaf in leaves]).row(0)
        results: dict[int, dict[tuple[str | int, ...], bool]] = {}
        for (number, leaf), held in zip(leaves, found, strict=True):
            results.setdefault(number, {})[leaf.path] = held
        scored = []
        for number, (rule, node) in enumerate(zip(rules, nodes, strict=True)):
            met = _met(node, results[number])
            if met:
                key = (_missing(node, results[number]), -met, TIER_WORDS.index(rule.tier), rule.id)
                scored.append((key, rule))
        return [rule for _, rule in sorted(scored, key=lambda one: one[0])[:NEAREST]]


def _every(nodes: tuple[Node, ...]) -> bool | None:
    """Return whether all hold, by three-valued logic."""
    held = {node.holds for node in nodes}
    return False if False in held else None if None in held else True


def _label(leaf: Leaf) -> str:
    if leaf.operator == "exists":
        return f"{leaf.field} is {'there' if leaf.value else 'absent'}"
    value = ", ".join(map(str, leaf.value)) if isinstance(leaf.value, list) else str(leaf.value)
    return f"{leaf.field} {OPERATORS[leaf.operator].doc} {value}"


def _group(node: Group, children: tuple[Node, ...]) -> bool:
    held = [bool(child.holds) for child in children]
    if node.kind == "all":
        return all(held)
    return any(held) if node.kind == "any" else not any(held)


def _missing(node: MatchNode, results: dict[tuple[str | int, ...], bool]) -> int:
    """Return how many conditions would have to come out differently for the match to hold."""
    if isinstance(node, Leaf):
        return 0 if results[node.path] else 1
    if node.kind == "not":
        return sum(_missing(child, results) == 0 for child in node.children)
    missing = [_missing(child, results) for child in node.children]
    return min(missing) if node.kind == "any" else sum(missing)


def _met(node: MatchNode, results: dict[tuple[str | int, ...], bool]) -> int:
    """Return how many conditions hold that speak for the match."""
    if isinstance(node, Leaf):
        return int(results[node.path])
    return 0 if node.kind == "not" else sum(_met(child, results) for child in node.children)
