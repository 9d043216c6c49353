"""From LiteLLM's payload to the columns of an attempt, one row a try."""

from __future__ import annotations

import polars as pl

from analyzer import columns
from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.zoneless import any_time

_S = pl.String()
_ERROR = pl.Struct(
    dict.fromkeys(
        ("error_code", "error_class", "llm_provider", "error_message", "error_rate_limit_category"),
        _S,
    )
)
_HEADERS = pl.Struct({"llm_provider-x-request-id": _S, "llm_provider-request-id": _S})
_PAYLOAD: dict[str, pl.DataType] = {
    **dict.fromkeys(
        (
            "id", "request_id", "litellm_call_id", "trace_id", "session_id", "call_type", "stream",
            "status", "custom_llm_provider", "startTime", "start_time", "endTime", "end_time",
            "completionStartTime", "completion_start_time", "request_duration_ms", "model",
            "model_group", "api_base", "api_key", "cache_hit", "response_cost", "spend",
            "prompt_tokens", "completion_tokens", "error_str",
        ),
        _S,
    ),
    "hidden_params": pl.Struct({"api_base": _S, "additional_headers": _HEADERS}),
    "metadata": pl.Struct({"user_api_key_hash": _S, "error_information": _ERROR}),
    "error_information": _ERROR,
}  # fmt: skip
TYPE = pl.Struct({**_PAYLOAD, "standard_logging_object": pl.Struct(_PAYLOAD)})
"""What is read of a line. Everything is text: versions differ in what they quote."""

_NOTHING = ("", "None", "null", "none")
_OWN_CLASSES = (
    "ProxyRateLimitError", "BudgetExceededError", "ProxyException", "ProxyModelNotFoundError",
    "UnsupportedParamsError", "RouterRateLimitError", "RouterRateLimitErrorBasic",
    "GuardrailRaisedException", "BlockedPiiEntityError",
)  # fmt: skip
"""Raised by the proxy or its router before, or instead of, a call."""
_OWN_WORDS = (
    r"No deployments available|no healthy deployments|cooldown_list=|Budget has been exceeded"
    r"|Not allowed to access model due to tags"
)
_LEFT = "ClientDisconnected"
"""Stands beside the status "success": the client left while the answer was being sent."""
_NO_ANSWER_CLASSES = ("APIConnectionError", "Timeout", "APITimeoutError", "MidStreamFallbackError")
_NOT_CONNECTED = (
    r"(?i)cannot connect to host|connection refused|connect call failed|name or service not known"
    r"|nodename nor servname|temporary failure in name resolution|connecttimeout|connecterror"
    r"|all connection attempts failed"
)
_SENT = r"(?i)server disconnected|readtimeout|read timed out|remote end closed connection"
_BROKE = r"(?i)peer closed connection|incomplete chunked read|incompleteread"
_CONNECTION = r"(?i)connection error"
_PROVIDER_ERROR = r"(?:^|[\s:(])([A-Z][A-Za-z0-9_]*Exception) - "
_ENDPOINTS = (
    (r"responses", "responses"), (r"anthropic_messages", "messages"), (r"embedding", "embeddings"),
    (r"text_completion", "completions"), (r"image", "images"), (r"speech|transcription", "audio"),
    (r"moderation", "moderations"), (r"rerank", "rerank"), (r"realtime", "realtime"),
    (r"batch", "batch"), (r"completion", "chat"),
)  # fmt: skip
"""Part of ``call_type`` -> endpoint, the first that fits."""
_PROVIDERS = {
    "vertex_ai": "google", "vertex_ai_beta": "google", "gemini": "google", "palm": "google",
    "azure_ai": "azure", "azure_text": "azure", "bedrock_converse": "bedrock",
    "together_ai": "together", "fireworks_ai": "fireworks", "cohere_chat": "cohere",
    "ollama_chat": "ollama", "hosted_vllm": "vllm", "text-completion-openai": "openai",
    "nvidia_nim": "nvidia", "zai": "zhipu", "anthropic_text": "anthropic",
}  # fmt: skip
"""LiteLLM's names of providers that differ from ours."""


