"""Cloudflare AI Gateway: logs of its API (a list, page by page) and of Logpush (JSON lines)."""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer import columns
from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import any_time

_NAMES = (
    "id", "created_at", "started_at", "duration", "provider", "model", "path", "endpoint",
    "status_code", "success", "cached", "rate_limited", "step", "tokens_in", "tokens_out", "cost",
    "response_content_type", "gateway",
)  # fmt: skip
"""The API's names; Logpush writes them as ``StatusCode``, and bodies and metadata encrypted."""
_PROVIDERS = {
    "aws-bedrock": "bedrock", "azure-openai": "azure", "google-ai-studio": "google",
    "google-vertex-ai": "google", "grok": "xai", "perplexity-ai": "perplexity",
}  # fmt: skip
"""Cloudflare's names of providers that differ from ours."""
_RATE_LIMITED = 429
_KNOWN_PATH = r"/(?:completions|messages|responses|embeddings)$"


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


class CloudflareAiReader:
    """Reads one input; every record stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode(lines, CloudflareAi.type)
        told = made.select(
            "record",
            "stamp",
            *(_text(name, _pascal(name)).alias(name) for name in _NAMES),
        )
        ours = pl.any_horizontal(
            pl.col(name).is_not_null() for name in ("provider", "model", "gateway")
        )
        known = told.filter(ours)
        others = told.filter(~ours).select(
            "record", reason=pl.lit("it names neither provider nor model nor gateway")
        )
        known = fields.target(known.with_columns(_target=_path()), "_target", self._wants)
        return Parsed(known.select("record", "path", "key_tag", **_when(), **_what()),
                      bad=pl.concat([bad, others]))  # fmt: skip

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _text(*names: str) -> pl.Expr:
    return pl.coalesce(pl.when(pl.col(name) != "").then(name) for name in names)


def _path() -> pl.Expr:
    text = pl.coalesce("path", "endpoint")
    whole = text.str.contains(r"^(?:/|[A-Za-z][A-Za-z0-9+.-]*://)")
    return pl.when(whole).then(text).otherwise(pl.concat_str(pl.lit("/"), text))


def _when() -> dict[str, pl.Expr]:
    """Return the times: a record is made when its answer has come, unless it says the start."""
    start = any_time(pl.col("started_at"), None)
    made = pl.coalesce(any_time(pl.col("created_at"), None), "stamp")
    duration = fields.number(pl.col("duration"))
    end = pl.coalesce(fields.after(start, duration), made)
    told = pl.coalesce(start, end).is_not_null()
    kind = pl.when(start.is_not_null()).then(pl.lit("start")).otherwise(pl.lit("end"))
    return {
        "started_at": pl.coalesce(start, fields.before(made, duration)),
        "ended_at": end,
        "duration_ms": duration,
        "time_kind": pl.when(told).then(kind),
        "time_precision_ms": pl.when(told).then(1.0),
    }


def _flag(name: str) -> pl.Expr:
    return (pl.col(name).str.to_lowercase() == "true").fill_null(False)


def _what() -> dict[str, pl.Expr]:
    limited, cached = _flag("rate_limited"), _flag("cached")
    stated = fields.status(pl.col("status_code"))
    # A record without a status never reached the provider. The gateway's own limit gives a 429.
    status = pl.when(limited & stated.is_null()).then(_RATE_LIMITED).otherwise(stated)
    asked = stated.is_not_null() & ~limited & ~cached
    failed = (pl.col("success").str.to_lowercase() == "false").fill_null(False)
    words = pl.concat_str(
        pl.when(limited).then(pl.lit("RateLimited")), pl.when(cached).then(pl.lit("Cached")),
        separator=",", ignore_nulls=True,
    )  # fmt: skip
    provider = pl.col("provider").str.to_lowercase()
    cost = pl.col("cost").cast(columns.MONEY, strict=False)
    media = pl.col("response_content_type").str.splitn(";", 2).struct.field("field_0")
    media = media.str.strip_chars().str.to_lowercase()
    return {
        "status": status.cast(pl.Int32),
        "upstream_status": pl.when(asked).then(stated),
        "phase": pl.when(asked)
        .then(pl.lit("done"))
        .when(stated.is_not_null() | limited | cached | failed)
        .then(pl.lit("not_sent")),
        "request_id": pl.col("id"),
        "gateway": pl.lit("cloudflare-ai-gateway"),
        "provider": provider.replace(_PROVIDERS),
        "model": pl.col("model"),
        "input_tokens": fields.number(pl.col("tokens_in")).cast(pl.Int64, strict=False),
        "output_tokens": fields.number(pl.col("tokens_out")).cast(pl.Int64, strict=False),
        "cost": cost,
        "currency": pl.when(cost.is_not_null()).then(pl.lit("USD")),
        "content_type": media,
        "stream": pl.when(media == "text/event-stream").then(True),
        # The step counts from 0: which provider of a fallback list this is.
        "upstream_tries": (fields.number(pl.col("step")) + 1).cast(pl.Int64, strict=False),
        "proxy_flags": pl.when(words != "").then(words),
        # The paths of model APIs are known; any other here is a model's as well.
        "llm": pl.when(~pl.col("path").str.contains(_KNOWN_PATH).fill_null(False)).then(True),
    }


class CloudflareAi(JsonLog):
    """Cloudflare AI Gateway log."""

    name = "cloudflare-ai-gateway"
    title = "Cloudflare AI Gateway log (API or Logpush)"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r'"cached"\s*:.*"tokens_(?:in|out)"\s*:|"tokens_(?:in|out)"\s*:.*"cached"\s*:'
        r'|"RateLimited"\s*:.*"(?:Gateway|StatusCode)"\s*:'
        r'|"(?:Gateway|StatusCode)"\s*:.*"RateLimited"\s*:'
        r'|"Gateway"\s*:.*"(?:Request|Response)Body"\s*:'
    )
    weight = 0.97
    type = pl.Struct(dict.fromkeys([*_NAMES, *(_pascal(name) for name in _NAMES)], pl.String()))

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether an object is a record of this format."""
        keys = set(item)
        return {"provider", "model", "tokens_in", "cached"} <= keys or bool(
            {"Provider", "Model"} <= keys and keys & {"RateLimited", "RequestBody", "StatusCode"}
        )

    def reader(self, source: Input) -> CloudflareAiReader:
        """Return a reader for one input."""
        return CloudflareAiReader(source.wants)


FORMAT = CloudflareAi()
