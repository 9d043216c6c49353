"""What usage exports showed, in words that every report shares."""

from __future__ import annotations

from analyzer.analysis.model import Billing, Estimate, UsageBound, UsageCoverage
from analyzer.render import formatting as fmt

_TIERS = {"K1": "by id", "K2": "by tokens and time", "K3": "by the id's time", "K4": "by time"}
_OUTCOMES = {
    "billed_exact": "billed, by id",
    "billed_matched": "billed, by the only row that fits",
    "billed_bounded": "some of a group are billed",
    "unbilled_proven": "not billed, proven",
    "unbilled_expected": "not billed, expected",
    "not_covered": "not covered",
    "ambiguous": "ambiguous",
    "refunded": "refunded",
    "amount_mismatch": "billed, other amount than stated",
    "duplicate_suspected": "billed twice under one id",
}
_BOUNDS = {
    "none": "none of the {failures} failed ones is counted",
    "all": "all {failures} failed ones are counted",
    "some": "{low} to {high} of the {failures} failed ones are counted",
    "others use it too": "more requests than the log has; nothing follows",
    "rows are missing": "fewer requests than the log has successes; nothing follows",
}
MOST = 8


def outcomes(billing: Billing) -> str:
    """Return how settling ended, for how many failed attempts."""
    told = [
        f"{_OUTCOMES.get(item.value, item.value)} {fmt.number(item.count)}"
        for item in billing.outcomes
    ]
    return "; ".join(told)


def lines(billing: Billing) -> list[str]:
    """Return one line for each thing that the exports show."""
    told: list[str] = []
    if billing.outcomes:
        told.append(f"How settling ended: {outcomes(billing)}.")
    told += [
        f"{item.payer.capitalize()}'s ledger: {fmt.count(item.count, 'failed attempt')} "
        f"{'billed' if item.verdict == 'billed' else 'not billed'} "
        f"({_TIERS.get(item.tier, item.tier)}{', ' + item.basis if item.basis else ''}): "
        f"{fmt.money(item.amount, item.currency)}"
        for item in billing.money[:MOST]
    ]
    told += [estimate(item) for item in billing.estimates[:MOST]]
    if billing.wasted_by_retries:
        sums = ", ".join(
            fmt.money(sum_.amount, sum_.currency) for sum_ in billing.wasted_by_retries
        )
        told.append(f"Paid for attempts that failed and were asked again: {sums}")
    told += [coverage(item) for item in billing.coverage[:MOST]]
    told += [bound(item) for item in billing.bounds[:MOST]]
    told += [
        f"{item.place} states {fmt.money(item.stated, item.currency)}, {item.usage_place} books "
        f"{fmt.money(item.booked, item.currency)}"
        for item in billing.mismatches[:MOST]
    ]
    told += _rows(billing)
    return told


def estimate(item: Estimate) -> str:
    """Return what failures of a model come to by the user's price list."""
    dated = f"prices of {item.price_date}" if item.price_date else "prices without a date"
    seen = "shown by the usage export" if item.observed else "expected"
    part = "billed in part" if item.billing == "partial" else "billed"
    return (
        f"Estimated by your price list ({dated}): {item.model}, "
        f"{fmt.count(item.count, 'failed attempt')} {part} ({seen}): "
        f"{fmt.money(item.amount, item.currency)}"
    )


def _rows(billing: Billing) -> list[str]:
    rows = billing.unmatched_rows[:3]
    if not rows:
        return []
    kinds = {"refund_of_no_attempt": "refund"}
    places = ", ".join(
        f"{item.place} ({kinds.get(item.reason) or item.model or 'no model'})" for item in rows
    )
    return [f"Usage rows that belong to no attempt: {fmt.number(billing.unmatched)}, e.g. {places}"]


def coverage(item: UsageCoverage) -> str:
    """Return how far the exports of one ledger carry."""
    names = ", ".join(item.inputs[:3]) + (" and more" if item.inputs[3:] else "")
    kind = f"a row per {item.grain}" if item.grain else "rows of unknown kind"
    head = (
        f"{names} ({item.format}, {item.payer}'s ledger, {kind}): "
        f"{fmt.window(item.first, item.last, dated=True)}, {fmt.count(item.rows, 'row')}"
    )
    if not item.settles:
        return head
    found = (
        f"joined by id {fmt.number(item.by_id)}, by tokens {fmt.number(item.by_tokens)}, by time "
        f"{fmt.number(item.by_time)}, ambiguous {fmt.number(item.ambiguous)}"
    )
    share = (
        ""
        if item.explained_share is None
        else (f", explains at least {fmt.rate(item.explained_share)} of each key")
    )
    lag = f"; settling lag assumed {item.lag_s:g} s" if item.lag_s is not None else ""
    twice = (
        f"; {fmt.count(item.duplicates, 'row')} in several exports, counted once"
        if item.duplicates
        else ""
    )
    return f"{head}; {found}{share}{_clock(item)}{lag}{twice}"


def _clock(item: UsageCoverage) -> str:
    if item.skew_s is None or item.skew_basis == "unknown":
        return "; its clock is unknown"
    ahead = "ahead" if item.skew_s >= 0 else "behind"
    return f"; its times are {abs(item.skew_s):.1f} s {ahead} ({item.skew_basis})"


def bound(item: UsageBound) -> str:
    """Return what a sum says of the failures in it."""
    numbers = {name: fmt.number(getattr(item, name)) for name in ("failures", "low", "high")}
    known = _BOUNDS.get(item.conclusion)
    says = known.format(**numbers) if known else item.conclusion
    when = fmt.window(item.start, item.end, dated=True)
    return (
        f"{item.format}, {item.model}, {when}: {fmt.count(item.requests, 'request')}, the log has "
        f"{fmt.count(item.successes, 'success', 'successes')}; {says}"
    )
