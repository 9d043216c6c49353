"""Who is expected to bill what, on which basis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from analyzer import data
from analyzer.billing import policy
from analyzer.billing.policies import Policies
from analyzer.engine import load

POLICIES = Policies.of(load.load(data.root("knowledge")).data["policies"])


@pytest.mark.parametrize(
    ("cells", "cause", "expected", "billing", "basis"),
    [
        # the rule alone
        ({}, "connection_refused", "unbilled", "unbilled", "inference"),
        ({}, "upstream_timeout", "unknown", "unknown", "none"),
        ({"gateway": "nobody-wrote-of"}, "overloaded", "unbilled", "unbilled", "inference"),
        # the policy of the party that keeps the ledger
        ({"gateway": "openrouter"}, "overloaded", "unknown", "unbilled", "policy"),
        ({"provider": "azure", "provider_host": True}, "content_filtered", "unknown", "billed", "policy"),
        ({"provider": "azure", "provider_host": True}, "upstream_timeout", "unknown", "billed", "policy"),
        ({"provider": "azure"}, "upstream_timeout", "unknown", "unknown", "none"),
        ({"gateway": "openrouter", "provider": "azure"}, "content_filtered", "unknown", "unknown", "none"),
        # a policy that others quote fills in, and is no document
        ({"provider": "anthropic", "provider_host": True}, "client_timeout", "unknown", "billed", "inference"),
        ({"provider": "openai", "provider_host": True}, "client_timeout", "unknown", "unknown", "none"),
        # what the answer shows decides which policy it is
        ({"gateway": "openrouter", "status": 200}, "empty_completion", "unknown", "unbilled", "policy"),
        ({"gateway": "openrouter", "status": 200, "finish_reason": "stop"}, "empty_completion",
         "unknown", "billed", "policy"),
        ({"gateway": "openrouter", "status": 200, "finish_reason": "error"}, "rate_limited",
         "partial", "unbilled", "policy"),
        # delivered tokens that the answer counts, where such an answer is billed
        ({"status": 200, "output_tokens": 12}, "stream_interrupted", "partial", "partial", "response_usage"),
        ({"status": 200, "output_tokens": 12}, "stream_interrupted", "unknown", "unknown", "none"),
    ],
)  # fmt: skip
def test_settle(
    frame: Callable[..., pl.DataFrame],
    cells: dict[str, Any], cause: str, expected: str, billing: str, basis: str,
) -> None:  # fmt: skip
    judged = frame({"attempt_id": 1, **cells}).with_columns(
        pl.lit(cause).alias("cause"), pl.lit(expected).alias("billing_expected"),
        pl.lit("none").alias("billing_basis"),
    )  # fmt: skip
    row = policy.settle(judged, POLICIES).row(0, named=True)
    assert (row["billing"], row["billing_basis"]) == (billing, basis)
    assert not [name for name in row if name.startswith("_")]


def test_every_policy_is_of_a_known_class_and_word() -> None:
    from analyzer import vocabulary

    document = load.load(data.root("knowledge")).data["policies"]
    for one in POLICIES.policies:
        assert one.failure_class in document["classes"], one
        assert one.verdict in vocabulary.BILLING_WORDS, one
        assert one.url.startswith("https://"), one
    assert set(POLICIES.classes) <= set(vocabulary.CAUSE_WORDS)
