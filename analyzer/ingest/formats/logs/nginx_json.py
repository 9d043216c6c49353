r"""nginx access logs in JSON: a ``log_format`` of the user's own, with keys of the user's own.

Names of keys are taken from a table of what people use. A missing variable is an empty text with
``escape=json`` and ``-`` without; numbers may stand bare, so that a list of them or none at all
breaks the JSON, as ``\x22`` does where ``escape=json`` was forgotten: both are put right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from analyzer.ingest import clock, fields, jsonlog, upstreams
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs.nginx_json_keys import ALIASES, FOREIGN, KEYS
from analyzer.ingest.jsonlog import JsonLog
from analyzer.ingest.reader import BAD, Alone, Input, Parsed
from analyzer.ingest.textlog import first_lines

_SUSPECT = r'[^\\]\\x[0-9A-Fa-f]{2}|[^\\]":\s*(?:-|,|\}|0\d|[\d.]+(?:,| :) ?[\d-])'
"""What breaks JSON in a line that a careless ``log_format`` wrote; few sound lines hold it."""
_BARE = r'([^\\]":\s*)((?:-|[\d.]+)(?:(?:,| :) ?(?:[\d.]+|-))+(?: : ?)?|-|0\d+|)(\s*(?:,\s*"|\}))'
_STATUS = r"^(?:\d{3}|0|-|)$"
_LIKE_CLF = r"^\[?\d\d/\w{3}/\d{4}:"
_LIKE_EPOCH = r"^\d{9,10}(?:\.\d+)?$|^\d{13,19}$"
_TRACE = r"^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-|$)"


class NginxJsonReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        suspect = lines["line"].str.contains(_SUSPECT)
        if suspect.any():
            lines = lines.with_columns(
                line=pl.when(suspect).then(_repaired(pl.col("line"))).otherwise("line")
            )
        made, bad = jsonlog.decode_alike(lines, _type(lines["line"]))
        raw = _named(made)
        foreign = raw.select("record").join(
            lines.filter(pl.col("line").str.contains(FOREIGN)), on="record", how="semi"
        )
        raw = raw.with_columns(reason=_lack(raw, foreign["record"]))
        good = raw.filter(pl.col("reason").is_null()).drop("reason")
        told = raw.filter(pl.col("reason").is_not_null()).select(*BAD)
        return Parsed(_rows(good, self._wants), bad=pl.concat([bad, told]).sort("record"))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _type(lines: pl.Series) -> pl.Struct:
    """Return the keys that these lines have: a tenth of the table, decoded twice as fast."""
    sample = lines.gather_every(max(lines.len() // 20, 1)).to_list()
    found = {key for line in sample for key in (jsonlog.loads(line)[0] or {})}
    used = [key for key in KEYS if key in found]
    others = [f'"{key}"' for key in KEYS if key not in found]
    whole = not used or lines.str.contains_any(others).any()
    return pl.Struct(dict.fromkeys(KEYS if whole else used, pl.String()))


def _repaired(line: pl.Expr) -> pl.Expr:
    r"""Put ``\x22`` and bare lists, dashes and nothings right, as ``jsonlog`` does line by line."""
    line = line.str.replace_all(r"\\x([0-9A-Fa-f]{2})", r"\u00$1")
    # Twice, since neighbours share the quote between them.
    return line.str.replace_all(_BARE, '$1"$2"$3').str.replace_all(_BARE, '$1"$2"$3')


def _named(made: pl.DataFrame) -> pl.DataFrame:
    """Return ``record stamp`` and our fields, each from the first of its keys with a value.

    A key without a value gives a blank and a missing key null: with the upstream's fields that is
    the difference between "sent nowhere" and "not logged".
    """
    used = {key for key in KEYS if key in made.columns and _told(made[key])}
    told = {}
    for name, keys in ALIASES.items():
        columns = [pl.col(key) for key in keys if key in used]
        nothing = pl.lit(None, pl.String())
        told[name] = pl.coalesce(*(fields.known(column) for column in columns), *columns, nothing)
    return made.select("record", "stamp", **told)


def _told(series: pl.Series) -> bool:
    return series.null_count() < series.len()


def _lack(raw: pl.DataFrame, foreign: pl.Series) -> pl.Expr:
    """Return the first thing that a line lacks for being an access line, null for those that do."""
    asked = pl.coalesce("request", "target", "method").is_not_null()
    timed = pl.coalesce("msec", "time").is_not_null() | pl.col("stamp").is_not_null()
    return (
        pl.when(pl.col("record").is_in(foreign.implode()))
        .then(pl.lit("its keys are those of another program"))
        .when(~pl.col("status").str.contains(_STATUS).fill_null(False))
        .then(pl.lit("it has no HTTP status"))
        .when(~asked)
        .then(pl.lit("it has neither request nor method nor URI"))
        .when(~timed)
        .then(pl.lit("it has no time"))
    )


def _rows(raw: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    end = _time(raw, wants)
    made = raw.with_columns(end, status=fields.status(pl.col("status")))
    made = upstreams.read(_request(made, wants))
    duration = fields.millis(pl.col("request_time"))
    service = fields.known(pl.col("upstream_name"))
    told = {
        "req_header.user-agent": pl.col("agent"),
        "req_header.referer": pl.col("referer"),
        "resp_header.content-type": pl.col("content_type"),
    }
    return made.select(
        "record", "method", "path", "key_tag", "status", "upstream_status", "upstream_tries",
        "proxy_detail", "connect_ms", "ttfb_ms", "phase", "time_precision_ms", "ended_at",
        scheme=pl.coalesce(fields.known(pl.col("protocol")).str.to_lowercase(), "scheme"),
        host=pl.coalesce(fields.host(pl.col("asked")), "named_host"),
        started_at=fields.before(pl.col("ended_at"), duration),
        duration_ms=duration,
        time_kind=pl.lit("end"),
        response_bytes=fields.size(pl.col("bytes")),
        request_bytes=fields.size(pl.col("request_length")),
        request_id=fields.known(pl.col("request_id")),
        upstream_request_id=fields.known(pl.col("upstream_request_id")),
        ray_id=fields.known(pl.col("ray")),
        trace_id=pl.col("trace").str.to_lowercase().str.extract(_TRACE),
        content_type=_media(pl.col("content_type")),
        model=fields.known(pl.col("model")),
        upstream_address=pl.concat_str(service, "upstream_address", separator="/")
        .fill_null(pl.col("upstream_address")),
        proxy_flags=fields.known(pl.col("cache")),
        **fields.headers(wants, told),
    )  # fmt: skip


def _media(text: pl.Expr) -> pl.Expr:
    return fields.known(text).str.splitn(";", 2).struct.field("field_0").str.to_lowercase()


def _time(raw: pl.DataFrame, wants: Wants) -> list[pl.Expr]:
    """Return ``ended_at`` and ``time_precision_ms``: ``$msec`` first, it alone has milliseconds."""
    text = pl.col("time")
    found = [clock.epoch_time(pl.col("msec"))]
    if _told(raw["msec"]) and not raw["msec"].has_nulls():
        text = pl.lit(None, pl.String())
    if raw["time"].str.contains(_LIKE_CLF).any():
        found.append(clock.clf_time(text.str.strip_chars("[]")))
    if raw["time"].str.contains(_LIKE_EPOCH).any():
        found.append(clock.epoch_time(pl.when(text.str.contains(_LIKE_EPOCH)).then(text)))
    found.append(clock.iso_time(text, wants.reading.zone))
    exact = pl.col("msec").is_not_null() | text.str.contains(r":\d\d[.,]\d|^\d+\.\d|^\d{13}")
    return [
        pl.coalesce(*found, "stamp").alias("ended_at"),
        pl.when(exact.fill_null(False)).then(1.0).otherwise(1000.0).alias("time_precision_ms"),
    ]


def _request(raw: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Add method, scheme, named host, path and key tag; ``$request_uri`` before ``$request``.

    Each of the keys may hold a credential, so that all of them are looked through.
    """
    line = fields.request_line(raw.select("request"), "request", wants)
    # $request is a whole line for most, and a bare path where people fill it themselves.
    bare = pl.when(pl.col("request").str.contains(r"^(?:/|https?://)\S*$")).then("request")
    uri = raw.select(target=pl.coalesce(fields.known(pl.col("target")), bare))
    uri = fields.target(uri, "target", wants)
    query = raw.select(text=pl.format("/?{}", "query"))["text"]
    tags = [
        fields.credential_tags(raw["credential"], wants),
        line["key_tag"],
        uri["key_tag"],
        fields.key_tags(query, wants),
    ]
    both = {
        name: pl.select(pl.coalesce(uri[name], line[name]))[:, 0]
        for name in ("scheme", "named_host", "path")
    }
    method = pl.select(pl.coalesce(fields.method(pl.lit(raw["method"])), line["method"]))[:, 0]
    return raw.drop("method").with_columns(
        method=method, key_tag=pl.select(pl.coalesce(*tags))[:, 0], **both
    )


