"""Lints that run the traces of a rule: several attempts in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from analyzer import ledger
from analyzer.engine import sample
from analyzer.engine.assemble import headers
from analyzer.engine.context.ledger import Ledger
from analyzer.engine.evaluate import evaluate, ranked
from analyzer.engine.lint.base import Catalogue, Issue, Lint
from analyzer.engine.rank import rank
from analyzer.engine.rule import UNCLASSIFIED, Rule, Trace


class TraceRuns(Lint):
    """Traces do what they say."""

    code = "KB024"
    doc = "An attempt of a trace gets another verdict than '_expect' says."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        rules = ranked(catalogue.rules.values())
        for file in catalogue.files:
            if not file.rule:
                continue
            for number, trace in enumerate(file.rule.traces):
                for index, expected, got in outcomes(trace, rules):
                    place = file.locate("examples", "traces", number, "rows", index)
                    if expected is None and got == file.rule.id:
                        yield self.issue(place, f"'{trace.name}': it should not get this rule")
                    elif expected is not None and got != expected:
                        yield self.issue(place, f"'{trace.name}': {expected} expected, got {got}")


class TraceForContext(Lint):
    """What a rule requires is shown both holding and not holding."""

    code = "KB023"
    doc = "No trace in which a required predicate is true, or none in which it is false."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        for file in catalogue.files:
            rule = file.rule
            if not rule or not rule.requires:
                continue
            seen = _values(rule)
            for index, call in enumerate(rule.requires):
                for wanted in (True, False):
                    if wanted not in seen[call.key]:
                        word = "true" if wanted else "false"
                        message = f"no trace in which the match holds and '{call.name}' is {word}"
                        place = file.locate("context", "requires", index)
                        yield self.issue(place, message, soft=rule.status == "draft")


def outcomes(trace: Trace, rules: Sequence[Rule]) -> Iterator[tuple[int, str | None, str | None]]:
    """Yield row number, expected and given verdict of each failed attempt of a trace."""
    table, around = _setup(trace, rules)
    failed = table.with_row_index("index").filter(pl.col("ok").eq(other=False))
    primary = rank(evaluate(failed.drop("index"), around, rules)).primary
    verdicts = {row["row"]: rules[row["rule"]].id for row in primary.iter_rows(named=True)}
    for position, row in enumerate(failed.select("index", "expect").iter_rows(named=True)):
        yield row["index"], row["expect"], verdicts.get(position, UNCLASSIFIED)


def _values(rule: Rule) -> dict[str, set[bool | None]]:
    """Return what each required predicate is on the trace rows that the rule's match fits."""
    seen: dict[str, set[bool | None]] = {call.key: set() for call in rule.requires}
    for trace in rule.traces:
        table, around = _setup(trace, [rule])
        failed = table.filter(pl.col("ok").eq(other=False))
        found = evaluate(failed, around, [rule])
        for key, values in found.calls.items():
            if key in seen:
                seen[key].update(values[found.hits["row"]])
    return seen


def _setup(trace: Trace, rules: Sequence[Rule]) -> tuple[pl.DataFrame, Ledger]:
    table = sample.trace(trace, headers(rules))
    return table, Ledger.of(ledger.fold(table), sample.latency(table))
