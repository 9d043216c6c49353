"""Per-minute series of every scope: attempts, failures of each family, and the usual rate."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from analyzer.incidents.options import Options
from analyzer.incidents.window import ALL, CALLER, PLANNED, SCOPES, SERVICE, Scope

KEYS = ["field", "value"]
FAMILIES = (SERVICE, CALLER, PLANNED)
_BLOCKS = 25
_FAILURES_PER_BLOCK = 5


def cells(counts: pl.DataFrame, failed: pl.DataFrame) -> pl.DataFrame:
    """Return the two frames under each other: what is counted, and what failed of which family.

    Columns: ``at`` (minutes since 1970), the scope fields, ``layer``, ``cause``, ``attempts``
    (decided ones) and ``service``, ``caller``, ``planned`` (failures). Sorted by ``at``.
    """
    at = (pl.col("minute").dt.epoch("s") // 60).alias("at")
    decided = counts.select(
        at,
        *SCOPES,
        pl.lit(None, pl.String).alias("layer"),
        pl.lit(None, pl.String).alias("cause"),
        (pl.col("ok") + pl.col("failed")).cast(pl.Float64).alias("attempts"),
        *(pl.lit(0.0).alias(name) for name in FAMILIES),
    )
    whose = families()
    broken = failed.select(
        at,
        *SCOPES,
        "layer",
        "cause",
        pl.lit(0.0).alias("attempts"),
        *(pl.when(whose[name]).then("failed").otherwise(0.0).alias(name) for name in FAMILIES),
    )
    return pl.concat([decided, broken]).drop_nulls("at").sort("at")


def families() -> dict[str, pl.Expr]:
    """Return the condition on ``layer`` and ``cause`` of each family of failures."""
    planned = pl.col("cause").eq_missing("maintenance")
    caller = pl.col("layer").eq_missing("client") & ~planned
    return {SERVICE: ~planned & ~caller, CALLER: caller, PLANNED: planned}


def of_scopes(rows: pl.DataFrame, least: float) -> pl.DataFrame:
    """Return ``scope field value at attempts service caller planned``, sorted.

    Of all scopes with ``least`` failures of one family; ``scope`` numbers them by field and value.
    """
    told = [name for name in SCOPES if rows[name].null_count() < rows.height]
    parts = [_of_field(rows, name, least) for name in (ALL, *told)]
    numbered = pl.struct(KEYS).rle_id().alias("scope")
    return pl.concat(parts).sort(*KEYS, "at").with_columns(numbered)


def _of_field(rows: pl.DataFrame, name: str, least: float) -> pl.DataFrame:
    named = rows if name != ALL else rows.with_columns(pl.lit("").alias(ALL))
    enough = (pl.col(family).sum().over(name) >= least for family in FAMILIES)
    return (
        named.group_by(name, "at")
        .agg(pl.col("attempts", *FAMILIES).sum())
        .filter(pl.col(name).is_not_null() & pl.any_horizontal(enough))
        .select(
            pl.lit(name).alias("field"),
            pl.col(name).alias("value"),
            "at",
            # A failure that the counts lack (a sampled weight, a record behind) is an attempt too.
            pl.max_horizontal("attempts", pl.sum_horizontal(FAMILIES)).alias("attempts"),
            *FAMILIES,
        )
    )


def of_family(rows: pl.DataFrame, name: str, least: float) -> pl.DataFrame:
    """Return ``scope field value at attempts failed`` of the scopes that matter for a family."""
    return rows.filter(pl.col(name).sum().over("scope") >= least).select(
        "scope", *KEYS, "at", "attempts", pl.col(name).alias("failed")
    )


def usual(rows: pl.DataFrame, span: timedelta, options: Options) -> pl.DataFrame:
    """Return ``scope usual``: the failure rate of each scope that no incident moves.

    The median over blocks of equally many attempts: what fails in less than half of the time does
    not change it. Where the capture is short, it is at most what the target allows.
    """
    own = "scope"
    blocks = (pl.col("failed").sum().over(own) / _FAILURES_PER_BLOCK).floor().clip(3, _BLOCKS)
    before = pl.col("attempts").cum_sum().over(own) - pl.col("attempts")
    place = before / pl.col("attempts").sum().over(own)
    rate = pl.col("usual")
    return (
        rows.group_by(own, (place * blocks).floor().alias("block"))
        .agg((pl.col("failed").sum() / pl.col("attempts").sum()).alias("usual"))
        .group_by(own)
        .agg(rate.median())
        .with_columns(rate if span >= options.settled else rate.clip(upper_bound=options.budget))
        .with_columns(rate.clip(options.budget / 10, 0.9))
    )


def is_of(scope: Scope) -> pl.Expr:
    """Return the condition that a row of :func:`cells` belongs to a scope."""
    return pl.lit(True) if scope.field == ALL else pl.col(scope.field).eq_missing(scope.value)
