"""Anthropic: tokens per bucket, as the Console's CSV and the Admin API's messages report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage import documents, moments
from analyzer.ingest.formats.usage.cells import Cells, total
from analyzer.ingest.formats.usage.export import Export

_CSV = "usage_input_tokens_"
_WRITES = "cache_creation.ephemeral_"


class AnthropicUsage(Export):
    """Anthropic token usage per bucket, model and key."""

    name = "anthropic-usage"
    title = "Anthropic usage (Console CSV, Admin API usage report)"
    hop = "upstream"
    required = (frozenset({"usage_date_utc", "usage_input_tokens_no_cache"}),)
    keys = (
        frozenset({"starting_at", "ending_at", "uncached_input_tokens"}),
        # Nothing was used in the period; a cost report says more and comes before by its name.
        frozenset({"starting_at", "ending_at", "results", "has_more"}),
    )
    known = frozenset({
        "usage_date_utc", "model_version", "api_key", "workspace", "usage_type", "context_window",
        f"{_CSV}no_cache", f"{_CSV}cache_write_5m", f"{_CSV}cache_write_1h", f"{_CSV}cache_read",
        "usage_output_tokens", "web_search_count", "inference_geo", "speed", "starting_at",
        "ending_at", "uncached_input_tokens", f"{_WRITES}5m_input_tokens",
        f"{_WRITES}1h_input_tokens", "cache_read_input_tokens", "output_tokens",
        "server_tool_use.web_search_requests", "model", "workspace_id", "api_key_id",
        "service_tier", "account_id", "service_account_id",
    })  # fmt: skip

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield the results of each bucket."""
        return documents.buckets(document)

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each bucket, model and key; requests are not counted by the export."""
        times = (
            moments.period(cells.time("starting_at"), cells.time("ending_at"))
            if cells.has("starting_at")
            else moments.days(cells.time("usage_date_utc"))
        )
        writes = total(
            cells.count(f"{_CSV}cache_write_5m", f"{_WRITES}5m_input_tokens"),
            cells.count(f"{_CSV}cache_write_1h", f"{_WRITES}1h_input_tokens"),
        )
        return cells.rows(
            **times,
            provider="anthropic",
            model=cells.text("model_version", "model"),
            group=cells.text("workspace", "workspace_id"),
            key_name=cells.text("api_key"),
            key_id=cells.text("api_key_id"),
            input_tokens=cells.count(f"{_CSV}no_cache", "uncached_input_tokens"),
            output_tokens=cells.count("usage_output_tokens", "output_tokens"),
            cached_tokens=cells.count(f"{_CSV}cache_read", "cache_read_input_tokens"),
            cache_write_tokens=writes,
            # Uncached, written and read tokens are counted apart and add up to the prompt.
            input_includes_cache=False,
            meter=cells.text("usage_type", "service_tier"),
        )


FORMAT = AnthropicUsage()
