"""From the variables of nginx lines, as text, to rows of the attempts table.

What is the same for most lines is read for all at once; request lines, of which there are few
different ones, are read once each.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from datetime import timedelta

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import nginx_upstream
from analyzer.ingest.formats.logs.nginx_variables import TIMES

TEXTS: Mapping[str, tuple[str, ...]] = {
    "request_id": (
        "request_id", "req_id", "kong_request_id", "http_x_request_id", "sent_http_x_request_id",
        "http_request_id", "http_x_correlation_id",
    ),
    "upstream_request_id": (
        "upstream_http_x_request_id", "upstream_http_request_id", "upstream_http_x_amzn_requestid",
        "upstream_http_apim_request_id", "upstream_http_x_oneapi_request_id",
        "upstream_http_x_litellm_call_id", "upstream_http_x_correlation_id",
    ),
    "ray_id": ("http_cf_ray", "upstream_http_cf_ray", "sent_http_cf_ray"),
    "trace_id": (
        "http_traceparent", "traceparent", "otel_trace_id", "opentelemetry_trace_id", "trace_id",
        "http_x_b3_traceid", "http_x_trace_id", "upstream_http_traceparent",
        "sent_http_traceparent",
    ),
    "host": ("http_host", "host", "ssl_server_name", "server_name"),
    "scheme": ("scheme",),
    "content_type": ("sent_http_content_type", "upstream_http_content_type"),
    "retry_after_s": ("sent_http_retry_after", "upstream_http_retry_after"),
    "proxy_flags": ("limit_req_status", "limit_conn_status", "upstream_cache_status"),
}  # fmt: skip
"""Column -> the variables that give it; the first that says something counts."""
_CREDENTIALS = (
    "http_authorization", "http_x_api_key", "http_api_key", "http_x_goog_api_key", "arg_key",
    "arg_api_key", "arg_access_token",
)  # fmt: skip
_TARGETS = (
    "request_uri", "filtered_request_uri", "gitlab_filtered_request_uri", "uri", "document_uri",
)  # fmt: skip
_QUERIES = ("args", "query_string")
NUMBERS = ("status", "body_bytes_sent", "bytes_sent", "request_time", "request_length")
_CLF = "%d/%b/%Y:%H:%M:%S"
_ISO = "%Y-%m-%dT%H:%M:%S"
_ZONE = re.compile(r"[+-]\d\d:?\d\d")
_MODEL = re.compile(r"(?:^|_)model(?:_name)?$")
_PASSED = "PASSED"
"""What ``$limit_req_status`` says of a request that no limit held up."""
_MANY = 0.5
"""Share of different request lines from which it does not pay to read each once."""


def wanted(variables: Iterable[str], wants: Wants) -> frozenset[str]:
    """Return those of a format's variables that mean something for the table."""
    names = set(variables)
    known = {name for sources in TEXTS.values() for name in sources}
    known |= {"request", "request_method", *TIMES, *_TARGETS, *_QUERIES, *_CREDENTIALS, *NUMBERS}
    known |= {*nginx_upstream.VARIABLES, *models(names), *_headers(names, wants).values()}
    if "msec" in names:
        known -= {"time_local", "time_iso8601"}
    if "request" in names:
        known -= {"request_method", *_TARGETS, *_QUERIES}
    return frozenset(names & known)


def models(variables: Iterable[str]) -> list[str]:
    """Return the variables that hold a model's name, what the caller asked for first."""
    found = [name for name in variables if _MODEL.search(name)]
    return sorted(found, key=lambda name: (_is_answer(name), name))


def _is_answer(name: str) -> bool:
    return name.startswith(("upstream_http_", "sent_http_"))


def _headers(variables: Iterable[str], wants: Wants) -> dict[str, str]:
    """Return the wanted header columns that are logged: column -> variable."""
    names = set(variables)
    found = {}
    for column in sorted(wants.headers):
        side, _, header = column.partition(".")
        plain = header.replace("-", "_")
        sides = ("http_",) if side == "req_header" else ("sent_http_", "upstream_http_")
        logged = [name for name in (one + plain for one in sides) if name in names]
        if logged:
            found[column] = logged[0]
    return found


