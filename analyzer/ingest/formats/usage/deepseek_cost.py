"""DeepSeek's ``cost-*.csv``: what was taken per day, model and wallet."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.deepseek_amount import day
from analyzer.ingest.formats.usage.export import Export


class DeepSeekCost(Export):
    """DeepSeek costs per day, model and wallet."""

    name = "deepseek-cost"
    title = "DeepSeek costs (cost-*.csv)"
    hop = "upstream"
    required = (
        frozenset({"utc_date", "model", "wallet_type", "cost", "currency"}),
        frozenset({"start_time_iso", "model", "wallet_type", "cost", "currency"}),
    )
    known = frozenset({
        "user_id", "utc_date", "start_time_iso", "end_time_iso", "model", "wallet_type", "cost",
        "currency",
    })  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each model and wallet (paid in, or granted)."""
        return cells.rows(
            **day(cells),
            provider="deepseek",
            entry="charge",
            model=cells.text("model"),
            meter=cells.text("wallet_type"),
            cost=cells.money("cost"),
            currency=cells.text("currency").str.to_uppercase(),
            cost_basis="charged",
        )


FORMAT = DeepSeekCost()
