"""Fireworks' ``firectl billing export-metrics``: tokens and times of each request, no money."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"start_time", "end_time", "usage_type", "base_model_name", "prompt_tokens"})
_SECOND_MS = 1000.0


class Fireworks(Export):
    """Fireworks billing metrics."""

    name = "fireworks-metrics"
    title = "Fireworks billing metrics (CSV of firectl)"
    hop = "upstream"
    required = (_TOLD,)
    known = _TOLD | {
        "email", "accelerator_type", "accelerator_seconds", "model_bucket", "parameter_count",
        "completion_tokens", "cached_prompt_tokens", "uncached_prompt_tokens",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each request; times are whole seconds, so that 0 is no duration."""
        start, end = cells.time("start_time"), cells.time("end_time")
        took = (end - start).dt.total_milliseconds().cast(pl.Float64)
        seconds = cells.money("accelerator_seconds")
        unit = seconds.is_not_null().to_frame("s").select(
            pl.when("s").then(pl.lit("accelerator seconds"))
        )  # fmt: skip
        return cells.rows(
            **moments.at_once(start, "start", _SECOND_MS),
            provider="fireworks",
            model=cells.text("base_model_name", "model_bucket"),
            meter=cells.text("usage_type"),
            requests=1,
            duration_ms=took.set((took <= 0).fill_null(False), None),
            input_tokens=cells.count("prompt_tokens"),
            output_tokens=cells.count("completion_tokens"),
            cached_tokens=cells.count("cached_prompt_tokens"),
            input_includes_cache=True,
            quantity=seconds,
            unit=unit.to_series(),
        )


FORMAT = Fireworks()
