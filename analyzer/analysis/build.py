"""From judged failures to the Analysis. Everything that enters is redacted here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from analyzer import calls, correlate
from analyzer import ledger as ledgers
from analyzer._version import __version__
from analyzer.analysis import estimates, hops, incidents, money, quality, retries, tables, verdict
from analyzer.analysis import groups as grouping
from analyzer.analysis.calls import Calls
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.context import Context
from analyzer.analysis.evidence import Exhibits
from analyzer.analysis.model import (
    Analysis,
    Group,
    Input,
    Method,
    NextSteps,
    Note,
    RuleUse,
    Step,
    Tool,
    Totals,
    Window,
)  # fmt: skip
from analyzer.analysis.scope import Counted
from analyzer.billing.settle import Settled
from analyzer.collect import Collected

STEPS_PER_PARTY = 6
GROUPS = 40

DEFINITIONS = (
    ("attempt", "One HTTP exchange as seen by the most client-side hop that saw it."),
    ("failed", "No usable answer: an error status, no answer, or a stream or body that broke."),
    ("undecided", "The answer began and its end is not in the capture; in no percentage."),
    ("layer", "The hop where the failure arose, as far as the evidence shows."),
    ("emitted by", "Who wrote the answer that the capture shows; not always the layer."),
    ("confidence", "certain: the responder says so itself; high: two independent signs; medium: "
     "one sign and an exclusion; low: the status code alone."),
    ("call", "A logical request: an attempt with its retries. Retries are told by the client's "
     "counter, the same body, or the session, never by time alone; a success ends a call."),
    ("billing", "Expected from the rule and the party's published policy until a usage export "
     "settles it."),
)  # fmt: skip


def build(
    collected: Collected, counted: Counted, joined: correlate.Joined,
    settled: Settled | None, chained: calls.Chained, context: Context,
) -> Analysis:  # fmt: skip
    """Return the Analysis of phase 1's result and of what counts of it."""
    clean = Cleaner(context.redact)
    exhibits = Exhibits(clean)
    failures = counted.failures
    hidden = failures.filter(pl.col("suppressed").is_not_null())
    written = _groups(failures.filter(pl.col("suppressed").is_null()), context, exhibits, clean)
    groups = [group for group, _ in written]
    called = retries.calls(chained, counted, context, exhibits, clean)
    totals = _totals(collected, counted, called)
    window = _window(collected, counted)
    served = _served(collected, context)
    notes = [*context.notes, *_more_groups(groups), *_suppressed(hidden)]
    return Analysis(
        tool=Tool(
            version=__version__, knowledge_version=context.knowledge_version,
            rules=len(context.rules),
        ),
        generated_at=now(),
        inputs=_inputs(collected, clean),
        window=window,
        totals=totals,
        verdict=verdict.headline(written, totals, window),
        next_steps=_next_steps(groups),
        billing=money.billing(
            failures, collected.usage, settled, chained, clean
        ).model_copy(update={"estimates": estimates.estimates(failures, settled, context, clean)}),
        models=tables.models(counted.counts, counted.latency, failures, served, clean),
        timeline=tables.timeline(counted.ledger, failures),
        groups=groups[:GROUPS],
        evidence=exhibits.all(),
        hops=hops.hops(joined, clean),
        calls=called,
        incidents=incidents.incidents(
            collected, counted, joined, chained, groups, context, clean
        ),
        alternatives=verdict.alternatives(groups),
        unknown=tables.unknown(failures, totals.failed, clean),
        quality=quality.quality(
            collected, counted, totals.undecided, called, notes, clean
        ).model_copy(update={"redactions": context.redactions()}),
        method=_method(groups, context, clean),
    )  # fmt: skip


def now() -> datetime:
    """Return the time of the report: SOURCE_DATE_EPOCH if it is set, else the clock."""
    pinned = os.environ.get("SOURCE_DATE_EPOCH", "")
    if pinned.isdigit():
        return datetime.fromtimestamp(int(pinned), UTC)
    return datetime.now(UTC).replace(microsecond=0)


def own_ledger_time(ledger: pl.DataFrame, edge: str) -> datetime | None:
    """Return the start of the first or last bucket of a ledger; ``None`` if it is empty."""
    value = ledger["bucket"].min() if edge == "min" else ledger["bucket"].max()
    if value is None:
        return None
    return datetime.fromtimestamp(int(str(value)) * ledgers.BUCKET_S, UTC)


