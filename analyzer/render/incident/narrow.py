"""From the rows of a run to those of one incident: by time, scope, kind and reader."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from analyzer import ledger as ledgers
from analyzer import rollup
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.context import Context
from analyzer.analysis.incident import Incident
from analyzer.analysis.parties import Names
from analyzer.analysis.scope import Counted, with_model_name
from analyzer.billing import tables as bills
from analyzer.incidents import series
from analyzer.signals import model

if TYPE_CHECKING:
    from analyzer.billing.settle import Settled
    from analyzer.calls import Chained
    from analyzer.pipeline import Result

MINUTE = timedelta(minutes=1)
_SCOPES = {"model": "model_name"}
"""Columns by which a scope is told, where they have another name."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What counts, narrowed step by step; times are half-open ``[low, high)``."""

    counted: Counted
    chained: Chained


def context_of(result: Result, command: str = "") -> Context:
    """Return what the builder of an Analysis needs, from a finished run."""
    facts, knowledge = result.facts, result.knowledge
    return Context(
        rules={rule.id: rule for rule in knowledge.rules},
        knowledge_version=knowledge.version,
        names=Names(facts.names(), {c.slug: c.settings.steps for c in facts.clients}),
        redact=result.secrets.redact,
        redactions=result.secrets.counts,
        normalise=lambda column: model.normalise(column, facts),
        command=command or result.analysis.method.command,
        options=result.analysis.method.options,
    )


def bounds(incident: Incident, last: datetime | None) -> tuple[datetime, datetime]:
    """Return the window in whole minutes, the end not included; an open end is the capture's."""
    low = incident.start.replace(second=0, microsecond=0)
    end = incident.end or last or incident.start
    high = end.replace(second=0, microsecond=0)
    return low, max(high if high == end else high + MINUTE, low + MINUTE)


