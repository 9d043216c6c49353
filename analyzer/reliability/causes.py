"""What failed: the Pareto of causes, the failures that only the caller can mend, their money."""

from __future__ import annotations

import polars as pl

from analyzer.records import Records
from analyzer.reliability.model import Booked, CauseRow, HygieneRow, Money
from analyzer.reliability.tally import is_caller
from analyzer.render import formatting as fmt

SHOWN = 15
"""Rows of a table; what is beyond is still counted in the shares."""
MODELS = 3
_WORDS = {
    "billed": "billed", "partial": "billed in part", "unbilled": "not billed",
    "unknown": "unknown",
}  # fmt: skip


def pareto(failed: pl.DataFrame) -> list[CauseRow]:
    """Return causes with most failed attempts first, and how much they make up together."""
    keys = ["layer", "cause"]
    sums = _folded(failed, keys)
    total = float(failed["failed"].sum())
    if not total:
        return []
    rows = sums.with_columns(
        share=pl.col("failed") / total, cumulative=(pl.col("failed").cum_sum() / total).clip(0, 1)
    ).head(SHOWN)
    return [
        CauseRow(**{**row, "failed": round(row["failed"]), "models": list(row["models"])})
        for row in rows.to_dicts()
    ]


def hygiene(failed: pl.DataFrame) -> list[HygieneRow]:
    """Return who sent what had to be refused, most first."""
    keys = ["key_tag", "client", "cause", "status"]
    rows = _folded(failed.filter(is_caller()), keys).head(SHOWN)
    return [
        HygieneRow(**{**row, "failed": round(row["failed"]), "models": list(row["models"])})
        for row in rows.to_dicts()
    ]


def _folded(failed: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return ``keys failed models rule``, most failed first."""
    most = [pl.col("failed").sum()]
    sums = failed.group_by(keys).agg(most)
    for name, alias in (("model", "models"), ("rule", "rule")):
        ranked = (
            failed.group_by(*keys, name)
            .agg(most)
            .sort("failed", name, descending=[True, False], nulls_last=True)
            .group_by(keys, maintain_order=True)
        )
        kept = pl.col(name).drop_nulls()
        named = ranked.agg(
            kept.head(MODELS).alias(alias) if alias == "models" else kept.first().alias(alias)
        )
        sums = sums.join(named, on=keys, how="left", nulls_equal=True)
    order = [True, *[False] * len(keys)]
    return sums.sort("failed", *keys, descending=order, nulls_last=True)


def money(records: Records) -> Money:
    """Return what failed attempts cost, by ledger and currency, and what nothing proves."""
    failures, weight = records.failures, pl.col("weight")
    states = failures.group_by("billing").agg(weight.sum()).sort("billing", nulls_last=True)
    by = {str(name or "unknown"): round(count) for name, count in states.iter_rows()}
    proven = round(
        float(failures.filter(pl.col("billing_basis") == "usage_export")["weight"].sum())
    )
    charged = failures.filter(pl.col("billed_cost") > 0)
    booked = [
        Booked(
            payer=payer or "unknown", currency=currency or "?", amount=f"{amount.normalize():f}",
            failed=round(count),
        )
        for payer, currency, amount, count in charged.group_by("payer", "currency")
        .agg(pl.col("billed_cost").sum(), weight.sum())
        .sort("payer", "currency", nulls_last=True)
        .iter_rows()
    ]  # fmt: skip
    total = sum(by.values()) or round(float(records.failed["failed"].sum()))
    return Money(
        text=_text(by, booked, total, proven, bool(records.inputs["settles"].any())),
        booked=booked, states=by, proven=proven, not_covered=total - proven,
    )  # fmt: skip


def _text(
    states: dict[str, int], booked: list[Booked], total: int, proven: int, exports: bool
) -> str:
    if not total:
        return "Nothing failed, so no failure cost anything."
    if not states:
        return "Not covered: these records keep no single failures, so nothing tells their cost."
    told = [
        f"{fmt.number(states[word])} {label}" for word, label in _WORDS.items() if word in states
    ]
    text = f"Of {fmt.count(total, 'failed attempt')}: {', '.join(told)}"
    if not proven:
        why = "the usage exports settle none of them" if exports else "no usage export"
        return f"{text}; expected, not proven (not covered: {why})."
    rest = total - proven
    text += (
        f"; {fmt.number(rest)} of them expected, not proven (not covered by a usage export)."
        if rest
        else "; all shown by usage exports."
    )
    costs = "; ".join(
        f"{fmt.money(one.amount, one.currency)} in the {one.payer}'s ledger" for one in booked
    )
    return f"{text} Failed attempts cost {costs}." if costs else text
