"""Langfuse's export of observations: tokens and estimated cost of each generation."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells, ints
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"trace_id", "start_time", "level", "provided_model_name", "usage_details"})
_SECOND_MS = 1000


class Langfuse(Export):
    """Langfuse observations, as CSV, JSON or JSON lines of the blob export."""

    name = "langfuse-observations"
    title = "Langfuse observations (blob export)"
    hop = "client"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {
        "id", "project_id", "environment", "type", "parent_observation_id", "end_time", "name",
        "metadata", "status_message", "version", "input", "output", "model_parameters",
        "cost_details", "completion_start_time", "prompt_name", "prompt_version", "total_cost",
        "latency", "time_to_first_token", "model_id", "created_at", "updated_at", "prompt_id",
        "tool_calls", "tool_call_names", "tool_definitions", "usage_pricing_tier_id",
    }  # fmt: skip
    told = False

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each observation that has a model; spans and events have none."""
        mask = cells.filled("provided_model_name", "model_id", "total_cost")
        others = cells.height - int(mask.sum())
        if others:
            message = f"{others} observations without a model (spans, events) were left out."
            cells.context.notes.add("other_record", message, count=others, lost=False)
        cells = cells.only(mask)
        failed = (cells.text("level").str.to_uppercase() == "ERROR").to_frame("f")
        return cells.rows(
            **moments.at_once(cells.time("start_time"), "start", 0.001),
            requests=1,
            entry=failed.select(pl.when("f").then(pl.lit("error")).otherwise(pl.lit("charge")))
            .to_series(),
            request_id=cells.text("id"),
            trace_id=cells.text("trace_id"),
            model=cells.text("provided_model_name"),
            group=cells.text("project_id"),
            meter=cells.text("name"),
            status=cells.text("level"),
            detail=cells.text("status_message"),
            duration_ms=cells.number("latency") * _SECOND_MS,
            ttft_ms=cells.number("time_to_first_token") * _SECOND_MS,
            input_tokens=_detail(cells, "$.input"),
            output_tokens=_detail(cells, "$.output"),
            cached_tokens=_detail(
                cells, "$.input_cached_tokens", "$.cache_read_input_tokens",
                "$.input_cache_read",
            ),
            cache_write_tokens=_detail(
                cells, "$.cache_creation_input_tokens", "$.input_cache_creation"
            ),
            reasoning_tokens=_detail(cells, "$.output_reasoning_tokens", "$.output_reasoning"),
            cost=cells.money("total_cost"),
            currency="USD",
            cost_basis="estimated",
        )  # fmt: skip


def _detail(cells: Cells, *paths: str) -> pl.Series:
    return ints(cells.inner("usage_details", *paths))


FORMAT = Langfuse()
