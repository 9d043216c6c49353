"""The tables that a settlement leaves: coverage, money, mismatches, what nobody explains."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analyzer.billing.bills import BILL
from analyzer.billing.match import Matched
from analyzer.billing.sides import FAILED, LAYERS, Ledger, Usage, overlapping

SAME = 1e-6
"""Amounts that differ by less, relatively, are one amount."""
LISTED = 1000
"""Rows that are listed; all are counted in the coverage."""
RETRY_US = 600_000_000

COVERAGE = pl.Schema(
    {
        "usage_format": pl.String(), "usage_inputs": pl.List(pl.String()), "hop": pl.String(),
        "gateway": pl.String(), "grain": pl.String(), "first": pl.Datetime("us", "UTC"),
        "last": pl.Datetime("us", "UTC"), "rows": pl.Int64(), "settles": pl.Boolean(),
        "lag_s": pl.Float64(), "skew_s": pl.Float64(), "skew_spread_s": pl.Float64(),
        "skew_basis": pl.String(), "by_id": pl.Int64(), "by_tokens": pl.Int64(),
        "by_time": pl.Int64(), "ambiguous": pl.Int64(), "unmatched": pl.Int64(),
        "explained_share": pl.Float64(), "keys": pl.List(pl.Struct(
            {"key": pl.String(), "rows": pl.Int64(), "explained": pl.Int64(),
             "share": pl.Float64()})),
        "filtered": pl.Boolean(), "models_without_rows": pl.List(pl.String()),
        "successes": pl.Int64(), "rows_missing_for_success": pl.Int64(),
        "duplicates": pl.Int64(), "overlapping": pl.List(pl.String()),
    }
)  # fmt: skip
"""One row per ledger (all exports of one format and party) or kind of sums.

``settles``: whether single failures are settled by it; a client's own estimates and sums do not.
``skew``: of the view with the most attempts. ``explained_share``: the lowest of its keys within the
time of the log; ``filtered``: it lacks models that the log has successes of; ``overlapping``: the
inputs that hold the same time.
"""

MISMATCHES = pl.Schema(
    {
        "attempt_id": pl.UInt64(), "kind": pl.String(), "stated": pl.String(),
        "booked": pl.String(), "currency": pl.String(), "usage_input": pl.String(),
        "usage_record": pl.Int64(),
    }
)  # fmt: skip
MONEY = pl.Schema(
    {
        "hop": pl.String(), "verdict": pl.String(), "tier": pl.String(), "cost_basis": pl.String(),
        "currency": pl.String(), "cost": pl.Decimal(38, 18), "count": pl.Int64(),
    }
)  # fmt: skip
UNMATCHED = pl.Schema(
    {
        "usage_input": pl.String(), "usage_record": pl.Int64(), "hop": pl.String(),
        "time": pl.Datetime("us", "UTC"), "model": pl.String(), "key": pl.String(),
        "entry": pl.String(), "cost": pl.Decimal(38, 18), "currency": pl.String(),
        "reason": pl.String(),
    }
)  # fmt: skip


def unmatched(matched: Sequence[Matched], usage: Usage) -> pl.DataFrame:
    """Return rows of the log's time that no attempt explains, and refunds of none of them."""
    parts = [pl.DataFrame(schema=UNMATCHED)]
    for one in matched:
        back = one.ledger.rows.filter(
            pl.col("entry") == "refund", ~pl.col("row").is_in(one.pairs["row"].implode())
        )
        for rows, reason in (
            (one.unmatched, "unmatched_usage_row"),
            (back, "refund_of_no_attempt"),
        ):
            listed = usage.at(rows.sort("row").head(LISTED)["row"])
            parts.append(
                listed.select(
                    pl.col("input").alias("usage_input"), pl.col("record").alias("usage_record"),
                    "hop", "time", "model", _label().alias("key"), "entry", "cost", "currency",
                    pl.lit(reason).alias("reason"),
                )
            )  # fmt: skip
    return pl.concat(parts)


def _label() -> pl.Expr:
    return pl.coalesce("key_name", "key_id", "key_tag", "group")


