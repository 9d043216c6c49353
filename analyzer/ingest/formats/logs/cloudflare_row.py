"""From a record of Cloudflare's ``http_requests`` dataset to an attempt."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import heads
from analyzer.ingest.zoneless import any_times

NAMES = (
    "EdgeStartTimestamp", "EdgeEndTimestamp", "EdgeTimeToFirstByteMs", "EdgeResponseStatus",
    "EdgeResponseBytes", "EdgeResponseBodyBytes", "EdgeResponseContentType", "EdgePathingSrc",
    "EdgePathingOp", "EdgePathingStatus", "EdgeServerIP", "CacheCacheStatus", "ClientRequestBytes",
    "ClientRequestHost", "ClientRequestMethod", "ClientRequestPath", "ClientRequestURI",
    "ClientRequestScheme", "ClientRequestSource", "ClientRequestUserAgent", "ClientRequestReferer",
    "OriginIP", "OriginResponseStatus", "OriginResponseDurationMs", "OriginResponseTime",
    "OriginResponseHeaderReceiveDurationMs", "OriginRequestHeaderSendDurationMs",
    "OriginTCPHandshakeDurationMs", "OriginTLSHandshakeDurationMs", "RayID", "ParentRayID",
    "SecurityAction", "SecurityRuleDescription", "WAFAction", "WorkerStatus", "WorkerSubrequest",
    "WorkerSubrequestCount",
)  # fmt: skip
"""The fields that are read as text."""
LISTS = (
    "SecurityActions", "SecuritySources", "FirewallMatchesActions", "FirewallMatchesSources",
)  # fmt: skip
"""The fields that are lists; here they are one text, with commas."""

_NUMBERS = (
    "ClientRequestBytes", "EdgeResponseStatus", "EdgeTimeToFirstByteMs", "OriginResponseStatus",
    "OriginResponseDurationMs", "OriginResponseTime", "OriginResponseHeaderReceiveDurationMs",
    "OriginRequestHeaderSendDurationMs", "OriginTCPHandshakeDurationMs",
    "OriginTLSHandshakeDurationMs", "WorkerSubrequestCount",
)  # fmt: skip
MEASURES = (
    "EdgeStartTimestamp", "EdgeEndTimestamp", "EdgeTimeToFirstByteMs", "EdgeResponseBytes",
    "EdgeResponseBodyBytes", "EdgeServerIP", "ClientRequestBytes", "OriginIP",
    "OriginResponseDurationMs", "OriginResponseTime", "OriginResponseHeaderReceiveDurationMs",
    "OriginRequestHeaderSendDurationMs", "OriginTCPHandshakeDurationMs",
    "OriginTLSHandshakeDurationMs", "RayID",
)  # fmt: skip
"""The fields that say nothing of whether a request went well, and of what it asked for."""
_SIFTED = ("started_at", "duration_ms", "time_precision_ms")
_NOTHING = ("", "unknown", "-", "null")
_BY_CLOUDFLARE = (
    "purge", "alwaysOnline", "healthcheck", "edgeWorkerFetch", "edgeWorkerCacheAPI",
    "edgeWorkerKV", "imageResizing", "sslDetector", "earlyHintsCache",
    "2", "3", "4", "5", "6", "7", "8", "10", "11",
)  # fmt: skip
"""``ClientRequestSource`` of requests that no client made, by name and by number."""
_FETCH = ("edgeWorkerFetch", "5")
_STOPPED = (
    r"(?:^|,)(block|challenge|jschallenge|js_challenge|managedChallenge|managed_challenge"
    r"|connectionClose|forceConnectionClose|drop)(?:,|$)"
)
"""Actions after which a request goes no further."""
_PASSED_ON = ("wl", "simulate")
_FROM_CACHE = ("hit", "stale", "updating", "stream_hit")
_SYNTHETIC = (520, 521, 522, 523, 524, 525, 526, 527, 530)
"""What Cloudflare writes for an origin that it could not reach or understand."""
_NOT_CONNECTED = (521, 523, 525, 526, 530)
_CLIENT_CLOSED = 499
_ROUGH_MS = 10_000.0
"""Below this a difference of two stamps of whole seconds is mostly rounding."""
_BEHIND = (
    "phase", "upstream_status", "upstream_address", "connect_ms", "tls_ms", "send_ms", "wait_ms",
)  # fmt: skip
_HEADS = {
    "req_header.user-agent": "ClientRequestUserAgent",
    "req_header.referer": "ClientRequestReferer",
}


def rows(raw: pl.DataFrame, wants: Wants) -> tuple[pl.DataFrame, int]:
    """Return canonical rows and how many records were subrequests of other requests.

    ``raw`` has ``record``, :data:`NAMES` and :data:`LISTS` as text, and ``req.`` and ``resp.``
    columns.
    """
    # An empty address, other than a missing one, says that nobody was asked.
    unasked = (pl.col("EdgeServerIP") == "") | (pl.col("OriginIP") == "")
    texts = raw.with_columns(
        *(pl.when(~pl.col(name).is_in(_NOTHING)).then(name).alias(name) for name in _told(raw)),
        _unasked=unasked.fill_null(False),
    )
    uri = pl.coalesce("ClientRequestURI", "ClientRequestPath")
    made = fields.target(texts.with_columns(_target=uri), "_target", wants)
    made = made.with_columns(
        **_kind(),
        **_numbers(),
        _start=any_times(made["EdgeStartTimestamp"], None),
        _end=any_times(made["EdgeEndTimestamp"], None),
    ).with_columns(**_said(), **_times())
    made = made.with_columns(**_reached()).with_columns(**_columns())
    made = heads.add(made, wants)
    inner = made["_inner"]
    client = _joined(made.filter(~inner), made.filter("_fetch"))
    return _shown(client, wants), int(inner.sum())


def sifted(raw: pl.DataFrame) -> pl.DataFrame:
    """Return :data:`analyzer.ingest.sifting.SIFTED` of ``kind`` and the two stamps as text."""
    made = raw.with_columns(
        _start=any_times(raw["EdgeStartTimestamp"], None),
        _end=any_times(raw["EdgeEndTimestamp"], None),
        EdgeTimeToFirstByteMs=pl.lit(None, pl.String()),
    )
    times = _times()
    made = made.select("kind", **{name: times[name] for name in _SIFTED})
    timed = pl.col("started_at").is_not_null() & pl.col("duration_ms").is_not_null()
    return made.with_columns(kind=pl.when(timed).then("kind"))


def _told(raw: pl.DataFrame) -> list[str]:
    """Return the fields that may say nothing in words; those read as numbers say it by being none.

    A field that was not logged costs nothing.
    """
    return [
        name
        for name in NAMES + LISTS
        if name not in _NUMBERS and raw[name].null_count() < raw.height
    ]


def _kind() -> dict[str, pl.Expr]:
    source = pl.col("ClientRequestSource")
    parent = pl.col("ParentRayID")
    # Rows without a parent have an empty one, or "00".
    parent = pl.when(~parent.str.contains("^0+$")).then(parent)
    made = parent.is_not_null() | (pl.col("WorkerSubrequest").str.to_lowercase() == "true")
    inner = (made | source.is_in(_BY_CLOUDFLARE)).fill_null(False)
    fetch = parent.is_not_null() & (source.is_null() | source.is_in(_FETCH))
    return {"_parent": parent, "_inner": inner, "_fetch": fetch}


def _numbers() -> dict[str, pl.Expr]:
    millis = {
        "_tcp": "OriginTCPHandshakeDurationMs", "_tls": "OriginTLSHandshakeDurationMs",
        "_head": "OriginResponseHeaderReceiveDurationMs", "_whole": "OriginResponseDurationMs",
        "_sent": "OriginRequestHeaderSendDurationMs",
    }  # fmt: skip
    return {
        "_status": fields.status(pl.col("EdgeResponseStatus")),
        "_origin": fields.status(pl.col("OriginResponseStatus")),
        "_nanos": fields.number(pl.col("OriginResponseTime")),
        **{short: fields.number(pl.col(name)) for short, name in millis.items()},
    }


def _said() -> dict[str, pl.Expr]:
    """Return what stopped a request at the edge, and Cloudflare's words for it."""
    actions = pl.concat_str(
        "SecurityAction", "SecurityActions", "FirewallMatchesActions", "WAFAction",
        separator=",", ignore_nulls=True,
    )  # fmt: skip
    action = actions.str.extract(_STOPPED)
    told = pl.col("EdgePathingOp").is_not_null() & ~pl.col("EdgePathingOp").is_in(_PASSED_ON)
    parts = ("EdgePathingSrc", "EdgePathingOp", "EdgePathingStatus")
    pathing = pl.when(told).then(
        pl.concat_str(*(pl.col(part).fill_null("unknown") for part in parts), separator=".")
    )
    stopped = action.is_not_null() | pathing.is_not_null()
    sources = pl.coalesce("SecuritySources", "FirewallMatchesSources")
    worker = pl.col("WorkerStatus")
    return {
        "proxy_flags": _joined_text([action, pathing], ","),
        "proxy_detail": _joined_text(
            [
                pl.when(stopped).then(sources),
                pl.when(stopped).then("SecurityRuleDescription"),
                pl.when(~worker.is_in(["ok", "0"])).then(worker),
            ],
            "; ",
        ),
        "_stopped": stopped,
    }


