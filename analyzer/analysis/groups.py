"""Failure groups: failures with one fingerprint, like issues in an error tracker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from analyzer.analysis.clean import Cleaner
from analyzer.analysis.evidence import Exhibits, lasted, spread
from analyzer.analysis.model import Count, Group, NextSteps, Possible, Reference, Step
from analyzer.analysis.parties import Names, fill, quoted, unticked
from analyzer.engine.rule import Rule

FINGERPRINT_VERSION = "g1"
KEYS = (
    "layer", "emitted_by", "cause", "rule", "party", "status", "error_type", "error_code",
    "client_error", "finish_reason", "phase", "ambiguous",
)  # fmt: skip
TOP = 5
MANY = 500
"""Rows from which on a query counts faster than a loop."""
_SETTINGS_MATTER = ("client", "gateway", "unknown")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroupRows:
    """One group before it is written up: its rows in time order, and their total weight."""

    rows: pl.DataFrame
    count: int
    lead: Row
    """The first row, as a mapping."""


def split(failures: pl.DataFrame) -> list[GroupRows]:
    """Return the groups of judged failures, most failures first; ties by first time, then place."""
    parts = failures.sort("started_at", "attempt_id", nulls_last=True).partition_by(
        KEYS, maintain_order=True
    )
    groups = [GroupRows(part, _weight(part), part.row(0, named=True)) for part in parts]
    return sorted(groups, key=lambda g: -g.count)


def fingerprint(row: Row) -> str:
    """Return the versioned fingerprint of a judged failure: the same in every run."""
    parts = "|".join(str(row[key]) for key in KEYS if key != "ambiguous")
    return f"{FINGERPRINT_VERSION}:{hashlib.blake2b(parts.encode(), digest_size=6).hexdigest()}"


def because(row: Row, clean: Cleaner) -> str:
    """Return in words what the failures of a group have in common."""
    named = {
        "status": row["status"],
        "error type": row["error_type"],
        "error code": row["error_code"],
        "client error": row["client_error"],
        "finish reason": row["finish_reason"],
        "phase": row["phase"],
    }
    shared = [f"{name} {clean.value(str(v))}" for name, v in named.items() if v is not None]
    return "Same rule and " + ", ".join(shared) if shared else "Same rule"


def counts(
    values: Iterable[object], weights: Iterable[float], clean: Cleaner, top: int = TOP
) -> list[Count]:
    """Return the commonest values by weight; absent ones are left out.

    Plain Python on purpose: a report counts many short columns, and setting up a query for each
    costs more than counting. Long ones come as counters of distinct values, see :func:`_top`.
    """
    seen: dict[str, float] = {}
    for value, weight in zip(values, weights, strict=True):
        if value is not None:
            seen[str(value)] = seen.get(str(value), 0.0) + weight
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:top]
    return [Count(value=clean.value(value), count=round(weight)) for value, weight in ranked]


def write(
    group: GroupRows, rule: Rule, exhibits: Exhibits, names: Names, clean: Cleaner,
    rules: Mapping[str, Rule],
) -> Group:  # fmt: skip
    """Write up one group."""
    rows, lead = group.rows, group.lead
    weights = rows["weight"].to_list()
    times: list[datetime] = rows["started_at"].drop_nulls().to_list()

    def top(column: str) -> list[Count]:
        return _top(rows, column, weights, clean)

    words = {**names.words(lead), "n": str(group.count), "duration": _duration(lead)}
    words = {key: clean.value(word) for key, word in words.items()}
    prose, line = quoted(words), unticked(words)
    evidence = [exhibits.cite(rows.row(i, named=True), rule.evidence) for i in spread(rows.height)]
    return Group(
        fingerprint=fingerprint(lead),
        because=because(lead, clean),
        rule=f"{rule.id}@{rule.rev}",
        title=fill(rule.title, words),
        layer=lead["layer"],
        emitted_by=lead["emitted_by"],
        cause=lead["cause"],
        confidence=lead["confidence"],
        confidence_steps=[clean.value(s) for s in lead["confidence_steps"] or []],
        severity=rule.severity,
        ambiguous=bool(lead["ambiguous"]),
        count=group.count,
        first=min(times, default=None),
        last=max(times, default=None),
        models=top("model_name"),
        hosts=top("host"),
        endpoints=top("endpoint"),
        clients=top("client"),
        keys=rows["key_tag"].drop_nulls().n_unique() or None,
        statuses=top("status"),
        codes=counts(_codes(rows), weights, clean),
        billing={c.value: c.count for c in top("billing")},
        billing_basis=top("billing_basis"),
        billing_why=fill(rule.billing_why, line),
        retry=rule.retry_advice or "",
        retry_why=fill(rule.retry_why or "", line),
        decided_by=[fill(text, line) for text in rule.decided_by],
        also=counts(*_unrolled(rows["also"].to_list(), weights), clean),
        possible=_possible(rows["possible"].to_list(), weights, rules, words),
        evidence=evidence,
        **{name: fill(text, prose) for name, text in _prose(rule).items()},
        references=[Reference(url=r.url, date=r.date) for r in rule.references],
        steps=NextSteps(
            user=[
                *_steps(rule.next_user, line, rule, group.count, evidence),
                *_client_steps(rows, lead, names, clean, evidence),
            ],
            operator=_steps(rule.next_operator, line, rule, group.count, evidence),
            provider=_steps(rule.next_provider, line, rule, group.count, evidence),
        ),
    )


def _top(rows: pl.DataFrame, column: str, weights: list[float], clean: Cleaner) -> list[Count]:
    """Return the commonest values of a column; a query first where there are many rows."""
    if rows.height < MANY:
        return counts(rows[column].to_list(), weights, clean)
    sums = rows.group_by(column).agg(pl.col("weight").sum())
    return counts(sums[column].to_list(), sums["weight"].to_list(), clean)


def _prose(rule: Rule) -> dict[str, str]:
    sections = rule.sections
    return {
        "meaning": sections.get("Meaning", ""),
        "impact": sections.get("Impact", ""),
        "diagnosis": sections.get("Diagnosis", ""),
        "fix": sections.get("Fix", ""),
        "not_when": sections.get("Not this cause when", ""),
    }


def _steps(
    actions: Iterable[str], words: Mapping[str, str], rule: Rule, count: int, evidence: list[str]
) -> list[Step]:
    return [
        Step(
            action=fill(action, words), evidence=evidence, rule=f"{rule.id}@{rule.rev}", count=count
        )
        for action in actions
    ]


def _client_steps(
    rows: pl.DataFrame, lead: Row, names: Names, clean: Cleaner, evidence: list[str]
) -> list[Step]:
    """Return what to look at in the settings of the coding tools that called.

    Only where settings can be the reason: a refusal by somebody else's limit is not mended there.
    """
    if lead["layer"] not in _SETTINGS_MATTER:
        return []
    callers = counts(rows["client"].to_list(), rows["weight"].to_list(), clean, top=2)
    return [
        Step(action=f"{names.of(caller.value)}: {step}", evidence=evidence, count=caller.count)
        for caller in callers
        for step in names.settings.get(caller.value, ())
    ]


def _possible(
    texts: Iterable[list[str] | None], weights: Iterable[float], rules: Mapping[str, Rule],
    words: Mapping[str, str],
) -> list[Possible]:  # fmt: skip
    seen: dict[str, float] = {}
    for text, weight in zip(*_unrolled(texts, weights), strict=True):
        seen[text] = seen.get(text, 0.0) + weight
    found = []
    for text, weight in sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:TOP]:
        rule_id, _, needs = text.partition(": ")
        rule = rules.get(rule_id)
        if rule is not None:
            found.append(
                Possible(
                    rule=rule_id,
                    title=fill(rule.title, words),
                    layer=rule.layer,
                    cause=rule.cause,
                    needs=needs,
                    count=round(weight),
                )
            )
    return found


def _unrolled(
    lists: Iterable[list[str] | None], weights: Iterable[float]
) -> tuple[list[str], list[float]]:
    pairs = [(text, w) for texts, w in zip(lists, weights, strict=True) for text in texts or ()]
    return [text for text, _ in pairs], [weight for _, weight in pairs]


def _codes(rows: pl.DataFrame) -> list[str | None]:
    pairs = zip(rows["error_type"].to_list(), rows["error_code"].to_list(), strict=True)
    return [" / ".join(part for part in pair if part) or None for pair in pairs]


def _weight(rows: pl.DataFrame) -> int:
    return round(float(rows["weight"].sum()))


def _duration(row: Row) -> str:
    value = row["duration_ms"]
    return "an unknown time" if value is None else lasted(value)
