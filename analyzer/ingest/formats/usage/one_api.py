"""one-api's log table: a row per charge, as pages of its API or a dump; errors are no rows."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import quota
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.quota import COLUMNS, TOLD, Kind

_OLD = {
    "0": Kind("unknown", "other"),
    "1": Kind("topup", "topup"),
    "2": Kind("consume", "charge", 1),
    "3": Kind("manage", "other"),
    "4": Kind("system", "other"),
}
_KINDS = _OLD | {"5": Kind("test", "test", 1)}
"""https://github.com/songquanpeng/one-api/blob/main/model/log.go; new-api's 5 is an error."""


class OneApiLogs(Export):
    """one-api usage logs."""

    name = "one-api-logs"
    title = "one-api usage logs (JSON of its log API, or a dump of the table)"
    hop = "gateway"
    required = (TOLD,)
    keys = (TOLD,)
    excluded = frozenset({"use_time", "other"})
    known = COLUMNS | {"elapsed_time", "system_prompt_reset"}

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each row of the log."""
        current = cells.has("elapsed_time") or cells.has("system_prompt_reset")
        if not current and (cells.text("type") == "5").any():
            message = (
                "It has neither elapsed_time (one-api) nor use_time (new-api), so that rows of "
                "type 5 may be tests or errors; their cost was not taken."
            )
            cells.context.remark("ambiguous_type", message)
        return cells.rows(
            **quota.common(cells, "one-api"),
            **quota.charges(cells, "one-api", _KINDS if current else _OLD),
            duration_ms=cells.number("elapsed_time"),
        )


FORMAT = OneApiLogs()
