"""OTLP documents taken apart: one row a span, its attributes as columns of text."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.base import Wants

_S = pl.String()
_VALUE = pl.Struct(
    {
        **dict.fromkeys(("stringValue", "intValue", "doubleValue", "boolValue"), _S),
        "arrayValue": pl.Struct(
            {"values": pl.List(pl.Struct({"stringValue": _S, "intValue": _S}))}
        ),
    }
)
_ATTRIBUTES = pl.List(pl.Struct({"key": _S, "value": _VALUE}))
_SPAN = pl.Struct(
    {
        **dict.fromkeys(
            ("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano",
             "endTimeUnixNano"), _S
        ),
        "attributes": _ATTRIBUTES,
        "events": pl.List(pl.Struct({"name": _S, "attributes": _ATTRIBUTES})),
        "status": pl.Struct({"code": _S, "message": _S}),
    }
)  # fmt: skip
TYPE = pl.Struct(
    {"resourceSpans": pl.List(pl.Struct({"scopeSpans": pl.List(pl.Struct(
        {"spans": pl.List(_SPAN)}))}))}
)  # fmt: skip

KEYS = (
    "http.request.method", "http.method", "http.response.status_code", "http.status_code",
    "http.request.resend_count", "http.request.body.size", "http.response.body.size", "url.full",
    "http.url", "url.path", "url.query", "url.scheme", "http.target", "http.host",
    "server.address", "server.port", "net.peer.name", "net.peer.port", "user_agent.original",
    "http.user_agent", "http.request.header.authorization", "http.request.header.x-api-key",
    "error.type", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system",
    "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id",
    "gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.conversation.id", "session.id",
)  # fmt: skip
_EVENT_KEYS = ("exception.type", "exception.message")
_CLIENT, _SERVER = ("3", "SPAN_KIND_CLIENT"), ("2", "SPAN_KIND_SERVER")
_ASKING = ("chat", "text_completion", "embeddings", "generate_content")
"""GenAI operations that ask a model; running tools and agents is none."""


def flat(made: pl.DataFrame, seen: int, wants: Wants) -> pl.DataFrame:
    """Return one row a span, numbered on from ``seen``, with the attributes of interest.

    Columns: ``record trace span parent kind start end code said``, those of :data:`KEYS` and those
    of wanted headers.
    """
    spans = (
        made.select(pl.col("resourceSpans"))
        .explode("resourceSpans", empty_as_null=False, keep_nulls=False)
        .select(pl.col("resourceSpans").struct.field("scopeSpans").alias("it"))
        .explode("it", empty_as_null=False, keep_nulls=False)
        .select(pl.col("it").struct.field("spans").alias("it"))
        .explode("it", empty_as_null=False, keep_nulls=False)
        .drop_nulls()
        .unnest("it")
        .with_row_index("record", seen + 1)
        .with_columns(pl.col("record").cast(pl.Int64))
    )
    keys = {*KEYS, *(f"http.{place}.header.{name}" for place, name in _headers(wants))}
    events = spans.select("record", "events").explode(
        "events", empty_as_null=False, keep_nulls=False
    )
    events = events.select("record", pl.col("events").struct.field("attributes"))
    return (
        spans.select(
            "record", trace=_hex("traceId"), span=_hex("spanId"), parent=_hex("parentSpanId"),
            kind="kind", start=_nanos("startTimeUnixNano"), end=_nanos("endTimeUnixNano"),
            code=pl.col("status").struct.field("code"),
            said=pl.col("status").struct.field("message"),
        )
        .join(_wide(spans.select("record", "attributes"), keys), on="record", how="left")
        .join(_wide(events, set(_EVENT_KEYS)), on="record", how="left")
    )  # fmt: skip


def _headers(wants: Wants) -> list[tuple[str, str]]:
    """Return (place, name) of the wanted headers as the conventions name them."""
    places = {"req_header": "request", "resp_header": "response"}
    split = (name.partition(".") for name in wants.headers)
    return [(places[prefix], name) for prefix, _, name in split]


def _hex(name: str) -> pl.Expr:
    """Return an id; the zeros and the empty text that stand for none are null."""
    text = pl.col(name).str.to_lowercase()
    return pl.when(text.str.contains("[^0]")).then(text)


def _nanos(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)


def _wide(listed: pl.DataFrame, keys: set[str]) -> pl.DataFrame:
    """Return the attributes of interest as columns; the last value of a key counts."""
    pairs = listed.explode("attributes", empty_as_null=False, keep_nulls=False)
    value = pl.col("attributes").struct.field("value").struct
    listed_values = (
        value.field("arrayValue")
        .struct.field("values")
        .list.eval(
            pl.coalesce(
                pl.element().struct.field("stringValue"), pl.element().struct.field("intValue")
            )
        )
    )
    told = pairs.select(
        "record",
        key=pl.col("attributes").struct.field("key"),
        value=pl.coalesce(
            value.field("stringValue"), value.field("intValue"), value.field("doubleValue"),
            value.field("boolValue"), listed_values.list.join(", ", ignore_nulls=True),
        ),
    ).filter(pl.col("key").is_in(list(keys)))  # fmt: skip
    present = set(told["key"].unique())
    absent = [pl.lit(None, pl.String()).alias(key) for key in sorted(keys - present)]
    return (
        told.group_by("record", maintain_order=True)
        .agg(
            pl.col("value").filter(pl.col("key") == key).last().alias(key)
            for key in sorted(present)
        )
        .with_columns(absent)
        .select("record", *sorted(keys))
    )


def candidates(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans that can be requests, with ``http server genai`` that say why."""
    status = pl.coalesce("http.response.status_code", "http.status_code")
    http = pl.coalesce(status, "http.request.method", "http.method").is_not_null()
    named = pl.col("gen_ai.operation.name")
    speaks = pl.coalesce("gen_ai.provider.name", "gen_ai.system").is_not_null()
    genai = pl.when(named.is_not_null()).then(named.is_in(_ASKING)).otherwise(
        speaks & pl.col("gen_ai.request.model").is_not_null()
    )  # fmt: skip
    client, server = pl.col("kind").is_in(_CLIENT), pl.col("kind").is_in(_SERVER)
    made = spans.with_columns(
        http=(http & (client | server)).fill_null(False),
        server=server.fill_null(False),
        genai=genai.fill_null(False),
    )
    return made.filter((pl.col("http") | pl.col("genai")) & pl.col("start").is_not_null())
