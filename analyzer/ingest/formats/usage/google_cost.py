"""Google Cloud's cost table: sums per SKU and period, in the currency of the invoice."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.amounts import amount
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.services import of_models

_TOLD = frozenset({"service description", "sku description", "sku id", "usage start date"})
_ENTRIES = {"usage": "charge", "tax": "other", "adjustment": "other", "rounding error": "other"}


class GoogleCost(Export):
    """Google Cloud cost table."""

    name = "google-cost"
    title = "Google Cloud cost table (console CSV)"
    hop = "upstream"
    required = (_TOLD,)
    known = _TOLD
    told = False

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each SKU and period of a service of language models."""
        exact, shown = _money_names(cells)
        currency = _currency(cells, exact or shown)
        cells = of_models(cells, "service description", "sku description")
        end = cells.time("usage end date", zone=None).dt.offset_by("1d")
        cost = cells.money(exact or shown or "cost", grouped=True)
        kind = cells.text("cost type").str.to_lowercase()
        entry = pl.DataFrame({"kind": kind, "credit": cells.text("credit type")}).select(
            pl.when(pl.col("credit").is_not_null())
            .then(pl.lit("credit"))
            .otherwise(pl.col("kind").replace_strict(_ENTRIES, default=None))
        )
        return cells.rows(
            **moments.period(cells.time("usage start date", zone=None), end),
            provider="google",
            entry=entry.to_series(),
            status=cells.text("cost type"),
            group=cells.text("project name", "project id"),
            meter=cells.text("sku description"),
            quantity=cells.money("usage amount", grouped=True),
            unit=cells.text("usage unit"),
            cost=cost,
            currency=currency,
            cost_basis="charged",
        )


def _money_names(cells: Cells) -> tuple[str | None, str | None]:
    """Return the columns of the exact and of the rounded cost: their names carry the sign."""
    names = cells.frame.columns
    exact = next((name for name in names if name.startswith("unrounded cost")), None)
    shown = next((name for name in names if name == "cost" or name.startswith("cost (")), None)
    return exact, shown


def _currency(cells: Cells, name: str | None) -> str | None:
    """Return the currency: what the lines before the header say, else what the sign leaves open."""
    told = cells.context.preamble.get("currency")
    if told:
        return told.strip().upper()
    sign = (name or "").partition("(")[2].rstrip(")").strip()
    found = amount(f"{sign}1") if sign else None
    if found is not None and found[1]:
        return found[1]
    message = "It does not say its currency (the lines before its header are missing)."
    cells.context.remark("no_currency", message)
    return None


FORMAT = GoogleCost()
