"""The line on money: what usage exports show of the failures, or what is to be expected."""

from __future__ import annotations

import polars as pl

from analyzer.pipeline import Result
from analyzer.render import formatting as fmt
from analyzer.ticket.choose import Chosen
from analyzer.ticket.facts import weight

_LEDGER = {"provider": "upstream", "gateway": "gateway"}


def line(result: Result, chosen: Chosen) -> str:
    """Return what there is to say to the receiver; empty for who bills nobody.

    A gateway's charges are none of the provider's business, and the other way round.
    """
    ledger = _LEDGER.get(chosen.party.kind)
    rows = chosen.rows
    if ledger is None:
        return ""
    exports = [one for one in result.analysis.billing.coverage if one.payer == ledger]
    if result.settled is None or not exports:
        return _expected(rows)
    seen = rows.filter(
        (pl.col("billing_basis") == "usage_export") & (pl.col("billed_layer") == ledger)
    )
    charged = seen.filter(pl.col("billing").is_in(["billed", "partial"]))
    total, found, free = weight(rows), weight(charged), weight(seen) - weight(charged)
    told = f"{found:,} of {total:,} charged in the usage export{_money(charged)}"
    if found:
        return f"{told}; please check why failed requests are charged."
    if free == total:
        return f"{told} (shown for all of them); please confirm not billed."
    if free:
        rest = total - free
        return f"{told} (shown for {free:,}, not covered {rest:,}); please confirm not billed."
    return f"{told}, which does not cover them to the end; please confirm not billed."


def _money(charged: pl.DataFrame) -> str:
    sums = (
        charged.drop_nulls(["billed_cost", "billed_currency"])
        .group_by("billed_currency").agg(pl.col("billed_cost").sum())
        .sort("billed_currency")
    )  # fmt: skip
    told = [fmt.money(str(cost.normalize()), currency) for currency, cost in sums.iter_rows()]
    # Pasted into forms, a no-break space is a stray character.
    return f" ({', '.join(told)})".replace("\u00a0", " ") if told else ""


def _expected(rows: pl.DataFrame) -> str:
    expected = (
        rows.group_by("billing_expected").agg(pl.col("weight").sum())
        .sort("weight", descending=True)["billing_expected"]
    )  # fmt: skip
    words = {
        "unbilled": "we expect none of them to be billed; please confirm",
        "billed": "we expect them to be billed; please confirm",
        "partial": "we expect the part that was generated to be billed; please confirm",
    }
    said = words.get(expected[0] if expected.len() else "", "please say what of it is billed")
    return f"No usage export at hand; {said}."
