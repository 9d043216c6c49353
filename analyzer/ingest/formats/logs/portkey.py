"""Portkey's log export: JSON lines or an array, with the columns that were asked for."""

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
    "id", "trace_id", "created_at", "is_success", "ai_org", "ai_model", "req_units", "res_units",
    "total_units", "request_url", "cost", "cost_currency", "response_time",
    "response_status_code", "mode", "config",
)  # fmt: skip
_TYPE = pl.Struct(dict.fromkeys(_NAMES, _S))
_SIGNS = frozenset({"ai_org", "ai_model", "response_status_code", "is_success", "req_units"})
_GUARDRAIL = (246, 446)
"""Statuses that only Portkey's guardrails give: let through with a warning, and denied."""
_BUDGET = 412


class PortkeyReader:
    """Reads one input; every row stands alone: Portkey does not log its own retries."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode(lines, _TYPE)
        made = made.join(lines.select("record", "line"), on="record", how="left")
        self._zone.look(made["created_at"].drop_nulls())
        # Neither a time nor an outcome: whatever it is, it is no request.
        said = pl.any_horizontal(
            pl.col("created_at", "response_status_code", "is_success").is_not_null()
        )
        reason = pl.lit("it has none of created_at, response_status_code and is_success")
        bad = pl.concat([bad, made.filter(~said).select("record", reason=reason)])
        return Parsed(_rows(made.filter(said), self._wants), bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _rows(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    # What was called is the provider's URL, so that only its path tells what was asked.
    split = fields.target(made, "request_url", wants)
    start = any_time(pl.col("created_at"), wants.reading.zone)
    took = fields.number(pl.col("response_time"))
    status = fields.status(pl.col("response_status_code"))
    return split.select(
        "record", "path", "key_tag", started_at=start, ended_at=fields.after(start, took),
        duration_ms=took, time_kind=pl.lit("start"), time_precision_ms=pl.lit(1.0),
        status=status, request_id=fields.known(pl.col("id")),
        trace_id=pl.col("trace_id").str.extract(r"^([0-9a-f]{32})$"),
        provider=fields.known(pl.col("ai_org")).str.to_lowercase().replace(_PROVIDERS),
        model=fields.known(pl.col("ai_model")),
        upstream_address=pl.col("named_host"),
        input_tokens=fields.number(pl.col("req_units")).cast(pl.Int64),
        output_tokens=fields.number(pl.col("res_units")).cast(pl.Int64),
        gateway=pl.lit("portkey"), llm=pl.lit(True),
        **_money(), **_outcome(status),
    )  # fmt: skip


_PROVIDERS = {
    "azure-openai": "azure", "vertex-ai": "google", "mistral-ai": "mistral",
    "together-ai": "together", "fireworks-ai": "fireworks", "perplexity-ai": "perplexity",
    "workers-ai": "cloudflare", "x-ai": "xai",
}  # fmt: skip
"""Portkey's names of providers that differ from ours."""


def _money() -> dict[str, pl.Expr]:
    """Return the cost where its currency stands beside it.

    A sum without a currency is none, and Portkey's price list counts in cents.
    """
    currency = fields.known(pl.col("cost_currency")).str.to_uppercase()
    known = currency.str.contains(r"^[A-Z]{3}$")
    sum_ = pl.col("cost").cast(pl.Float64, strict=False).round(12)
    exact = sum_.cast(pl.Decimal(38, 12), strict=False).cast(columns.MONEY)
    return {
        "cost": pl.when(known).then(exact),
        "currency": pl.when(known & exact.is_not_null()).then(currency),
    }


def _outcome(status: pl.Expr) -> dict[str, pl.Expr]:
    """Return what the export says of success; the answer's text tells errors."""
    line = pl.col("line")
    success = pl.col("is_success").str.to_lowercase().replace_strict(
        {"true": True, "1": True, "false": False, "0": False}, default=None,
        return_dtype=pl.Boolean,
    )  # fmt: skip
    failed = (status >= 400) | (~success).fill_null(False)

    def error(name: str) -> pl.Expr:
        found = line.str.json_path_match(f"$.response.error.{name}")
        return pl.when(failed.fill_null(False)).then(fields.known(found))

    own = status.is_in([_GUARDRAIL[1], _BUDGET])
    return {
        "error_type": error("type"),
        "error_code": error("code"),
        "error_message": error("message"),
        "finish_reason": fields.known(
            line.str.json_path_match("$.response.choices[0].finish_reason")
        ),
        "model_served": fields.known(line.str.json_path_match("$.response.model")),
        "phase": pl.when(own).then(pl.lit("not_sent")),
        # Without a status the flag is all that is known.
        "ok": pl.when(status.is_null()).then(success),
    }


class Portkey(JsonLog):
    """Portkey log export."""

    name = "portkey"
    title = "Portkey log export"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r'(?s)^[^{]{0,200}\{.*"(?:ai_org|ai_model)"\s*:.*"(?:response_status_code|is_success'
        r'|response_time|ai_model|req_units)"\s*:'
    )
    weight = 0.97
    type = _TYPE

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether it has at least two columns that only Portkey names so."""
        return len(_SIGNS & item.keys()) >= 2 and ("ai_org" in item or "ai_model" in item)

    def reader(self, source: Input) -> PortkeyReader:
        """Return a reader for one input."""
        return PortkeyReader(source)


FORMAT = Portkey()
