"""Outcome: is a row LLM traffic, and did the caller get a usable answer."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.columns import Frame
from analyzer.signals.endpoint import WEAK, WRONG_HOST
from analyzer.signals.provider import DECLARED_HOST, KNOWN_HOST, shown_columns

LLM_BODY = "llm_body"
"""Internal column of ingest: the request body is JSON with a model and a prompt."""
LLM_PLACE = "_llm_place"
"""Internal column: method, host and path alone show LLM traffic."""
AWS_ERROR = "resp_header.x-amzn-errortype"

_HTTP = ("http", "https", "ws", "wss")
_API_PATH = r"^(?:/api)?/v[0-9]|^/openai/|^/inference/|/models?/|/deployments/"
_STATIC = r"\.(?:js|mjs|css|map|html?|ico|png|jpe?g|gif|svg|webp|woff2?|ttf|txt|xml|pdf)$"

_GENERATING = (
    "chat", "messages", "responses", "generate", "converse", "completions", "ollama",
)  # fmt: skip
_ANSWERING = (
    *_GENERATING, "embeddings", "count_tokens", "images", "moderations", "rerank", "models",
)  # fmt: skip
"""Endpoints of which JSON or a stream is expected."""

_FILTERED = (
    "content_filter", "content_filtered", "guardrail_intervened", "sensitive", "SAFETY",
    "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY", "ERROR_TOXIC",
)  # fmt: skip
_BROKEN = (
    "error", "abort", "aborted", "insufficient_system_resource", "network_error", "failed",
    "cancelled", "ERROR", "MALFORMED_FUNCTION_CALL",
)  # fmt: skip

_HAPROXY_BROKE = r"^[SsPRIDUK]D"
_ENVOY_BROKE = r"(?:^|,)(?:UC|UR|UPE|UT|SI|DT|UMSDR|LR|OM)(?:,|$)"
_SQUID_BROKE = r"_TIMEDOUT$"
_HAPROXY_LEFT = r"^[Cc]D"
_ENVOY_LEFT = r"(?:^|,)DC(?:,|$)"
_SQUID_LEFT = r"_ABORTED$"
_CADDY_LEFT = r"incomplete response; reading: context canceled$"


def add_place(frame: Frame) -> Frame:
    """Add the internal column ``_llm_place``; meant for the distinct places of a frame."""
    path = pl.col("path").fill_null("")
    static = path.str.to_lowercase().str.contains(_STATIC)
    api_path = path.str.contains(_API_PATH)
    api_host = pl.col("host").str.contains(r"^api[.-]").fill_null(False)
    endpoint = pl.col("endpoint").is_not_null()
    # A path that other applications have too, and hosts that also serve pages, need each other.
    known = pl.col(KNOWN_HOST) & (endpoint | api_path | (api_host & ~static))
    wrong = pl.col(WRONG_HOST) & (endpoint | api_path)
    declared = pl.col(DECLARED_HOST) & ~static
    return frame.with_columns(
        ((endpoint & ~pl.col(WEAK)) | known | wrong | declared).alias(LLM_PLACE)
    )


def add(frame: Frame, *, all_traffic: bool = False) -> Frame:
    """Fill ``llm`` and ``ok``, and what follows from them: ``endpoint`` and ``stream``.

    ``all_traffic`` takes every HTTP exchange as LLM traffic, for logs without hosts and without
    known paths.
    """
    row = _Row(shown_columns(frame), _formats(frame))
    speaks = pl.lit(True) if all_traffic else pl.col(LLM_PLACE) | pl.col(LLM_BODY)
    frame = frame.with_columns((speaks & row.is_exchange()).alias("llm"), row.error_type())
    frame = frame.with_columns(
        pl.when("llm").then(pl.col("endpoint").fill_null("other")).alias("endpoint"),
    )
    frame = frame.with_columns(
        pl.coalesce("ok", row.ok()).alias("ok"), pl.coalesce("stream", row.stream()).alias("stream")
    )
    # A path that works is no wrong base URL, however it looks.
    return frame.with_columns(
        pl.when(~pl.col("ok").fill_null(False)).then("base_url_problem").alias("base_url_problem")
    )


def _formats(frame: Frame) -> frozenset[str] | None:
    """Return the formats of the rows; ``None`` if a row has none, or the frame is lazy."""
    if not isinstance(frame, pl.DataFrame):
        return None
    found = frame["format"].unique().to_list()
    return None if None in found else frozenset(found)


@dataclass(frozen=True, slots=True)
class _Row:
    """Expressions over one row; columns in which there is nothing are left out of them."""

    shown: frozenset[str]
    formats: frozenset[str] | None = None
    """The formats that rows are of; ``None``: not known."""

    def of(self, name: str) -> pl.Expr:
        """Whether the row is of a format, or of a variant of it: ``envoy``, ``envoy-json``."""
        if self.formats is not None:
            variants = [known for known in self.formats if known.partition("-")[0] == name]
            if not variants or variants == list(self.formats):
                return pl.lit(bool(variants))
        return self.matches("format", f"^{name}(-|$)")

    def has(self, column: str, *words: str) -> pl.Expr:
        """Whether the column is one of ``words``; false where it is absent."""
        if column not in self.shown and column != "endpoint":
            return pl.lit(False)
        return pl.col(column).is_in(words).fill_null(False)

    def matches(self, column: str, pattern: str) -> pl.Expr:
        """Whether the column matches; false where it is absent."""
        if column not in self.shown:
            return pl.lit(False)
        return pl.col(column).str.contains(pattern).fill_null(False)

    def exists(self, column: str) -> pl.Expr:
        return pl.col(column).is_not_null() if column in self.shown else pl.lit(False)

    def error_type(self) -> pl.Expr:
        """Return ``error_type``, at AWS from its header."""
        if AWS_ERROR not in self.shown:
            return pl.col("error_type")
        aws = pl.col(AWS_ERROR).str.extract(r"^([^:]+)")
        return pl.coalesce("error_type", aws).alias("error_type")

    def stream(self) -> pl.Expr:
        """Return what the answer or, for an LLM body, the lack of the parameter says."""
        plain = self.has("endpoint", "chat", "messages", "responses", "completions")
        came = self.exists("stream_state") & ~self.has("body_kind", "json", "text", "empty")
        return pl.when(came).then(True).when(pl.col(LLM_BODY) & plain).then(False)

    def is_exchange(self) -> pl.Expr:
        """Whether it is a call: neither a preflight, nor a set-up tunnel, nor a local URL."""
        tunnel = self.has("method", "CONNECT") & (pl.col("status") < 300).fill_null(False)
        local = self.exists("scheme") & ~self.has("scheme", *_HTTP)
        return ~local & ~self.has("method", "OPTIONS") & ~tunnel

    def ok(self) -> pl.Expr:
        """Whether there was a usable answer; null where its end is not in the capture."""
        status = pl.col("status")
        return (
            pl.when(status.is_null() | (status >= 400))
            .then(False)
            .when(status == 304)
            .then(True)
            .when(status == 101)
            .then(self.socket_ok())
            .when((status < 200) | (status >= 300))
            .then(None)
            .when(self.left_during_answer())
            .then(None)
            .when(self.has("stream_state", "truncated", "error", "empty"))
            .then(False)
            .when(self.exists("error_shape") | self.lost_on_the_way())
            .then(False)
            .when(self.has("stream_state", "capture_cut"))
            .then(None)
            .otherwise(~self.unusable())
        )

    def socket_ok(self) -> pl.Expr:
        """Whether the messages of a WebSocket came to a good end, as far as they are known."""
        broke = self.has("stream_state", "truncated", "error", "empty")
        broke |= self.has("finish_reason", *_FILTERED, *_BROKEN)
        cut = self.has("stream_state", "capture_cut")
        return pl.when(broke).then(False).when(cut).then(None).otherwise(True)

    def left_during_answer(self) -> pl.Expr:
        """Whether a proxy says that its client closed while the answer was being sent.

        A client that closes right behind the last event leaves the same line as one that gives up
        in the middle: whether it got what it wanted is not in the log.
        """
        signs = (
            ("haproxy", _HAPROXY_LEFT), ("envoy", _ENVOY_LEFT), ("squid", _SQUID_LEFT),
        )  # fmt: skip
        flags = [self.of(name) & self.matches("proxy_flags", flag) for name, flag in signs]
        caddy = self.of("caddy") & self.matches("proxy_detail", _CADDY_LEFT)
        envoy_broke = self.of("envoy") & self.matches("proxy_flags", _ENVOY_BROKE)
        return (pl.any_horizontal(*flags, caddy)) & ~envoy_broke

    def lost_on_the_way(self) -> pl.Expr:
        """Whether client or proxy say that the transfer broke and no whole body contradicts.

        ``net::ERR_ABORTED`` also stands on complete answers and on captures that were cut.
        """
        bodiless = self.has("method", "HEAD") | pl.col("status").is_in([204, 205])
        whole = self.has("body_kind", "json", "sse", "ndjson", "html", "binary", "eventstream")
        whole |= self.has("body_kind", "text") & ~self.torn()
        cut = self.has("stream_state", "capture_cut")
        aborted = self.matches("client_error", "(?i)abort")
        broke = pl.when(cut).then(~aborted).otherwise(~whole)
        client = self.exists("client_error") & ~bodiless & broke
        haproxy = self.of("haproxy") & self.matches("proxy_flags", _HAPROXY_BROKE)
        envoy = self.of("envoy") & self.matches("proxy_flags", _ENVOY_BROKE)
        squid = self.of("squid") & self.matches("proxy_flags", _SQUID_BROKE)
        return client | haproxy | envoy | squid

    def torn(self) -> pl.Expr:
        """Whether the body begins as JSON and does not parse."""
        return self.has("body_kind", "text") & self.matches("body_text", r"^\s*[\[{]")

    def unusable(self) -> pl.Expr:
        """Whether a 2xx answer that came whole is still none that a caller can use.

        What is taken as LLM traffic only since the user asked for all of it may be a web page or a
        font: of that, nothing but JSON that does not parse is held against an answer.
        """
        answering = self.has("endpoint", *_ANSWERING) & ~self.has("method", "HEAD")
        other = self.has("endpoint", "other")
        data = self.has("body_kind", "json", "sse", "ndjson", "eventstream")
        page = self.has("body_kind", "html") | (self.has("content_type", "text/html") & ~data)
        page &= answering | (other & self.has("method", "POST"))
        nothing = self.has("body_kind", "empty") & answering & ~self.has("method", "DELETE")
        nothing &= pl.col("status") != 204
        torn = self.torn() & self.matches("content_type", "json")
        unstreamed = self.has("body_kind", "text") & self.has("content_type", "text/event-stream")
        finish = self.has("finish_reason", *_FILTERED, *_BROKEN)
        silent = self.exists("visible_output") & ~pl.col("visible_output").fill_null(True)
        silent &= self.has("endpoint", *_GENERATING) | (other & data)
        speaks = pl.col(LLM_PLACE) | pl.col(LLM_BODY)
        return torn | (speaks & (page | nothing | unstreamed | finish | silent))
