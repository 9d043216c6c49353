"""The claim list as CSV, in the words of FOCUS where it has one, and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime

from analyzer.billing.claims import Claim, Claims
from analyzer.redact.text import visible
from analyzer.render import formatting as fmt
from analyzer.render import md

FORMULA = ("=", "+", "-", "@", "\t", "\r")

COLUMNS: tuple[tuple[str, Callable[[Claim], object], str], ...] = (
    ("x_RequestId", lambda c: c.request_id, "Id by which the answering party can look it up."),
    ("ChargePeriodStart", lambda c: stamp(c.start), "When the request began, UTC."),
    ("ChargePeriodEnd", lambda c: stamp(c.end), "When the client had its end, UTC."),
    ("x_Model", lambda c: c.model, "Model that was asked for."),
    ("x_Group", lambda c: c.group, "Group, team or project that was charged."),
    ("x_KeyName", lambda c: c.key_name, "Name of the key in the ledger."),
    ("x_HttpStatus", lambda c: c.status, "HTTP status; empty: no answer."),
    ("BilledCost", lambda c: f"{c.amount.normalize():f}", "What was charged in the end."),
    ("BillingCurrency", lambda c: c.currency, "Its currency."),
    ("ChargeCategory", lambda c: "Usage", "Always Usage."),
    ("ChargeDescription", lambda c: c.error, "The error, redacted."),
    ("ServiceProviderName", lambda c: c.party, "Party that keeps the ledger."),
    ("x_Payer", lambda c: c.payer, "Whose ledger it is: gateway or upstream."),
    ("x_CostBasis", lambda c: c.cost_basis, "charged, estimated or included."),
    ("x_Outcome", lambda c: c.outcome, "How settling ended."),
    ("x_ClaimReason", lambda c: c.reason, "Ground of the claim."),
    ("x_ClaimStrength", lambda c: c.strength, "contractual: a published policy says otherwise."),
    ("x_Policy", lambda c: c.policy, "That policy, in short."),
    ("x_PolicyUrl", lambda c: c.policy_url, "Where it stands."),
    ("x_PolicyDate", lambda c: c.policy_date, "When it was read."),
    ("x_EvidenceTier", lambda c: c.tier, "K1 id, K2 tokens, K3 time in an id, K4 time."),
    ("x_MatchScore", lambda c: f"{c.score:g}", "How well the row fits, 0 to 1."),
    ("x_UsageRequestId", lambda c: c.usage_request_id, "Id in the usage row."),
    ("x_UsageRow", lambda c: c.usage_place, "The usage row, input#record."),
    ("x_Attempt", lambda c: c.place, "The failed attempt, input#record."),
)
"""Name, value and meaning of every column, in order."""


def stamp(moment: datetime | None) -> str:
    """Return a time with its zone, to the millisecond."""
    return (
        "" if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def as_csv(claims: Claims) -> str:
    """Return RFC 4180 text; no cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([name for name, _, _ in COLUMNS])
    for claim in claims.rows:
        writer.writerow([_cell(value(claim)) for _, value, _ in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else visible(str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def as_markdown(claims: Claims) -> str:
    """Return a document that can be pasted into a ticket."""
    lines = ["# Claim list: failed requests that were charged", "", md.escape(summary(claims)), ""]
    if claims.rows:
        head = ("Request id", "Time (UTC)", "Model", "Group / key", "Status", "Amount", "Error",
                "Policy", "Evidence")  # fmt: skip
        lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(map(md.cell, _row(claim)))} |" for claim in claims.rows]
    return "\n".join(lines) + "\n"


def _row(claim: Claim) -> list[str]:
    who = " / ".join(name for name in (claim.group, claim.key_name) if name)
    breached = f"{claim.policy} {claim.policy_url} (read {claim.policy_date})"
    return [
        md.code(visible(claim.request_id)) or "–",
        stamp(claim.start) or "–",
        md.escape(visible(claim.model)) or "–",
        md.escape(visible(who)) or "–",
        str(claim.status or "no answer"),
        md.escape(fmt.money(str(claim.amount), claim.currency)),
        md.escape(visible(claim.error)) or "–",
        md.escape(visible(breached if claim.policy_url else "none published that is known")),
        md.escape(visible(f"{claim.tier}, {claim.usage_place}, {claim.place}")),
    ]


def summary(claims: Claims) -> str:
    """Return how much is claimed, per currency and ledger, and what is left out."""
    sums: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims.rows:
        sums.setdefault((claim.payer, claim.currency), []).append(claim)
    told = [
        f"{fmt.count(len(rows), 'charged failure')} in the {payer}'s ledger, "
        f"{fmt.money(str(sum(row.amount for row in rows)), currency)}"
        for (payer, currency), rows in sorted(sums.items())
    ]
    left = [
        f"{fmt.number(count)} {why}"
        for count, why in (
            (claims.charged_by_policy, "charged as policy or rule lead one to expect"),
            (claims.unpriced, "in a ledger that tells no money"),
            (claims.unsure, "ambiguous or only bounded as a group"),
        )
        if count
    ]
    first = "; ".join(told) or "No failure that can be claimed"
    return f"{first}.{' Left out: ' + '; '.join(left) + '.' if left else ''}"