def _joined_text(parts: list[pl.Expr], separator: str) -> pl.Expr:
    text = pl.concat_str(parts, separator=separator, ignore_nulls=True)
    return pl.when(text != "").then(text)


def _times() -> dict[str, pl.Expr]:
    start, end = pl.col("_start"), pl.col("_end")
    stamp = pl.coalesce("EdgeStartTimestamp", "EdgeEndTimestamp")
    numeric, length = stamp.str.contains(r"^\d+$"), stamp.str.len_bytes()
    exact = pl.when(numeric).then(length > 10).otherwise(stamp.str.contains(".", literal=True))
    precision = (
        pl.when(~exact).then(1000.0).when(numeric & (length >= 16)).then(0.001).otherwise(1.0)
    )
    span = ((end - start).dt.total_microseconds() / 1000).round(3)
    return {
        "started_at": pl.coalesce(start, end),
        "ended_at": pl.coalesce(end, start),
        "duration_ms": pl.when((span >= 0) & (exact | (span >= _ROUGH_MS))).then(span),
        "ttfb_ms": fields.number(pl.col("EdgeTimeToFirstByteMs")),
        "time_kind": pl.when(start.is_not_null()).then(pl.lit("start")).otherwise(pl.lit("end")),
        "time_precision_ms": precision,
    }


