"""From the raw fields of an nginx line to rows of the attempts table; expressions only."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.base import Wants
from analyzer.ingest.url import address

_SECONDS = (
    "request_time", "upstream_response_time", "upstream_connect_time", "upstream_header_time",
)  # fmt: skip
_MULTI = (
    "upstream_status", "upstream_response_time", "upstream_connect_time", "upstream_header_time",
)  # fmt: skip
_CREDENTIAL = r"(?i)[?&](?:[\w-]*key|[\w-]*token|sig|[\w-]*signature|[\w-]*secret|auth)="
_ABSOLUTE = r"^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)$"
_SAID_ITSELF = (502, 504)
"""Statuses that nginx notes as the upstream's when the upstream said nothing."""


def attempts(raw: pl.DataFrame, name: str, wants: Wants) -> pl.DataFrame:
    """Return canonical rows; ``raw`` has the columns ``nginx.RAW`` and ``record``."""
    logged = {column for column in raw.columns if raw[column].null_count() < raw.height}
    frame = _blank_to_null(raw, logged)
    frame = _last_values(frame, logged)
    frame = _request(frame)
    return frame.select(
        "record",
        "method",
        "scheme",
        "path",
        "proxy_detail",
        input=pl.lit(name),
        seen_in=pl.concat_list(pl.format("{}#{}", pl.lit(name), pl.col("record"))),
        ended_at=pl.col("time"),
        started_at=pl.col("time") - pl.duration(microseconds=_micros("request_time")),
        duration_ms=_millis("request_time"),
        ttfb_ms=_millis("first_byte"),
        connect_ms=_millis("upstream_connect_time"),
        time_kind=pl.lit("end"),
        time_precision_ms=pl.lit(1000.0),
        status=_status("status"),
        upstream_status=_status("upstream_status"),
        response_bytes=pl.col("bytes").cast(pl.Int64, strict=False),
        request_bytes=pl.col("request_length").cast(pl.Int64, strict=False),
        host=_host(),
        model=pl.col("model"),
        request_id=pl.col("request_id"),
        key_tag=_key_tags(frame["target"], wants),
        phase=_phase(logged),
        **_headers(wants),
    )


def _blank_to_null(raw: pl.DataFrame, logged: set[str]) -> pl.DataFrame:
    texts = [name for name in logged if name not in ("record", "time", "request")]
    return raw.with_columns(
        pl.when(~pl.col(name).is_in(["-", ""])).then(pl.col(name)) for name in sorted(texts)
    )


def _last_values(frame: pl.DataFrame, logged: set[str]) -> pl.DataFrame:
    """Read the times; of several upstreams tried (``a, b`` or ``a : b``) the last one counts."""
    several = [
        name
        for name in _MULTI
        if name in logged and frame[name].str.contains_any([",", " :"]).any()
    ]
    header = _number(pl.col("upstream_header_time"))
    first_byte = header
    if "upstream_header_time" in several or "upstream_response_time" in several:
        tried = _list("upstream_response_time").list.eval(_number(pl.element()))
        before = (tried.list.sum() - tried.list.last().fill_null(0.0)).fill_null(0.0)
        last = _list("upstream_header_time").list.last()
        # The client waits through the tries that failed, then for the last one's head.
        first_byte = before + _number(last)
    frame = frame.with_columns(proxy_detail=pl.col("upstream_status"), first_byte=first_byte)
    frame = frame.with_columns(_list(name).list.last().alias(name) for name in several)
    return frame.with_columns(_number(pl.col(name)) for name in _SECONDS)


