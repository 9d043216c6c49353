"""OpenRouter's ``GET /api/v1/generation``: what one generation cost, and every try behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells, ints
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"id", "created_at", "total_cost", "tokens_prompt", "tokens_completion"})
_SNAKE = {
    "upstreamId": "upstream_id", "totalCost": "total_cost", "createdAt": "created_at",
    "tokensPrompt": "tokens_prompt", "tokensCompletion": "tokens_completion",
    "providerName": "provider_name", "providerResponses": "provider_responses",
    "generationTime": "generation_time", "finishReason": "finish_reason",
    "nativeFinishReason": "native_finish_reason", "nativeTokensPrompt": "native_tokens_prompt",
    "nativeTokensCompletion": "native_tokens_completion", "isByok": "is_byok",
    "nativeTokensReasoning": "native_tokens_reasoning", "cacheDiscount": "cache_discount",
    "nativeTokensCached": "native_tokens_cached",
    "upstreamInferenceCost": "upstream_inference_cost",
}  # fmt: skip
"""Keys as the vendor's TypeScript client spells them."""


class OpenRouterGeneration(Export):
    """OpenRouter generation details."""

    name = "openrouter-generation"
    title = "OpenRouter generation details (JSON of GET /generation)"
    hop = "gateway"
    keys = (
        _TOLD,
        frozenset({"id", "createdat", "totalcost", "tokensprompt", "tokenscompletion"}),
    )
    known = _TOLD | {
        "upstream_id", "usage", "cache_discount", "upstream_inference_cost", "model", "app_id",
        "streamed", "cancelled", "provider_name", "latency", "moderation_latency",
        "generation_time", "finish_reason", "native_finish_reason", "native_tokens_prompt",
        "native_tokens_completion", "native_tokens_completion_images", "native_tokens_reasoning",
        "native_tokens_cached", "num_media_prompt", "num_input_audio_prompt",
        "num_media_completion", "num_search_results", "num_fetches", "origin", "is_byok",
        "external_user", "api_type", "router", "provider_responses", "service_tier", "data_region",
        "preset_id", "user_agent", "http_referer", "web_search_engine",
    }  # fmt: skip

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield generations; the last server behind that was tried stands as ``provider_*``."""
        for record in super().records(document):
            yield {_SNAKE.get(key, key): value for key, value in record.items()}

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each generation."""
        tries = _tries(cells.text("provider_responses"))
        return cells.rows(
            **moments.at_once(cells.time("created_at"), None, 1.0),
            gateway="openrouter",
            requests=1,
            entry="charge",
            request_id=cells.text("id"),
            upstream_request_id=cells.text("upstream_id"),
            model=cells.text("model"),
            provider=cells.text("provider_name"),
            stream=cells.flag("streamed"),
            cancelled=cells.flag("cancelled"),
            finish_reason=cells.text("finish_reason", "native_finish_reason"),
            http_status=tries["status"],
            upstream_tries=tries["tries"],
            duration_ms=cells.number("generation_time"),
            ttft_ms=cells.number("latency"),
            # The provider's own counts are what is billed; the others are OpenRouter's measure.
            input_tokens=cells.count("native_tokens_prompt", "tokens_prompt"),
            output_tokens=cells.count("native_tokens_completion", "tokens_completion"),
            cached_tokens=cells.count("native_tokens_cached"),
            reasoning_tokens=cells.count("native_tokens_reasoning"),
            input_includes_cache=True,
            cost=cells.money("total_cost", "usage"),
            currency="USD",
            cost_basis="charged",
            upstream_cost=cells.money("upstream_inference_cost"),
        )


def _tries(texts: pl.Series) -> pl.DataFrame:
    """Return how many servers were tried and what the last one answered."""
    made: list[tuple[str | None, int | None]] = []
    for text in texts:
        tried = json.loads(text) if text and text.startswith("[") else []
        items = [item for item in tried if isinstance(item, dict)]
        status = items[-1].get("status") if items else None
        made.append((None if status is None else str(status), len(items) or None))
    frame = pl.DataFrame(made, schema={"status": pl.String, "tries": pl.Int64}, orient="row")
    return frame.with_columns(status=ints(frame["status"]))


FORMAT = OpenRouterGeneration()
