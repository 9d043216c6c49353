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
from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Analysis, Slot, Timeline, Window
from analyzer.analysis.scope import Counted
from analyzer.render import charts
from analyzer.render.incident import narrow

if TYPE_CHECKING:
    from analyzer.pipeline import Result

AROUND = timedelta(minutes=10)
"""At least so much before and after an incident is shown beside it."""
WELL = 0.05
"""Failure rate below which a model went well."""
_BY_MINUTE = timedelta(minutes=5)
"""From this length on, bars are minutes: shorter ones are finer."""
_WIDTHS_S = (60, 120, 300, 600, 1800, 3600, 10_800, 21_600, 86_400, 604_800)
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


def whole(result: Result, provider: str | None = None) -> Slice:
    """Return the whole capture as one slice, or what one provider (slug) saw of it."""
    rows = narrow.Rows(result.counted, result.chained)
    if provider is None:
        return Slice(
            incident=None, analysis=result.analysis, around=result.analysis.timeline,
            reach=_reach(rows.counted.failures, rows.counted.latency, None),
            counted=rows.counted,
        )  # fmt: skip
    return _made(result, narrow.seen_by(rows, provider), None, result.analysis.window, provider)


def within(result: Result, incident: Incident, provider: str | None = None) -> Slice:
    """Return what happened in the window and scope of an incident.

    With ``provider`` (a slug), only what reached that provider: its successes, and the failures
    that arose there.
    """
    rows = narrow.Rows(result.counted, result.chained)
    if incident.scope != "all":
        rows = narrow.scoped(rows, incident, result)
    if provider is not None:
        rows = narrow.seen_by(rows, provider)
    low, high = narrow.bounds(incident, result.analysis.window.end)
    window = Window(start=low, end=high)
    all_ = narrow.failed(narrow.cut(rows, low, high))
    rows = narrow.family(rows, incident)
    if narrow.failed(narrow.cut(rows, low, high)) > incident.failed:
        rows = narrow.less(rows, incident, result)
    aside = all_ - narrow.failed(narrow.cut(rows, low, high))
    made = _made(result, rows, incident, window, provider)
    if incident.scope == "model" and provider is None:
        every = narrow.cut(narrow.Rows(result.counted, result.chained), low, high).counted.counts
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
    result: Result,
    rows: narrow.Rows,
    incident: Incident | None,
    window: Window,
    provider: str | None,
) -> Slice:
    inside = rows
    if incident is not None and window.start and window.end:
        inside = narrow.cut(rows, window.start, window.end)
    base, counted = result.analysis, inside.counted
    partial = not inside.chained.whole
    built = build.build(
        result.collected, counted, result.joined, narrow.settled(result.settled, counted.failures),
        inside.chained, narrow.context_of(result),
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
        low, high = narrow.bounds(incident, result.analysis.window.end)
        failures = failures.filter(pl.col("started_at") >= low, pl.col("started_at") < high)
    sums = (
        failures.filter(pl.col("provider").is_not_null())
        .group_by("provider")
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("n"))
        .sort(["n", "provider"], descending=[True, False])
    )
    return [(str(slug), int(n)) for slug, n in sums.iter_rows()]
