"""AWS' cost and usage report: line items per hour or day; those of Bedrock are read."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells, words
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.services import of_models

_PARTS = (
    "UsageStartDate", "UsageEndDate", "ProductCode", "UsageType", "Operation", "LineItemType",
    "UsageAmount", "CurrencyCode", "UnblendedCost", "LineItemDescription", "UsageAccountId",
)  # fmt: skip
_ENTRIES = {
    "usage": "charge", "discountedusage": "charge", "savingsplancoveredusage": "charge",
    "fee": "charge", "rifee": "charge", "tax": "other", "credit": "credit", "refund": "refund",
}  # fmt: skip
_METERS = {
    "cached_tokens": r"(?i)cache-?read",
    "cache_write_tokens": r"(?i)cache-?write",
    "output_tokens": r"(?i)output.?token",
    "input_tokens": r"(?i)input.?token",
}
"""In the order of asking: a cache's meters hold "input" too."""
_THOUSAND = r"(?i)^1k tokens?$"


def _old(name: str) -> str:
    return f"lineitem/{name.lower()}"


def _new(name: str) -> str:
    split = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
    return f"line_item{split}"


class AwsCur(Export):
    """AWS cost and usage report, old names and those of Data Exports."""

    name = "aws-cur"
    title = "AWS cost and usage report (CSV)"
    hop = "upstream"
    required = tuple(
        frozenset(name(part) for part in ("UsageStartDate", "UsageType", "UnblendedCost"))
        for name in (_old, _new)
    )
    known = frozenset(name(part) for part in _PARTS for name in (_old, _new))
    told = False

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each line item of a service of language models."""
        cells = of_models(
            cells, *(name(part) for part in ("ProductCode", "UsageType", "LineItemDescription")
                     for name in (_old, _new)), "product/servicename", "product_servicecode",
        )  # fmt: skip

        def text(name: str) -> pl.Series:
            return cells.text(_old(name), _new(name))

        usage, kind = text("UsageType"), text("LineItemType")
        quantity = cells.money(_old("UsageAmount"), _new("UsageAmount"))
        return cells.rows(
            **moments.period(
                cells.time(_old("UsageStartDate"), _new("UsageStartDate")),
                cells.time(_old("UsageEndDate"), _new("UsageEndDate")),
            ),
            provider="bedrock",
            entry=words(kind, _ENTRIES, "other"),
            status=kind,
            group=text("UsageAccountId"),
            meter=usage,
            quantity=quantity,
            unit=cells.text("pricing/unit", "pricing_unit"),
            cost=cells.money(_old("UnblendedCost"), _new("UnblendedCost")),
            currency=text("CurrencyCode").str.to_uppercase(),
            cost_basis="charged",
            list_cost=cells.money("pricing/publicondemandcost", "pricing_public_on_demand_cost"),
            **_tokens(usage, quantity, cells.text("pricing/unit", "pricing_unit")),
        )


def _tokens(usage: pl.Series, quantity: pl.Series, unit: pl.Series) -> dict[str, pl.Series]:
    """Return the token counts of meters that count thousands of tokens.

    Without a price unit that is what Bedrock's own meters count; those of the Marketplace
    (``MP:…-Units``) are left alone, as their unit is not told.
    """
    thousands = unit.str.contains(_THOUSAND) | (
        unit.is_null() & ~usage.str.contains("MP:", literal=True)
    )
    frame = pl.DataFrame({"usage": usage, "quantity": quantity, "k": thousands.fill_null(False)})
    taken = pl.lit(False)
    made: dict[str, pl.Expr] = {}
    for name, pattern in _METERS.items():
        fits = pl.col("usage").str.contains(pattern).fill_null(False) & ~taken
        count = (pl.col("quantity") * 1000).round(0).cast(pl.Int64, strict=False)
        made[name] = pl.when(fits & pl.col("k")).then(count)
        taken = taken | fits
    return {name: frame.select(value).to_series() for name, value in made.items()}


FORMAT = AwsCur()
