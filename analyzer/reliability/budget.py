"""The error budget of 28 days: how much of it the week took, and when it burnt fastest."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from analyzer.records import Records
from analyzer.reliability import tally
from analyzer.reliability.model import Budget, BudgetDay, Burn
from analyzer.reliability.tally import Sides, is_caller
from analyzer.reliability.week import Week

DAYS = 28
FEWEST = 20
"""Attempts that a short window must have: one failure in three is no burn."""
FAST_MINUTES = (60, 5)


def decided(row: dict[str, float], sides: Sides) -> float:
    """Return the denominator of availability: ok and failed, without what the caller caused."""
    return row[sides.ok] + row[sides.failed] - row[sides.caller]


def counting(row: dict[str, float], sides: Sides) -> float:
    """Return the failures that count against the target."""
    return row[sides.failed] - row[sides.caller]


def budget(
    week: dict[str, float], window: dict[str, float], days: int, sides: Sides, target: float,
    layers: dict[str, int], fastest: list[Burn],
) -> Budget:  # fmt: skip
    """Return the budget of one model from its sums of the week and of the 28 days."""
    allowed = (1 - target) * decided(window, sides)
    failed, mine = counting(window, sides), counting(week, sides)
    base = decided(week, sides)
    return Budget(
        days_with_data=days,
        allowed=round(allowed, 3),
        failed=round(failed),
        left=1 - failed / allowed if allowed else None,
        week_failed=round(mine),
        week_share=mine / allowed if allowed else None,
        burn=mine / base / (1 - target) if base else None,
        by_layer=layers,
        fastest=fastest,
    )


def days(hourly: pl.DataFrame, week: Week, sides: Sides, target: float) -> list[BudgetDay]:
    """Return how much of the budget of all models was left after each of the 28 days."""
    rows = {row["slot"]: row for row in hourly.group_by("slot").agg(pl.exclude("model").sum())
            .iter_rows(named=True)}  # fmt: skip
    first = week.before(3)
    per: list[tuple[datetime, float, float]] = []
    for number in range(DAYS):
        start, end = first.midnight(number), first.midnight(number + 1)
        inside = [rows[slot] for slot in tally.slots_of(start, end, week.start) if slot in rows]
        per.append(
            (start, sum(decided(row, sides) for row in inside),
             sum(counting(row, sides) for row in inside))
        )  # fmt: skip
    allowed = (1 - target) * sum(count for _, count, _ in per)
    made, spent = [], 0.0
    for start, count, failed in per:
        spent += failed
        left = 1 - spent / allowed if allowed else None
        made.append(
            BudgetDay(day=week.day(start), decided=round(count), failed=round(failed), left=left)
        )
    return made


def layers(failed: pl.DataFrame, amount: str) -> dict[str | None, dict[str, int]]:
    """Return the failures that count against the budget, per model and layer; ``None`` is all."""
    return tally.by_layer(failed.filter(~is_caller()), amount)


def fastest(records: Records) -> pl.DataFrame:
    """Return ``model start minutes attempts failed``, the worst window of each length.

    Every model has its own, and null stands for all. Attempts, since a call has no minute.
    """
    decided = (pl.col("ok") + pl.col("failed")).cast(pl.Float64)
    counts = records.counts.select("minute", "model", decided.alias("n"))
    bad = records.failed.select("minute", "model", "failed", caller=is_caller())
    parts = [
        one
        for minutes in FAST_MINUTES
        for one in (
            _worst(counts, bad, minutes),
            _worst(_together(counts), _together(bad), minutes),
        )
    ]
    return pl.concat(parts)


def _together(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, dtype=pl.String).alias("model"))


def _worst(counts: pl.DataFrame, bad: pl.DataFrame, minutes: int) -> pl.DataFrame:
    keys = ["start", "model"]
    start = pl.col("minute").dt.truncate(f"{minutes}m").alias("start")
    n = counts.group_by(start, "model").agg(pl.col("n").sum())
    amount = pl.col("failed")
    failed = bad.group_by(start, "model").agg(
        amount.filter(~pl.col("caller")).sum().alias("failed"),
        amount.filter(pl.col("caller")).sum().alias("left_out"),
    )
    rate = pl.col("failed") / pl.col("attempts")
    return (
        n.join(failed, on=keys, how="inner", nulls_equal=True)
        .with_columns(attempts=pl.col("n") - pl.col("left_out"))
        .filter((pl.col("attempts") >= FEWEST) & (pl.col("failed") > 0))
        .sort(rate, "start", descending=[True, False])
        .group_by("model", maintain_order=True)
        .first()
        .select(
            "model", "start", pl.lit(minutes, dtype=pl.Int32).alias("minutes"), "attempts",
            "failed",
        )
    )  # fmt: skip