class NginxJson(JsonLog):
    """nginx access log in JSON."""

    name = "nginx-json"
    title = "nginx access log in JSON (log_format of your own)"
    hop = "gateway"
    source_kind = "proxy"
    type = pl.Struct(dict.fromkeys(KEYS, pl.String()))
    pattern = (
        r'^\s*\{.*"(?:status|http_status|status_code|response_code)"\s*:\s*"?(?:\d{3}|[",}-])'
        r'.*"(?:time|ts|@|msec|date)|'
        r'^\s*\{.*"(?:time|ts|@|msec|date).*'
        r'"(?:status|http_status|status_code|response_code)"\s*:\s*"?(?:\d{3}|[",}-])'
    )
    # Below every product's own JSON: those have keys that nobody else has.
    weight = 0.6

    def sniff(self, head: bytes, name: str) -> float:
        """By the keys of the first objects, put right where the ``log_format`` broke them."""
        if jsonlog.is_document(head):
            return super().sniff(head, name)
        lines = [line for line in first_lines(head) if line.strip()]
        if not lines or sum(b"{" in line for line in lines) * 2 < len(lines):
            return 0.0
        found = [jsonlog.loads(line.decode("utf-8", "replace"))[0] for line in lines]
        share = sum(item is not None and self.owns(item) for item in found) / len(lines)
        return self.weight * share if share >= 0.5 else 0.0

    def owns(self, item: Mapping[str, Any]) -> bool:
        """Whether an object has a status, a request and a time, and no key of other products."""
        told = {
            name: next((item[key] for key in keys if _scalar(item.get(key))), None)
            for name, keys in ALIASES.items()
        }
        status = str(told["status"]) if told["status"] is not None else "?"
        asked = any(told[name] is not None for name in ("request", "target", "method"))
        timed = told["time"] is not None or told["msec"] is not None
        foreign = any(re.search(FOREIGN, f'"{key}":') for key in item)
        return bool(re.match(_STATUS, status)) and asked and timed and not foreign

    def reader(self, source: Input) -> NginxJsonReader:
        """Return a reader for one input."""
        return NginxJsonReader(source.wants)


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


FORMAT = NginxJson()
