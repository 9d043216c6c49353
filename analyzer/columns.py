"""The canonical tables: every column's name, type, unit, meaning and the sources that fill it.

This table is the single source of truth. The schema of frames, the documentation page, the type
checks of rules and the "cannot be evaluated with these inputs" notes all come from it. Names follow
OpenTelemetry's HTTP and GenAI conventions in snake_case where one exists.

Every canonical column always exists; where a source has nothing to say it is a typed null. Header
columns (``req_header.<name>``, ``resp_header.<name>``) are dynamic: String, lower-case names,
repeats joined with ``, ``, materialised only for names that loaded rules and signals use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

TIME = pl.Datetime("us", "UTC")
MONEY = pl.Decimal(38, 18)
ANY_SOURCE = ("har", "proxy", "gateway")


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column."""

    name: str
    dtype: pl.DataType
    doc: str
    sources: tuple[str, ...]
    """Which kinds of input can fill it: har, proxy, gateway, usage; empty = computed by us."""
    unit: str = ""


def _c(
    name: str,
    dtype: pl.DataType | type[pl.DataType],
    doc: str,
    sources: str = "",
    unit: str = "",
) -> Column:
    made = dtype if isinstance(dtype, pl.DataType) else dtype()
    named = ANY_SOURCE if sources == "any" else tuple(sources.split())
    return Column(name, made, doc, named, unit)


