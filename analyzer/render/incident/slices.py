"""The part of a finished run that one incident is: its rows, and the Analysis of only those.

A report on an incident counts what happened in its window and scope, by the same code that counts
a whole capture, so that no number has two definitions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from analyzer import ledger as ledgers
from analyzer import rollup
from analyzer.analysis import build, tables
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.context import Context
from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Analysis, Slot, Timeline, Window
from analyzer.analysis.parties import Names
from analyzer.analysis.scope import Counted, with_model_name
from analyzer.billing import tables as bills
from analyzer.incidents import series
from analyzer.render import charts
from analyzer.signals import model

if TYPE_CHECKING:
    from analyzer.billing.settle import Settled
    from analyzer.calls import Chained
    from analyzer.pipeline import Result

MINUTE = timedelta(minutes=1)
AROUND = timedelta(minutes=10)
"""At least so much before and after an incident is shown beside it."""
WELL = 0.05
"""Failure rate below which a model went well."""
_BY_MINUTE = timedelta(minutes=5)
"""From this length on, bars are minutes: shorter ones are finer."""
_WIDTHS_S = (60, 120, 300, 600, 1800, 3600, 10_800, 21_600, 86_400, 604_800)
_SCOPES = {"model": "model_name"}
"""Columns by which a scope is told, where they have another name."""
_IN_LEDGER = ("all", "model", "key_tag", "endpoint", "host", "hop")


@dataclass(frozen=True, slots=True)
class Speed:
    """How long successes took, in milliseconds, in one stretch of time."""

    measure: str
    """``duration`` or ``ttft`` (time to the first token)."""
    phase: str
    """``before``, ``during`` or ``after``."""
    n: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom and what the failures touched; ``None`` is not measured."""

    keys: int | None = None
    sessions: int | None = None
    clients: int | None = None
    broken_streams: int = 0
    """Streams that were cut or failed after they had begun."""
    delivered_tokens: int | None = None
    """Output tokens that such streams had delivered, where they say so."""
    failed_p50_ms: float | None = None
    """Median time that a failed attempt took."""
    speeds: tuple[Speed, ...] = ()
    well: tuple[str, ...] = ()
    """Models outside the scope that hardly failed at the same time."""
    well_ok: int = 0
    """Their successes."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One incident, or a whole capture, as a report sees it."""

    incident: Incident | None
    analysis: Analysis
    """Of the rows in the window and the scope; inputs, hops and quality are the whole capture's."""
    around: Timeline
    """The window with some time before and after it, in the same scope."""
    reach: Reach
    partial_calls: bool = False
    """Whether the calls are of the whole capture, as those of the window cannot be told."""
    aside: int = 0
    """Failed attempts of the same time and scope that are not the incident's; in no number."""
    slug: str | None = None
    """The only provider whose attempts are in it."""
    counted: Counted | None = None
    """The rows that it was made of; raw text."""


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


def whole(result: Result, provider: str | None = None) -> Slice:
    """Return the whole capture as one slice, or what one provider (slug) saw of it."""
    rows = Rows(result.counted, result.chained)
    if provider is None:
        return Slice(
            incident=None, analysis=result.analysis, around=result.analysis.timeline,
            reach=_reach(rows.counted.failures, rows.counted.latency, None),
            counted=rows.counted,
        )  # fmt: skip
    return _made(result, _seen_by(rows, provider), None, result.analysis.window, provider)


def within(result: Result, incident: Incident, provider: str | None = None) -> Slice:
    """Return what happened in the window and scope of an incident.

    With ``provider`` (a slug), only what reached that provider: its successes, and the failures
    that arose there.
    """
    rows = Rows(result.counted, result.chained)
    if incident.scope != "all":
        rows = _scoped(rows, incident, result)
    if provider is not None:
        rows = _seen_by(rows, provider)
    low, high = bounds(incident, result.analysis.window.end)
    window = Window(start=low, end=high)
    all_ = _failed(_cut(rows, low, high))
    rows = _family(rows, incident)
    if _failed(_cut(rows, low, high)) > incident.failed:
        rows = _less(rows, incident, result)
    aside = all_ - _failed(_cut(rows, low, high))
    made = _made(result, rows, incident, window, provider)
    if incident.scope == "model" and provider is None:
        every = _cut(Rows(result.counted, result.chained), low, high).counted.counts
        made = dataclasses.replace(made, reach=_beside(made.reach, every, made.analysis))
    return dataclasses.replace(made, aside=aside)


def _beside(reach: Reach, counts: pl.DataFrame, own: Analysis) -> Reach:
    """Add which other models went well meanwhile: that speaks against what they share."""
    mine = [row.model for row in own.models]
    sums = (
        counts.filter(~pl.col("model_name").is_in([*mine, tables.NO_MODEL]))
        .group_by("model_name")
        .agg(pl.col("ok", "failed").sum())
        .filter(pl.col("failed") < WELL * (pl.col("ok") + pl.col("failed")))
        .sort("model_name")
    )
    return dataclasses.replace(reach, well=tuple(sums["model_name"]), well_ok=int(sums["ok"].sum()))


