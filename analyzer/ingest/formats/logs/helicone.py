"""Helicone's request export: JSON lines or an array of the query API's rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer import columns
from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import ZoneNote, any_time

_S = pl.String()
_NAMES = (
    "response_id", "response_created_at", "response_status", "response_model", "request_id",
    "helicone-id", "request_created_at", "request_path", "request_model", "model_override",
    "model", "provider", "delay_ms", "time_to_first_token", "prompt_tokens", "completion_tokens",
    "costUSD", "cost_usd", "cost", "target_url", "cache_reference_id", "cache_enabled",
)  # fmt: skip
_TYPE = pl.Struct(dict.fromkeys(_NAMES, _S))
_NO_CACHE = "00000000-0000-0000-0000-000000000000"
_PENDING = "-2"
_STATES = {-1: "timeout", -3: "cancelled", -4: "threat"}
"""What Helicone writes where there is no HTTP status."""


class HeliconeReader:
    """Reads one input; every row stands alone."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._notes = source.notes
        self._pending = 0
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode(lines, _TYPE)
        made = made.join(lines.select("record", "line"), on="record", how="left")
        self._zone.look(made["request_created_at"].drop_nulls())
        start = any_time(pl.col("request_created_at"), self._wants.reading.zone)
        made = made.with_columns(started_at=start)
        timed = pl.col("started_at").is_not_null()
        reason = pl.lit("it has no request_created_at that can be read")
        bad = pl.concat([bad, made.filter(~timed).select("record", reason=reason)])
        pending = (pl.col("response_status") == _PENDING).fill_null(False)
        self._pending += made.filter(timed & pending).height
        return Parsed(_rows(made.filter(timed & ~pending), self._wants), bad=bad)

    def finish(self) -> Parsed:
        """Say how many requests were not through yet."""
        if self._pending:
            message = (
                f"{self._pending} requests were still pending when this was exported; they are "
                "counted nowhere. Export again for their outcome."
            )
            self._notes.add("pending", message, None, self._pending, lost=False)
        return Parsed()


def _rows(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    made = fields.target(made, "target_url", wants).with_columns(
        own_path=pl.col("request_path").str.splitn("?", 2).struct.field("field_0"),
        _code=pl.col("response_status").cast(pl.Int64, strict=False),
        _cached=pl.col("cache_reference_id").is_not_null()
        & ~pl.col("cache_reference_id").is_in(["", _NO_CACHE]),
    )
    took, first = (fields.number(pl.col(name)) for name in ("delay_ms", "time_to_first_token"))
    # The path of Helicone's own URL is the provider's.
    shown = pl.col("own_path").str.replace(r"^[a-z]+://[^/]*", "")
    return made.select(
        "record", "started_at", "key_tag", ended_at=fields.after(pl.col("started_at"), took),
        duration_ms=took, ttfb_ms=first, ttft_ms=first, time_kind=pl.lit("start"),
        time_precision_ms=pl.lit(1.0), path=pl.coalesce(fields.known(shown), "path"),
        request_id=pl.coalesce(fields.known(pl.col("request_id")),
                               fields.known(pl.col("helicone-id"))),
        model=pl.coalesce([fields.known(pl.col(name)) for name in
                           ("model_override", "request_model", "model")]),
        model_served=fields.known(pl.col("response_model")),
        provider=fields.known(pl.col("provider")).str.to_lowercase().replace(
            {"aws": "bedrock", "vertex": "google", "gemini": "google", "x.ai": "xai"}),
        upstream_address=pl.col("named_host"),
        input_tokens=fields.number(pl.col("prompt_tokens")).cast(pl.Int64),
        output_tokens=fields.number(pl.col("completion_tokens")).cast(pl.Int64),
        gateway=pl.lit("helicone"), llm=pl.lit(True), **_outcome(), **_money(),
    )  # fmt: skip


def _outcome() -> dict[str, pl.Expr]:
    """Return the status and how far it came; a negative status is a state."""
    code, cached = pl.col("_code"), pl.col("_cached")
    status = fields.status(code)
    state = code.replace_strict(_STATES, default=None, return_dtype=pl.String())
    line = pl.col("line")
    failed = (status >= 400).fill_null(False)

    def error(name: str) -> pl.Expr:
        found = line.str.json_path_match(f"$.response_body.error.{name}")
        return pl.when(failed).then(fields.known(found))

    return {
        "status": status,
        "upstream_status": pl.when(~cached).then(status),
        "proxy_flags": state,
        "client_error": pl.when(state == "cancelled").then(pl.lit("cancelled")),
        "phase": pl.when(cached | (state == "threat"))
        .then(pl.lit("not_sent"))
        .when(status.is_not_null())
        .then(pl.lit("done")),
        "error_type": error("type"),
        "error_code": error("code"),
        "error_message": error("message"),
    }


def _money() -> dict[str, pl.Expr]:
    text = pl.coalesce("costUSD", "cost_usd", "cost")
    rough = text.cast(pl.Float64, strict=False).round(12)
    exact = rough.cast(pl.Decimal(38, 12), strict=False).cast(columns.MONEY)
    return {"cost": exact, "currency": pl.when(exact.is_not_null()).then(pl.lit("USD"))}


class Helicone(JsonLog):
    """Helicone request export."""

    name = "helicone"
    title = "Helicone request export"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r'(?s)^[^{]{0,200}\{(?:.*"request_created_at"\s*:.*"(?:response_status|delay_ms)"\s*:'
        r'|.*"(?:response_status|delay_ms)"\s*:.*"request_created_at"\s*:)'
    )
    weight = 0.97
    type = _TYPE

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether it has Helicone's names for time and outcome."""
        return "request_created_at" in item and bool({"response_status", "delay_ms"} & item.keys())

    def reader(self, source: Input) -> HeliconeReader:
        """Return a reader for one input."""
        return HeliconeReader(source)


FORMAT = Helicone()