ATTEMPTS: tuple[Column, ...] = (
    # origin
    _c("attempt_id", pl.UInt64, "Number of the attempt in this run, in reading order; internal."),
    _c("input", pl.String, "Path relative to the argument; archive member after '!'.", "any"),
    _c("record", pl.Int64, "1-based position in the source's own unit: entry, line, row.", "any"),
    _c("format", pl.String, "Name of the format that read it: har, nginx, ...", "any"),
    _c(
        "hop", pl.String, "Which hop wrote the record: client network edge gateway upstream.", "any"
    ),
    _c("seen_in", pl.List(pl.String), "Every input#record that shows this attempt.", "any"),
    # time
    _c("started_at", TIME, "When the request began.", "any", "UTC"),
    _c("ended_at", TIME, "When the last byte came or the attempt was given up.", "any", "UTC"),
    _c("duration_ms", pl.Float64, "From the start to the last byte.", "any", "ms"),
    _c("ttfb_ms", pl.Float64, "From the start to the first byte of the answer.", "any", "ms"),
    _c("ttft_ms", pl.Float64, "From the start to the first content token.", "har gateway", "ms"),
    _c("time_kind", pl.String, "What the source's time stamp means: start or end.", "any"),
    _c("time_precision_ms", pl.Float64, "Resolution of the source's time stamp.", "any", "ms"),
    _c("blocked_ms", pl.Float64, "HAR: queued before it was sent.", "har", "ms"),
    _c("dns_ms", pl.Float64, "HAR: resolving the name.", "har", "ms"),
    _c("connect_ms", pl.Float64, "Opening the TCP connection, TLS included.", "har proxy", "ms"),
    _c("tls_ms", pl.Float64, "The TLS handshake.", "har proxy", "ms"),
    _c("send_ms", pl.Float64, "Sending the request.", "har proxy", "ms"),
    _c("wait_ms", pl.Float64, "Waiting for the first byte.", "har proxy", "ms"),
    _c("receive_ms", pl.Float64, "Receiving the answer.", "har proxy", "ms"),
    # request
    _c("method", pl.String, "HTTP method, upper case.", "any"),
    _c("scheme", pl.String, "http, https, ws, wss ...", "any"),
    _c("host", pl.String, "Host that was asked, lower case, port kept unless it is 80/443.", "any"),
    _c("path", pl.String, "Path that was asked, without query or fragment.", "any"),
    _c("endpoint", pl.String, "Kind of API call: see vocabulary, Endpoints.", "any"),
    _c(
        "base_url_problem",
        pl.String,
        "What is wrong with the base URL: missing_version, "
        "doubled_version, doubled_endpoint, wrong_host.",
        "any",
    ),
    _c("model", pl.String, "The model that was asked for, as written.", "any"),
    _c("stream", pl.Boolean, "Whether a stream was asked for (or was answered).", "any"),
    _c("client", pl.String, "The program that called, from data in clients.yaml.", "any"),
    _c("key_tag", pl.String, "Pseudonym of the credential that was used: 'key:' + 8 hex.", "any"),
    _c("session_id", pl.String, "Session or conversation id that the client sends.", "har gateway"),
    _c("resend_count", pl.Int64, "Which retry this is, by the client's own counter.", "har"),
    _c("request_hash", pl.String, "Fingerprint of method, path and body, to chain retries.", "har"),
    _c("request_bytes", pl.Int64, "Size of the request body.", "any", "bytes"),
    # answer
    _c("status", pl.Int32, "HTTP status that this hop sent or saw; null = no answer.", "any"),
    _c("edge_status", pl.Int32, "Status that the edge says it sent.", "proxy"),
    _c("gateway_status", pl.Int32, "Status that the gateway says it sent.", "proxy gateway"),
    _c("upstream_status", pl.Int32, "Status that the hop behind gave (last try).", "proxy gateway"),
    _c("retry_after_s", pl.Float64, "How long the answer asks to wait.", "har gateway", "s"),
    _c("request_id", pl.String, "Id by which the answering party can look it up.", "any"),
    _c("ray_id", pl.String, "Cloudflare's ray id.", "har proxy"),
    _c("upstream_request_id", pl.String, "The id of the hop behind.", "har gateway"),
    _c("trace_id", pl.String, "W3C trace id.", "any"),
    _c("response_bytes", pl.Int64, "Decoded size of the answer's body.", "any", "bytes"),
    _c("content_type", pl.String, "Media type of the answer, lower case, no parameters.", "any"),
    # who wrote it
    _c("server", pl.String, "The answer's Server header, lower case.", "har"),
    _c("via", pl.String, "The answer's Via header.", "har"),
    _c("edge", pl.String, "Edge product that the request passed (products.yaml).", "har proxy"),
    _c("gateway", pl.String, "Gateway or router that was asked (products.yaml, gateways/).", "any"),
    _c("provider", pl.String, "Whose model it is (providers.yaml).", "any"),
    _c(
        "provider_host", pl.Boolean, "Whether the host that was asked is the provider's own.", "any"
    ),
    _c("model_served", pl.String, "The model that the answer names.", "har gateway"),
    _c("edge_marker", pl.String, "Fingerprint that only an edge leaves when it answers.", "har"),
    _c(
        "gateway_marker",
        pl.String,
        "Fingerprint that only a gateway leaves when it answers.",
        "har",
    ),
    _c("upstream_marker", pl.String, "Fingerprint that only a provider leaves.", "har"),
    _c(
        "sanitized", pl.Boolean, "Whether the recorder removed credentials from the capture.", "har"
    ),
    # error
    _c("error_type", pl.String, "error.type of the body (or its nearest kin).", "har gateway"),
    _c("error_code", pl.String, "error.code of the body, as text.", "har gateway"),
    _c("error_param", pl.String, "error.param of the body.", "har gateway"),
    _c("error_message", pl.String, "The error's message, raw; redacted when shown.", "har gateway"),
    _c(
        "error_shape",
        pl.String,
        "Envelope of the error: see vocabulary, ErrorShapes.",
        "har gateway",
    ),
    _c("error_provider", pl.String, "Provider that a router's error names.", "har gateway"),
    _c("client_error", pl.String, "What the client itself reported: net::ERR_..., text.", "har"),
    _c("body_kind", pl.String, "What the body is: see vocabulary, BodyKinds.", "har gateway"),
    _c("html_title", pl.String, "Title of an HTML answer.", "har"),
    _c("body_text", pl.String, "Body head and last stream event; internal, never rendered.", "har"),
    _c("body_excerpt", pl.String, "The redacted twin of body_text.", ""),
    # proxy's word
    _c("proxy_flags", pl.String, "Termination state or response flags.", "proxy"),
    _c("proxy_detail", pl.String, "The proxy's own reason text.", "proxy"),
    _c("upstream_address", pl.String, "Server behind that was chosen (last try).", "proxy gateway"),
    _c("upstream_tries", pl.Int64, "How many servers behind were tried.", "proxy gateway"),
    _c("phase", pl.String, "How far it came: not_sent connecting sent headers body done.", "any"),
    _c("hop_limit_ms", pl.Float64, "Time limit that the hop says it has.", "proxy gateway", "ms"),
    # stream
    _c("stream_state", pl.String, "State of a streamed answer: see vocabulary.", "har gateway"),
    _c("stream_events", pl.Int64, "Number of data events in the stream.", "har"),
    _c("finish_reason", pl.String, "Why generation ended, as the answer says.", "har gateway"),
    _c("visible_output", pl.Boolean, "Whether any text, tool call or media was delivered.", "har"),
    # usage
    _c("input_tokens", pl.Int64, "Prompt tokens as the answer counts them.", "har gateway"),
    _c("output_tokens", pl.Int64, "Completion tokens as the answer counts them.", "har gateway"),
    _c("cached_tokens", pl.Int64, "Prompt tokens read from a cache.", "har gateway"),
    _c("reasoning_tokens", pl.Int64, "Completion tokens spent on reasoning.", "har gateway"),
    _c("cost", MONEY, "Cost that the answer itself states.", "har gateway"),
    _c("currency", pl.String, "Currency of cost, ISO 4217.", "har gateway"),
    # what the row says of itself
    _c("llm", pl.Boolean, "Whether this is LLM traffic.", "any"),
    _c("ok", pl.Boolean, "Usable answer? null = its end is not in the capture.", "any"),
)

