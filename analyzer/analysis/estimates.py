"""What failures without a cost come to by the user's own price list."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from analyzer.analysis.clean import Cleaner
from analyzer.analysis.context import Context
from analyzer.analysis.model import Estimate
from analyzer.billing import prices
from analyzer.billing.settle import Settled


def estimates(
    failures: pl.DataFrame, settled: Settled | None, context: Context, clean: Cleaner
) -> list[Estimate]:
    """Return the estimates by model, verdict and price, dearest first; none without a list."""
    if context.prices is None:
        return []
    used = None if settled is None else settled.usage
    found = prices.estimates(failures, used, context.prices, context.normalise)
    names = failures.select(
        "attempt_id", "billing", "billing_basis", "weight", model=context.normalise(pl.col("model"))
    )
    shown = pl.col("billing_basis") == "usage_export"
    weighted = pl.col("estimated_cost") * pl.col("weight").round().cast(pl.Int64)
    sums = (
        found.join(names, on="attempt_id")
        .with_columns(observed=shown, cost=weighted.cast(pl.Decimal(38, 18)))
        .group_by("model", "billing", "observed", "estimated_currency", "price_date")
        .agg(
            pl.col("cost").sum(),
            pl.col("weight").sum().round().cast(pl.Int64).alias("count"),
        )
        .sort(
            pl.col("estimated_currency"), -pl.col("cost"), "model", "billing", "observed",
            "price_date",
        )
    )  # fmt: skip
    return [
        Estimate(
            model=clean.value(row["model"]),
            billing=row["billing"],
            observed=row["observed"],
            count=row["count"],
            amount=f"{Decimal(row['cost']).normalize():f}",
            currency=row["estimated_currency"],
            price_date=None if row["price_date"] is None else row["price_date"].isoformat(),
        )
        for row in sums.to_dicts()
    ]