def _list(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(" :").str.replace_all(" : ", ", ", literal=True)
    return text.str.split(", ")


def _number(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Float64, strict=False)


def _millis(name: str) -> pl.Expr:
    # The log has thousandths: what is beyond them is the binary fraction's.
    return (pl.col(name) * 1000).round(3)


def _micros(name: str) -> pl.Expr:
    return (pl.col(name).fill_null(0.0) * 1e6).round().cast(pl.Int64)


def _status(name: str) -> pl.Expr:
    number = pl.col(name).cast(pl.Int32, strict=False)
    return pl.when(number.is_between(100, 999)).then(number)


def _request(frame: pl.DataFrame) -> pl.DataFrame:
    """Take ``METHOD target HTTP/x`` apart; what is none of that gives nulls."""
    parts = pl.col("request").str.splitn(" ", 3).struct
    frame = frame.with_columns(method=parts.field("field_0"), target=parts.field("field_1"))
    known = pl.col("method").str.contains(r"^[A-Z][A-Z-]{1,19}$")
    frame = frame.with_columns(
        method=pl.when(known).then("method"), target=pl.when(known).then("target")
    )
    path = pl.col("target").str.splitn("?", 2).struct.field("field_0")
    if not frame["target"].str.contains("://", literal=True).any():
        named = pl.lit(None, pl.String())
        return frame.with_columns(path=path, scheme=named, named_host=named)
    found = pl.col("target").str.extract_groups(_ABSOLUTE).struct
    rest = found.field("3").str.splitn("?", 2).struct.field("field_0")
    return frame.with_columns(
        path=pl.coalesce(rest, path),
        scheme=found.field("1").str.to_lowercase(),
        named_host=found.field("2").str.replace(r"^.*@", ""),
    )


def _host() -> pl.Expr:
    host = pl.coalesce("host", "named_host").str.to_lowercase()
    return host.str.replace(r":(?:80|443)$", "")


def _key_tags(targets: pl.Series, wants: Wants) -> pl.Series:
    """Return the pseudonyms of credentials in queries; only distinct such targets are looked at."""
    none = pl.Series("key_tag", [None], dtype=pl.String()).new_from_index(0, targets.len())
    hit = targets.str.contains("=", literal=True).fill_null(False)
    if not hit.any():
        return none
    suspects = targets.filter(hit & targets.str.contains(_CREDENTIAL).fill_null(False)).unique()
    tags: dict[str, str] = {}
    for target in suspects:
        found = address(target)
        for kind, value in found.secrets:
            wants.secrets.learn(value, kind)
        if found.key:
            tags[target] = wants.secrets.tag(found.key)
    if not tags:
        return none
    return targets.replace_strict(tags, default=None, return_dtype=pl.String()).alias("key_tag")


def _phase(logged: set[str]) -> pl.Expr:
    """Return how far the request came, by what the log has of its upstream.

    nginx writes 502 and 504 into ``$upstream_status`` itself when the upstream gave no answer, so
    that only the times of connecting and of the head tell one from the other.
    """
    if "upstream_status" not in logged:
        return pl.lit(None, pl.String())
    connected = pl.col("upstream_connect_time").is_not_null()
    answered = pl.col("upstream_header_time").is_not_null()
    silent = (
        pl.when(connected).then(pl.lit("sent")).otherwise(pl.lit("connecting"))
        if {"upstream_connect_time", "upstream_header_time"} <= logged
        else pl.lit(None, pl.String())
    )
    last = _status("upstream_status")
    aborted = _status("status") == 499
    chosen = pl.col("upstream_addr").is_not_null() if "upstream_addr" in logged else aborted
    untold = pl.col("upstream_status").is_null()
    return (
        pl.when(untold & ~chosen.fill_null(False))
        .then(pl.lit("not_sent"))
        .when(aborted.fill_null(False) & answered)
        .then(pl.lit("body"))
        .when(answered)
        .then(pl.lit("done"))
        .when(untold | aborted.fill_null(False) | last.is_in(_SAID_ITSELF).fill_null(False))
        .then(silent)
        .otherwise(pl.lit("done"))
    )


def _headers(wants: Wants) -> dict[str, pl.Expr]:
    columns = {"req_header.user-agent": "agent", "req_header.referer": "referer"}
    return {name: pl.col(raw) for name, raw in columns.items() if name in wants.headers}
