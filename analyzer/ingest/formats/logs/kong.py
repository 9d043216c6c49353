"""Kong's ``file-log`` and ``http-log``: one JSON object a request, an array for batches.

``source`` says who answered: ``upstream``, or ``kong`` (a plugin, the router, or nginx below when
nothing usable came back). ``latencies.proxy`` is -1 where no head came from behind.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import heads
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Input, Parsed, bad_lines

_PLUGINS = ("proxy", "ai-proxy", "ai-proxy-advanced")
"""Under which name the plugin that calls the model logs, by version."""
_META = ("provider_name", "request_model", "response_model", "request_mode")
_USAGE = (
    "prompt_tokens", "prompt_token", "input_tokens", "completion_tokens", "completion_token",
    "output_tokens", "time_to_first_token",
)  # fmt: skip
_LATENCIES = ("kong", "proxy", "request", "receive")
_PROVIDERS = {"gemini": "google"}
"""Kong's names of providers that differ from ours."""
_LACKS = "it has neither latencies nor a status"


def _text(*names: str) -> pl.Struct:
    return pl.Struct({name: pl.String() for name in names})


def _type(wants: Wants) -> pl.Struct:
    asked = {name: pl.List(pl.String()) for name in heads.asked(wants)}
    answered = {name: pl.List(pl.String()) for name in heads.answered(wants)}
    usage: dict[str, Any] = {name: pl.String() for name in _USAGE}
    usage["prompt_tokens_details"] = _text("cached_tokens")
    usage["completion_tokens_details"] = _text("reasoning_tokens")
    plugin = pl.Struct({"meta": _text(*_META), "usage": pl.Struct(usage)})
    request: dict[str, Any] = {name: pl.String() for name in ("id", "uri", "url", "method", "size")}
    return pl.Struct(
        {
            "request": pl.Struct({**request, "headers": pl.Struct(asked)}),
            "response": pl.Struct(
                {"status": pl.String(), "size": pl.String(), "headers": pl.Struct(answered)}
            ),
            "latencies": _text(*_LATENCIES),
            "tries": pl.List(_text("ip", "port")),
            "service": _text("read_timeout"),
            "ai": pl.Struct(dict.fromkeys(_PLUGINS, plugin)),
            **{name: pl.String() for name in ("upstream_status", "source", "started_at")},
        }
    )