def _window(collected: Collected, counted: Counted) -> Window:
    """Return the time of the attempts: exact where inputs tell it, else by the ledger."""
    firsts = [tally.first for tally in collected.tallies if tally.first]
    lasts = [tally.last for tally in collected.tallies if tally.last]
    if not firsts or not lasts:
        own = counted.ledger
        return Window(start=own_ledger_time(own, "min"), end=own_ledger_time(own, "max"))
    return Window(start=min(firsts), end=max(lasts))


def _served(collected: Collected, context: Context) -> dict[str, list[str]]:
    """Return, by asked model, the names that answers gave and that differ from it."""
    names = (
        pl.LazyFrame(
            sorted(collected.served),
            schema={"model": pl.String(), "model_served": pl.String()},
            orient="row",
        )
        .select(
            context.normalise(pl.col("model")).alias("asked"),
            context.normalise(pl.col("model_served")).alias("answered"),
            "model_served",
        )
        .filter(pl.col("asked") != pl.col("answered"))
        .sort("asked", "model_served")
        .collect()
    )
    served: dict[str, list[str]] = {}
    for asked, _, answered in names.iter_rows():
        served.setdefault(asked, []).append(answered)
    return served


def _groups(
    failures: pl.DataFrame, context: Context, exhibits: Exhibits, clean: Cleaner
) -> list[tuple[Group, str | None]]:
    written: list[tuple[Group, str | None]] = []
    for rows in grouping.split(failures):
        rule = context.rules[rows.lead["rule"]]
        group = grouping.write(rows, rule, exhibits, context.names, clean, context.rules)
        written.append((group, clean.value(rows.lead["party"])))
    return written


def _more_groups(groups: Sequence[Group]) -> list[Note]:
    rest = groups[GROUPS:]
    if not rest:
        return []
    text = f"{len(rest)} more failure groups are counted in the tables but not written up."
    return [Note(level="note", text=text, count=sum(group.count for group in rest))]


def _suppressed(hidden: pl.DataFrame) -> list[Note]:
    """Say what the user's own knowledge keeps out of the groups: counted, never vanished."""
    seen = hidden.group_by("rule", "suppressed").agg(pl.col("weight").sum().round().cast(pl.Int64))
    return [
        Note(level="note", text=f"Suppressed by your knowledge.yaml: {rule} ({why})", count=count)
        for rule, why, count in seen.sort("rule", "suppressed").iter_rows()
    ]


def _totals(collected: Collected, counted: Counted, called: Calls) -> Totals:
    sums = {
        name: int(counted.counts[name].sum()) for name in ("attempts", "ok", "failed", "undecided")
    }
    decided = sums["ok"] + sums["failed"]
    return Totals(
        records=sum(tally.records for tally in collected.tallies),
        left_out=sum(tally.left_out for tally in collected.tallies),
        corroborating=counted.echoed,
        by_layer=tables.by_layer(counted.failures),
        success_rate=sums["ok"] / decided if decided else None,
        calls=called.calls if called.measured is None else None,
        **sums,
    )


def _inputs(collected: Collected, clean: Cleaner) -> list[Input]:
    return [
        Input(
            input=clean.value(tally.input),
            format=tally.format,
            hop=tally.hop,
            records=tally.records,
            attempts=tally.attempts,
            usage_rows=tally.usage_rows,
            left_out=tally.left_out,
            problems=tally.problems,
            bytes=tally.bytes,
            first=tally.first,
            last=tally.last,
        )
        for tally in collected.tallies
    ]


def _next_steps(groups: Sequence[Group]) -> NextSteps:
    """Fold the steps of all groups per party: equal actions once, in the order of the groups.

    Within a group the rule's own order stands: its steps build on each other.
    """

    def fold(party: str) -> list[Step]:
        folded: dict[str, Step] = {}
        for group in groups:
            for step in getattr(group.steps, party):
                known = folded.get(step.action)
                folded[step.action] = (
                    step
                    if known is None
                    else known.model_copy(
                        update={
                            "count": known.count + step.count,
                            "evidence": list(dict.fromkeys([*known.evidence, *step.evidence]))[:3],
                        }
                    )
                )
        return list(folded.values())[:STEPS_PER_PARTY]

    return NextSteps(user=fold("user"), operator=fold("operator"), provider=fold("provider"))


def _method(groups: Sequence[Group], context: Context, clean: Cleaner) -> Method:
    used: dict[str, RuleUse] = {}
    for group in groups:
        known = used.get(group.rule)
        number = group.count + (known.count if known else 0)
        used[group.rule] = RuleUse(rule=group.rule, title=group.title, count=number)
    return Method(
        definitions=list(DEFINITIONS),
        rules=sorted(used.values(), key=lambda use: (-use.count, use.rule)),
        command=clean.text(context.command),
        options=dict(context.options or {}),
    )
