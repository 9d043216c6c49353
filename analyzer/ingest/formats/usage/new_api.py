"""new-api's log table: a row per charge, error or refund, as pages of its API or a dump."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import quota
from analyzer.ingest.formats.usage.cells import Cells, ints
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.formats.usage.quota import COLUMNS, TOLD, Kind

_KINDS = {
    "0": Kind("unknown", "other"),
    "1": Kind("topup", "topup"),
    "2": Kind("consume", "charge", 1),
    "3": Kind("manage", "other"),
    "4": Kind("system", "other"),
    "5": Kind("error", "error", 1),
    "6": Kind("refund", "refund", -1),
}
"""https://github.com/QuantumNous/new-api/blob/main/model/log.go; one-api's 5 is another."""
_SECOND_MS = 1000
_STREAM = "$.stream_status"


class NewApiLogs(Export):
    """new-api usage logs."""

    name = "new-api-logs"
    title = "new-api usage logs (JSON of its log API, or a dump of the table)"
    hop = "gateway"
    required = tuple(TOLD | {sign} for sign in ("use_time", "other"))
    keys = required
    excluded = frozenset({"elapsed_time", "system_prompt_reset"})
    known = COLUMNS | {"use_time", "other", "created_time", "deleted_at"}

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each row of the log; a failed try is a row of its own."""
        first = cells.inner("other", "$.frt").cast(pl.Float64, strict=False)
        semantic = cells.inner("other", "$.usage_semantic", "$.claude").str.to_lowercase()
        end = cells.inner("other", f"{_STREAM}.end_reason")
        made = quota.common(cells, "new-api") | quota.charges(cells, "new-api", _KINDS)
        made["detail"] = _joined(made["detail"], cells.inner("other", f"{_STREAM}.end_error"))
        return cells.rows(
            **made,
            group=cells.text("group"),
            cancelled=end.is_in(["client_gone"]),
            finish_reason=end,
            http_status=ints(cells.inner("other", "$.status_code", f"{_STREAM}.status_code")),
            error_code=cells.inner("other", "$.error_code", "$.error_type"),
            upstream_tries=_tries(cells),
            duration_ms=cells.number("use_time") * _SECOND_MS,
            # -1000: no first byte ever came.
            ttft_ms=first.set((first < 0).fill_null(False), None),
            cached_tokens=ints(cells.inner("other", "$.cache_tokens")),
            cache_write_tokens=ints(cells.inner("other", "$.cache_creation_tokens")),
            reasoning_tokens=ints(cells.inner("other", "$.reasoning_tokens")),
            input_includes_cache=~semantic.is_in(["anthropic", "true"]).fill_null(False),
            tokens_estimated=cells.inner("other", "$.local_count_tokens") == "true",
        )


def _joined(content: object, error: pl.Series) -> pl.Series:
    assert isinstance(content, pl.Series)
    frame = pl.DataFrame({"content": content, "error": error})
    both = pl.concat_str("content", "error", separator="; ", ignore_nulls=True)
    return frame.select(pl.when(both != "").then(both)).to_series()


def _tries(cells: Cells) -> pl.Series:
    """Return how many channels were used; only administrators' exports tell."""
    channels = cells.inner("other", "$.admin_info.use_channel")
    count = channels.str.count_matches(",", literal=True).cast(pl.Int64) + 1
    return count.set((channels == "[]").fill_null(False), None)


FORMAT = NewApiLogs()
