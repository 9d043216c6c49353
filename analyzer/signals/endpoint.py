"""Paths: which kind of API call, which model and what is wrong with the base URL."""

from __future__ import annotations

import polars as pl

from analyzer.columns import Frame
from analyzer.signals import hosts
from analyzer.signals.catalogue import SignalData

WEAK = "_weak_path"
"""Internal column: the path alone does not prove LLM traffic."""
WRONG_HOST = "_wrong_host"
"""Internal column: a host of a gateway that serves no API."""

_V = r"/v[0-9]+(?:\.[0-9]+)?(?:alpha[0-9]*|beta[0-9]*)?"
"""A version segment."""
_HEAD = rf"(?:{_V}|/deployments/[^/]+|/openai|/inference|/codex)"
"""What stands before an endpoint of the OpenAI family."""
_END = r"(?:/|$)"

# Endpoint, path pattern, methods (empty = any): proof of LLM traffic by itself. First match wins.
_STRONG: tuple[tuple[str, str, str], ...] = (
    ("count_tokens", rf"/messages/count_tokens{_END}|:countTokens$|/model/[^/]+/count-tokens$", ""),
    ("batch", rf"{_V}/messages/batches{_END}|:batchGenerateContent$|{_V}/batches{_END}", ""),
    ("embeddings", rf"{_HEAD}/embeddings{_END}|:(?:batchE|e)mbedContents?$", ""),
    ("generate", r":(?:streamGenerateContent|generateContent|streamRawPredict|rawPredict)$", ""),
    ("generate", r"/services/aigc/[a-z-]+/generation$", "POST"),
    ("realtime", rf"{_HEAD}/realtime{_END}|\.BidiGenerateContent$", ""),
    ("chat", rf"/chat/completions{_END}", ""),
    ("messages", rf"{_V}/messages{_END}", "POST"),
    ("responses", rf"{_HEAD}/responses{_END}", "POST"),
    ("converse", r"/model/[^/]+/(?:converse|converse-stream|invoke"
     r"|invoke-with-response-stream)$", ""),
    ("images", rf"{_HEAD}/images/(?:generations|edits|variations){_END}", ""),
    ("audio", rf"{_HEAD}/audio/(?:speech|transcriptions|translations){_END}", ""),
    ("moderations", rf"{_HEAD}/moderations{_END}", ""),
    ("rerank", rf"{_V}/rerank{_END}", "POST"),
    ("completions", rf"{_HEAD}/completions{_END}", "POST"),
    ("models", rf"(?:{_V}|/openai)/models/?$", "GET"),
)  # fmt: skip

# The same for paths that other applications have too: they count with a host or a body that speaks.
_WEAK: tuple[tuple[str, str, str], ...] = (
    ("messages", rf"/messages{_END}", "POST"),
    ("responses", rf"/responses{_END}", ""),
    ("completions", rf"/completions{_END}", "POST"),
    ("embeddings", rf"/(?:embeddings|embed){_END}", "POST"),
    ("models", r"/(?:models|api/tags)/?$", "GET"),
    ("ollama", r"/api/(?:chat|generate)/?$", "POST"),
    ("chat", rf"{_V}/chat/?$", "POST"),
    ("images", r"/images/(?:generations|edits|variations)", ""),
    ("audio", r"/audio/(?:speech|transcriptions|translations)", ""),
    ("moderations", rf"/moderations{_END}", "POST"),
    ("rerank", rf"/rerank{_END}", "POST"),
    ("batch", rf"{_V}/(?:files|uploads){_END}", ""),
)

_MODEL_IN_PATH = (
    r"/models/([^/:]+):|/deployments/([^/]+)/|/model/([^/]+)/(?:converse|invoke|count-tokens)"
)
_LEAF = r"(?:chat/completions|messages|responses|completions|embeddings)"
_DOUBLED_ENDPOINT = rf"/{_LEAF}(?:{_V})?/(?:{_LEAF}|models)/?$"
_DOUBLED_VERSION = rf"{_V}(?:/api)?{_V}/"
_MISSING_VERSION = rf"^(?:/api|/openai)?/(?:{_LEAF}|models)/?$"
_ASKS_STREAM = r":stream[GR][A-Za-z]+$|/(?:converse-stream|invoke-with-response-stream)$"
_ASKS_WHOLE = r":(?:generateContent|rawPredict)$|/model/[^/]+/(?:converse|invoke)$"


def add(frame: Frame, data: SignalData) -> Frame:
    """Fill ``endpoint``, ``model``, ``stream`` and ``base_url_problem`` where the path tells them.

    Adds the internal columns ``_weak_path`` and ``_wrong_host``.
    """
    frame = hosts.prepare(frame)
    strong, weak = _kind(_STRONG), _kind(_WEAK)
    wrong = [host for gateway in data.gateways for host in gateway.wrong_hosts]
    frame = frame.with_columns(
        pl.col("endpoint").alias("_said"),
        strong.alias("_strong"),
        weak.alias("_weak"),
        pl.coalesce("model", _model()).alias("model"),
        pl.coalesce("stream", _stream()).alias("stream"),
        hosts.among(wrong).alias(WRONG_HOST),
    )
    frame = frame.with_columns(
        pl.coalesce("_said", "_strong", "_weak").alias("endpoint"),
        (pl.col("_said").is_null() & pl.col("_strong").is_null()).alias(WEAK),
    ).drop("_said", "_strong", "_weak")
    problem = _problem(_unversioned(data))
    return frame.with_columns(pl.coalesce("base_url_problem", problem).alias("base_url_problem"))


def _kind(table: tuple[tuple[str, str, str], ...]) -> pl.Expr:
    """Return the endpoint of the first pattern of ``table`` that matches path and method."""
    method = pl.col("method").fill_null("")
    found = []
    for endpoint, pattern, methods in table:
        hit = pl.col("path").str.contains(pattern)
        if methods:
            hit &= method.is_in([*methods.split(), ""])
        found.append(pl.when(hit).then(pl.lit(endpoint)))
    return pl.coalesce(found)


def _model() -> pl.Expr:
    """Return the model that stands in the path: Gemini, Azure, Bedrock."""
    groups = pl.col("path").str.extract_groups(_MODEL_IN_PATH)
    named = pl.coalesce(*(groups.struct.field(str(n)) for n in (1, 2, 3)))
    plain = named.str.replace_all("%3[Aa]", ":").str.replace_all("%2[Ff]", "/")
    return plain.str.split("/").list.last()


def _stream() -> pl.Expr:
    path = pl.col("path")
    asked = pl.when(path.str.contains(_ASKS_STREAM)).then(True)
    return asked.when(path.str.contains(_ASKS_WHOLE)).then(False)


def _unversioned(data: SignalData) -> pl.Expr:
    """Whether the host serves its API without a version."""
    plain = [p.hosts for p in data.providers if p.unversioned]
    plain += [p.hosts for p in data.products if p.unversioned]
    return hosts.among(host for listed in plain for host in listed)


def _problem(unversioned: pl.Expr) -> pl.Expr:
    path = pl.col("path")
    return (
        pl.when(pl.col(WRONG_HOST))
        .then(pl.lit("wrong_host"))
        .when(path.str.contains(_DOUBLED_ENDPOINT))
        .then(pl.lit("doubled_endpoint"))
        .when(path.str.contains(_DOUBLED_VERSION))
        .then(pl.lit("doubled_version"))
        .when(path.str.contains(_MISSING_VERSION) & ~unversioned & pl.col("endpoint").is_not_null())
        .then(pl.lit("missing_version"))
    )
