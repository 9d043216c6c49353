"""OpenRouter's activity export: one CSV row per generation, money in USD."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset(
    {"generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion"}
)


class OpenRouterActivity(Export):
    """OpenRouter activity export, per generation."""

    name = "openrouter-activity"
    title = "OpenRouter activity export (CSV, one row per generation)"
    hop = "gateway"
    required = (_TOLD,)
    known = _TOLD | {
        "cost_web_search", "cost_cache", "cost_file_processing", "byok_usage_inference",
        "tokens_reasoning", "tokens_cached", "model_permaslug", "provider_name", "variant",
        "cancelled", "streamed", "user", "finish_reason_raw", "finish_reason_normalized",
        "generation_time_ms", "time_to_first_token_ms", "api_key_disabled", "api_key_name",
        "app_name",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each generation."""
        # No zone is written; the unix second inside the generation ids shows that it is UTC.
        # Whether created_at is the start or the end of the generation is not documented.
        return cells.rows(
            **moments.at_once(cells.time("created_at"), None, 1.0),
            gateway="openrouter",
            requests=1,
            entry="charge",
            request_id=cells.text("generation_id"),
            model=cells.text("model_permaslug"),
            provider=cells.text("provider_name"),
            key_name=cells.text("api_key_name"),
            client=cells.text("app_name"),
            stream=cells.flag("streamed"),
            cancelled=cells.flag("cancelled"),
            finish_reason=cells.text("finish_reason_normalized", "finish_reason_raw"),
            duration_ms=cells.number("generation_time_ms"),
            ttft_ms=cells.number("time_to_first_token_ms"),
            input_tokens=cells.count("tokens_prompt"),
            output_tokens=cells.count("tokens_completion"),
            cached_tokens=cells.count("tokens_cached"),
            reasoning_tokens=cells.count("tokens_reasoning"),
            input_includes_cache=True,
            cost=cells.money("cost_total"),
            currency="USD",
            cost_basis="charged",
            upstream_cost=cells.money("byok_usage_inference"),
        )


FORMAT = OpenRouterActivity()
