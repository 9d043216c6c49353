"""From what HAProxy logs of a request to columns: timers, termination state, server.

The timers say how far a request came (``-1``: that far it did not come), the termination state says
who ended it and where; the text, CLF and JSON formats share this reading of the two.
"""

from __future__ import annotations

from datetime import tzinfo

import polars as pl

from analyzer.ingest import clock, fields

TEXTS = (
    "tr_request", "tr_queue", "tr_connect", "tr_answer", "tr_total", "status_text", "bytes",
    "sent_bytes", "flags", "frontend", "backend", "server", "retries", "told_host",
)  # fmt: skip
"""Text columns that :func:`columns` reads; ``None`` where a format does not log them.

The timers are TR (or Tq), Tw, Tc, Tr and Ta (or Tt) in milliseconds; ``flags`` is the termination
state of two or four letters; ``server`` may be ``<NOSRV>``.
"""
_ANSWERED_IN = ("D", "L", "-")
"""Second letters of states that a session reaches only once the answer's head has passed."""
_ENDED_BY_OTHERS = r"^[SsPRIDUK]D"
"""The data phase was ended by the server, a time limit or HAProxy, not by the client."""


def with_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` with every column of :data:`TEXTS`."""
    missing = [name for name in TEXTS if name not in frame.columns]
    return frame.with_columns(pl.lit(None, pl.String()).alias(name) for name in missing)


def haproxy_time(text: pl.Expr, zone: tzinfo | None) -> pl.Expr:
    """Read ``06/Feb/2009:12:14:14.655`` (no zone), the same without ms, or with ``+0100``."""
    local = clock.local_time(text.str.head(20), "%d/%b/%Y:%H:%M:%S", zone)
    digits = text.str.extract(r"\.(\d{1,6})$").str.pad_end(6, "0")
    micros = digits.str.to_integer(strict=False).fill_null(0)
    zoned = pl.when(text.str.contains(r" [+-]\d{4}$")).then(clock.clf_time(text))
    return pl.coalesce(zoned, local + pl.duration(microseconds=micros))


def columns(seen: pl.Series) -> dict[str, pl.Expr]:
    """Return what a request's timers, state and server say.

    The frame has :data:`TEXTS`, ``time`` (when the request began), ``stamp`` (when a shipper wrote
    the line) and ``method path named_host``; ``seen`` is its ``time``.
    """
    timers = {name: fields.number(pl.col(name)) for name in TEXTS[:4]}
    first_byte = timers["tr_request"] + timers["tr_queue"] + timers["tr_connect"]
    first_byte = first_byte + timers["tr_answer"]
    total = _total()
    return {
        **_times(total, seen),
        "duration_ms": total,
        "ttfb_ms": first_byte,
        "connect_ms": timers["tr_connect"],
        "wait_ms": timers["tr_answer"],
        "receive_ms": fields.number(total - first_byte),
        "host": pl.coalesce(_tunnel(), "named_host", fields.host(pl.col("told_host"))),
        "path": pl.when(~_connect()).then("path"),
        "status": _status(),
        "upstream_status": pl.when(_answered()).then(_status()),
        "response_bytes": fields.size(pl.col("bytes")),
        "request_bytes": fields.size(pl.col("sent_bytes")),
        "proxy_flags": pl.col("flags"),
        "upstream_address": pl.concat_str("backend", "server", separator="/"),
        "upstream_tries": pl.when(_phase() != "not_sent").then(_retries() + 1),
        "phase": _phase(),
        "stream_state": _stream_state(),
    }


def _times(total: pl.Expr, seen: pl.Series) -> dict[str, pl.Expr]:
    """Return the times; where a line has none, the shipper's stamp stands for its end."""
    began, stamp = pl.col("time"), pl.col("stamp")
    if not seen.has_nulls():
        start, kind = began, pl.lit("start")
    else:
        start = pl.coalesce(began, fields.before(stamp, total))
        kind = pl.when(began.is_null() & stamp.is_not_null()).then(pl.lit("end"))
        kind = kind.otherwise(pl.lit("start"))
    return {"started_at": start, "ended_at": fields.after(start, total), "time_kind": kind}


def _total() -> pl.Expr:
    """Return Ta; null for ``+N``, which was written before the end."""
    text = pl.col("tr_total")
    return pl.when(~text.str.starts_with("+")).then(fields.number(text))


def _status() -> pl.Expr:
    return fields.status(pl.col("status_text"))


def _connect() -> pl.Expr:
    return (pl.col("method") == "CONNECT").fill_null(False)


def _tunnel() -> pl.Expr:
    return pl.when(_connect()).then(fields.host(pl.col("path")))


def _retries() -> pl.Expr:
    return pl.col("retries").str.strip_prefix("+").str.to_integer(strict=False)


def _unserved() -> pl.Expr:
    """Whether no server was chosen: ``<NOSRV>``, ``<STATS>``."""
    return pl.col("server").str.starts_with("<").fill_null(False)


def _reached(timer: str) -> pl.Expr:
    """Whether the step of a timer was completed; null where the timer is not logged."""
    return pl.when(pl.col(timer).is_not_null()).then(fields.number(pl.col(timer)).is_not_null())


def _answered() -> pl.Expr:
    """Whether the status is the server's.

    A client that resets an HTTP/2 stream makes HAProxy log its own 400 beside the server's name:
    only the timer of the answer tells that from a 400 of the server.
    """
    by = pl.col("flags").str.head(1)
    head = pl.coalesce(_reached("tr_answer"), pl.col("server").is_not_null())
    late = pl.col("flags").str.slice(1, 1).is_in(_ANSWERED_IN)
    return ~_unserved() & head & late & (by != "L")


def _phase() -> pl.Expr:
    """Return how far a request came, by who ended it where, else by the timers."""
    by, where = pl.col("flags").str.head(1), pl.col("flags").str.slice(1, 1)
    again = pl.col("retries").str.starts_with("+").fill_null(False)
    answered = _reached("tr_answer")
    lit = pl.lit
    return (
        pl.when(_unserved() | where.is_in(["R", "T"]) | (by == "L"))
        .then(lit("not_sent"))
        # Without a redispatch nothing was tried before the queue.
        .when(where == "Q")
        .then(pl.when(again).then(lit("connecting")).otherwise(lit("not_sent")))
        # PC and RC: HAProxy's own limit was reached before it tried.
        .when(where == "C")
        .then(pl.when(by.is_in(["P", "R"])).then(lit("not_sent")).otherwise(lit("connecting")))
        .when(where == "H")
        .then(pl.when(answered.fill_null(False)).then(lit("headers")).otherwise(lit("sent")))
        .when(where == "D")
        .then(pl.when(_head_came(answered)).then(lit("body")).otherwise(lit("sent")))
        .when(where == "L")
        .then(lit("done"))
        .when(where == "-")
        .then(_normal_end(answered))
    )


def _head_came(answered: pl.Expr) -> pl.Expr:
    """Whether an answer had begun: by its timer, else by the status; yes for bare connections."""
    spoke = pl.when(pl.col("status_text").is_not_null()).then(_status().is_not_null())
    return pl.coalesce(answered, spoke, pl.lit(True))


def _normal_end(answered: pl.Expr) -> pl.Expr:
    """Return the phase of a session that nobody broke off."""
    lit = pl.lit
    early = pl.col("tr_total").str.starts_with("+").fill_null(False)
    whole = pl.when(early).then(lit("headers")).otherwise(lit("done"))
    untold = pl.when(pl.col("server").is_not_null() & ~early).then(lit("done"))
    return (
        pl.when(answered)
        .then(whole)
        .when(_reached("tr_queue") == False)  # noqa: E712 - null is a third answer
        .then(lit("not_sent"))
        .when(_reached("tr_connect") == False)  # noqa: E712
        .then(lit("connecting"))
        .when(answered.is_null())
        .then(untold)
        .otherwise(lit("sent"))
    )


def _stream_state() -> pl.Expr:
    """Return ``truncated`` for an answer that broke off behind HAProxy or in it.

    A WebSocket that ends is logged ``SD`` as well, so that tunnels are left out.
    """
    broke = pl.col("flags").str.contains(_ENDED_BY_OTHERS)
    good = _status().is_between(200, 299) & ~_connect()
    return pl.when(broke & good & _answered()).then(pl.lit("truncated"))
