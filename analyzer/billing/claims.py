"""The claim list: failed attempts that were charged, with what a provider asks for to look at them.

Only what a row shows: joined by an id, or as the only row that fits. A failure that the party's own
policy charges (a client that gave up) is no claim; it is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl

from analyzer.billing import policy
from analyzer.billing.policies import Policies
from analyzer.billing.settle import Settled

MESSAGE_CHARS = 200
CONTRACTUAL, DISCRETION = "contractual", "discretion"
"""How strong a claim is: a published policy says otherwise, or the party's good will decides."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One charged failure; every text is redacted."""

    place: str
    start: datetime | None
    end: datetime | None
    request_id: str
    usage_request_id: str
    party: str
    model: str
    group: str
    key_name: str
    status: int | None
    error: str
    amount: Decimal
    currency: str
    payer: str
    """Whose ledger charged it."""
    cost_basis: str
    outcome: str
    tier: str
    """K1 by id, K2 by tokens, K3 by the second in an id, K4 by time."""
    score: float
    usage_place: str
    reason: str
    strength: str
    policy: str
    policy_url: str
    policy_date: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims, by time, and how many charged failures are none."""

    rows: tuple[Claim, ...]
    charged_by_policy: int = 0
    """Charged, as the policy says or the rule expects."""
    unpriced: int = 0
    """In a ledger that tells no money."""
    unsure: int = 0
    """Failures that a row may belong to, or that are bounded as a group."""


def claims(
    failures: pl.DataFrame, settled: Settled, policies: Policies, redact: Callable[[str], str],
    estimated: pl.DataFrame | None = None,
) -> Claims:  # fmt: skip
    """Return what can be claimed of judged, billed and settled failures.

    ``estimated`` (:data:`analyzer.billing.prices.ESTIMATES`) stands in where a ledger tells no
    money.
    """
    told = policy.cited(failures, policies).join(
        settled.usage, on="attempt_id", how="left", maintain_order="left"
    )
    if estimated is not None:
        told = _with_estimates(told, estimated)
    charged = told.filter(
        pl.col("billing_basis") == "usage_export", pl.col("billing").is_in(["billed", "partial"])
    )
    priced = charged.filter(pl.col("billed_cost") > 0)
    twice = pl.col("billing_outcome") == "duplicate_suspected"
    due = pl.col("billing_expected").is_in(["billed", "partial"]) & ~twice
    rows = priced.filter(~due).sort("started_at", "attempt_id", nulls_last=True)
    unsure = failures.filter(pl.col("billing_outcome").is_in(["ambiguous", "billed_bounded"]))
    return Claims(
        rows=tuple(_claim(row, redact) for row in rows.with_columns(_reason()).to_dicts()),
        charged_by_policy=priced.filter(due).height,
        unpriced=charged.height - priced.height,
        unsure=unsure.height,
    )


def _with_estimates(told: pl.DataFrame, estimated: pl.DataFrame) -> pl.DataFrame:
    both = told.join(estimated, on="attempt_id", how="left", maintain_order="left")
    without = pl.col("billed_cost").is_null() & pl.col("estimated_cost").is_not_null()
    return both.with_columns(
        billed_cost=pl.coalesce("billed_cost", "estimated_cost"),
        billed_currency=pl.when(without).then("estimated_currency").otherwise("billed_currency"),
        cost_basis=pl.when(without).then(pl.lit("estimated")).otherwise("cost_basis"),
    )


def _reason() -> pl.Expr:
    """Return the ground of the claim."""
    return (
        pl.when(pl.col("billing_outcome") == "duplicate_suspected")
        .then(pl.lit("duplicate_charge"))
        .when(pl.col("finish_reason") == "error")
        .then(pl.lit("error_finish_charged"))
        .when(pl.col("status") >= 400)
        .then(pl.lit("http_error_charged"))
        .when(pl.col("cause") == "empty_completion")
        .then(pl.lit("zero_output_charged"))
        .when(pl.col("stream_state").is_in(["truncated", "error"]))
        .then(pl.lit("stream_truncated_charged"))
        .otherwise(pl.lit("no_answer_charged"))
        .alias("claim_reason")
    )


def _claim(row: dict[str, object], redact: Callable[[str], str]) -> Claim:
    def text(value: object, limit: int = 300) -> str:
        folded = " ".join(redact(str(value)).split()) if value is not None else ""
        return folded if len(folded) <= limit else folded[: limit - 1] + "…"

    match = row["billing_match"]
    assert isinstance(match, dict)
    breached = row["policy_verdict"] == "unbilled"
    documented = breached and row["policy_documented"] is True
    error = next((row[n] for n in ("error_message", "error_code", "client_error") if row[n]), None)
    return Claim(
        place=text(f"{row['input']}#{row['record']}"),
        start=_time(row["started_at"]),
        end=_time(row["ended_at"]),
        request_id=text(row["request_id"] or row["upstream_request_id"] or row["ray_id"]),
        usage_request_id=text(row["usage_request_id"]),
        party=text(row["policy_party"]),
        model=text(row["model"]),
        group=text(row["group"]),
        key_name=text(row["key_name"]),
        status=int(str(row["status"])) if row["status"] is not None else None,
        error=text(error, MESSAGE_CHARS),
        amount=Decimal(str(row["billed_cost"])),
        currency=text(row["billed_currency"]),
        payer=text(row["billed_layer"]),
        cost_basis=text(row["cost_basis"]),
        outcome=text(row["billing_outcome"]),
        tier=str(match["tier"]),
        score=float(match["score"]),
        usage_place=text(f"{match['usage_input']}#{match['usage_record']}"),
        reason=str(row["claim_reason"]),
        strength=CONTRACTUAL if documented else DISCRETION,
        policy=text(row["policy_note"]) if breached else "",
        policy_url=text(row["policy_url"]) if breached else "",
        policy_date=text(row["policy_date"]) if breached else "",
    )


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
