"""The money side of an Analysis: what was expected, what exports show, how far they carry."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import polars as pl

from analyzer.analysis.clean import Cleaner
from analyzer.analysis.model import (
    AmountMismatch,
    BilledMoney,
    Billing,
    BillingRow,
    Count,
    KeyShare,
    Money,
    Observed,
    UsageBound,
    UsageCoverage,
    UsageRow,
)  # fmt: skip
from analyzer.billing.settle import Settled
from analyzer.calls import Chained

SHOWN = 10
"""Rows, bounds and mismatches that are shown; all are counted."""
KEYS = 5


def billing(
    failures: pl.DataFrame, usage: pl.DataFrame, settled: Settled | None, chained: Chained,
    clean: Cleaner,
) -> Billing:  # fmt: skip
    """Return the money side of the failures; ``settled`` is what the ``usage`` rows gave."""
    rows = _rows(failures)
    inputs = [clean.value(name) for name in usage["input"].unique().sort()]
    made = Billing(
        text=_sentence(rows, settled, clean),
        rows=rows,
        stated_cost=_sums(failures.filter(pl.col("cost").is_not_null())),
        usage_rows=usage.height,
        usage_inputs=inputs,
    )
    return (
        made
        if settled is None
        else made.model_copy(update=_settled(failures, settled, chained, clean))
    )


def _rows(failures: pl.DataFrame) -> list[BillingRow]:
    rows = (
        failures.group_by("billing", "billing_basis", "billing_expected")
        .agg(
            pl.col("weight").sum().round().cast(pl.Int64).alias("count"),
            pl.col("input_tokens").sum(),
            pl.col("output_tokens").sum(),
        )
        .sort(
            ["count", "billing", "billing_basis", "billing_expected"],
            descending=[True, *[False] * 3],
        )
    )
    return [
        BillingRow(
            billing=row["billing"],
            basis=row["billing_basis"],
            expected=row["billing_expected"],
            count=row["count"],
            input_tokens=row["input_tokens"] or None,
            output_tokens=row["output_tokens"] or None,
        )
        for row in rows.to_dicts()
    ]


def _sentence(rows: list[BillingRow], settled: Settled | None, clean: Cleaner) -> str:
    if not rows:
        return "Nothing failed, so there is no failure to bill."
    by: dict[str, int] = {}
    for row in rows:
        by[row.billing] = by.get(row.billing, 0) + row.count
    parts = {
        "billed": "billed", "partial": "billed in part", "unbilled": "not billed",
        "unknown": "unknown",
    }  # fmt: skip
    told = [f"{by[word]} {label}" for word, label in parts.items() if word in by]
    total = sum(by.values())
    proven = sum(row.count for row in rows if row.basis == "usage_export")
    if settled is None:
        ending = "; expected, not proven (no usage export)"
    elif not proven:
        ending = "; expected, not proven (the usage export settles none of them)"
    elif proven < total:
        ending = f"; {proven} shown by the usage export, the others expected"
    else:
        ending = "; all shown by the usage export"
    money, group = _cost(settled, clean), _counted(settled)
    return f"Of {total} failed attempts: {', '.join(told)}{money}{ending}{group}."


def _cost(settled: Settled | None, clean: Cleaner) -> str:
    """Say what failed attempts cost by the ledger nearest to the caller."""
    if settled is None:
        return ""
    paid = settled.money.filter(pl.col("verdict") == "billed", pl.col("cost") > 0)
    first = paid["hop"].head(1)
    own = paid.filter(pl.col("hop").is_in(first.implode()))
    sums = own.group_by("currency").agg(pl.col("cost").sum()).sort("currency", nulls_last=True)
    told = [
        f"{_short(cost)} {clean.value(currency) or '(currency not stated)'}"
        for currency, cost in sums.iter_rows()
    ]
    return f"; charged {' and '.join(told)}" if told else ""


def _counted(settled: Settled | None) -> str:
    """Say how many failures sums per hour or day count, which they cannot tell apart."""
    if settled is None:
        return ""
    known = settled.groups.filter(pl.col("conclusion").is_in(["some", "all"]))
    low, high = (known[name].sum() for name in ("low", "high"))
    if not high:
        return ""
    number = f"{low} to {high}" if low < high else str(high)
    return f"; sums count {number} of them as used"


def _settled(
    failures: pl.DataFrame, settled: Settled, chained: Chained, clean: Cleaner
) -> dict[str, object]:
    coverage = [_coverage(row, clean) for row in settled.coverage.to_dicts()]
    return {
        "settled": any(one.settles for one in coverage),
        "observed": [Observed(**row) for row in settled.expected_by_observed.to_dicts()],
        "outcomes": _outcomes(failures),
        "money": [_money(row, clean) for row in settled.money.to_dicts()],
        "wasted_by_retries": _wasted(settled, chained),
        "coverage": coverage,
        "bounds": [_bound(row, clean) for row in settled.groups.head(SHOWN).to_dicts()],
        "unmatched": sum(one.unmatched for one in coverage),
        "unmatched_rows": [_row(r, clean) for r in settled.unmatched_usage.head(SHOWN).to_dicts()],
        "mismatches": _mismatches(failures, settled, clean),
        "note": _note(coverage, settled, failures),
    }


def _wasted(settled: Settled, chained: Chained) -> list[Money] | None:
    """Return the money of failed attempts that were paid and asked again, where retries are told.

    Where they are told of a part of the attempts only, it is at least so much.
    """
    again = chained.attempts["before"].drop_nulls()
    paid = settled.observed.filter(
        pl.col("attempt_id").is_in(again.implode()), pl.col("billed_cost") > 0
    )
    sums = _sums(paid.select(cost="billed_cost", currency="billed_currency"))
    return sums if sums or chained.whole else None


def _outcomes(failures: pl.DataFrame) -> list[Count]:
    counts = (
        failures.group_by(pl.col("billing_outcome").alias("value"))
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("count"))
        .sort("count", "value", descending=[True, False])
    )
    return [Count(value=value, count=count) for value, count in counts.iter_rows()]


def _money(row: dict[str, object], clean: Cleaner) -> BilledMoney:
    return BilledMoney(
        payer=str(row["hop"]), verdict=str(row["verdict"]), tier=str(row["tier"]),
        basis=_text(row["cost_basis"]), amount=_amount(row["cost"]),
        currency=clean.value(_text(row["currency"])) or "?", count=int(str(row["count"])),
    )  # fmt: skip


def _coverage(row: dict[str, object], clean: Cleaner) -> UsageCoverage:
    def listed(name: str) -> list[str]:
        found = row[name]
        return [clean.value(str(item)) for item in found] if isinstance(found, list) else []

    keys = row["keys"] if isinstance(row["keys"], list) else []
    worst = sorted(keys, key=lambda item: (item["share"], -item["rows"], item["key"] or ""))
    plain = {
        name: row[name]
        for name in (
            "grain", "first", "last", "lag_s", "skew_s", "skew_basis", "explained_share",
        )
    }  # fmt: skip
    counts = {
        name: row[name] or 0
        for name in ("rows", "by_id", "by_tokens", "by_time", "ambiguous", "unmatched",
                     "successes", "duplicates")
    }  # fmt: skip
    return UsageCoverage(
        format=str(row["usage_format"]),
        inputs=listed("usage_inputs"),
        payer=str(row["hop"]),
        gateway=clean.value(_text(row["gateway"])),
        settles=bool(row["settles"]),
        keys=[
            KeyShare(
                key=clean.value(item["key"]) or "(no key named)", rows=item["rows"],
                explained=item["explained"], share=item["share"],
            )
            for item in worst[:KEYS]
        ],
        lacks_models=listed("models_without_rows"),
        successes_without_row=int(str(row["rows_missing_for_success"] or 0)),
        **plain,  # type: ignore[arg-type]
        **counts,  # type: ignore[arg-type]
    )  # fmt: skip


def _bound(row: dict[str, object], clean: Cleaner) -> UsageBound:
    names = ("start", "end", "requests", "successes", "failures", "low", "high", "conclusion")
    return UsageBound(
        format=str(row["usage_format"]),
        model=clean.value(str(row["model"])),
        **{name: row[name] for name in names},  # type: ignore[arg-type]
    )


def _row(row: dict[str, object], clean: Cleaner) -> UsageRow:
    return UsageRow(
        place=clean.value(f"{row['usage_input']}#{row['usage_record']}"),
        payer=str(row["hop"]),
        time=row["time"],  # type: ignore[arg-type]
        model=clean.value(_text(row["model"])),
        key=clean.value(_text(row["key"])),
        amount=None if row["cost"] is None else _amount(row["cost"]),
        currency=clean.value(_text(row["currency"])),
        reason=str(row["reason"]),
    )


def _mismatches(failures: pl.DataFrame, settled: Settled, clean: Cleaner) -> list[AmountMismatch]:
    """Return the first amounts that differ, of attempts that count."""
    places = failures.select("attempt_id", place=pl.format("{}#{}", "input", "record"))
    found = settled.mismatches.join(places, on="attempt_id", maintain_order="left").head(SHOWN)
    return [
        AmountMismatch(
            place=clean.value(row["place"]),
            usage_place=clean.value(f"{row['usage_input']}#{row['usage_record']}"),
            stated=_amount(Decimal(row["stated"])),
            booked=_amount(Decimal(row["booked"])),
            currency=clean.value(row["currency"]) or "?",
        )
        for row in found.to_dicts()
    ]


def _note(coverage: list[UsageCoverage], settled: Settled, failures: pl.DataFrame) -> str | None:
    """Say the first reason why an export settles less than it could, and what overlaps."""
    said = []
    first, last = failures["started_at"].min(), failures["started_at"].max()
    for one, overlapping in zip(coverage, settled.coverage["overlapping"], strict=True):
        name = ", ".join(one.inputs[:3])
        if overlapping is not None and len(overlapping):
            said.append(_overlap(one))
        if not one.settles:
            why = (
                "a client's own estimate is nobody's bill"
                if one.payer == "client"
                else f"sums per {one.grain} bound groups of failures, not single ones"
            )
            said.append(f"{name}: {why}.")
        elif _elsewhere(one, first, last):
            said.append(
                f"{name}: ends before the first failure or begins after the last one. If its "
                "times name no zone, say which it is: --tz +08:00."
            )
        elif one.explained_share is not None and one.explained_share < 0.95:
            said.append(
                f"{name}: the log explains {one.explained_share:.0%} of the usage of a key, so "
                "rows without an id are laid to no failure: others use that key, or the log "
                "has holes."
            )
        if one.lacks_models:
            said.append(f"{name}: has no row of {', '.join(one.lacks_models[:3])}; is it filtered?")
        elif one.successes_without_row > 0.05 * max(1, one.successes):
            said.append(
                f"{name}: lacks the rows of {one.successes_without_row} of {one.successes} "
                "successes, so a row that is not there proves nothing."
            )
    return " ".join(said) or None


def _elsewhere(one: UsageCoverage, first: object, last: object) -> bool:
    """Whether an export and the failures have no time in common."""
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return False
    if one.first is None or one.last is None:
        return False
    return one.first > last or one.last < first


def _overlap(one: UsageCoverage) -> str:
    """Say that exports hold the same time, and what was done about it."""
    name = ", ".join(one.inputs[:3])
    if not one.settles:
        return f"{name}: hold the same time; a sum that stands in several was counted once."
    told = f"{one.duplicates} rows with an id stand in several and were counted once"
    return f"{name}: hold the same time; {told}; rows without an id, if any, may stand there twice."


def _sums(rows: pl.DataFrame) -> list[Money]:
    sums = rows.group_by("currency").agg(pl.col("cost").sum()).sort("currency", nulls_last=True)
    return [
        Money(amount=_amount(row["cost"]), currency=row["currency"] or "?")
        for row in sums.to_dicts()
    ]


def _amount(value: object) -> str:
    return f"{Decimal(str(value)).normalize():f}"


def _short(value: Decimal) -> str:
    """Return an amount with at most six decimals, unless it is smaller than that shows."""
    rounded = round(value, 6)
    return _amount(rounded if rounded else value)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
