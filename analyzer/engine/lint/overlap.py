"""Lints between rules: who else holds for the same rows.

The rows are all ``match`` examples of the catalogue, and the shipped samples where they were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer import ledger
from analyzer.engine import sample
from analyzer.engine.assemble import headers
from analyzer.engine.context.ledger import Ledger
from analyzer.engine.evaluate import evaluate, ranked
from analyzer.engine.lint.base import WARNING, Catalogue, Issue, Lint
from analyzer.engine.rank import rank
from analyzer.engine.supersede import closure


@dataclass(frozen=True, slots=True)
class Row:
    """One example and the rules that hold for it, the primary first."""

    owner: str
    index: int
    holding: tuple[str, ...]


class Overlap(Lint):
    """Two rules of one tier that disagree about a row say which goes first."""

    code = "KB030"
    doc = "Two rules of a tier hold for one example and disagree in layer or expected billing."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        rules = catalogue.rules
        below = closure({name: rule.supersedes for name, rule in rules.items()})
        told: set[tuple[str, str]] = set()
        for row in rows(catalogue):
            for first, second in _pairs(row.holding):
                a, b = rules[first], rules[second]
                settled = second in below[first] or first in below[second]
                if settled or a.tier != b.tier or a.tier != rules[row.holding[0]].tier:
                    continue
                if (a.layer, a.billing_expected) == (b.layer, b.billing_expected):
                    continue
                key = (min(first, second), max(first, second))
                if key not in told:
                    told.add(key)
                    yield self.issue(
                        catalogue.place(row.owner, "examples", "match", row.index),
                        f"'{key[0]}' and '{key[1]}' both hold here and disagree; "
                        "narrow one, or let one supersede the other",
                    )


class Shadowed(Lint):
    """A rule speaks for at least one of its own examples."""

    code = "KB031"
    severity = WARNING
    doc = "In every example of a rule another rule goes first."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        rules = catalogue.rules
        won: set[str] = set()
        by: dict[str, set[str]] = {}
        for row in rows(catalogue):
            if row.holding and row.holding[0] == row.owner:
                won.add(row.owner)
            elif row.owner in row.holding:
                by.setdefault(row.owner, set()).add(row.holding[0])
        for name in sorted(set(by) - won):
            if not rules[name].requires:
                others = ", ".join(sorted(by[name]))
                place = catalogue.place(name, "examples", "match")
                yield self.issue(
                    place, f"in all of these examples another rule goes first: {others}"
                )


class Dead(Lint):
    """A rule is met in the shipped samples."""

    code = "KB032"
    severity = WARNING
    doc = "The rule holds for no failure of the shipped samples (only checked where they are read)."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        if catalogue.corpus is None or catalogue.corpus.is_empty():
            return
        rules = ranked(catalogue.rules.values())
        found = evaluate(catalogue.corpus, _no_ledger(), rules)
        alive = set(found.hits["rule"].unique())
        for number, rule in enumerate(rules):
            if number not in alive and rule.status == "stable":
                yield self.issue(catalogue.place(rule.id, "match"), "no shipped sample shows this")


def rows(catalogue: Catalogue) -> list[Row]:
    """Return every 'match' example with the rules that hold for it, as if it were alone."""
    rules = ranked(catalogue.rules.values())
    cells = [
        (rule, index, cell) for rule in rules for index, cell in enumerate(rule.examples_match)
    ]
    if not cells:
        return []
    table = sample.frame([cell for _, _, cell in cells], headers(rules))
    # Without a ledger every predicate about other attempts is unknown, so the rules that require
    # one do not hold: their traces test them.
    primary = rank(evaluate(table, _no_ledger(), rules)).primary
    holding = {
        row["row"]: (rules[row["rule"]].id, *row["also"]) for row in primary.iter_rows(named=True)
    }
    return [
        Row(rule.id, index, holding.get(position, ()))
        for position, (rule, index, _) in enumerate(cells)
    ]


def _no_ledger() -> Ledger:
    return Ledger.of(ledger.merge([]))


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            yield first, second
