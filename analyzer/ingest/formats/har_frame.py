"""The rows of one capture as columns, and those as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import polars as pl

from analyzer import columns
from analyzer.signals.facts import AnswerFacts

ROW = (
    "record", "started_at", "duration_ms", "ttfb_ms", "blocked_ms", "dns_ms", "connect_ms",
    "tls_ms", "send_ms", "wait_ms", "receive_ms", "method", "scheme", "host", "path", "model",
    "stream", "llm", "key_tag", "session_id", "resend_count", "request_hash", "request_bytes",
    "status", "retry_after_s", "request_id", "upstream_request_id", "ray_id", "trace_id",
    "response_bytes", "content_type", "server", "via", "client_error", "phase", "cost",
)  # fmt: skip
"""What is made of an entry, in the order of the frame."""
_ANSWER = (
    "body_kind", "html_title", "body_text", "error_type", "error_code", "error_param",
    "error_message", "error_shape", "error_provider", "stream_state", "stream_events",
    "finish_reason", "visible_output", "model_served", "input_tokens", "output_tokens",
    "cached_tokens", "reasoning_tokens", "currency",
)  # fmt: skip
"""What is taken from the facts of an answer, under the same names."""
_TOLD = tuple((name, attrgetter(name)) for name in _ANSWER if name != "body_text")
_DELIVERED = (None, "complete")
_FILTERED = ("content_filter", "refusal", "error")


class Table:
    """Columns that wait to become a frame.

    Most columns of headers and errors are empty in any one capture, and cost nothing here.
    """

    def __init__(self, headers: Sequence[str]) -> None:
        self._headers = headers
        self._columns: dict[str, list[Any]] = {}
        self._height = 0

    def __len__(self) -> int:
        return self._height

    def add(self, columns: dict[str, list[Any]], facts: Sequence[AnswerFacts]) -> None:
        """Add rows: the columns of :data:`ROW` and what the answers say."""
        for name, values in columns.items():
            self._column(name).extend(values)
        for name, told in _TOLD:
            self._column(name).extend(map(told, facts))
        self._column("body_text").extend(map(_kept_text, facts, columns["status"]))
        self._height += len(facts)

    def _column(self, name: str) -> list[Any]:
        known = self._columns.get(name)
        if known is None:
            known = self._columns[name] = [None] * self._height
        return known

    def take(self) -> pl.DataFrame:
        """Return the rows, at least one, as a frame and forget them."""
        values, height = self._columns, self._height
        self._columns, self._height = {}, 0
        return _frame(values, (*ROW, *_ANSWER, *self._headers), height)


def _kept_text(facts: AnswerFacts, status: int | None) -> str | None:
    """Return the text of an answer unless it delivered what was asked.

    Only failures are looked at for words, and healthy texts are most of a capture: without them a
    frame is a tenth of its size.
    """
    delivered = (
        facts.visible_output is True
        and status is not None
        and 200 <= status < 300
        and facts.error_message is None
        and facts.error_type is None
        and facts.stream_state in _DELIVERED
        and facts.finish_reason not in _FILTERED
    )
    return None if delivered else facts.body_text


def _frame(values: dict[str, list[Any]], names: Sequence[str], height: int) -> pl.DataFrame:
    """Return columns in the order of ``names``; what holds nothing becomes typed nulls."""
    filled = [name for name in names if name in values and values[name].count(None) < height]
    made = [pl.Series(name, values[name], dtype=_dtype(name), strict=False) for name in filled]
    empty = (pl.lit(None, dtype=_dtype(name)).alias(name) for name in set(names) - set(filled))
    return pl.DataFrame(made).with_columns(*empty).select(names)


def _dtype(name: str) -> Any:
    return pl.Int64() if name == "started_at" else columns.dtype_of(name)
