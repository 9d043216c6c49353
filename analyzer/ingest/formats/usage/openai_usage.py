"""OpenAI: tokens per minute, hour or day, as CSV and as pages of ``/v1/organization/usage/…``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage import documents, headers
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.openai_cost import TIMES, times


class OpenAiUsage(Export):
    """OpenAI token usage per bucket, key and model."""

    name = "openai-usage"
    title = "OpenAI usage (dashboard CSV, usage API)"
    hop = "upstream"
    required = (frozenset({"start_time", "end_time", "num_model_requests"}), TIMES)
    keys = (
        frozenset({"start_time", "end_time", "num_model_requests"}),
        # Nothing was used in the period; a page of costs says more and comes before by its name.
        frozenset({"start_time", "end_time", "results", "has_more"}),
    )
    known = TIMES | {
        "project_id", "project_name", "num_model_requests", "user_id", "user_email", "api_key_id",
        "api_key_name", "model", "batch", "service_tier", "input_tokens", "output_tokens",
        "input_cached_tokens", "input_uncached_tokens", "input_cache_write_tokens",
        "input_text_tokens", "output_text_tokens", "input_cached_text_tokens",
        "input_audio_tokens", "output_audio_tokens", "input_cached_audio_tokens",
        "input_image_tokens", "output_image_tokens", "input_cached_image_tokens", "object",
        "organization_id", "organization_name",
    }  # fmt: skip

    def header(self, head: bytes) -> headers.Header | None:
        """Return the header; the four times alone are an export of a period without usage."""
        found = super().header(head)
        told = found is not None and (
            "num_model_requests" in found.names or set(found.names) == TIMES
        )
        return found if told else None

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield the results of each bucket."""
        return documents.buckets(document)

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each bucket, key and model."""
        return cells.rows(
            **times(cells),
            provider="openai",
            model=cells.text("model"),
            group=cells.text("project_name", "project_id"),
            key_id=cells.text("api_key_id"),
            key_name=cells.text("api_key_name"),
            requests=cells.count("num_model_requests"),
            input_tokens=cells.count("input_tokens"),
            output_tokens=cells.count("output_tokens"),
            cached_tokens=cells.count("input_cached_tokens"),
            cache_write_tokens=cells.count("input_cache_write_tokens"),
            input_includes_cache=True,
            meter=cells.text("service_tier"),
        )


FORMAT = OpenAiUsage()