class KongReader:
    """Reads one input; every object stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._type = _type(wants)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        # Lua writes empty tables as objects, which a list is none of.
        empty = pl.col("line").str.replace(r'"tries"\s*:\s*\{\}', '"tries":[]')
        made, bad = decode(lines.with_columns(line=empty), self._type)
        told = pl.col("latencies").struct.field("request").is_not_null()
        told |= pl.col("response").struct.field("status").is_not_null()
        bad = pl.concat([bad, bad_lines(made.filter(~told), _LACKS)])
        return Parsed(self._rows(made.filter(told)), bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, made: pl.DataFrame) -> pl.DataFrame:
        request, latency = pl.col("request").struct, pl.col("latencies").struct
        tries = pl.col("tries").list.eval(
            pl.element().filter(pl.element().struct.field("ip").is_not_null())
        )
        made = made.with_columns(
            **{f"_{name}": fields.number(latency.field(name)) for name in _LATENCIES},
            _start=clock.epoch_time(pl.col("started_at")),
            _address=pl.coalesce(request.field("url"), request.field("uri")),
            _statuses=fields.known(pl.col("upstream_status").str.strip_chars()),
            _tries=tries,
            **self._heads(),
        )
        rows = fields.target(made, "_address", self._wants)
        rows = rows.with_columns(_answered=_answered()).select(
            "record", "path", "scheme", "key_tag", pl.col("^(?:req|resp)\\..*$"),
            **_columns(), **_model(),
        )  # fmt: skip
        return _ids(heads.add(rows, self._wants))

    def _heads(self) -> dict[str, pl.Expr]:
        sent = pl.col("request").struct.field("headers").struct
        got = pl.col("response").struct.field("headers").struct
        asked, answered = heads.asked(self._wants), heads.answered(self._wants)
        return {
            **{heads.ASKED + name: heads.joined(sent.field(name)) for name in asked},
            **{heads.ANSWERED + name: heads.joined(got.field(name)) for name in answered},
        }


def _answered() -> pl.Expr:
    """Whether the head of an answer came from behind.

    Without ``source`` (old versions) and latencies, a status of the upstream is all there is.
    """
    source, untold = pl.col("source"), pl.col("_request").is_null()
    by_status = source.is_null() & untold & pl.col("_statuses").is_not_null()
    return ((source == "upstream").fill_null(False) | pl.col("_proxy").is_not_null()) | by_status


def _columns() -> dict[str, pl.Expr]:
    request, response = pl.col("request").struct, pl.col("response").struct
    start, last = pl.col("_start"), pl.col("_tries").list.last().struct
    several = pl.col("_statuses").str.contains(r"[,:]")
    server = pl.concat_str(last.field("ip"), last.field("port"), separator=":")
    head_host = pl.col(heads.ASKED + "host")
    return {
        "started_at": start,
        "ended_at": pl.coalesce(fields.after(start, pl.col("_request")), "stamp"),
        "duration_ms": pl.col("_request"),
        "time_kind": pl.lit("start"),
        "time_precision_ms": pl.lit(1.0),
        "ttfb_ms": pl.when("_answered").then(pl.col("_kong") + pl.col("_proxy")),
        "wait_ms": pl.col("_proxy"),
        "receive_ms": pl.col("_receive"),
        "method": fields.method(request.field("method")),
        "host": pl.coalesce(fields.host(head_host), "named_host"),
        "status": fields.status(response.field("status")),
        "upstream_status": pl.when("_answered").then(
            fields.status(pl.col("_statuses").str.extract(r"(\d{3})\D*$"))
        ),
        "request_bytes": fields.size(request.field("size")),
        "response_bytes": fields.size(response.field("size")),
        "_id": fields.known(request.field("id")),
        "upstream_address": server,
        "upstream_tries": pl.col("_tries").list.len().cast(pl.Int64),
        "hop_limit_ms": pl.when(last.field("ip").is_not_null()).then(
            fields.number(pl.col("service").struct.field("read_timeout"))
        ),
        "proxy_flags": fields.known(pl.col("source")),
        "proxy_detail": pl.when(several).then("_statuses"),
        "phase": _phase(),
    }


def _phase() -> pl.Expr:
    """Return the phase; a try that failed last does not say how, so that it has none."""
    tried = (pl.col("_tries").list.len() > 0).fill_null(False) | pl.col("_statuses").is_not_null()
    return (
        pl.when("_answered").then(pl.lit("done"))
        .when(~tried).then(pl.lit("not_sent"))
    )  # fmt: skip


def _model() -> dict[str, pl.Expr]:
    """Return what the AI plugins say; their cost has no currency and is left out."""
    plugins = [pl.col("ai").struct.field(name).struct for name in _PLUGINS]

    def first(part: str, *names: str) -> pl.Expr:
        return pl.coalesce(
            plugin.field(part).struct.field(name) for name in names for plugin in plugins
        )

    def detail(name: str, inner: str) -> pl.Expr:
        return pl.coalesce(
            plugin.field("usage").struct.field(name).struct.field(inner) for plugin in plugins
        )

    def count(value: pl.Expr) -> pl.Expr:
        return fields.number(value).cast(pl.Int64)

    mode = first("meta", "request_mode")
    return {
        "model": first("meta", "request_model"),
        "model_served": first("meta", "response_model"),
        "provider": first("meta", "provider_name").str.to_lowercase().replace(_PROVIDERS),
        "stream": pl.when(mode.is_in(["stream", "oneshot"])).then(mode == "stream"),
        "ttft_ms": fields.number(first("usage", "time_to_first_token")),
        "input_tokens": count(first("usage", "prompt_tokens", "prompt_token", "input_tokens")),
        "output_tokens": count(
            first("usage", "completion_tokens", "completion_token", "output_tokens")
        ),
        "cached_tokens": count(detail("prompt_tokens_details", "cached_tokens")),
        "reasoning_tokens": count(detail("completion_tokens_details", "reasoning_tokens")),
    }


def _ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Kong's own id is the request's; one in a header of the answer is then that of behind."""
    own = pl.col("_id")
    behind = pl.when(own.is_not_null() & (pl.col("request_id") != own)).then("request_id")
    return rows.with_columns(
        request_id=pl.coalesce(own, "request_id"),
        upstream_request_id=pl.coalesce("upstream_request_id", behind),
    ).drop("_id")


class Kong(JsonLog):
    """Kong request log."""

    name = "kong"
    title = "Kong request log (file-log, http-log)"
    hop = "gateway"
    source_kind = "gateway"
    pattern = r'"latencies"\s*:\s*\{[^}]*"(?:kong|proxy)"\s*:'
    weight = 0.97
    type = pl.Struct({"latencies": _text(*_LATENCIES)})

    def owns(self, item: dict[str, Any]) -> bool:
        """By the latencies, which are Kong's alone."""
        told = item.get("latencies")
        return isinstance(told, dict) and not {"kong", "proxy"}.isdisjoint(told)

    def reader(self, source: Input) -> KongReader:
        """Return a reader for one input."""
        return KongReader(source.wants)


FORMAT = Kong()