def _made(
    result: Result, rows: Rows, incident: Incident | None, window: Window, provider: str | None
) -> Slice:
    inside = rows
    if incident is not None and window.start and window.end:
        inside = _cut(rows, window.start, window.end)
    base, counted = result.analysis, inside.counted
    partial = not inside.chained.whole
    built = build.build(
        result.collected, counted, result.joined, _settled(result.settled, counted.failures),
        inside.chained, context_of(result),
    )  # fmt: skip
    analysis = built.model_copy(
        update={
            "window": window,
            "generated_at": base.generated_at,
            "inputs": base.inputs,
            "hops": base.hops,
            "quality": base.quality,
            "incidents": base.incidents,
            "calls": base.calls if partial else built.calls,
        }
    )
    return Slice(
        incident=incident,
        analysis=analysis,
        around=_timeline(rows.counted, window, incident, provider),
        reach=_reach(counted.failures, rows.counted.latency, window if incident else None),
        partial_calls=partial and incident is not None,
        slug=provider,
        counted=counted,
    )


# ------------------------------------------------------------------ narrowing


def _scoped(rows: Rows, incident: Incident, result: Result) -> Rows:
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


def _cut(rows: Rows, low: datetime, high: datetime) -> Rows:
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


def _seen_by(rows: Rows, provider: str) -> Rows:
    """Keep what a provider can look up: what it answered well, and what failed inside it.

    An attempt that failed before it reached the provider is in no log of the provider's.
    """
    own = pl.col("provider") == provider
    counted = dataclasses.replace(rows.counted, counts=rows.counted.counts.filter(own))
    kept = _kept(Rows(counted, rows.chained), own & (pl.col("layer") == "upstream"))
    models = kept.counted.counts["model_name"].unique()
    latency = counted.latency.filter(pl.col("model_name").is_in(models.implode()))
    return Rows(dataclasses.replace(kept.counted, latency=latency), kept.chained)


def _family(rows: Rows, incident: Incident) -> Rows:
    """Keep the failures of the incident's kind: the service's, callers' own, or announced ones."""
    mine = series.families()[incident.family]
    kept = _kept(rows, mine.fill_null(False))
    return Rows(kept.counted, _of_calls(rows.chained, rows.chained.calls.filter(mine)))


def _less(rows: Rows, incident: Incident, result: Result) -> Rows:
    """Leave out the failures of incidents at the same time: each is told once."""
    for other in result.analysis.incidents:
        if other.id in incident.overlaps and other.family == incident.family:
            low, high = bounds(other, result.analysis.window.end)
            theirs = _scoped(rows, other, result) if other.scope != "all" else rows
            ids = _cut(theirs, low, high).counted.failures["attempt_id"]
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


def _failed(rows: Rows) -> int:
    return round(float(rows.counted.failures["weight"].sum()))


def _settled(settled: Settled | None, failures: pl.DataFrame) -> Settled | None:
    """Return what exports showed of these failures: amounts are added again for them alone."""
    if settled is None:
        return None
    by = ["hop", "verdict", "tier", "cost_basis", "currency"]
    booked = failures.filter(pl.col("billed_cost").is_not_null()).select(
        hop="billed_layer", verdict="billing", tier="billing_match",
        cost_basis=pl.lit(None, pl.String), currency="billed_currency", cost="billed_cost",
    )  # fmt: skip
    sums = booked.group_by(by).agg(pl.col("cost").sum(), pl.len().cast(pl.Int64).alias("count"))
    money = sums.sort(by, nulls_last=True).select(bills.MONEY.names()).cast(bills.MONEY)
    return dataclasses.replace(
        settled, money=money, expected_by_observed=bills.two_by_two(failures)
    )


# ------------------------------------------------------------------ what is shown beside it


