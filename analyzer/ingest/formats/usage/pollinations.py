"""Pollinations' account usage: one CSV row per request, money in USD."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"timestamp", "model", "cost_usd", "response_time_ms", "meter_source"})


class Pollinations(Export):
    """Pollinations account usage."""

    name = "pollinations"
    title = "Pollinations usage (CSV)"
    hop = "gateway"
    required = (_TOLD,)
    known = _TOLD | {
        "type", "api_key", "api_key_type", "input_text_tokens", "input_cached_tokens",
        "input_audio_tokens", "input_audio_seconds", "input_image_tokens", "output_text_tokens",
        "output_reasoning_tokens", "output_audio_tokens", "output_audio_seconds",
        "output_image_tokens", "output_video_seconds",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each request; what a time stands for is not documented."""
        tag = cells.key_tag("api_key")
        return cells.rows(
            **moments.at_once(cells.time("timestamp"), None, 1000.0),
            gateway="pollinations",
            entry="charge",
            requests=1,
            model=cells.text("model"),
            meter=cells.text("type"),
            key_tag=tag,
            duration_ms=cells.number("response_time_ms"),
            input_tokens=cells.count("input_text_tokens"),
            output_tokens=cells.count("output_text_tokens"),
            cached_tokens=cells.count("input_cached_tokens"),
            reasoning_tokens=cells.count("output_reasoning_tokens"),
            cost=cells.money("cost_usd"),
            currency="USD",
            cost_basis="charged",
        )


FORMAT = Pollinations()
