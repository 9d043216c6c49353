"""DeepSeek's ``amount-*.csv``: tokens and requests per day, key and model, without money."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_COUNTS = {
    "input_tokens": "input_cache_miss_tokens",
    "cached_tokens": "input_cache_hit_tokens",
    "output_tokens": "output_tokens",
    "requests": "request_count",
}


class DeepSeekAmount(Export):
    """DeepSeek usage per day, key, model and kind of token."""

    name = "deepseek-amount"
    title = "DeepSeek usage (amount-*.csv)"
    hop = "upstream"
    required = (
        frozenset({"utc_date", "model", "api_key_name", "type", "price", "amount"}),
        frozenset({"start_time_iso", "model", "api_key_name", "type", "price", "amount"}),
    )
    known = frozenset({
        "user_id", "utc_date", "start_time_iso", "end_time_iso", "model", "api_key_name", "api_key",
        "type", "price", "amount",
    })  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each kind of token; ``request_count`` is one of the kinds.

        Amount times price is no cost here: the cost file of the same download has what was charged,
        and both are usually read together.
        """
        kind = cells.text("type").str.to_lowercase()
        count = cells.count("amount")
        counts = {
            ours: count.zip_with((kind == theirs).fill_null(False), count.clear(len(count)))
            for ours, theirs in _COUNTS.items()
        }
        return cells.rows(
            **day(cells),
            provider="deepseek",
            model=cells.text("model"),
            key_name=cells.text("api_key_name"),
            key_tag=cells.key_tag("api_key"),
            meter=cells.text("type"),
            quantity=cells.money("amount"),
            input_includes_cache=False,
            **counts,
        )


def day(cells: Cells) -> dict[str, object]:
    """Return the time columns: a UTC day, or since 2026-08 a day in the zone of the account."""
    if cells.has("start_time_iso"):
        return moments.period(cells.time("start_time_iso"), cells.time("end_time_iso"))
    return moments.days(cells.time("utc_date"))


FORMAT = DeepSeekAmount()
