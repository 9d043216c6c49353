"""How many attempts and calls went well and badly, per hour and model: all rates come from here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import polars as pl

from analyzer.records import Records
from analyzer.vocabulary import CAUSES, LAYER_WORDS

CALLER = tuple(t.word for t in CAUSES if t.family in ("auth", "money", "request"))
"""Causes that, where the layer is the client, are mended by the caller alone."""
LIMITED = "rate_limited"
OUTCOMES_FAILED = ("given_up", "never_retried")
MEASURED = 0.99
"""Share of the failed attempts that must be part of a call for calls to be counted."""

ATTEMPTS = ("attempts", "ok", "failed", "undecided", "caller", "limited")
CALLS = ("calls", "calls_ok", "calls_failed", "calls_caller", "calls_limited", "rescued")
SUMS = (*ATTEMPTS, *CALLS)


@dataclass(frozen=True, slots=True)
class Sides:
    """The columns of one denominator: all, ok, failed, client-caused, too many requests."""

    name: str
    ok: str
    failed: str
    caller: str
    limited: str


BY_ATTEMPTS = Sides("attempts", "ok", "failed", "caller", "limited")
BY_CALLS = Sides("calls", "calls_ok", "calls_failed", "calls_caller", "calls_limited")


def between(
    records: Records, start: datetime, end: datetime, *, durations: bool = False
) -> Records:
    """Return what began in a stretch of time; the files are kept that touch it.

    Without ``durations`` there are none: they are by far the most rows, and are folded once.
    """
    parts = {f.name: getattr(records, f.name) for f in fields(Records)}
    if not durations:
        parts["latency"] = records.latency.clear()
    for name, time in (
        ("counts", "minute"), ("failed", "minute"), ("latency", "minute"),
        ("calls", "started_at"), ("failures", "started_at"),
    ):  # fmt: skip
        parts[name] = _stretch(parts[name], time, start, end)
    touches = (pl.col("last") >= start) & (pl.col("first") < end)
    parts["inputs"] = parts["inputs"].filter(touches.fill_null(True))
    return Records(**parts)


def _stretch(rows: pl.DataFrame, time: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the rows of a stretch of time; where they are in its order, without a copy."""
    times = rows[time]
    if times.null_count() or not times.is_sorted():
        return rows.filter((pl.col(time) >= start) & (pl.col(time) < end))
    bounds = pl.Series([start, end], dtype=times.dtype)
    first, behind = times.search_sorted(bounds, side="left").to_list()
    return rows.slice(first, behind - first)


def calls_measured(records: Records) -> bool:
    """Return whether retries can be told: nearly all failed attempts are part of a call."""
    failed = float(records.counts["failed"].sum())
    chained = float(records.calls.select((pl.col("failed") * pl.col("weight")).sum()).item() or 0)
    return chained >= MEASURED * failed


def hourly(records: Records, start: datetime) -> pl.DataFrame:
    """Return ``slot model`` and :data:`SUMS`: ``slot`` counts hours from ``start`` on.

    Calls are in the hour in which they began, and ok attempts of a rescued call count there once.
    """
    parts = [
        _attempts(records.counts, start), _verdicts(records.failed, start),
        _calls(records.calls, start),
    ]  # fmt: skip
    whole = pl.concat(parts, how="diagonal").with_columns(pl.col(SUMS).fill_null(0.0))
    return (
        whole.group_by("slot", "model")
        .agg(pl.col(SUMS).sum())
        .with_columns(
            calls=pl.col("attempts") + pl.col("calls"), calls_ok=pl.col("ok") + pl.col("calls_ok")
        )
        .sort("slot", "model", nulls_last=True)
    )


def slot(time: str, start: datetime) -> pl.Expr:
    """Return the number of the hour after ``start`` in which a time lies."""
    hours = (pl.col(time) - pl.lit(start)).dt.total_microseconds().floordiv(3_600_000_000)
    return hours.cast(pl.Int32).alias("slot")


def _attempts(counts: pl.DataFrame, start: datetime) -> pl.DataFrame:
    sums = ("attempts", "ok", "failed", "undecided")
    # Chunks are made one before they are grouped: only what is needed of them.
    used = counts.select(slot("minute", start), "model", *sums)
    return used.group_by("slot", "model").agg(pl.col(sums).sum().cast(pl.Float64))


def _verdicts(failed: pl.DataFrame, start: datetime) -> pl.DataFrame:
    return failed.group_by(slot("minute", start), "model").agg(
        pl.col("failed").filter(is_caller()).sum().alias("caller"),
        pl.col("failed").filter(pl.col("cause") == LIMITED).sum().alias("limited"),
    )


def _calls(calls: pl.DataFrame, start: datetime) -> pl.DataFrame:
    """Return what calls with failed attempts change: of many attempts one call is made."""
    weight, more = pl.col("weight"), pl.col("attempts") - 1
    lost = pl.col("outcome").is_in(OUTCOMES_FAILED)
    rescued = pl.col("outcome") == "rescued"
    answered = pl.col("attempts") - pl.col("failed")
    settled = lost | rescued
    return calls.group_by(slot("started_at", start), "model").agg(
        (-more * weight).sum().alias("calls"),
        ((rescued.cast(pl.Float64) - answered * settled) * weight).sum().alias("calls_ok"),
        weight.filter(lost).sum().alias("calls_failed"),
        weight.filter(lost & is_caller()).sum().alias("calls_caller"),
        weight.filter(lost & (pl.col("cause") == LIMITED)).sum().alias("calls_limited"),
        weight.filter(rescued).sum().alias("rescued"),
    )


def is_caller() -> pl.Expr:
    """Return whether a failure is one that only the caller can mend: a 4xx that is deserved."""
    return (pl.col("layer") == "client") & pl.col("cause").is_in(CALLER)


def by_layer(failed: pl.DataFrame, amount: str) -> dict[str | None, dict[str, int]]:
    """Return failures per model and layer, all six layers present; ``None`` is all models."""
    sums = failed.group_by("model", "layer").agg(pl.col(amount).sum())
    made: dict[str | None, dict[str, float]] = {None: dict.fromkeys(LAYER_WORDS, 0.0)}
    for model, layer, count in sums.iter_rows():
        row = made.setdefault(model, dict.fromkeys(LAYER_WORDS, 0.0))
        name = layer if layer in row else "unknown"
        row[name] += count
        made[None][name] += count
    return {model: rounded(row) for model, row in made.items()}


def rounded(parts: dict[str, float]) -> dict[str, int]:
    """Return whole numbers that add up to the rounded sum: the largest remainders are raised."""
    floors = {name: int(value // 1) for name, value in parts.items()}
    short = round(sum(parts.values())) - sum(floors.values())
    order = sorted(parts, key=lambda name: (floors[name] - parts[name], name))
    for name in order[:short]:
        floors[name] += 1
    return floors


def lost_calls(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls that failed in the end."""
    return calls.filter(pl.col("outcome").is_in(OUTCOMES_FAILED))


def slots_of(start: datetime, end: datetime, origin: datetime) -> range:
    """Return the hours after ``origin`` between two moments."""
    hour = timedelta(hours=1)
    return range((start - origin) // hour, -((origin - end) // hour))
