"""From a request's span to the columns of an attempt."""

from __future__ import annotations

import polars as pl

from analyzer import columns
from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs.otlp_span import KEYS

_ERROR = ("2", "STATUS_CODE_ERROR")
_ENDPOINTS = {
    "chat": "chat", "text_completion": "completions", "embeddings": "embeddings",
    "generate_content": "generate",
}  # fmt: skip
_PROVIDERS = {
    "az.ai.openai": "azure", "azure.ai.openai": "azure", "az.ai.inference": "azure",
    "azure.ai.inference": "azure", "aws.bedrock": "bedrock", "gcp.gemini": "google",
    "gcp.vertex_ai": "google", "gcp.gen_ai": "google", "gemini": "google", "vertex_ai": "google",
    "mistral_ai": "mistral", "x_ai": "xai", "moonshot_ai": "moonshot",
}  # fmt: skip
"""Names of the conventions that differ from ours."""


def rows_of(spans: pl.DataFrame, name: str, wants: Wants) -> pl.DataFrame | None:
    """Return attempts of the input ``name``; ``spans`` are what ``otlp_tree`` made."""
    if not spans.height:
        return None
    missing = [
        pl.lit(None, dtype).alias(column)
        for column, dtype in (("_behind", pl.String()), ("_address", pl.String()),
                            ("_tries", pl.Int64()), ("_parts", pl.List(pl.Int64())))
        if column not in spans.columns
    ]  # fmt: skip
    query = pl.concat_str("url.path", pl.lit("?"), "url.query")
    asked = pl.coalesce("url.full", "http.url", "http.target", query, "url.path")
    made = spans.with_columns(*missing, asked.alias("_target"))
    made = fields.target(made, "_target", wants).rename({"key_tag": "_query_tag"})
    sent = pl.coalesce("http.request.header.authorization", "http.request.header.x-api-key")
    tagged = made.with_columns(fields.credential_tags(made.select(sent).to_series(), wants))
    return tagged.select(
        "record", key_tag=pl.coalesce("key_tag", "_query_tag"), **_when(), **_asked(),
        **_answered(), **_headers(tagged, wants), seen_in=_places(name),
    )  # fmt: skip


def _places(name: str) -> pl.Expr:
    """Return the place of a request and of the spans that were folded into it."""
    records = pl.concat_list("record", pl.col("_parts").fill_null([]))
    # A place is text as it stands: braces in a name are none of a pattern.
    return records.list.eval(pl.concat_str(pl.lit(f"{name}#"), pl.element().cast(pl.String)))


def _when() -> dict[str, pl.Expr]:
    start, end = pl.col("start"), pl.col("end")
    took = pl.when(end >= start).then((end - start) / 1e6)
    return {
        "started_at": (start // 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        "ended_at": (end // 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        "duration_ms": took,
        "time_kind": pl.lit("start"),
        "time_precision_ms": pl.lit(0.001),
    }


def _asked() -> dict[str, pl.Expr]:
    server = pl.coalesce("server.address", "net.peer.name", "http.host")
    port = pl.coalesce("server.port", "net.peer.port")
    named = pl.when(port.is_null() | server.str.contains(r":\d+$")).then(server)
    placed = named.otherwise(pl.concat_str(server, pl.lit(":"), port))
    method = pl.coalesce("http.request.method", "http.method").str.to_uppercase()
    return {
        "hop": pl.when("server").then(pl.lit("gateway")).otherwise(pl.lit("client")),
        "method": fields.method(method),
        "scheme": pl.coalesce("scheme", "url.scheme"),
        "host": pl.coalesce("named_host", fields.host(placed)),
        "path": pl.col("path"),
        "endpoint": pl.col("gen_ai.operation.name").replace_strict(
            _ENDPOINTS, default=None, return_dtype=pl.String()
        ),
        "llm": pl.when("genai").then(True),
        "model": pl.col("gen_ai.request.model"),
        "provider": pl.coalesce("gen_ai.provider.name", "gen_ai.system").str.to_lowercase().replace(
            _PROVIDERS
        ),
        "session_id": pl.coalesce("gen_ai.conversation.id", "session.id"),
        "trace_id": pl.col("trace").str.extract(r"^([0-9a-f]{32})$"),
        "resend_count": _count("http.request.resend_count"),
        "request_bytes": _count("http.request.body.size"),
    }  # fmt: skip


def _answered() -> dict[str, pl.Expr]:
    """Return the outcome: an ``error.type`` that is a number was answered, a class was not."""
    kind = pl.col("error.type")
    stated = pl.coalesce("http.response.status_code", "http.status_code")
    status = fields.status(pl.coalesce(stated, kind.str.extract(r"^(\d{3})$")))
    failed = pl.col("code").is_in(_ERROR).fill_null(False) | kind.is_not_null()
    named = pl.coalesce("exception.type", pl.when(~kind.str.contains(r"^\d+$")).then(kind))
    words = pl.when(failed).then(pl.coalesce("exception.message", "said"))
    message = pl.when(words != "").then(words)
    # What the caller itself met: no answer, or one that broke after its head.
    own = failed & (status.is_null() | (status < 400)) & ~pl.col("server")
    both = pl.concat_str(pl.coalesce(named, "said"), message, separator=": ", ignore_nulls=True)
    told = pl.when(both != "").then(both).otherwise(pl.lit("error"))
    return {
        "status": status,
        # Spans of GenAI alone name no status; without an error they went well.
        "ok": pl.when(status.is_null() & ~failed).then(True),
        "error_type": pl.when(failed).then(named),
        "error_message": message,
        "client_error": pl.when(own).then(told),
        "phase": pl.when(status.is_not_null() & ~own & ~pl.col("server")).then(pl.lit("done"))
        .when(pl.col("server") & pl.col("_behind").is_not_null()).then(pl.lit("done")),
        "upstream_status": fields.status(pl.col("_behind")),
        "upstream_address": pl.col("_address"),
        "upstream_tries": pl.col("_tries"),
        "request_id": pl.col("gen_ai.response.id"),
        "model_served": pl.col("gen_ai.response.model"),
        "finish_reason": pl.col("gen_ai.response.finish_reasons").str.extract(r'^\[?"?([\w-]+)'),
        "input_tokens": _count("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output_tokens": _count("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "cached_tokens": _count(
            "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"
        ),
        "response_bytes": _count("http.response.body.size"),
    }  # fmt: skip


def _count(*names: str) -> pl.Expr:
    return fields.number(pl.coalesce(names)).cast(pl.Int64)


def _headers(spans: pl.DataFrame, wants: Wants) -> dict[str, pl.Expr]:
    """Return the wanted headers that were recorded as attributes."""
    told = {"req_header.user-agent": pl.coalesce("user_agent.original", "http.user_agent")}
    for prefix, place in (("req_header.", "request"), ("resp_header.", "response")):
        begin = f"http.{place}.header."
        for name in spans.columns:
            if name.startswith(begin) and name not in KEYS:
                header = prefix + name.removeprefix(begin)
                known = [told[header]] if header in told else []
                told[header] = pl.coalesce(name, *known)
    return fields.headers(wants, {n: e for n, e in told.items() if columns.is_header(n)})