USAGE: tuple[Column, ...] = (
    _c("input", pl.String, "Path relative to the argument.", "usage"),
    _c("record", pl.Int64, "1-based row.", "usage"),
    _c("format", pl.String, "Name of the export's format.", "usage"),
    _c("hop", pl.String, "Whose ledger it is: client, gateway or upstream.", "usage"),
    _c("time", TIME, "The row's time.", "usage", "UTC"),
    _c(
        "time_kind",
        pl.String,
        "What it means: start, end, settled; or the bucket it begins: minute, hour, day, period.",
        "usage",
    ),
    _c("time_precision_ms", pl.Float64, "Resolution of the time.", "usage", "ms"),
    _c("period_end", TIME, "End of a bucket row's period.", "usage", "UTC"),
    _c("grain", pl.String, "request, minute, hour, day or (longer) period.", "usage"),
    _c(
        "entry",
        pl.String,
        "What the row is: charge, refund, credit, topup, error, test or other; null = not said.",
        "usage",
    ),
    _c("request_id", pl.String, "Id that joins it to an answer.", "usage"),
    _c("upstream_request_id", pl.String, "Id at the hop behind.", "usage"),
    _c("trace_id", pl.String, "Trace or correlation id.", "usage"),
    _c("model", pl.String, "Model as written.", "usage"),
    _c("provider", pl.String, "Provider that served it.", "usage"),
    _c("gateway", pl.String, "Gateway whose ledger it is; null for a provider's own.", "usage"),
    _c("group", pl.String, "Group, team, project or workspace that is charged.", "usage"),
    _c("key_name", pl.String, "Name of the key (never the key).", "usage"),
    _c("key_id", pl.String, "Id of the key (never the key).", "usage"),
    _c("key_tag", pl.String, "Pseudonym of a key that stood in the row in full.", "usage"),
    _c("client", pl.String, "Application name.", "usage"),
    _c("stream", pl.Boolean, "Whether it was streamed.", "usage"),
    _c("cancelled", pl.Boolean, "Whether the client cancelled it.", "usage"),
    _c("finish_reason", pl.String, "Why generation ended.", "usage"),
    _c("status", pl.String, "The ledger's own status word.", "usage"),
    _c("http_status", pl.Int32, "HTTP status that the ledger notes of the hop behind.", "usage"),
    _c("error_code", pl.String, "The ledger's code of an error.", "usage"),
    _c("detail", pl.String, "The ledger's own remark: error, reason of a refund.", "usage"),
    _c("upstream_tries", pl.Int64, "How many servers behind were tried.", "usage"),
    _c("duration_ms", pl.Float64, "Generation time.", "usage", "ms"),
    _c("ttft_ms", pl.Float64, "Time to the first token.", "usage", "ms"),
    _c("requests", pl.Int64, "Number of requests in the row.", "usage"),
    _c("input_tokens", pl.Int64, "Prompt tokens, as the ledger counts them.", "usage"),
    _c("output_tokens", pl.Int64, "Completion tokens.", "usage"),
    _c("cached_tokens", pl.Int64, "Prompt tokens read from a cache.", "usage"),
    _c("cache_write_tokens", pl.Int64, "Prompt tokens written to a cache.", "usage"),
    _c("reasoning_tokens", pl.Int64, "Reasoning tokens.", "usage"),
    _c(
        "input_includes_cache",
        pl.Boolean,
        "Whether input_tokens contains the cached and cache-written ones; null = not known.",
        "usage",
    ),
    _c("tokens_estimated", pl.Boolean, "Whether the ledger guessed the counts.", "usage"),
    _c("meter", pl.String, "What was metered: line item, token type, SKU.", "usage"),
    _c("quantity", MONEY, "Amount of it in unit, as the ledger counts it.", "usage"),
    _c("unit", pl.String, "Unit of quantity, as written: quota, credits, requests.", "usage"),
    _c("cost", MONEY, "What was charged; negative = given back; null = not said.", "usage"),
    _c("currency", pl.String, "Currency of the row's money, ISO 4217.", "usage"),
    _c(
        "cost_basis",
        pl.String,
        "What cost is: charged, estimated (from a price list), included (value that a plan "
        "covers) or free (said not to be charged).",
        "usage",
    ),
    _c("list_cost", MONEY, "The same at list price, before discounts.", "usage"),
    _c("upstream_cost", MONEY, "What the hop behind charged, as the ledger says.", "usage"),
)

