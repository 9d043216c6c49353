"""Billing of failures: what the answers say, else the published policy, else the rule's inference.

Expected and observed are never mixed: ``billing_expected`` is what rule and policy lead one to
expect; ``billing`` is that until something observed stands against it, which usage exports do:
:mod:`analyzer.billing.settle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from analyzer.billing.policies import Policies

_HELPERS = (
    "_party", "_class", "_phase", "_verdict", "_documented", "_url", "_date", "_note",
)  # fmt: skip


def settle(failures: pl.DataFrame, policies: Policies) -> pl.DataFrame:
    """Return judged failures with ``billing``, ``billing_basis`` and ``billing_expected``.

    The documented policy of the party that keeps the ledger (the gateway, else the provider whose
    own host was asked) wins over the rule's expectation, because it is said for that party. A
    policy that is only quoted by others fills in where the rule expects nothing.
    """
    joined = _looked_up(failures, policies)
    says = pl.col("_verdict").is_not_null() & (pl.col("_verdict") != "unknown")
    documented = says & pl.col("_documented")
    used = documented | (says & (pl.col("billing_expected") == "unknown"))
    expected = pl.when(used).then("_verdict").otherwise("billing_expected")
    settled = joined.with_columns(expected.alias("billing_expected"))
    # Nothing observes a bill before usage exports are settled: what is expected is shown.
    return settled.with_columns(
        pl.col("billing_expected").alias("billing"), _basis(documented)
    ).drop(_HELPERS)


def cited(failures: pl.DataFrame, policies: Policies) -> pl.DataFrame:
    """Return failures with the policy that speaks of each, null where none does.

    Adds ``policy_party policy_verdict policy_documented policy_url policy_date policy_note``.
    """
    names = {f"_{name}": f"policy_{name}" for name in
             ("party", "verdict", "documented", "url", "date", "note")}  # fmt: skip
    return _looked_up(failures, policies).drop("_class", "_phase").rename(names)


def _looked_up(failures: pl.DataFrame, policies: Policies) -> pl.DataFrame:
    """Look up what the party that keeps the ledger says of the class of each failure."""
    party = pl.coalesce("gateway", pl.when(pl.col("provider_host")).then(pl.col("provider")))
    keyed = failures.with_columns(party.alias("_party"), _class(policies).alias("_class"))
    keyed = keyed.with_columns(_phase().alias("_phase"))
    return keyed.join(
        policies.frame(),
        left_on=["_party", "_class", "_phase"],
        right_on=["party", "class", "phase"],
        how="left",
        maintain_order="left",
    )


def _class(policies: Policies) -> pl.Expr:
    """Return the class by which policies are written: by cause, and by what was delivered."""
    by_cause = pl.col("cause").replace_strict(
        policies.classes, default=None, return_dtype=pl.String
    )
    begun = pl.col("status").is_between(200, 299)
    return (
        pl.when(begun & (pl.col("finish_reason") == "error"))
        .then(pl.lit("error_finish"))
        .when(begun & (pl.col("finish_reason") == "refusal"))
        .then(pl.lit("refusal"))
        .when(begun & by_cause.is_in(["server_error", "rate_limited", "rejected"]))
        .then(pl.lit("mid_stream_error"))
        .otherwise(by_cause)
    )


def _phase() -> pl.Expr:
    """Return the circumstance by which some policies differ; empty for the general answer."""
    return (
        pl.when((pl.col("_class") == "empty") & pl.col("finish_reason").is_not_null())
        .then(pl.lit("finish_stated"))
        .when((pl.col("_class") == "refusal") & (pl.col("visible_output") == False))  # noqa: E712
        .then(pl.lit("before_output"))
        .when((pl.col("_class") == "client_disconnect") & (pl.col("stream") == False))  # noqa: E712
        .then(pl.lit("not_streamed"))
        .otherwise(pl.lit(""))
    )


def _metered() -> pl.Expr:
    """Whether a 2xx answer counts delivered tokens, and rule or policy bills such an answer."""
    counted = pl.col("status").is_between(200, 299) & (pl.col("output_tokens").fill_null(0) > 0)
    return counted & pl.col("billing_expected").is_in(["billed", "partial"])


def _basis(documented: pl.Expr) -> pl.Expr:
    return (
        pl.when(_metered())
        .then(pl.lit("response_usage"))
        .when(documented)
        .then(pl.lit("policy"))
        .when(pl.col("billing_expected") != "unknown")
        .then(pl.lit("inference"))
        .otherwise(pl.lit("none"))
        .alias("billing_basis")
    )
