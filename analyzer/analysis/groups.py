"""Failure groups: failures with one fingerprint, like issues in an error tracker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
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
COUNTED = (
    "model_name", "host", "endpoint", "client", "billing", "billing_basis", "also", "possible",
)  # fmt: skip
"""What a group tells the commonest values of, beside its keys."""
TOP = 5
MANY = 500
"""Kinds from which on a query counts faster than a loop."""
_SETTINGS_MATTER = ("client", "gateway", "unknown")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroupRows:
    """One group before it is written up."""

    failures: pl.DataFrame
    """The rows of all groups."""
    places: Sequence[int]
    """Its rows among them, in time order."""
    kinds: pl.DataFrame
    """Each combination of what is counted once, with its weight: rows of a group are much alike."""
    count: int
    first: datetime | None
    last: datetime | None
    keys: int

    def row(self, position: int) -> Row:
        """Return one of its rows as a mapping; they are in time order."""
        return self.failures.row(self.places[position], named=True)

    @property
    def lead(self) -> Row:
        """The first row."""
        return self.row(0)


def split(failures: pl.DataFrame) -> list[GroupRows]:
    """Return the groups of judged failures, most failures first; ties by first time, then place."""
    groups = (
        failures.select(*KEYS, "started_at", "attempt_id", "weight", "key_tag")
        .with_row_index("place")
        .sort("started_at", "attempt_id", nulls_last=True)
        .group_by(KEYS, maintain_order=True)
        .agg(
            "place",
            pl.col("weight").sum(),
            pl.col("started_at").min().alias("first"),
            pl.col("started_at").max().alias("last"),
            pl.col("key_tag").drop_nulls().n_unique().alias("keys"),
        )
    )
    counted = [name for name in COUNTED if name in failures.columns]
    kinds = (
        failures.group_by([*KEYS, *counted], maintain_order=True)
        .agg(pl.col("weight").sum())
        .partition_by(KEYS, as_dict=True)
    )
    found = [
        GroupRows(
            failures, row["place"], kinds[tuple(row[key] for key in KEYS)], round(row["weight"]),
            row["first"], row["last"], row["keys"],
        )
        for row in groups.iter_rows(named=True)
    ]  # fmt: skip
    return sorted(found, key=lambda group: -group.count)


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
    costs more than counting. Long ones come as counters of distinct values, see :func:`_summed`.
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
    kinds, lead = group.kinds, group.lead

    def top(column: str) -> list[Count]:
        return counts(*_values(kinds, column), clean)

    words = {**names.words(lead), "n": str(group.count), "duration": _duration(lead)}
    words = {key: clean.value(word) for key, word in words.items()}
    prose, line = quoted(words), unticked(words)
    evidence = [exhibits.cite(group.row(i), rule.evidence) for i in spread(len(group.places))]
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
        first=group.first,
        last=group.last,
        models=top("model_name"),
        hosts=top("host"),
        endpoints=top("endpoint"),
        clients=top("client"),
        keys=group.keys or None,
        statuses=top("status"),
        codes=counts(*_codes(kinds), clean),
        billing={c.value: c.count for c in top("billing")},
        billing_basis=top("billing_basis"),
        billing_why=fill(rule.billing_why, line),
        retry=rule.retry_advice or "",
        retry_why=fill(rule.retry_why or "", line),
        decided_by=[fill(text, line) for text in rule.decided_by],
        also=counts(*_items(kinds, "also"), clean),
        possible=_possible(*_items(kinds, "possible"), rules, words),
        evidence=evidence,
        **{name: fill(text, prose) for name, text in _prose(rule).items()},
        references=[Reference(url=r.url, date=r.date) for r in rule.references],
        steps=NextSteps(
            user=[
                *_steps(rule.next_user, line, rule, group.count, evidence),
                *_client_steps(kinds, lead, names, clean, evidence),
            ],
            operator=_steps(rule.next_operator, line, rule, group.count, evidence),
            provider=_steps(rule.next_provider, line, rule, group.count, evidence),
        ),
    )


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
    kinds: pl.DataFrame, lead: Row, names: Names, clean: Cleaner, evidence: list[str]
) -> list[Step]:
    """Return what to look at in the settings of the coding tools that called.

    Only where settings can be the reason: a refusal by somebody else's limit is not mended there.
    """
    if lead["layer"] not in _SETTINGS_MATTER:
        return []
    callers = counts(*_values(kinds, "client"), clean, top=2)
    return [
        Step(action=f"{names.of(caller.value)}: {step}", evidence=evidence, count=caller.count)
        for caller in callers
        for step in names.settings.get(caller.value, ())
    ]


def _possible(
    texts: Iterable[str], weights: Iterable[float], rules: Mapping[str, Rule],
    words: Mapping[str, str],
) -> list[Possible]:  # fmt: skip
    seen: dict[str, float] = {}
    for text, weight in zip(texts, weights, strict=True):
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


def _summed(kinds: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Return each value, or combination of values, once with its weight if there are many."""
    if kinds.height < MANY:
        return kinds
    return kinds.group_by(columns).agg(pl.col("weight").sum())


def _values(kinds: pl.DataFrame, column: str) -> tuple[list[Any], list[float]]:
    """Return the values of a column and their weights, for :func:`counts`."""
    summed = _summed(kinds, column)
    return summed[column].to_list(), summed["weight"].to_list()


def _items(kinds: pl.DataFrame, column: str) -> tuple[list[str], list[float]]:
    """Return the items of a column of lists and their weights."""
    pairs = zip(*_values(kinds, column), strict=True)
    unrolled = [(item, weight) for items, weight in pairs for item in items or ()]
    return [item for item, _ in unrolled], [weight for _, weight in unrolled]


def _codes(kinds: pl.DataFrame) -> tuple[list[str | None], list[float]]:
    """Return type and code of the error in one text, and the weights."""
    summed = _summed(kinds, "error_type", "error_code")
    pairs = zip(summed["error_type"].to_list(), summed["error_code"].to_list(), strict=True)
    codes = [" / ".join(part for part in pair if part) or None for pair in pairs]
    return codes, summed["weight"].to_list()


def _duration(row: Row) -> str:
    value = row["duration_ms"]
    return "an unknown time" if value is None else lasted(value)