def scoped(rows: Rows, incident: Incident, result: Result) -> Rows:
    """Keep the rows of the scope; a scope is named as in reports, so names are compared cleaned."""
    column = _SCOPES.get(incident.scope, incident.scope)
    clean = Cleaner(result.secrets.redact)
    normalise = context_of(result)

    def keep(frame: pl.DataFrame) -> pl.DataFrame:
        named = frame
        if column == "model_name" and column not in frame.columns:
            named = with_model_name(frame, normalise)
        if column not in named.columns:
            return frame
        raw = named[column].unique()
        same = [value for value in raw if clean.value(_text(value)) == incident.scope_value]
        return named.filter(pl.col(column).is_in(same))

    counted = rows.counted
    calls = rows.chained.calls
    by = incident.scope
    if by in calls.columns:
        calls = calls.filter(pl.col(by).is_not_null())
        same = [v for v in calls[by].unique() if clean.value(_text(v)) == incident.scope_value]
        calls = calls.filter(pl.col(by).is_in(same))
    return Rows(
        dataclasses.replace(
            counted, failures=keep(counted.failures), counts=keep(counted.counts),
            latency=keep(counted.latency), ledger=keep(counted.ledger),
        ),
        _of_calls(rows.chained, calls),
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def cut(rows: Rows, low: datetime, high: datetime) -> Rows:
    """Keep what began from ``low`` to before ``high``."""

    def inside(frame: pl.DataFrame, column: str) -> pl.DataFrame:
        return frame.filter(pl.col(column) >= low, pl.col(column) < high)

    first, last = (int(at.timestamp()) // ledgers.BUCKET_S for at in (low, high))
    counted = rows.counted
    step = timedelta(minutes=rollup.LATENCY_MINUTES)
    latency = counted.latency.filter(pl.col("minute") < high, pl.col("minute") + step > low)
    return Rows(
        dataclasses.replace(
            counted,
            failures=inside(counted.failures, "started_at"),
            counts=inside(counted.counts, "minute"),
            latency=latency,
            ledger=counted.ledger.filter(pl.col("bucket") >= first, pl.col("bucket") < last),
        ),
        _of_calls(rows.chained, inside(rows.chained.calls, "started_at")),
    )


def _of_calls(chained: Chained, calls: pl.DataFrame) -> Chained:
    """Return the chains of some of the calls."""
    attempts = chained.attempts.join(calls, on="call_id", how="semi")
    return dataclasses.replace(chained, calls=calls, attempts=attempts)


def seen_by(rows: Rows, provider: str) -> Rows:
    """Keep what a provider can look up: what it answered well, and what failed inside it.

    An attempt that failed before it reached the provider is in no log of the provider's.
    """
    own = pl.col("provider") == provider
    counted = dataclasses.replace(rows.counted, counts=rows.counted.counts.filter(own))
    kept = _kept(Rows(counted, rows.chained), own & (pl.col("layer") == "upstream"))
    models = kept.counted.counts["model_name"].unique()
    latency = counted.latency.filter(pl.col("model_name").is_in(models.implode()))
    return Rows(dataclasses.replace(kept.counted, latency=latency), kept.chained)


def family(rows: Rows, incident: Incident) -> Rows:
    """Keep the failures of the incident's kind: the service's, callers' own, or announced ones."""
    mine = series.families()[incident.family]
    kept = _kept(rows, mine.fill_null(False))
    return Rows(kept.counted, _of_calls(rows.chained, rows.chained.calls.filter(mine)))


def less(rows: Rows, incident: Incident, result: Result) -> Rows:
    """Leave out the failures of incidents at the same time: each is told once."""
    for other in result.analysis.incidents:
        if other.id in incident.overlaps and other.family == incident.family:
            low, high = bounds(other, result.analysis.window.end)
            theirs = scoped(rows, other, result) if other.scope != "all" else rows
            ids = cut(theirs, low, high).counted.failures["attempt_id"]
            left = rows.counted.failures.height - ids.len()
            if left:
                rows = _kept(rows, ~pl.col("attempt_id").is_in(ids.implode()))
    return rows


def _kept(rows: Rows, wanted: pl.Expr) -> Rows:
    """Keep some of the failures; the others are taken out of the counts of attempts as well."""
    failures = rows.counted.failures.filter(wanted)
    keys = [name for name in rollup.DIMENSIONS if name != "minute" and name in failures.columns]
    failed = (
        failures.with_columns(pl.col("started_at").dt.truncate("1m").alias("minute"))
        .group_by("minute", *keys, "model_name")
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("failed"))
        .with_columns(attempts=pl.col("failed"))
    )
    answered = rows.counted.counts.with_columns(
        attempts=pl.col("ok") + pl.col("undecided"), failed=pl.lit(0, pl.Int64)
    )
    counts = pl.concat([answered, failed], how="diagonal").with_columns(
        pl.col("ok", "undecided").fill_null(0)
    )
    counted = dataclasses.replace(rows.counted, failures=failures, counts=counts)
    return Rows(counted, rows.chained)


def failed(rows: Rows) -> int:
    """Return how many failures the rows stand for."""
    return round(float(rows.counted.failures["weight"].sum()))


def settled(found: Settled | None, failures: pl.DataFrame) -> Settled | None:
    """Return what exports showed of these failures: amounts are added again for them alone."""
    if found is None:
        return None
    by = ["hop", "verdict", "tier", "cost_basis", "currency"]
    booked = failures.filter(pl.col("billed_cost").is_not_null()).select(
        hop="billed_layer", verdict="billing", tier="billing_match",
        cost_basis=pl.lit(None, pl.String), currency="billed_currency", cost="billed_cost",
    )  # fmt: skip
    sums = booked.group_by(by).agg(pl.col("cost").sum(), pl.len().cast(pl.Int64).alias("count"))
    money = sums.sort(by, nulls_last=True).select(bills.MONEY.names()).cast(bills.MONEY)
    return dataclasses.replace(found, money=money, expected_by_observed=bills.two_by_two(failures))
