"""Anthropic: costs per day and kind of token, as the Console's CSV and the Admin API's report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage import documents, moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_CENTS = 100


class AnthropicCost(Export):
    """Anthropic costs per UTC day, model, key and kind of token."""

    name = "anthropic-cost"
    title = "Anthropic costs (Console CSV, Admin API cost report)"
    hop = "upstream"
    required = (frozenset({"usage_date_utc", "token_type", "cost_usd"}),)
    keys = (frozenset({"starting_at", "ending_at", "amount", "currency"}),)
    known = frozenset({
        "usage_date_utc", "model", "workspace", "api_key", "usage_type", "context_window",
        "token_type", "cost_usd", "list_price_usd", "cost_type", "inference_geo", "speed",
        "api_key_id", "api_key_status", "starting_at", "ending_at", "amount", "currency",
        "description", "service_tier", "workspace_id",
    })  # fmt: skip

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield the results of each bucket."""
        return documents.buckets(document)

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each row of the CSV or result of the report."""
        report = cells.has("starting_at")
        times = (
            moments.period(cells.time("starting_at"), cells.time("ending_at"))
            if report
            else moments.days(cells.time("usage_date_utc"))
        )
        # The report counts cents, as decimal text.
        cost = cells.money("amount", per=_CENTS) if report else cells.money("cost_usd")
        charged = cost.to_frame("c").select(
            entry=pl.when(pl.col("c").is_not_null()).then(pl.lit("charge")),
            basis=pl.when(pl.col("c").is_not_null()).then(pl.lit("charged")),
        )
        return cells.rows(
            **times,
            provider="anthropic",
            entry=charged["entry"],
            model=cells.text("model"),
            group=cells.text("workspace", "workspace_id"),
            key_name=cells.text("api_key"),
            key_id=cells.text("api_key_id"),
            meter=cells.text("token_type", "description", "cost_type", "usage_type"),
            cost=cost,
            currency=cells.text("currency").str.to_uppercase() if report else "USD",
            cost_basis=charged["basis"],
            list_cost=cells.money("list_price_usd"),
        )


FORMAT = AnthropicCost()
