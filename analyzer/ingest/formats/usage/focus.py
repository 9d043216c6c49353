"""FOCUS 1.x: the common columns of cost exports, whoever writes them."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells, words
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.services import of_models

_TOLD = frozenset({"billedcost", "billingcurrency", "chargeperiodstart", "chargecategory"})
_ENTRIES = {
    "usage": "charge", "purchase": "charge", "credit": "credit", "tax": "other",
    "adjustment": "other",
}  # fmt: skip


class Focus(Export):
    """FOCUS cost export; versions differ in columns, all of which are told by name."""

    name = "focus"
    title = "FOCUS 1.x cost export (CSV)"
    hop = "upstream"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {
        "chargeperiodend", "chargeclass", "listcost", "consumedquantity", "consumedunit",
        "pricingquantity", "pricingunit", "servicename", "servicecategory", "providername",
        "serviceprovidername", "publishername", "resourceid", "resourcename", "skuid",
        "chargedescription", "subaccountname", "subaccountid", "x_model", "x_requestid",
        "skumeter", "effectivecost", "servicesubcategory",
    }  # fmt: skip
    told = False

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each charge of a service of language models."""
        cells = of_models(
            cells, "servicecategory", "servicesubcategory", "servicename", "chargedescription",
            "skuid", "skumeter", "serviceprovidername", "providername", "publishername",
            "consumedunit", "resourceid",
        )  # fmt: skip
        category = cells.text("chargecategory")
        cost = cells.money("billedcost")
        entry = words(category, _ENTRIES, "other")
        given_back = (cost < 0) & category.str.to_lowercase().is_in(["usage", "purchase"])
        return cells.rows(
            **moments.period(cells.time("chargeperiodstart"), cells.time("chargeperiodend")),
            provider=cells.text("serviceprovidername", "providername", "publishername")
            .str.to_lowercase(),
            entry=entry.set(given_back.fill_null(False), "refund"),
            status=cells.text("chargeclass", "chargecategory"),
            request_id=cells.text("x_requestid"),
            model=cells.text("x_model", "resourcename", "resourceid"),
            group=cells.text("subaccountname", "subaccountid"),
            meter=cells.text("skumeter", "chargedescription", "skuid", "servicename"),
            quantity=cells.money("consumedquantity", "pricingquantity"),
            unit=cells.text("consumedunit", "pricingunit"),
            cost=cost,
            currency=cells.text("billingcurrency").str.to_uppercase(),
            cost_basis="charged",
            list_cost=cells.money("listcost"),
        )  # fmt: skip


FORMAT = Focus()
