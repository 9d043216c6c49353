"""GitHub Copilot's usage reports: premium requests and AI credits per day, user and model."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"date", "sku", "model", "quantity", "unit_type", "net_amount"})


class Copilot(Export):
    """GitHub Copilot usage report."""

    name = "github-copilot"
    title = "GitHub Copilot usage report (CSV)"
    hop = "gateway"
    required = (_TOLD,)
    known = _TOLD | {
        "username", "product", "applied_cost_per_quantity", "gross_amount", "discount_amount",
        "exceeds_quota", "total_monthly_quota", "organization", "cost_center_name", "repository",
        "aic_quantity", "aic_gross_amount", "input", "output", "cache_read", "cache_write",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each day, user and model.

        ``quantity`` counts requests times the model's factor, so that it is no number of requests.
        """
        return cells.rows(
            **moments.days(cells.time("date")),
            gateway="github-copilot",
            client="copilot",
            entry="charge",
            model=cells.text("model"),
            group=cells.text("organization", "cost_center_name"),
            meter=cells.text("sku"),
            quantity=cells.money("quantity"),
            unit=cells.text("unit_type"),
            input_tokens=cells.count("input"),
            output_tokens=cells.count("output"),
            cached_tokens=cells.count("cache_read"),
            cache_write_tokens=cells.count("cache_write"),
            cost=cells.money("net_amount"),
            currency="USD",
            cost_basis="charged",
            list_cost=cells.money("gross_amount"),
        )


FORMAT = Copilot()
