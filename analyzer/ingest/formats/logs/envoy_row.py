"""From what Envoy logs of a request to columns: response flags, code details, upstream host.

``RESPONSE_CODE_DETAILS`` says whose the code is (``via_upstream`` or Envoy's own reason), the flags
say what went wrong; where the details are not logged, flags and host alone have to tell.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields

TEXTS = (
    "code", "flags", "details", "termination", "transport", "received", "sent", "duration",
    "service", "first_byte", "attempts", "upstream", "cluster", "sni", "authority", "agent",
    "request_id",
)  # fmt: skip
"""Text columns that :func:`columns` reads; null where nothing is known.

``service`` is x-envoy-upstream-service-time, ``first_byte`` RESPONSE_DURATION, both milliseconds.
"""
_REFUSED = ("UH", "NR", "NC", "UO", "RL", "RLSE", "UAEX", "IH", "FI", "LH", "DF")
"""Envoy answered and asked nobody (of a last try that found no host: nobody any more)."""
_CUT_BEHIND = ("UC", "UR", "UPE", "UT", "UMSDR", "LR", "SI", "DT")
"""An answer that has begun breaks off with these, not by the client's wish."""
_CUT = (*_CUT_BEHIND, "DC", "OM")
_BROKE_CONNECTION = ("UC", "UR", "UPE", "LR")
_FAILED_CONNECTION = ("UH", "UF", "UO", "NR", "NC", "DF", "URX", "UT")
_OUTBOUND = r"^outbound\|(\d+)\|[^|]*\|([^|]+)$"


def columns(host_logged: bool) -> dict[str, pl.Expr]:
    """Return what flags, details and times of a request say.

    The frame has :data:`TEXTS`, ``time`` (when it began) and ``method path scheme named_host``.
    ``host_logged`` says whether the format has the upstream host at all: only then its absence
    means that none was asked.
    """
    duration = fields.number(pl.col("duration"))
    return {
        "started_at": pl.col("time"),
        "ended_at": fields.after(pl.col("time"), duration),
        "time_kind": pl.lit("start"),
        "duration_ms": duration,
        "ttfb_ms": pl.coalesce(
            fields.number(pl.col("first_byte")), fields.number(pl.col("service"))
        ),
        "wait_ms": fields.number(pl.col("service")),
        "method": fields.method(pl.col("method")),
        "scheme": pl.coalesce("scheme", _connection()),
        "host": _host(),
        "path": pl.when(~_is("method", "CONNECT")).then(fields.known(pl.col("path"))),
        "status": _status(),
        "upstream_status": pl.when(_from_upstream()).then(_status()),
        "request_bytes": fields.size(pl.col("received")),
        "response_bytes": fields.size(pl.col("sent")),
        "request_id": pl.col("request_id"),
        "proxy_flags": pl.col("flags"),
        "proxy_detail": _detail(),
        "upstream_address": pl.col("upstream").str.strip_prefix("tcp://"),
        "upstream_tries": pl.col("attempts").str.to_integer(strict=False),
        "phase": _phase(host_logged),
        "stream_state": _stream_state(),
    }


def _is(column: str, word: str) -> pl.Expr:
    return (pl.col(column) == word).fill_null(False)


def _flagged(*words: str) -> pl.Expr:
    """Whether one of the comma-separated flags is among ``words``."""
    pattern = rf"(?:^|,)(?:{'|'.join(words)})(?:,|$)"
    return pl.col("flags").str.contains(pattern).fill_null(False)


def _status() -> pl.Expr:
    return fields.status(pl.col("code"))


def _detail() -> pl.Expr:
    parts = pl.concat_str("details", "termination", "transport", separator="; ", ignore_nulls=True)
    return fields.known(parts)


def _bare_connection() -> pl.Expr:
    """Whether it is a TCP connection that Envoy passes on: neither a request nor a code."""
    return pl.col("method").is_null() & _status().is_null() & pl.col("path").is_null()


def _connection() -> pl.Expr:
    """Return the scheme of a bare connection, ``tcp``.

    One to a TLS port that came to nothing is an attempt of the client's that failed, whatever was
    to be said through it: ``https``.
    """
    tls = pl.col("sni").is_not_null() | (pl.col("cluster").str.extract(_OUTBOUND, 1) == "443")
    failed = _flagged(*_FAILED_CONNECTION) & tls.fill_null(False)
    scheme = pl.when(failed).then(pl.lit("https")).otherwise(pl.lit("tcp"))
    return pl.when(_bare_connection()).then(scheme)


def _host() -> pl.Expr:
    """Return the authority; of a bare connection the name that TLS or the mesh had for it."""
    sni = pl.when(~pl.col("sni").str.starts_with("outbound_")).then(pl.col("sni"))
    named = pl.coalesce(sni, pl.col("cluster").str.extract(_OUTBOUND, 2))
    other = pl.when(_bare_connection()).then(fields.host(named))
    tunnel = pl.when(_is("method", "CONNECT")).then(fields.host(pl.col("path")))
    return pl.coalesce(fields.host(pl.col("authority")), "named_host", tunnel, other)


def _via_upstream() -> pl.Expr:
    return _is("details", "via_upstream")


def _begun() -> pl.Expr:
    """Whether the upstream's answer had begun when it was cut off.

    Envoy gives no good code of its own together with these flags, so that a good code was the
    upstream's: ``200 UC``. A client may also leave an answer that Envoy itself gives: without a
    host that one is nobody's.
    """
    after = pl.col("details").str.starts_with("upstream_reset_after_response_started")
    good = _status().is_between(200, 399) & (pl.col("upstream").is_not_null() | ~_flagged("DC"))
    return (_via_upstream() | after.fill_null(False) | good.fill_null(False)) & _flagged(*_CUT)


def _plainly_answered() -> pl.Expr:
    """Whether the upstream answered, in formats without details: it alone sends that header."""
    return (
        pl.col("details").is_null()
        & pl.col("flags").is_null()
        & fields.number(pl.col("service")).is_not_null()
    )


def _from_upstream() -> pl.Expr:
    return _via_upstream() | _begun() | _plainly_answered()


def _phase(host_logged: bool) -> pl.Expr:
    """Return how far the last try came; null where flags, details and host do not tell."""
    lit = pl.lit
    chosen = pl.col("upstream").is_not_null()
    nobody = ~chosen if host_logged else lit(False)
    undecided = ~_flagged(*_CUT, "URX")
    return (
        pl.when(_begun())
        .then(lit("body"))
        .when(_via_upstream() | _plainly_answered())
        .then(lit("done"))
        .when(_flagged("UF"))
        .then(lit("connecting"))
        .when(_flagged(*_REFUSED))
        .then(lit("not_sent"))
        # A connection that was passed on and ended.
        .when(_bare_connection() & chosen & pl.col("flags").is_null())
        .then(lit("done"))
        # Envoy notes the host once a connection to it is ready (or has failed: UF, above).
        .when(_flagged(*_BROKE_CONNECTION) | (_flagged(*_CUT) & chosen))
        .then(lit("sent"))
        .when(nobody & undecided)
        .then(lit("not_sent"))
    )


def _stream_state() -> pl.Expr:
    """Return ``truncated`` for a good answer that upstream, Envoy or a time limit broke off."""
    good = _status().is_between(200, 299)
    return pl.when(good & _flagged(*_CUT_BEHIND)).then(pl.lit("truncated"))
