"""ccusage's JSON reports: what Claude Code's transcripts would cost, per day and model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"daily", "date", "inputtokens", "outputtokens", "totalcost"})


class CcUsage(Export):
    """ccusage daily report."""

    name = "ccusage-daily"
    title = "ccusage daily report (JSON)"
    hop = "client"
    keys = (_TOLD,)
    known = frozenset({
        "date", "inputtokens", "outputtokens", "cachecreationtokens", "cachereadtokens",
        "totaltokens", "totalcost", "cost", "modelname", "modelsused", "modelbreakdowns",
        "metadata", "credits",
    })  # fmt: skip

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield the models of each day, or the day itself where it is not broken down."""
        days = document.get("daily") if isinstance(document, dict) else None
        for day in days if isinstance(days, list) else []:
            if not isinstance(day, dict):
                continue
            models = day.get("modelBreakdowns")
            parts = [part for part in models if isinstance(part, dict)] if models else []
            if not parts:
                used = day.get("modelsUsed")
                one = used[0] if isinstance(used, list) and len(used) == 1 else None
                yield {**day, "modelName": one}
            for part in parts:
                yield {"date": day.get("date"), **part}

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each day and model; the day is one of the machine's zone."""
        return cells.rows(
            **moments.days(cells.time("date", zone=None)),
            client="claude-code",
            model=cells.text("modelname"),
            input_tokens=cells.count("inputtokens"),
            output_tokens=cells.count("outputtokens"),
            cached_tokens=cells.count("cachereadtokens"),
            cache_write_tokens=cells.count("cachecreationtokens"),
            input_includes_cache=False,
            cost=cells.money("cost", "totalcost"),
            currency="USD",
            cost_basis="estimated",
        )


FORMAT = CcUsage()
