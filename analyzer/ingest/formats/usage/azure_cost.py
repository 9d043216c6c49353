"""Azure's cost export: sums per day and meter; its columns differ with agreement and version."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells, words
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.services import of_models

_COSTS = ("costinbillingcurrency", "pretaxcost", "cost")
_DATES = ("date", "usagedatetime", "usagedate")
_ENTRIES = {
    "usage": "charge", "purchase": "charge", "refund": "refund", "adjustment": "other",
    "unusedreservation": "other", "unusedsavingsplan": "other", "tax": "other",
}  # fmt: skip


class AzureCost(Export):
    """Azure Cost Management export."""

    name = "azure-cost"
    title = "Azure cost export (CSV)"
    hop = "upstream"
    required = tuple(
        frozenset({"metercategory", "metername", "quantity", cost, date})
        for cost in _COSTS
        for date in _DATES
    )
    known = frozenset({*_COSTS, *_DATES})
    told = False

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each day and meter of a service of language models."""
        cells = of_models(
            cells, "servicename", "metercategory", "metersubcategory", "productname",
            "consumedservice", "metername",
        )  # fmt: skip
        found = cells.amounts(*_COSTS, grouped=True)
        kind = cells.text("chargetype")
        refund = found.values < 0
        entry = words(kind, _ENTRIES, "other")
        return cells.rows(
            **moments.days(cells.time(*_DATES, zone=None)),
            provider="azure",
            entry=entry.set((refund & (kind.str.to_lowercase() == "usage")).fill_null(False),
                            "refund"),
            status=kind,
            group=cells.text("resourcegroup", "resourcegroupname"),
            meter=cells.text("metername", "metersubcategory"),
            quantity=cells.money("quantity", grouped=True),
            unit=cells.text("unitofmeasure"),
            cost=found.values,
            currency=cells.text("billingcurrencycode", "billingcurrency", "currency"),
            cost_basis="charged",
        )  # fmt: skip


FORMAT = AzureCost()
