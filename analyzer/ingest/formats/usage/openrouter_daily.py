"""OpenRouter's ``GET /api/v1/activity``: sums per day, model and endpoint."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"date", "model", "usage", "requests", "prompt_tokens", "completion_tokens"})


class OpenRouterDaily(Export):
    """OpenRouter activity per day, model and endpoint."""

    name = "openrouter-daily"
    title = "OpenRouter activity per day (JSON of GET /activity)"
    hop = "gateway"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {
        "model_permaslug", "endpoint_id", "provider_name", "byok_usage_inference",
        "reasoning_tokens",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each day, model and endpoint; only whole UTC days are given."""
        return cells.rows(
            **moments.days(cells.time("date")),
            gateway="openrouter",
            entry="charge",
            requests=cells.count("requests"),
            model=cells.text("model", "model_permaslug"),
            provider=cells.text("provider_name"),
            meter=cells.text("endpoint_id"),
            input_tokens=cells.count("prompt_tokens"),
            output_tokens=cells.count("completion_tokens"),
            reasoning_tokens=cells.count("reasoning_tokens"),
            input_includes_cache=True,
            cost=cells.money("usage"),
            currency="USD",
            cost_basis="charged",
            upstream_cost=cells.money("byok_usage_inference"),
        )


FORMAT = OpenRouterDaily()
