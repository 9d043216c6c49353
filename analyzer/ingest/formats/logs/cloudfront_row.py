"""From the fields of a CloudFront log record, named as CloudFront names them, to an attempt."""

from __future__ import annotations

import re
from urllib.parse import unquote

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants

NAMES = (
    "date", "time", "timestamp", "timestamp(ms)", "sc-bytes", "cs-method", "cs(Host)",
    "cs-uri-stem", "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query",
    "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
    "time-taken", "x-edge-response-result-type", "time-to-first-byte",
    "x-edge-detailed-result-type", "sc-content-type", "origin-fbl",
)  # fmt: skip
"""The fields that are read."""

_TWICE = re.compile(r"%[0-9A-Fa-f]{2}")
_NOT_ASKED = (
    "Hit", "OriginShieldHit", "Redirect", "LimitExceeded", "CapacityExceeded", "ClientGeoBlocked",
    "InvalidRequest", "InvalidRequestBlocked", "InvalidRequestCertificate", "InvalidRequestHeader",
    "InvalidRequestMethod", "MissGeneratedResponse",
)  # fmt: skip
"""Served from a cache, refused, or made by a function in place of the origin."""
_NOT_CONNECTED = ("OriginConnectError", "OriginDnsError")
_SILENT = ("OriginReadError", "OriginWriteError", "OriginReadTimeout")
_UNUSABLE = (
    "OriginContentRangeLengthError", "OriginError", "OriginHeaderTooBigError",
    "OriginInvalidResponse", "OriginInvalidResponseError", "OriginZeroSizeObjectError",
)  # fmt: skip
"""Something came back that CloudFront could not pass on."""


def rows(raw: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Return canonical rows; ``raw`` has ``record``, ``ended_at`` and :data:`NAMES` as text."""
    texts = raw.with_columns(fields.known(pl.col(name)).alias(name) for name in NAMES)
    asked = pl.concat_str("cs-uri-stem", "cs-uri-query", separator="?", ignore_nulls=True)
    made = texts.with_columns(_target=pl.when(pl.col("cs-uri-stem").is_not_null()).then(asked))
    made = fields.target(made, "_target", wants)
    made = made.with_columns(_unquoted(made, name) for name in _quoted(wants))
    made = made.with_columns(_status=fields.status(pl.col("sc-status")))
    return made.select("record", "path", "key_tag", **_columns(), **_answer(), **_heads(wants))


def ended(raw: pl.DataFrame) -> pl.Expr:
    """Return when the answer was finished, to the millisecond where the record tells that."""
    day = pl.format("{}T{}", "date", "time").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us"
    )
    found = [
        clock.epoch_time(pl.col("timestamp(ms)")),
        day.dt.replace_time_zone("UTC"),
        clock.epoch_time(pl.col("timestamp")),
    ]
    if raw["timestamp"].str.contains("-", literal=True).any():
        found.append(clock.iso_time(pl.col("timestamp"), None))
    return pl.coalesce(found)


def _columns() -> dict[str, pl.Expr]:
    end, duration = pl.col("ended_at"), fields.millis(pl.col("time-taken"))
    exact = pl.col("timestamp(ms)").is_not_null()
    media = pl.col("sc-content-type").str.splitn(";", 2).struct.field("field_0")
    return {
        "ended_at": end,
        "started_at": fields.before(end, duration),
        "duration_ms": duration,
        "ttfb_ms": fields.millis(pl.col("time-to-first-byte")),
        "wait_ms": fields.millis(pl.col("origin-fbl")),
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.when(exact).then(1.0).otherwise(1000.0),
        "method": fields.method(pl.col("cs-method")),
        "scheme": pl.col("cs-protocol").str.to_lowercase(),
        # cs(Host) is the distribution's own name, whatever host was asked.
        "host": fields.host(pl.coalesce("x-host-header", "cs(Host)")),
        "request_bytes": fields.size(pl.col("cs-bytes")),
        "response_bytes": fields.size(pl.col("sc-bytes")),
        "content_type": media.str.to_lowercase(),
        "request_id": pl.col("x-edge-request-id"),
        "edge": pl.lit("cloudfront"),
        "proxy_flags": pl.col("x-edge-result-type"),
        "proxy_detail": pl.col("x-edge-detailed-result-type"),
    }


def _answer() -> dict[str, pl.Expr]:
    """Return what was answered by whom: an origin that CloudFront could not use gave no answer."""
    status, result = pl.col("_status"), pl.col("x-edge-result-type")
    before = pl.col("x-edge-response-result-type")
    told = pl.col("x-edge-detailed-result-type")
    detail = pl.coalesce(told, pl.when(result != "Error").then(result))
    failed = (result == "Error").fill_null(False)
    # "Error" although the answer was ready and good: the viewer left before its end.
    left = failed & (before != "Error").fill_null(False)
    begun = detail.is_in(_SILENT) & (status < 500)
    # The error is the origin's own; a 403 may be CloudFront's as well.
    own = (detail == "Error") & (status >= 400) & (status != 403) & ~left
    passed = (detail == "Miss") | own | (left & (before == "Miss")) | begun
    return {
        "status": status,
        "edge_status": status,
        "upstream_status": pl.when(passed.fill_null(False)).then(status),
        "phase": pl.when(left)
        .then(pl.when(before == "Miss").then(pl.lit("body")).when(before == "Hit")
              .then(pl.lit("not_sent")))
        .when(detail.is_in(_NOT_ASKED)).then(pl.lit("not_sent"))
        .when(detail.is_in(_NOT_CONNECTED)).then(pl.lit("connecting"))
        .when(begun).then(pl.lit("body"))
        .when(detail.is_in(_SILENT)).then(pl.lit("sent"))
        .when(detail.is_in(_UNUSABLE)).then(pl.lit("headers"))
        .when((detail == "RefreshHit") | passed).then(pl.lit("done")),
        "stream_state": pl.when(failed & status.is_between(200, 299)).then(pl.lit("truncated")),
    }  # fmt: skip


_HEADS = {"req_header.user-agent": "cs(User-Agent)", "req_header.referer": "cs(Referer)"}


def _heads(wants: Wants) -> dict[str, pl.Expr]:
    return fields.headers(wants, {name: pl.col(theirs) for name, theirs in _HEADS.items()})


def _quoted(wants: Wants) -> list[str]:
    return [theirs for name, theirs in _HEADS.items() if name in wants.headers]


def _unquoted(made: pl.DataFrame, name: str) -> pl.Series:
    """Return a URL-encoded column decoded; each spelling once, since there are few."""
    values = made[name]
    hit = values.str.contains("%", literal=True).fill_null(False)
    if not hit.any():
        return values
    spelt = {text: _decoded(text) for text in values.filter(hit).unique()}
    return values.replace(spelt)


def _decoded(text: str) -> str:
    """Decode once, and once more what CloudFront encoded twice: ``%2520`` for a blank."""
    once = unquote(text, errors="replace")
    return unquote(once, errors="replace") if "%25" in text and _TWICE.search(once) else once