def _timeline(
    counted: Counted, window: Window, incident: Incident | None, provider: str | None
) -> Timeline:
    failures, counts, ledger = counted.failures, counted.counts, counted.ledger
    start, end = window.start, window.end
    if incident is not None and start and end:
        around = max((end - start) / 2, AROUND)
        low, high = start - around, end + around
        failures = failures.filter(pl.col("started_at").is_between(low, high, closed="left"))
        counts = counts.filter(pl.col("minute").is_between(low, high, closed="left"))
        first, last = (int(at.timestamp()) // ledgers.BUCKET_S for at in (low, high))
        ledger = ledger.filter(pl.col("bucket") >= first, pl.col("bucket") < last)
    short = bool(start and end and end - start < _BY_MINUTE)
    if short and provider is None and (incident is None or incident.scope in _IN_LEDGER):
        return tables.timeline(ledger, failures)
    return _by_minute(counts, failures)


def _by_minute(counts: pl.DataFrame, failures: pl.DataFrame) -> Timeline:
    """Return bins of whole minutes over all of ``counts``, without markers."""
    timed = counts.filter(pl.col("minute").is_not_null())
    if timed.is_empty():
        return Timeline(bin_s=_WIDTHS_S[0])
    first, last = (int(at.timestamp()) for at in _ends(timed["minute"]))
    width = next((w for w in _WIDTHS_S if (last - first) / w < charts.MOST_BINS), _WIDTHS_S[-1])
    sums = timed.group_by(_bin("minute", width)).agg(pl.col("ok", "failed", "undecided").sum())
    seen = {row["bin"]: row for row in sums.to_dicts()}
    layers = failures.filter(pl.col("started_at").is_not_null()).group_by(
        _bin("started_at", width), "layer"
    )
    split: dict[int, dict[str, int]] = {}
    counted = layers.agg(pl.col("weight").sum().round().cast(pl.Int64).alias("n"))
    for at, layer, number in counted.sort("bin", "layer").iter_rows():
        split.setdefault(at, {})[layer] = number
    bins = range(first // width, last // width + 1)
    return Timeline(
        bin_s=width, slots=[_slot(at, width, seen.get(at), split.get(at, {})) for at in bins]
    )


def _ends(times: pl.Series) -> tuple[datetime, datetime]:
    low, high = times.min(), times.max()
    if not isinstance(low, datetime) or not isinstance(high, datetime):
        msg = "there is no time"
        raise TypeError(msg)
    return low, high


def _bin(column: str, width: int) -> pl.Expr:
    return (pl.col(column).dt.epoch("s") // width).alias("bin")


def _slot(at: int, width: int, row: dict[str, int] | None, layers: dict[str, int]) -> Slot:
    counts = row or {"ok": 0, "failed": 0, "undecided": 0}
    return Slot(
        start=datetime.fromtimestamp(at * width, UTC),
        attempts=counts["ok"] + counts["failed"] + counts["undecided"],
        ok=counts["ok"],
        failed=counts["failed"],
        by_layer=layers,
    )


def _reach(failures: pl.DataFrame, latency: pl.DataFrame, window: Window | None) -> Reach:
    broken = failures.filter(pl.col("stream_state").is_in(["truncated", "error"]))
    tokens = broken["output_tokens"].drop_nulls()

    def distinct(column: str) -> int | None:
        return failures[column].drop_nulls().n_unique() or None

    return Reach(
        keys=distinct("key_tag"),
        sessions=distinct("session_id"),
        clients=distinct("client"),
        broken_streams=round(float(broken["weight"].sum())),
        delivered_tokens=int(tokens.sum()) if tokens.len() else None,
        failed_p50_ms=_float(failures["duration_ms"].median()),
        speeds=_speeds(latency, window),
    )


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _speeds(latency: pl.DataFrame, window: Window | None) -> tuple[Speed, ...]:
    """Return how long successes took before, during and after; sums are of ten minutes each."""
    step = timedelta(minutes=rollup.LATENCY_MINUTES)
    minute = pl.col("minute")
    phase = pl.lit("during")
    if window is not None and window.start and window.end:
        phase = (
            pl.when(minute + step <= window.start)
            .then(pl.lit("before"))
            .when(minute >= window.end)
            .then(pl.lit("after"))
            .otherwise(pl.lit("during"))
        )
    told = latency.filter(minute.is_not_null()).with_columns(phase.alias("phase"))
    counted = told.group_by("measure", "phase").agg(pl.col("n").sum())
    quick = rollup.quantiles(told, ("measure", "phase"), p50=0.5, p95=0.95)
    order = {name: i for i, name in enumerate(("before", "during", "after"))}
    rows = quick.join(counted, on=["measure", "phase"]).to_dicts()
    rows.sort(key=lambda row: (row["measure"], order[row["phase"]]))
    return tuple(Speed(**row) for row in rows)


def providers(result: Result, incident: Incident | None) -> Sequence[tuple[str, int]]:
    """Return slugs of the providers in which attempts failed, with how many; most first."""
    failures = result.counted.failures.filter(pl.col("layer") == "upstream")
    if incident is not None:
        low, high = bounds(incident, result.analysis.window.end)
        failures = failures.filter(pl.col("started_at") >= low, pl.col("started_at") < high)
    sums = (
        failures.filter(pl.col("provider").is_not_null())
        .group_by("provider")
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("n"))
        .sort(["n", "provider"], descending=[True, False])
    )
    return [(str(slug), int(n)) for slug, n in sums.iter_rows()]