def rows(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Return one row a try, with internal columns ``_start`` (text) ``_call`` and ``_trace``."""
    told = made.with_columns(**_told())
    zone = wants.reading.zone
    start, end = any_time(pl.col("_start"), zone), any_time(pl.col("_end"), zone)
    first = any_time(_text("completionStartTime", "completion_start_time"), zone)
    timed = told.with_columns(started_at=start, ended_at=end, _first=first)
    tagged = timed.with_columns(fields.credential_tags(timed["_key"], wants))
    made = tagged.select("record", "started_at", "key_tag", "_start", **_when(), **_hidden(),
                         **_asked(), **_answered(), **_used())  # fmt: skip
    # Only what a later column asks of an earlier one is added here.
    return made.with_columns(**_far()).drop("_own", "_message", "_failed", "_cached")


def _text(*names: str) -> pl.Expr:
    """Return the first of some columns that says something."""
    found = [pl.when(~pl.col(name).is_in(_NOTHING)).then(pl.col(name)) for name in names]
    return pl.coalesce(found)


def _told() -> dict[str, pl.Expr]:
    """Return what stands in one of several places, under one name."""
    about, hidden = pl.col("metadata").struct, pl.col("hidden_params").struct
    headers = hidden.field("additional_headers").struct
    errors = (pl.col("error_information").struct, about.field("error_information").struct)

    def error(name: str) -> pl.Expr:
        return _first([place.field(name) for place in errors])

    return {
        "_start": _text("startTime", "start_time"),
        "_end": _text("endTime", "end_time"),
        "_key": pl.coalesce(_known(about.field("user_api_key_hash")), _text("api_key")),
        "_base": pl.coalesce(_text("api_base"), _known(hidden.field("api_base"))),
        "_code": error("error_code"),
        "_class": error("error_class"),
        "_llm": error("llm_provider"),
        "_message": pl.coalesce(error("error_message"), _text("error_str")),
        "_category": error("error_rate_limit_category"),
        "_behind": _first(
            [headers.field("llm_provider-x-request-id"), headers.field("llm_provider-request-id")]
        ),
    }


def _known(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.is_in(_NOTHING)).then(text)


def _first(found: list[pl.Expr]) -> pl.Expr:
    return pl.coalesce([_known(text) for text in found])


def _when() -> dict[str, pl.Expr]:
    """Return the columns of time; failures of the spend table have an end that is their start."""
    span = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1000
    stated = fields.number(pl.col("request_duration_ms"))
    duration = pl.coalesce(pl.when(stated > 0).then(stated), pl.when(span > 0).then(span))
    first = (pl.col("_first") - pl.col("started_at")).dt.total_microseconds() / 1000
    streamed = pl.col("stream").str.to_lowercase() == "true"
    first = pl.when(streamed & (first >= 0)).then(first)
    return {
        "ended_at": fields.after(pl.col("started_at"), duration),
        "duration_ms": duration,
        # The first chunk that LiteLLM got is the first that it sent on.
        "ttfb_ms": first,
        "ttft_ms": first,
        "time_kind": pl.lit("start"),
        "time_precision_ms": pl.lit(1.0),
    }


def _hidden() -> dict[str, pl.Expr]:
    """Return internal columns that others are made of."""
    own = pl.col("_class").is_in(_OWN_CLASSES) | pl.col("_message").str.contains(_OWN_WORDS)
    return {
        "_call": _text("litellm_call_id"),
        "_trace": _text("trace_id"),
        "_failed": pl.col("status") == "failure",
        "_cached": pl.col("cache_hit").str.to_lowercase() == "true",
        "_own": own,
        "_message": pl.col("_message"),
        "_llm": pl.col("_llm"),
    }


def _asked() -> dict[str, pl.Expr]:
    """Return what was asked and under which ids."""
    call, own = _text("litellm_call_id"), _text("id", "request_id")
    # A cache hit gets the id of the answer that it repeats, with a time behind it.
    own = own.str.replace(r"_cache_hit[\d.]*$", "")
    success = pl.col("status") != "failure"
    streamed = pl.col("stream").str.to_lowercase()
    return {
        "llm": pl.lit(True),
        "gateway": pl.lit("litellm"),
        "endpoint": _endpoint(),
        "stream": pl.when(streamed.is_in(["true", "false"])).then(streamed == "true"),
        "model": _text("model_group", "model"),
        "provider": _text("custom_llm_provider").str.to_lowercase().replace(_PROVIDERS),
        "request_id": pl.coalesce(call, own),
        "upstream_request_id": pl.coalesce(
            pl.col("_behind"), pl.when(call.is_not_null() & success).then(own)
        ),
        "trace_id": pl.col("trace_id").str.extract(r"^([0-9a-f]{32})$"),
        "session_id": _text("session_id"),
        "upstream_address": _host(pl.col("_base")),
    }


def _answered() -> dict[str, pl.Expr]:
    """Return the outcome: what went well was answered with 200, LiteLLM knows no other."""
    failed = pl.col("status") == "failure"
    line = pl.col("line")
    deployed = pl.when(~failed & _text("model_group").is_not_null()).then(_text("model"))
    left = (pl.col("_class") == _LEFT).fill_null(False)
    return {
        "status": pl.when(failed)
        .then(fields.status(pl.col("_code")))
        .when(pl.col("status") == "success")
        .then(pl.lit(200, pl.Int32())),
        "proxy_flags": pl.col("_category"),
        "proxy_detail": pl.when(failed | left).then("_class"),
        "client_error": pl.when(left).then("_message"),
        "error_type": pl.when(failed).then("_class"),
        "error_code": pl.when(failed).then("_code"),
        "error_message": pl.when(failed).then("_message"),
        "error_shape": pl.when(failed).then(pl.lit("litellm")),
        "error_provider": pl.when(failed).then(pl.col("_message").str.extract(_PROVIDER_ERROR)),
        "model_served": pl.coalesce(_known(line.str.json_path_match("$.response.model")), deployed),
        "finish_reason": _known(line.str.json_path_match("$.response.choices[0].finish_reason")),
    }


def _used() -> dict[str, pl.Expr]:
    """Return tokens and cost."""
    cost = _money(_text("response_cost", "spend"))
    return {
        "input_tokens": _count("prompt_tokens"),
        "output_tokens": _count("completion_tokens"),
        "cost": cost,
        "currency": pl.when(cost.is_not_null()).then(pl.lit("USD")),
    }


def _endpoint() -> pl.Expr:
    """Return the endpoint that ``call_type`` names."""
    call = pl.col("call_type").str.to_lowercase()
    return pl.coalesce(
        pl.when(call.str.contains(word)).then(pl.lit(endpoint)) for word, endpoint in _ENDPOINTS
    )


def _host(url: pl.Expr) -> pl.Expr:
    """Return only the host: the rest of a base URL may hold a deployment's name or a key."""
    bare = url.str.replace(r"^[A-Za-z][A-Za-z0-9+.-]*://", "").str.extract(r"^([^/?#]*)")
    return fields.host(bare.str.replace(r"^.*@", ""))


def _count(name: str) -> pl.Expr:
    return fields.number(pl.col(name)).cast(pl.Int64)


def _money(text: pl.Expr) -> pl.Expr:
    """Read a sum that LiteLLM multiplied as a float: beyond 12 decimals it is noise."""
    rough = text.cast(pl.Float64, strict=False).round(12)
    return rough.cast(pl.Decimal(38, 12), strict=False).cast(columns.MONEY)


def _far() -> dict[str, pl.Expr]:
    """Return how far a try came and what the provider answered, where class and text tell it."""
    message, kind = pl.col("_message"), pl.col("error_type")
    limit = pl.col("proxy_flags")
    own = pl.col("_own") | (limit == "litellm_rate_limit")
    vendor = limit.str.starts_with("vendor_")
    nobody = pl.col("upstream_address").is_null() & pl.col("_llm").is_null()
    refused = (kind == "AuthenticationError") & nobody & pl.col("model").is_null()
    own = own.fill_null(False) | refused.fill_null(False)
    dropped = kind.is_in(_NO_ANSWER_CLASSES) | message.str.contains(_CONNECTION)
    asked = pl.col("error_provider").is_not_null() | pl.col("upstream_address").is_not_null()
    answered = pl.col("status").is_not_null() & asked & ~dropped.fill_null(False) & ~own
    answered = answered | vendor.fill_null(False)
    failed = pl.col("_failed")
    phase = (
        pl.when(~failed).then(pl.when(pl.col("_cached")).then(pl.lit("not_sent"))
                              .when(pl.col("proxy_detail") == _LEFT).then(pl.lit("body"))
                              .otherwise(pl.lit("done")))
        .when(own).then(pl.lit("not_sent"))
        .when((kind == "MidStreamFallbackError") | message.str.contains(_BROKE))
        .then(pl.lit("body"))
        .when(answered).then(pl.lit("done"))
        .when(message.str.contains(_NOT_CONNECTED)).then(pl.lit("connecting"))
        .when(message.str.contains(_SENT)).then(pl.lit("sent"))
    )  # fmt: skip
    served = ~failed & ~pl.col("_cached").fill_null(False)
    return {
        "phase": phase,
        "upstream_status": pl.when(served | (failed & answered)).then("status"),
    }
