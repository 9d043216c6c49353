"""LiteLLM: ``StandardLoggingPayload`` of callbacks and buckets, and failed ``/spend/logs`` rows.

One row a try: the router's failed tries are folded into the request that they belong to
(``litellm_tries``); what each column is made of stands in ``litellm_row``.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer.ingest.formats.logs import litellm_row
from analyzer.ingest.formats.logs.litellm_tries import Tries
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import ZoneNote

_WRAPPED = "standard_logging_object"
_PAYLOAD_KEYS = frozenset(
    {"model_parameters", "hidden_params", "error_information", "error_str", "response_cost"}
)
_NO_TIME = "it has no startTime that can be read"


class LitellmReader:
    """Reads one input; failed tries wait for the row that ends their request."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)
        self._tries = Tries(source.name)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode(lines, litellm_row.TYPE)
        made = _unwrapped(made).join(lines.select("record", "line"), on="record", how="left")
        rows = litellm_row.rows(made.sort("record"), self._wants)
        self._zone.look(rows["_start"])
        timeless = rows.filter(pl.col("started_at").is_null())
        bad = pl.concat([bad, timeless.select("record", reason=pl.lit(_NO_TIME))])
        fit = rows.filter(pl.col("started_at").is_not_null())
        return Parsed(self._tries.add(fit), bad=bad)

    def finish(self) -> Parsed:
        """Return the failed tries whose request nothing ended."""
        return Parsed(self._tries.rest())


def _unwrapped(made: pl.DataFrame) -> pl.DataFrame:
    """Return the payload's own fields, also where a callback put it under another key."""
    inner = pl.col(_WRAPPED)
    own = pl.when(inner.is_not_null()).then
    fields = [name for name in made.columns if name not in ("record", "stamp", _WRAPPED)]
    if not made.height or made[_WRAPPED].is_null().all():
        return made.drop(_WRAPPED)
    return made.select(
        "record", "stamp", *(own(inner.struct.field(name)).otherwise(pl.col(name)).alias(name)
                             for name in fields)
    )  # fmt: skip


class Litellm(JsonLog):
    """LiteLLM's logging payload."""

    name = "litellm"
    title = "LiteLLM logging payload (JSON)"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r'(?s)^[^{]{0,200}\{.*"call_type"\s*:.*"(?:error_information|hidden_params'
        r'|custom_llm_provider|model_parameters)"\s*:'
    )
    weight = 0.97
    type = litellm_row.TYPE

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether it is a payload; rows of the spend table only if they say what went wrong."""
        inner = item.get(_WRAPPED)
        if isinstance(inner, dict):
            return "call_type" in inner
        if "call_type" not in item or not ("startTime" in item or "start_time" in item):
            return False
        if "request_id" in item and "spend" in item:
            about = item.get("metadata")
            return isinstance(about, dict) and bool(about.get("error_information"))
        return not _PAYLOAD_KEYS.isdisjoint(item)

    def reader(self, source: Input) -> LitellmReader:
        """Return a reader for one input."""
        return LitellmReader(source)


FORMAT = Litellm()
