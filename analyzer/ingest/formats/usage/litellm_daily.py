"""LiteLLM's ``LiteLLM_DailyUserSpend`` and its like: sums per day, key and model."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"date", "model", "spend", "api_requests", "failed_requests"})


class LitellmDaily(Export):
    """LiteLLM daily spend."""

    name = "litellm-daily"
    title = "LiteLLM daily spend (dump of LiteLLM_Daily…Spend)"
    hop = "gateway"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {
        "id", "user_id", "team_id", "tag", "api_key", "model_group", "custom_llm_provider",
        "mcp_namespaced_tool_name", "endpoint", "prompt_tokens", "completion_tokens",
        "cache_read_input_tokens", "cache_creation_input_tokens", "successful_requests",
        "created_at", "updated_at", "organization_id", "end_user_id", "agent_id",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each day, key and model; days are UTC."""
        return cells.rows(
            **moments.days(cells.time("date")),
            gateway="litellm",
            entry="charge",
            requests=cells.count("api_requests"),
            model=cells.text("model_group", "model"),
            provider=cells.text("custom_llm_provider"),
            group=cells.text("team_id", "tag"),
            meter=cells.text("endpoint"),
            input_tokens=cells.count("prompt_tokens"),
            output_tokens=cells.count("completion_tokens"),
            cached_tokens=cells.count("cache_read_input_tokens"),
            cache_write_tokens=cells.count("cache_creation_input_tokens"),
            cost=cells.money("spend"),
            currency="USD",
            cost_basis="estimated",
        )


FORMAT = LitellmDaily()