def readable(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series | None]:
    """Return ``raw`` with its times and numbers read, and which rows are sound (``None``: all).

    Adds ``ended_at`` and, of what is logged, ``_status``, ``_body_bytes_sent``, ``_bytes_sent``,
    ``_request_time`` (ms), ``_request_length``, ``_upstream_…`` and ``_unusual`` (of the upstream).
    """
    logged = [name for name in NUMBERS if name in raw.columns]
    behind = nginx_upstream.logged(raw.columns)
    made = raw.with_columns(
        ended(raw),
        *(number(name, pl.col(name)).alias(f"_{name}") for name in logged),
        *nginx_upstream.values(behind),
    )
    sound = made["ended_at"].is_not_null()
    if behind:
        odd = nginx_upstream.unusual(made, behind)
        made = made.with_columns(odd)
        if odd.any():
            right = nginx_upstream.sound(made.filter(odd), behind)
            sound = sound.scatter(odd.arg_true(), right & sound.filter(odd))
    for name in logged:
        if made[f"_{name}"].null_count():
            sound &= made[f"_{name}"].is_not_null() | made[name].is_in(fields.BLANKS)
    return made, None if sound.all() else sound


def unsound(made: pl.DataFrame) -> pl.DataFrame:
    """Say of rows that are not sound what is wrong: ``record`` and ``reason``."""
    time = next(name for name in TIMES if name in made.columns)
    reason = (
        pl.when(pl.col("ended_at").is_null())
        .then(pl.lit(f"${time} is no time that exists"))
        .otherwise(pl.lit("a number, or a field of the upstream, holds something else"))
    )
    return made.select("record", reason=reason)


def number(name: str, text: pl.Expr) -> pl.Expr:
    """Return the number that the text of a variable is; null if it is none."""
    if name == "status":
        return text.cast(pl.Int32, strict=False)
    if name == "request_time":
        # nginx writes thousandths: what is beyond them is the binary fraction's.
        return (text.cast(pl.Float64, strict=False) * 1000).round()
    return text.cast(pl.Int64, strict=False)


def ended(raw: pl.DataFrame) -> pl.Series:
    """Return the times, by the most exact variable that is logged."""
    name = next(name for name in TIMES if name in raw.columns)
    text = raw[name]
    if name == "msec":
        return raw.select(ended_at=clock.epoch_time(pl.col(name)))["ended_at"]
    size, pattern = (5, _CLF) if name == "time_local" else (6, _ISO)
    zone = str(text[0])[-size:] if raw.height else ""
    # One zone for all lines is the rule: then it need not be read from each.
    if _ZONE.fullmatch(zone) and text.str.ends_with(zone).all():
        read = text.str.head(20 if size == 5 else 19)
        local = read.str.to_datetime(pattern, strict=False, time_unit="us")
        return (local - _offset(zone)).dt.replace_time_zone("UTC").alias("ended_at")
    told = pl.col(name)
    told = clock.clf_time(told) if name == "time_local" else clock.iso_time(told, None)
    return raw.select(ended_at=told)["ended_at"]


def _offset(zone: str) -> timedelta:
    """Return what ``+0200`` or ``-03:30`` is ahead of UTC."""
    digits = zone.replace(":", "")
    size = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
    return -size if digits[0] == "-" else size


def precision(variables: Container[str]) -> float:
    """Return the resolution of the times in milliseconds."""
    return 1.0 if "msec" in variables else 1000.0