PROBLEMS: tuple[Column, ...] = (
    _c("input", pl.String, "The input in which it was met.", "any"),
    _c("record", pl.Int64, "1-based position; null = the whole input.", "any"),
    _c("kind", pl.String, "Short stable word by which problems are counted.", "any"),
    _c("message", pl.String, "What it is, what was expected, what happens next.", "any"),
    _c("count", pl.Int64, "How many records it stands for.", "any"),
    _c("lost", pl.Boolean, "Whether data is missing from the result because of it.", "any"),
)

BY_NAME: dict[str, Column] = {column.name: column for column in ATTEMPTS}

HEADER_PREFIXES = ("req_header.", "resp_header.")

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def schema(columns: Iterable[Column] = ATTEMPTS) -> pl.Schema:
    """Return the Polars schema of a canonical table."""
    return pl.Schema({column.name: column.dtype for column in columns})


def is_header(name: str) -> bool:
    """Whether ``name`` is a dynamic header column."""
    return name.startswith(HEADER_PREFIXES)


def dtype_of(name: str) -> pl.DataType | None:
    """Return the type of an attempts column or header column; ``None`` if there is no such one."""
    if is_header(name):
        return pl.String()
    column = BY_NAME.get(name)
    return column.dtype if column else None


def conform(
    frame: Frame, columns: Iterable[Column] = ATTEMPTS, headers: Iterable[str] = ()
) -> Frame:
    """Return ``frame`` with every canonical column, typed, in canonical order.

    Columns that are missing become typed nulls; dynamic header columns are kept, and those named in
    ``headers`` are added; anything else is dropped.
    """
    present: pl.Schema = frame.collect_schema()
    wanted: dict[str, pl.DataType] = {column.name: column.dtype for column in columns}
    for name in (*(n for n in present if is_header(n)), *headers):
        wanted[name] = pl.String()
    return frame.select(
        pl.lit(None, dtype=dtype).alias(name)
        if name not in present
        else pl.col(name)
        if present[name] == dtype
        else pl.col(name).cast(dtype)
        for name, dtype in wanted.items()
    )


def empty(columns: Iterable[Column] = ATTEMPTS) -> pl.DataFrame:
    """Return a canonical table without rows."""
    return pl.DataFrame(schema=schema(columns))


SLIM: tuple[str, ...] = (
    "attempt_id", "input", "record", "seen_in", "format", "hop", "ok", "started_at", "ended_at",
    "time_precision_ms", "status", "upstream_status", "proxy_flags",
    "method", "host", "path", "endpoint", "model", "model_served", "provider", "gateway", "edge",
    "client", "key_tag", "session_id", "resend_count", "request_hash", "retry_after_s",
    "request_id", "ray_id", "trace_id", "upstream_request_id", "duration_ms", "ttfb_ms", "ttft_ms",
    "stream", "stream_state", "finish_reason", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens", "error_type", "error_code", "error_message", "response_bytes",
    "provider_host", "request_bytes",
)  # fmt: skip
"""What every attempt, healthy ones too, keeps until the sinks are written."""

TELLING: tuple[str, ...] = ("resend_count", "request_hash", "session_id")
"""By one of these a retry can be told from a new request."""

CHAINED: tuple[str, ...] = (
    "attempt_id", "input", "record", "format", "hop", "ok", "started_at", "ended_at",
    "duration_ms", "time_precision_ms", "method", "host", "endpoint", "model", "client", "key_tag",
    *TELLING, "request_bytes", "retry_after_s",
)  # fmt: skip
"""What is needed of an attempt to tell which call it belongs to."""
