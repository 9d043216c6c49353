"""OpenAI: costs per day, as the dashboard's CSV and as pages of ``/v1/organization/costs``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage import documents, moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

TIMES = frozenset({"start_time", "end_time", "start_time_iso", "end_time_iso"})


class OpenAiCost(Export):
    """OpenAI costs per day and line item."""

    name = "openai-cost"
    title = "OpenAI costs (dashboard CSV, costs API)"
    hop = "upstream"
    required = (frozenset({"start_time", "end_time", "amount_value", "amount_currency"}),)
    keys = (frozenset({"start_time", "end_time", "amount", "line_item"}),)
    known = TIMES | {
        "amount_value", "amount_currency", "amount.value", "amount.currency", "quantity",
        "quantity_unit", "line_item", "user_id", "api_key_id", "project_id", "organization_id",
        "project_name", "organization_name", "user_email", "api_source", "object",
    }  # fmt: skip

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield the results of each bucket."""
        return documents.buckets(document)

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each line item; a day without spend has no cost, which is not zero."""
        item = cells.text("line_item")
        cost = cells.money("amount_value", "amount.value")
        return cells.rows(
            **times(cells),
            provider="openai",
            entry=_where(cost.is_not_null(), "charge"),
            # "gpt-4o-2024-08-06, input": the model is what stands before the comma.
            model=item.str.extract(r"^(.+?),\s"),
            meter=item.str.replace(r"^.+?,\s+", ""),
            group=cells.text("project_name", "project_id"),
            key_id=cells.text("api_key_id"),
            quantity=cells.money("quantity"),
            unit=cells.text("quantity_unit"),
            cost=cost,
            currency=cells.text("amount_currency", "amount.currency").str.to_uppercase(),
            cost_basis=_where(cost.is_not_null(), "charged"),
        )


def times(cells: Cells) -> dict[str, object]:
    """Return the time columns of OpenAI's buckets; the ISO twins may lack their offset, UTC."""
    return moments.period(
        cells.time("start_time", "start_time_iso"), cells.time("end_time", "end_time_iso")
    )


def _where(mask: pl.Series, word: str) -> pl.Series:
    return mask.to_frame("m").select(pl.when("m").then(pl.lit(word))).to_series()


FORMAT = OpenAiCost()
