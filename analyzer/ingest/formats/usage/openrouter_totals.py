"""OpenRouter's aggregated activity export: a model (or key, or member) and what was spent."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import headers
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_MODEL = ("model", "model name")
_SPEND = ("spend", "total spend")


class OpenRouterTotals(Export):
    """OpenRouter activity summed over a period that the file does not name."""

    name = "openrouter-totals"
    title = "OpenRouter activity, aggregated (CSV of models and spend)"
    hop = "gateway"
    required = tuple(frozenset({model, spend}) for model in _MODEL for spend in _SPEND)
    known = frozenset({*_MODEL, *_SPEND, "requests", "tokens", "total tokens"})
    weight = 0.7
    told = False

    def header(self, head: bytes) -> headers.Header | None:
        """Return the header only if it names nothing else: two such words are in many tables."""
        found = super().header(head)
        return found if found is not None and set(found.names) <= self.known else None

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each model, without a time: the export does not say its period."""
        message = "It does not say its period, so that none of its rows can be placed in time."
        cells.context.remark("no_period", message)
        found = cells.amounts(*_SPEND, grouped=True)
        return cells.rows(
            grain="period",
            time_kind="period",
            gateway="openrouter",
            entry="charge",
            model=cells.text(*_MODEL),
            requests=cells.count("requests"),
            cost=found.values,
            currency="USD",
            cost_basis="charged",
        )


FORMAT = OpenRouterTotals()
