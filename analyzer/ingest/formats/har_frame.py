"""The rows of one capture as columns, and those as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import polars as pl

from analyzer import columns
from analyzer.signals.facts import AnswerFacts

_ANSWER = (
    "body_kind", "html_title", "body_text", "error_type", "error_code", "error_param",
    "error_message", "error_shape", "error_provider", "stream_state", "stream_events",
    "finish_reason", "visible_output", "model_served", "input_tokens", "output_tokens",
    "cached_tokens", "reasoning_tokens", "currency",
)  # fmt: skip
"""What is taken from the facts of an answer, under the same names."""
_TOLD = tuple((name, attrgetter(name)) for name in _ANSWER if name != "body_text")
_NEEDED = ("record", "started_at", "duration_ms", "key_tag")
"""What the rows of a capture are worked on with, even where it holds nothing."""
_DELIVERED = (None, "complete")
_FILTERED = ("content_filter", "refusal", "error")


class Table:
    """Columns that wait to become a frame.

    Most columns of headers and errors are empty in any one capture, and cost nothing here.
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {}
        self._height = 0

    def __len__(self) -> int:
        return self._height

    def add(self, columns: dict[str, list[Any]], facts: Sequence[AnswerFacts]) -> None:
        """Add rows: the columns that were made of the entries, and what the answers say."""
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
        """Return the rows, at least one, as a frame and forget them.

        Columns that hold nothing are left out, except those that others are made of.
        """
        values, height = self._columns, self._height
        self._columns, self._height = {}, 0
        return pl.DataFrame(
            pl.Series(name, held, dtype=_dtype(name), strict=False)
            for name, held in values.items()
            if name in _NEEDED or held.count(None) < height
        )


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


def _dtype(name: str) -> Any:
    return pl.Int64() if name == "started_at" else columns.dtype_of(name)
