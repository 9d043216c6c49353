"""How long successes took: percentiles of the week, beside those of the weeks before."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analyzer import rollup
from analyzer.reliability.model import ALL, Quantiles, Speed, WeekValue
from analyzer.reliability.week import Week

ENOUGH = 200
"""Successes below which nothing is said beyond p90."""
FEWEST_WEEKS = 3
"""Weeks before that show how much a percentile moves by itself."""
MEASURES = ("duration", "ttft")
_LEVELS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def folded(latency: pl.DataFrame, weeks: Sequence[Week]) -> pl.DataFrame:
    """Return ``week measure model bucket n`` of some weeks; ``model`` null is all models.

    ``week`` is the place in ``weeks``. Everything else is reckoned on these few rows.
    """
    number = pl.lit(None, dtype=pl.Int8)
    for place, week in enumerate(weeks):
        inside = (pl.col("minute") >= week.start) & (pl.col("minute") < week.end)
        number = pl.when(inside).then(pl.lit(place, pl.Int8)).otherwise(number)
    keys = ("week", "measure", "model", "bucket")
    sums = (
        latency.lazy()
        .filter(pl.col("minute") >= weeks[0].start, pl.col("minute") < weeks[-1].end)
        .with_columns(number.alias("week"))
        .filter(pl.col("week").is_not_null())
        .group_by(keys)
        .agg(pl.col("n").sum())
        .collect()
    )
    named = sums.filter(pl.col("model").is_not_null())
    together = sums.with_columns(pl.lit(None, dtype=pl.String).alias("model"))
    return pl.concat([named, together]).group_by(keys).agg(pl.col("n").sum())


def quantiles(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``week measure model n p50 p90 p95 p99`` in milliseconds of folded durations."""
    keys = ("week", "measure", "model")
    counts = rows.group_by(keys).agg(pl.col("n").sum())
    found = rollup.quantiles(rows, keys, **_LEVELS)
    few = pl.col("n") < ENOUGH
    return counts.join(found, on=keys, how="left", nulls_equal=True).with_columns(
        pl.when(few).then(None).otherwise(pl.col(name)).alias(name) for name in ("p95", "p99")
    )


def of_week(found: pl.DataFrame, place: int) -> dict[tuple[str, str | None], Quantiles]:
    """Return the percentiles of one week by measure and model."""
    return {
        (row.pop("measure"), row.pop("model")): Quantiles(**row)
        for row in found.filter(week=place).drop("week").to_dicts()
    }


def speeds(found: pl.DataFrame, weeks: Sequence[Week], models: Sequence[str]) -> list[Speed]:
    """Return how percentiles moved over the weeks (oldest first; the last is the report's)."""
    rows = {(row["measure"], row["model"], row["week"]): row for row in found.to_dicts()}
    made = []
    for model in (None, *models):
        for measure in MEASURES:
            values = [
                WeekValue(week=week.name, n=row["n"], p50=row["p50"], p95=row["p95"])
                for place, week in enumerate(weeks)
                if (row := rows.get((measure, model, place)))
            ]
            if values and values[-1].week == weeks[-1].name:
                verdict, why = _verdict(values)
                told = {"model": model or ALL, "measure": measure, "weeks": values}
                made.append(Speed(**told, verdict=verdict, why=why))  # type: ignore[arg-type]
    return made


def _verdict(values: list[WeekValue]) -> tuple[str, str]:
    """Say whether p95 of the last week lies where the weeks before had it."""
    now = values[-1].p95
    if now is None:
        return "cannot tell", f"fewer than {ENOUGH} successes this week"
    before = [value.p95 for value in values[:-1] if value.p95 is not None]
    if len(before) < FEWEST_WEEKS:
        return (
            "cannot tell",
            f"fewer than {FEWEST_WEEKS} weeks before show how much p95 moves by itself",
        )
    # A bucket's answer is 1 % off at most, so what is closer than two such errors is no difference.
    low, high = min(before) / 1.02, max(before) * 1.02
    word = "above" if now > high else "below" if now < low else "within"
    return word, f"what the {len(before)} weeks before had"
