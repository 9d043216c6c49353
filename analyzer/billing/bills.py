"""What the rows of an attempt come to: charged, given back, or nothing."""

from __future__ import annotations

import polars as pl

from analyzer.billing.sides import LAYERS, Usage

BILL = pl.Schema(
    {
        "a": pl.UInt64(), "row": pl.UInt32(), "tier": pl.String(), "score": pl.Float64(),
        "margin": pl.Float64(), "usage_input": pl.String(), "usage_record": pl.Int64(),
        "cost": pl.Decimal(38, 18), "currency": pl.String(), "cost_basis": pl.String(),
        "hop": pl.String(), "verdict": pl.String(), "refunded": pl.Boolean(),
        "charges": pl.UInt32(), "cancelled": pl.Boolean(), "key_name": pl.String(),
        "group": pl.String(), "usage_request_id": pl.String(), "used_input": pl.Int64(),
        "used_output": pl.Int64(), "used_cached": pl.Int64(),
    }
)  # fmt: skip


def bills(pairs: pl.DataFrame, usage: Usage, priced: bool) -> pl.DataFrame:
    """Return :data:`BILL`: one row per attempt and currency of the accepted ``pairs``.

    ``priced`` says whether the ledger tells money at all; an error that it lists without an amount
    is then free.
    """
    if not pairs.height:
        return pl.DataFrame(schema=BILL)
    summed = _summed(_ordered(usage.at(pairs["row"]).with_columns(pairs), priced))
    verdict = (
        pl.when(pl.col("told") & (pl.col("net") > 0)).then(pl.lit("billed"))
        .when("told").then(pl.lit("unbilled"))
        .when("worked").then(pl.lit("billed"))
    )  # fmt: skip
    made = summed.with_columns(
        verdict=verdict,
        cost=pl.when("told").then("net"),
        refunded=pl.col("back") & pl.col("paid") & (pl.col("net") <= 0),
    )
    return made.select(BILL.names()).match_to_schema(BILL, integer_cast="upcast")


def _ordered(told: pl.DataFrame, priced: bool) -> pl.DataFrame:
    """Put the row first that stands for the request, the dearest of them."""
    entry = pl.coalesce("entry", pl.lit("charge"))
    free = (pl.col("cost_basis") == "free").fill_null(False) | ((entry == "error") & priced)
    cost = pl.when(pl.col("cost").is_null() & free).then(0).otherwise("cost")
    told = told.with_columns(cost=cost.cast(pl.Decimal(38, 18)), entry=entry)
    order = pl.col("entry").replace_strict(
        {"charge": 0, "error": 1}, default=2, return_dtype=pl.Int8
    )
    return told.sort("a", order, pl.col("cost").fill_null(0) * -1, "row")


def _summed(told: pl.DataFrame) -> pl.DataFrame:
    """Fold the rows of each attempt."""
    paid = pl.col("cost") > 0
    return told.group_by("a", maintain_order=True).agg(
        pl.col("row", "tier", "score", "margin", "hop", "key_name", "group").first(),
        pl.col("input").first().alias("usage_input"),
        pl.col("record").first().alias("usage_record"),
        pl.col("request_id").first().alias("usage_request_id"),
        pl.col("input_tokens").first().alias("used_input"),
        pl.col("output_tokens").first().alias("used_output"),
        pl.col("cached_tokens").first().alias("used_cached"),
        pl.col("currency").filter(pl.col("cost").is_not_null()).first(),
        pl.col("cost_basis").drop_nulls().first(),
        pl.col("cost").filter(_same_currency()).sum().alias("net"),
        pl.col("cost").is_not_null().any().alias("told"),
        ((pl.col("cost") < 0) | (pl.col("entry") == "refund")).any().alias("back"),
        paid.any().alias("paid"),
        (paid & (pl.col("entry") == "charge")).sum().cast(pl.UInt32).alias("charges"),
        pl.col("cancelled").any(),
        (pl.col("output_tokens").fill_null(0) > 0).any().alias("worked"),
    )


def _same_currency() -> pl.Expr:
    """Whether a row's money is in the currency of the first: never add over currencies."""
    return pl.col("currency").eq_missing(
        pl.col("currency").filter(pl.col("cost").is_not_null()).first()
    )


def chosen(every: list[pl.DataFrame]) -> pl.DataFrame:
    """Return one bill per attempt: of the layer nearest to the caller, surest first."""
    rank = pl.col("hop").replace_strict(
        {name: number for number, name in enumerate(LAYERS)}, default=len(LAYERS),
        return_dtype=pl.Int8,
    )  # fmt: skip
    both = pl.concat(every) if every else pl.DataFrame(schema=BILL)
    known = both.filter(pl.col("verdict").is_not_null())
    return known.sort(rank, "tier", "a").unique("a", keep="first", maintain_order=True)
