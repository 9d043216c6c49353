"""What a run leaves behind for reports over longer times: sums that add, and the failures.

A weekly report is made from records alone, whether they come from the files of this run or from a
store. They hold no raw text: names and messages are redacted when records are made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import polars as pl

from analyzer import rollup

_TIME = pl.Datetime("us", "UTC")

COUNTS = pl.Schema(
    {
        "minute": _TIME, "hop": pl.String(), "format": pl.String(), "host": pl.String(),
        "endpoint": pl.String(), "model": pl.String(), "provider": pl.String(),
        "gateway": pl.String(), "key_tag": pl.String(), "client": pl.String(),
        "stream": pl.Boolean(), **{name: pl.Int64() for name in rollup.SUMS},
    }
)  # fmt: skip
"""The rollup's counts, of the records that count (see ``analysis.build.Scope``), model named as in
reports."""

FAILED = pl.Schema(
    {
        "minute": _TIME, "hop": pl.String(), "host": pl.String(), "endpoint": pl.String(),
        "model": pl.String(), "provider": pl.String(), "gateway": pl.String(),
        "key_tag": pl.String(), "client": pl.String(), "status": pl.Int32(), "layer": pl.String(),
        "cause": pl.String(), "rule": pl.String(), "confidence": pl.String(),
        "party": pl.String(), "billing": pl.String(), "billing_basis": pl.String(),
        "failed": pl.Float64(),
    }
)  # fmt: skip
"""Failed attempts per minute and verdict; ``failed`` is a sum of weights (sampling)."""

LATENCY = pl.Schema(
    {
        "minute": _TIME, "measure": pl.String(), "hop": pl.String(), "format": pl.String(),
        "host": pl.String(), "model": pl.String(), "bucket": pl.Int32(), "n": pl.Int64(),
    }
)  # fmt: skip
"""Logarithmic buckets of successes per ten minutes; ``measure`` is ``duration`` or ``ttft``."""

CALLS = pl.Schema(
    {
        "started_at": _TIME, "ended_at": _TIME, "model": pl.String(), "host": pl.String(),
        "endpoint": pl.String(), "key_tag": pl.String(), "client": pl.String(),
        "attempts": pl.Int64(), "failed": pl.Int64(), "outcome": pl.String(),
        "lost_s": pl.Float64(), "layer": pl.String(), "cause": pl.String(),
        "weight": pl.Float64(),
    }
)  # fmt: skip
"""Calls with at least one failed attempt: ``outcome`` is ``rescued``, ``given_up``,
``never_retried`` or ``undecided``. All calls = attempts - sum of (attempts - 1) over these. Failed
attempts of :data:`FAILED` that are in none of them are of logs that cannot tell retries: how many
calls there were is not measured there."""

FAILURES = pl.Schema(
    {
        "input": pl.String(), "record": pl.Int64(), "started_at": _TIME, "model": pl.String(),
        "host": pl.String(), "endpoint": pl.String(), "provider": pl.String(),
        "gateway": pl.String(), "key_tag": pl.String(), "client": pl.String(),
        "status": pl.Int32(), "layer": pl.String(), "emitted_by": pl.String(),
        "cause": pl.String(), "rule": pl.String(), "confidence": pl.String(),
        "party": pl.String(), "billing": pl.String(), "billing_basis": pl.String(),
        "billed_cost": pl.Decimal(38, 18), "currency": pl.String(), "payer": pl.String(),
        "error_type": pl.String(), "error_code": pl.String(), "error_message": pl.String(),
        "request_id": pl.String(), "ray_id": pl.String(), "duration_ms": pl.Float64(),
        "weight": pl.Float64(),
    }
)  # fmt: skip
"""Failed attempts, redacted. ``billed_cost`` and its ``currency`` are what the ledger of ``payer``
(``gateway`` or ``upstream``) booked; null without a usage export that settles the attempt."""

INPUTS = pl.Schema(
    {
        "input": pl.String(), "format": pl.String(), "hop": pl.String(), "sha256": pl.String(),
        "bytes": pl.Int64(), "first": _TIME, "last": _TIME, "records": pl.Int64(),
        "attempts": pl.Int64(), "usage_rows": pl.Int64(), "left_out": pl.Int64(),
        "problems": pl.Int64(), "settles": pl.Boolean(),
    }
)  # fmt: skip
"""The files; ``settles``: a usage export that can prove what single failures cost."""

SCHEMAS = {
    "counts": COUNTS, "failed": FAILED, "latency": LATENCY, "calls": CALLS, "failures": FAILURES,
    "inputs": INPUTS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Records:
    """Six frames with the schemas above."""

    counts: pl.DataFrame
    failed: pl.DataFrame
    latency: pl.DataFrame
    calls: pl.DataFrame
    failures: pl.DataFrame
    inputs: pl.DataFrame


def empty() -> Records:
    """Return records of nothing."""
    return Records(**{name: pl.DataFrame(schema=schema) for name, schema in SCHEMAS.items()})


def add(parts: Iterable[Records]) -> Records:
    """Return the records of all parts together: counts, failed and latency are sums."""
    listed = list(parts) or [empty()]
    joined = {f.name: pl.concat(getattr(part, f.name) for part in listed) for f in fields(Records)}
    for name, amounts in (("counts", rollup.SUMS), ("failed", ("failed",)), ("latency", ("n",))):
        keys = [key for key in SCHEMAS[name] if key not in amounts]
        joined[name] = (
            joined[name].group_by(keys).agg(pl.col(amounts).sum()).sort(keys, nulls_last=True)
        )
    return Records(**joined)