def coverage(
    matched: Sequence[Matched], ledgers: Sequence[Ledger], sums: pl.DataFrame,
    usage: Usage, names: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """Return :data:`COVERAGE`."""
    by_number = {one.ledger.number: one for one in matched}
    rows = [_ledger(one, by_number.get(one.number), usage, names) for one in ledgers]
    rows += [_sums(part) for part in _parts(sums)]
    return pl.DataFrame(rows, schema=COVERAGE)


def _parts(sums: pl.DataFrame) -> list[pl.DataFrame]:
    by = ("format", "hop", "gateway", "grain")
    return sums.partition_by(*by, maintain_order=True) if sums.height else []


def _sums(part: pl.DataFrame) -> dict[str, object]:
    return {
        "usage_format": part["format"][0],
        "usage_inputs": part["input"].unique().sort().to_list(),
        "hop": part["hop"][0],
        "gateway": part["gateway"][0],
        "grain": part["grain"][0],
        "first": part["time"].min(),
        "last": pl.concat([part["period_end"], part["time"]]).max(),
        "rows": part.height,
        "settles": False,
        "duplicates": 0,
        "overlapping": list(overlapping(_spans(part))),
    }


def _spans(part: pl.DataFrame) -> pl.DataFrame:
    """Return ``input first last``; a sum holds its whole period."""
    return part.select("input", first="time", last=pl.coalesce("period_end", "time"))


def _ledger(
    ledger: Ledger, one: Matched | None, usage: Usage, names: pl.DataFrame
) -> dict[str, object]:
    told: dict[str, object] = {
        "usage_format": ledger.format, "usage_inputs": list(ledger.inputs), "hop": ledger.hop,
        "gateway": ledger.gateway, "grain": "request", "first": ledger.first, "last": ledger.last,
        "rows": ledger.every, "settles": ledger.hop in LAYERS, "lag_s": ledger.lag_s,
        "duplicates": ledger.duplicates, "overlapping": list(ledger.overlapping),
    }  # fmt: skip
    for edge in ("first", "last"):
        told[edge] = pl.Series([told[edge]], dtype=pl.Datetime("us", "UTC"))[0]
    if one is None:
        return told
    ahead = next(iter(one.clocks.values()), None)
    tiers = dict(one.pairs.group_by("tier").len().iter_rows())
    keys = _keys(one, usage)
    hidden = (
        []
        if one.hidden is None
        else names.filter(pl.col("model").is_in(one.hidden.implode()))["name"].to_list()
    )
    return told | {
        "skew_s": ahead.seconds if ahead else None,
        "skew_spread_s": ahead.spread_s if ahead else None,
        "skew_basis": ahead.basis if ahead else None,
        "by_id": tiers.get("K1", 0), "by_tokens": tiers.get("K2", 0),
        "by_time": tiers.get("K3", 0) + tiers.get("K4", 0), "ambiguous": one.possible.height,
        "unmatched": one.unmatched.height, "keys": keys,
        "explained_share": min((float(str(k["share"])) for k in keys), default=None),
        "filtered": bool(hidden), "models_without_rows": hidden,
        "successes": one.successes, "rows_missing_for_success": one.missing,
    }  # fmt: skip


def _keys(one: Matched, usage: Usage) -> list[dict[str, object]]:
    """Return the keys by name, those with most rows first."""
    first = one.ledger.rows.group_by("key").agg(pl.col("row").first())
    table = (
        one.keys.join(first, on="key", how="left")
        .sort("rows", "key", descending=[True, False])
        .head(50)
    )
    label = usage.at(table["row"]).select(_label().fill_null("")).to_series()
    return table.with_columns(key=label).select("key", "rows", "explained", "share").to_dicts()


def mismatches(
    failures: pl.DataFrame, matched: Sequence[Matched], attempts: pl.DataFrame
) -> pl.DataFrame:
    """Return failed answers that state another amount than was booked: :data:`MISMATCHES`."""
    off = failures.filter(pl.col("billing_outcome") == "amount_mismatch")
    place = pl.col("billing_match").struct
    return off.select(
        "attempt_id",
        pl.lit("cost").alias("kind"),
        pl.col("cost").cast(pl.String).alias("stated"),
        pl.col("billed_cost").cast(pl.String).alias("booked"),
        pl.col("billed_currency").alias("currency"),
        place.field("usage_input"),
        place.field("usage_record"),
    ).match_to_schema(MISMATCHES)


def money(made: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return :data:`MONEY` of failed attempts, per ledger's layer: layers are never added."""
    every = pl.concat([pl.DataFrame(schema=BILL), *made])
    told = every.filter(pl.col("cost").is_not_null(), pl.col("verdict").is_not_null())
    by = ["hop", "verdict", "tier", "cost_basis", "currency"]
    sums = told.group_by(by).agg(pl.col("cost").sum(), pl.len().cast(pl.Int64).alias("count"))
    return sums.sort(by, nulls_last=True).select(MONEY.names()).match_to_schema(MONEY)


def two_by_two(failures: pl.DataFrame) -> pl.DataFrame:
    """Return ``expected observed count``: what policy led one to expect and what was seen."""
    seen = failures.filter(pl.col("billing_basis") == "usage_export")
    return (
        seen.group_by(
            pl.col("billing_expected").alias("expected"), pl.col("billing").alias("observed")
        )
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("count"))
        .sort("expected", "observed")
    )


def wasted(bill: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame | None:
    """Return the money of failed attempts that were paid and asked again soon after.

    Told by the fingerprint of requests; logs that hold none tell nothing.
    """
    asked = attempts.filter(pl.col("request_hash").is_not_null(), pl.col("start").is_not_null())
    if not asked.height:
        return None
    again = asked.select("request_hash", "start", later="a").sort("start")
    failed = asked.filter(pl.col("state") == FAILED).sort("start")
    after = failed.with_columns(start=pl.col("start") + 1).join_asof(
        again, on="start", by="request_hash", strategy="forward", tolerance=RETRY_US,
        check_sortedness=False,
    )  # fmt: skip
    retried = after.filter(pl.col("later").is_not_null())["a"]
    paid = bill.filter(pl.col("a").is_in(retried.implode()), pl.col("cost") > 0)
    return (
        paid.group_by("hop", "cost_basis", "currency")
        .agg(pl.col("cost").sum(), pl.len().cast(pl.Int64).alias("count"))
        .sort("hop", "cost_basis", "currency", nulls_last=True)
    )