def attempts(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Return canonical rows of what :func:`readable` gave."""
    logged = frozenset(made.columns)
    asked = requests(made, wants)
    upstream = nginx_upstream.columns(made, nginx_upstream.logged(logged))
    duration = pl.col("_request_time") if "request_time" in logged else None
    size = next((name for name in ("_body_bytes_sent", "_bytes_sent") if name in logged), None)
    names = _names(logged)
    own = {
        "record": pl.col("record"),
        "ended_at": pl.col("ended_at"),
        "started_at": fields.before(pl.col("ended_at"), duration)
        if duration is not None
        else pl.col("ended_at"),
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.lit(precision(logged)),
        "status": _status(),
        **({"duration_ms": duration} if duration is not None else {}),
        **({"response_bytes": pl.col(size)} if size else {}),
        **({"request_bytes": pl.col("_request_length")} if "request_length" in logged else {}),
        **{name: value for name, value in names.items() if name not in asked.columns},
        **{name: fields.known(pl.col(var)) for name, var in _headers(logged, wants).items()},
    }
    rows = made.select(**own).with_columns(upstream)
    rows = rows.with_columns(asked.drop("named_host", strict=False))
    if "named_host" in asked.columns and asked["named_host"].null_count() < asked.height:
        told = pl.col("host") if "host" in rows.columns else pl.lit(None, pl.String())
        rows = rows.with_columns(host=pl.coalesce(told, asked["named_host"]))
    return _keyed(rows, made, logged, wants)


def _status() -> pl.Expr:
    code = pl.col("_status")
    return pl.when(code.is_between(100, 999)).then(code)


def _names(logged: frozenset[str]) -> dict[str, pl.Expr]:
    """Return the text columns, each by the first variable that says something."""
    made: dict[str, pl.Expr] = {}
    for column, sources in TEXTS.items():
        values = [_text(column, name) for name in sources if name in logged]
        if values:
            made[column] = pl.coalesce(values) if len(values) > 1 else values[0]
    found = models(sorted(logged))
    asked = [name for name in found if not _is_answer(name)]
    served = [name for name in found if _is_answer(name)]
    for column, variables in (
        ("model", asked or served),
        ("model_served", served if asked else ()),
    ):
        if variables:
            made[column] = pl.coalesce([fields.known(pl.col(name)) for name in variables])
    return made


def _text(column: str, name: str) -> pl.Expr:
    text = pl.col(name)
    if column == "host":
        # The server's name is "_" where a catch-all answers.
        return fields.host(pl.when(text != "_").then(text))
    if column == "trace_id":
        found = text.str.extract(r"(?:^|[^0-9a-fA-F])([0-9a-fA-F]{32})(?:[^0-9a-fA-F]|$)")
        return pl.when(found != "0" * 32).then(found.str.to_lowercase())
    if column == "content_type":
        return fields.known(text.str.splitn(";", 2).struct.field("field_0")).str.to_lowercase()
    if column == "retry_after_s":
        return fields.number(text)
    if column == "proxy_flags":
        return pl.when(text != _PASSED).then(fields.known(text))
    return fields.known(text)


def requests(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Return ``method``, ``scheme``, ``named_host``, ``path`` and ``key_tag`` of all rows."""
    lines = _request_lines(made)
    if lines is None:
        return pl.DataFrame()
    kinds = lines.unique()
    if kinds.len() > _MANY * lines.len():
        return _read(lines, wants)
    numbers = pl.int_range(kinds.len(), dtype=pl.UInt32, eager=True)
    return _read(kinds, wants)[lines.replace_strict(kinds, numbers, return_dtype=pl.UInt32)]


def _read(lines: pl.Series, wants: Wants) -> pl.DataFrame:
    made = fields.request_line(lines.to_frame("request"), "request", wants).drop("request")
    # What nobody says must not hide what another variable says: $scheme.
    spoken = [name for name in made.columns if made[name].null_count() < made.height]
    return made.select(name for name in made.columns if name in spoken or name == "named_host")


def _request_lines(made: pl.DataFrame) -> pl.Series | None:
    """Return the request lines, put together where method and target are apart."""
    if "request" in made.columns:
        return made["request"]
    target = next((name for name in _TARGETS if name in made.columns), None)
    if target is None:
        return None
    method = pl.col("request_method") if "request_method" in made.columns else pl.lit("-")
    query = next((name for name in _QUERIES if name in made.columns), None)
    whole = pl.concat_str(method, pl.lit(" "), pl.col(target))
    if query is not None and target in ("uri", "document_uri"):
        whole = pl.concat_str(whole, pl.lit("?"), fields.known(pl.col(query)).fill_null(""))
    return made.select(request=whole)["request"]


def _keyed(
    rows: pl.DataFrame, made: pl.DataFrame, logged: frozenset[str], wants: Wants
) -> pl.DataFrame:
    """Add the tags of credentials that are logged as variables of their own, and learn them."""
    tags = [fields.credential_tags(made[name], wants) for name in _CREDENTIALS if name in logged]
    if "http_referer" in logged:
        # A page's address may hold a key as well.
        fields.key_tags(made["http_referer"], wants)
    if not tags:
        return rows
    told = [pl.col("key_tag")] if "key_tag" in rows.columns else []
    return rows.with_columns(key_tag=pl.coalesce(*tags, *told))
