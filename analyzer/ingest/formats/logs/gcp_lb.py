"""Google Cloud load balancers: the request entries of Cloud Logging, lines or one array."""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import gcp_details
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Input, Parsed

_REQUEST = (
    "requestMethod", "requestUrl", "requestSize", "status", "responseSize", "userAgent",
    "referer", "serverIp", "latency",
)  # fmt: skip
_PAYLOAD = ("statusDetails", "proxyStatus")
_ENTRY = ("insertId", "timestamp", "receiveTimestamp", "trace")


def _spellings(name: str) -> tuple[str, ...]:
    """Return a key as Google writes it and as exports do: all lower case, or with underscores."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return tuple(dict.fromkeys((name, name.lower(), snake)))


def _struct(names: tuple[str, ...], **more: pl.DataType) -> pl.Struct:
    texts = {spelt: pl.String() for name in names for spelt in _spellings(name)}
    nested = {spelt: kind for name, kind in more.items() for spelt in _spellings(name)}
    return pl.Struct({**texts, **nested})


_POLICY = _struct(("outcome",))
_PARTS = {
    "httpRequest": _struct(_REQUEST),
    "jsonPayload": _struct(_PAYLOAD, enforcedSecurityPolicy=_POLICY),
}


class GcpReader:
    """Reads one input; every entry stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode(lines, GcpLb.type)
        raw = made.select("record", "stamp", **_told())
        missing = pl.all_horizontal(pl.col(name).is_null() for name in _REQUEST)
        others = raw.filter(missing).select("record", reason=pl.lit("it has no httpRequest"))
        raw = fields.target(raw.filter(~missing), "requestUrl", self._wants)
        rows = raw.with_columns(
            _status=fields.status(pl.col("status")),
            _word=gcp_details.word(pl.col("statusDetails"), pl.col("proxyStatus")),
        )
        rows = rows.with_columns(
            phase=gcp_details.phase(pl.col("_word"), pl.col("proxyStatus"), pl.col("_status"))
        )
        named = rows.select("record", "path", "scheme", "key_tag", "phase", **_columns(self._wants))
        return Parsed(named, bad=pl.concat([bad, others]))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _first(found: list[pl.Expr]) -> pl.Expr:
    return pl.coalesce(pl.when(text != "").then(text) for text in found)


def _told() -> dict[str, pl.Expr]:
    """Return the texts that are read, whichever way their keys are spelt."""
    request = [pl.col(name).struct for name in _spellings("httpRequest")]
    payload = [pl.col(name).struct for name in _spellings("jsonPayload")]
    policies = [
        part.field(name).struct for part in payload for name in _spellings("enforcedSecurityPolicy")
    ]
    return {
        **{name: _first([pl.col(key) for key in _spellings(name)]) for name in _ENTRY},
        **{name: _field(request, name) for name in _REQUEST},
        **{name: _field(payload, name) for name in _PAYLOAD},
        "outcome": _field(policies, "outcome"),
    }


def _field(parts: list[Any], name: str) -> pl.Expr:
    return _first([part.field(key) for part in parts for key in _spellings(name)])


def _columns(wants: Wants) -> dict[str, pl.Expr]:
    stated = clock.iso_time(pl.coalesce("timestamp", "receiveTimestamp"), None)
    start = pl.coalesce(stated, "stamp")
    latency = fields.millis(pl.col("latency").str.strip_suffix("s"))
    status, word = pl.col("_status"), pl.col("_word")
    details = pl.concat_str("statusDetails", "proxyStatus", separator="; ", ignore_nulls=True)
    broke = gcp_details.broken_off(word, pl.col("phase"), status)
    exact = pl.col("timestamp").str.contains(r"\.\d{4,}")
    agent = {"req_header.user-agent": "userAgent", "req_header.referer": "referer"}
    return {
        "started_at": start,
        "ended_at": fields.after(start, latency),
        "duration_ms": latency,
        # When the first load balancer got the request.
        "time_kind": pl.when(start.is_not_null()).then(pl.lit("start")),
        "time_precision_ms": pl.when(start.is_not_null()).then(pl.when(exact).then(0.001)
                                                               .otherwise(1.0)),
        "method": fields.method(pl.col("requestMethod")),
        "host": pl.col("named_host"),
        "status": status,
        "upstream_status": gcp_details.upstream_status(word, pl.col("phase"), status),
        "request_bytes": fields.size(pl.col("requestSize")),
        "response_bytes": fields.size(pl.col("responseSize")),
        "request_id": pl.col("insertId"),
        "trace_id": pl.col("trace").str.extract(r"(?i)([0-9a-f]{32})$").str.to_lowercase(),
        "upstream_address": pl.col("serverIp"),
        "proxy_flags": pl.col("outcome"),
        "proxy_detail": pl.when(details != "").then(details),
        "stream_state": pl.when(broke).then(pl.lit("truncated")),
        **fields.headers(wants, {name: pl.col(theirs) for name, theirs in agent.items()}),
    }  # fmt: skip


class GcpLb(JsonLog):
    """Google Cloud Application Load Balancer log."""

    name = "gcp-lb"
    title = "Google Cloud load balancer log (Cloud Logging)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'"http_?[Rr]equest"\s*:.*"(?:status_?[Dd]etails|proxy_?[Ss]tatus)"\s*:'
        r'|"(?:status_?[Dd]etails|proxy_?[Ss]tatus)"\s*:.*"http_?[Rr]equest"\s*:'
        r"|loadbalancing\.type\.LoadBalancerLogEntry"
        r'|"http_?[Rr]equest"\s*:.*"(?:http_load_balancer|(?:internal_http|http_external)_\w+)"'
    )
    weight = 0.97
    type = _struct(_ENTRY, **_PARTS)

    def reader(self, source: Input) -> GcpReader:
        """Return a reader for one input."""
        return GcpReader(source.wants)


FORMAT = GcpLb()
