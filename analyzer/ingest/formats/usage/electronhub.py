"""ElectronHub's user logs: one record per request, with the whole API key in it."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells, words
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"model", "route", "credits", "timestamp", "status", "input_tokens"})
_ENTRIES = {"success": "charge", "cancelled": "charge", "error": "error"}


class ElectronHub(Export):
    """ElectronHub user logs."""

    name = "electronhub"
    title = "ElectronHub user logs (JSON)"
    hop = "gateway"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {"key", "output_tokens", "ip"}

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each request; what a credit is worth is not documented: no cost."""
        status = cells.text("status")
        return cells.rows(
            **moments.at_once(cells.time("timestamp"), None, 1000.0),
            gateway="electronhub",
            requests=1,
            entry=words(status, _ENTRIES, None),
            status=status,
            cancelled=status == "cancelled",
            model=cells.text("model"),
            meter=cells.text("route"),
            key_tag=cells.key_tag("key"),
            input_tokens=cells.count("input_tokens"),
            output_tokens=cells.count("output_tokens"),
            quantity=cells.money("credits"),
            unit="credits",
        )


FORMAT = ElectronHub()
