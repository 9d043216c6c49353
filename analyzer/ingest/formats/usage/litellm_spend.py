"""LiteLLM's ``LiteLLM_SpendLogs``: a row per request, as its API's JSON or a dump of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from analyzer.ingest.formats.usage.cells import Cells, ints
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"request_id", "call_type", "spend", "starttime", "endtime"})
_USED = "$.usage_object"


class LitellmSpend(Export):
    """LiteLLM spend logs."""

    name = "litellm-spend"
    title = "LiteLLM spend logs (JSON or CSV of LiteLLM_SpendLogs)"
    hop = "gateway"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {
        "api_key", "total_tokens", "prompt_tokens", "completion_tokens", "request_duration_ms",
        "completionstarttime", "model", "model_id", "model_group", "custom_llm_provider",
        "api_base", "user", "metadata", "cache_hit", "cache_key", "request_tags", "team_id",
        "organization_id", "end_user", "requester_ip_address", "messages", "response",
        "session_id", "status", "mcp_namespaced_tool_name", "agent_id", "proxy_server_request",
        "litellm_call_id", "billing_agent_id",
    }  # fmt: skip

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield rows; pages may wrap them."""
        for record in super().records(document):
            # Whole prompts and answers may stand here; they are no usage.
            yield {
                key: value
                for key, value in record.items()
                if key not in ("messages", "response", "proxy_server_request")
            }

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each request; spend is LiteLLM's own sum from a price list."""
        start, end = cells.time("starttime"), cells.time("endtime")
        first = cells.time("completionstarttime")
        # Without a stream LiteLLM writes the end as the first token's time.
        ttft = _millis(start, first).set((first == end).fill_null(False), None)
        status = cells.text("status")
        status = status.zip_with(status.is_not_null(), cells.inner("metadata", "$.status"))
        failed = status.to_frame("s").select(
            entry=pl.when(pl.col("s") == "failure").then(pl.lit("error"))
            .otherwise(pl.lit("charge"))
        )  # fmt: skip
        own = cells.text("request_id").str.replace(r"_cache_hit.*$", "")
        # The row of a success is named by the id in the answer's body; the answer's header has
        # LiteLLM's own id of the call. A capture may hold either.
        call = _call(cells)
        return cells.rows(
            time=start,
            time_kind="start",
            time_precision_ms=1.0,
            grain="request",
            gateway="litellm",
            requests=1,
            entry=failed["entry"],
            request_id=own,
            upstream_request_id=call.set((call == own).fill_null(False), None),
            trace_id=cells.text("session_id"),
            model=cells.text("model_group", "model"),
            provider=cells.text("custom_llm_provider"),
            group=cells.text("team_id"),
            key_name=cells.inner("metadata", "$.user_api_key_alias"),
            meter=cells.text("call_type"),
            status=status,
            error_code=cells.inner("metadata", "$.error_information.error_code"),
            detail=cells.inner(
                "metadata", "$.error_information.error_message", "$.error_information.error_class"
            ),
            duration_ms=_millis(start, end),
            ttft_ms=ttft,
            **_tokens(cells),
            cost=cells.money("spend"),
            currency="USD",
            cost_basis="estimated",
        )


def _call(cells: Cells) -> pl.Series:
    stated = cells.text("litellm_call_id")
    return stated.zip_with(stated.is_not_null(), cells.inner("metadata", "$.litellm_call_id"))


def _millis(start: pl.Series, end: pl.Series) -> pl.Series:
    took = (end - start).dt.total_microseconds() / 1000
    return took.set((took < 0).fill_null(False), None)


def _tokens(cells: Cells) -> dict[str, pl.Series]:
    return {
        "input_tokens": cells.count("prompt_tokens"),
        "output_tokens": cells.count("completion_tokens"),
        "cached_tokens": _used(
            cells, "prompt_tokens_details.cached_tokens", "cache_read_input_tokens"
        ),
        "cache_write_tokens": _used(cells, "cache_creation_input_tokens"),
        "reasoning_tokens": _used(cells, "completion_tokens_details.reasoning_tokens"),
    }


def _used(cells: Cells, *paths: str) -> pl.Series:
    return ints(cells.inner("metadata", *(f"{_USED}.{path}" for path in paths)))


FORMAT = LitellmSpend()