def _reached() -> dict[str, pl.Expr]:
    """Return how far the request came, and what the origin did.

    A handshake of 0 ms is a connection that was used again, not one that failed. Where a Worker ran
    the origin fields are empty whatever it asked.
    """
    status, positive = pl.col("_status"), pl.col("_head") > 0
    real = ~pl.col("_origin").is_in(_SYNTHETIC) | positive.fill_null(False)
    answer = pl.when(real).then("_origin")
    shook = (pl.col("_tcp") > 0).fill_null(False)
    count = fields.number(pl.col("WorkerSubrequestCount"))
    worker = pl.col("WorkerStatus").is_not_null() | (count > 0).fill_null(False)
    cached = pl.col("CacheCacheStatus").is_in(_FROM_CACHE)
    whole = pl.coalesce(pl.when(pl.col("_whole") > 0).then("_whole"), pl.col("_nanos") / 1e6)
    asked = answer.is_not_null() | shook
    phase = (
        pl.when(answer.is_not_null() & (status == _CLIENT_CLOSED)).then(pl.lit("body"))
        .when(answer.is_not_null()).then(pl.lit("done"))
        .when("_stopped").then(pl.lit("not_sent"))
        .when(status.is_in(_NOT_CONNECTED)).then(pl.lit("connecting"))
        # 522 is also said of a connection that stood and went silent.
        .when(status.is_in([520, 524]) | ((status == 522) & shook)).then(pl.lit("sent"))
        .when(status == 522).then(pl.lit("connecting"))
        .when(worker).then(pl.lit(None, pl.String()))
        .when(pl.col("_unasked") | cached).then(pl.lit("not_sent"))
        .when((status == _CLIENT_CLOSED) & shook).then(pl.lit("sent"))
    )  # fmt: skip
    return {
        "phase": phase,
        "upstream_status": answer,
        "upstream_address": pl.col("OriginIP"),
        "connect_ms": pl.when(shook).then(pl.col("_tcp") + pl.col("_tls").fill_null(0.0)),
        "tls_ms": pl.when(pl.col("_tls") > 0).then("_tls"),
        "send_ms": pl.when(asked).then("_sent"),
        "wait_ms": pl.when(answer.is_not_null()).then(
            pl.coalesce(pl.when(positive).then("_head"), whole)
        ),
    }


def _columns() -> dict[str, pl.Expr]:
    media = pl.col("EdgeResponseContentType").str.splitn(";", 2).struct.field("field_0")
    size = pl.coalesce("EdgeResponseBodyBytes", "EdgeResponseBytes")
    return {
        "method": fields.method(pl.col("ClientRequestMethod")),
        "scheme": pl.coalesce(pl.col("ClientRequestScheme").str.to_lowercase(), "scheme"),
        "host": fields.host(pl.coalesce("ClientRequestHost", "named_host")),
        "status": pl.col("_status"),
        "edge_status": pl.col("_status"),
        "request_bytes": fields.size(pl.col("ClientRequestBytes")),
        "response_bytes": fields.size(size),
        "edge": pl.lit("cloudflare"),
        "_media": media.str.strip_chars().str.to_lowercase(),
    }


def _joined(client: pl.DataFrame, fetches: pl.DataFrame) -> pl.DataFrame:
    """Give a client's request what its Worker's request to the origin says of the origin.

    Each of the two is a record. Of several requests of one Worker none is the origin's answer.
    """
    if not fetches.height:
        return client
    single = (
        fetches.group_by("_parent")
        .agg(pl.len().alias("_count"), *(pl.col(name).first() for name in _BEHIND))
        .filter(pl.col("_count") == 1)
        .drop("_count")
        .rename({name: f"_{name}" for name in _BEHIND})
    )
    both = client.drop("_parent").join(
        single.rename({"_parent": "_ray"}), left_on="RayID", right_on="_ray", how="left",
        maintain_order="left",
    )  # fmt: skip
    # What the client's own record knows of an origin stands: then the Worker asked something else.
    known = pl.col("upstream_status").is_not_null()
    return both.with_columns(
        pl.when(known).then(name).otherwise(pl.coalesce(f"_{name}", name)).alias(name)
        for name in _BEHIND
    )


def _shown(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    own = {
        name: pl.coalesce(name, theirs) if name in made.columns else pl.col(theirs)
        for name, theirs in _HEADS.items()
        if name in wants.headers
    }
    made = made.with_columns(
        ray_id=pl.col("RayID"), content_type=pl.coalesce("_media", "content_type"), **own
    )
    read = {*NAMES, *LISTS, "named_host"}
    return made.drop([name for name in made.columns if name.startswith("_") or name in read])
