"""Access logs of AWS Application Load Balancers: ``type time elb client:port target:port ...``."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import aws_fields
from analyzer.ingest.reader import Alone, Input, Parsed
from analyzer.ingest.textlog import TextLog

_PLACES = {
    "type": 0, "time": 1, "target": 4, "queued": 5, "waited": 6, "relayed": 7, "code": 8,
    "target_code": 9, "received": 10, "sent": 11, "request": 12, "agent": 13, "trace": 17,
    "created": 21, "actions": 22, "error": 24, "targets": 25, "class": 27, "class_reason": 28,
}  # fmt: skip
_TIMERS = ("queued", "waited", "relayed")
_SCHEMES = {"h2": "https", "grpcs": "https"}
_SOCKETS = ("ws", "wss")
_CLIENT_CLOSED = 460
"""The client closed the connection before the load balancer could answer."""


class AlbReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = aws_fields.split(lines, _PLACES)
        made = made.with_columns(
            ended_at=aws_fields.moment(pl.col("time")),
            started_at=aws_fields.moment(pl.col("created")),
        )
        timed = pl.all_horizontal(pl.col(name).str.contains(r"^-?[\d.]+$") for name in _TIMERS)
        reason = aws_fields.lacking(
            (pl.col("ended_at").is_not_null(), "it lacks 'type time' at its beginning"),
            (timed, "it lacks the three processing times"),
            (
                aws_fields.code(pl.col("code")) & aws_fields.code(pl.col("target_code")),
                "it lacks the status codes of load balancer and target",
            ),
            (pl.col("request").is_not_null(), "it breaks off before the request"),
        )
        made = made.with_columns(reason=reason)
        bad = made.filter(pl.col("reason").is_not_null()).select("record", "reason")
        good = fields.request_line(made.filter(pl.col("reason").is_null()), "request", self._wants)
        return Parsed(good.select("record", "path", "method", "key_tag", **_columns(self._wants)),
                      bad=bad)  # fmt: skip

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _columns(wants: Wants) -> dict[str, pl.Expr]:
    first = aws_fields.first_byte(*_TIMERS)
    end, begin = pl.col("ended_at"), pl.col("started_at")
    span = (end - begin).dt.total_microseconds() / 1000
    listed = fields.known(pl.col("targets"))
    return {
        "ended_at": end,
        # Lines of 2016 do not say when the request came.
        "started_at": pl.coalesce(begin, fields.before(end, first)),
        "duration_ms": pl.when(span >= 0).then(span.round(3)),
        "ttfb_ms": first,
        "wait_ms": aws_fields.seconds("waited"),
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.lit(0.001),
        "scheme": _scheme(),
        "host": pl.col("named_host"),
        "status": fields.status(pl.col("code")),
        "upstream_status": fields.status(pl.col("target_code")),
        "request_bytes": fields.size(pl.col("received")),
        "response_bytes": fields.size(pl.col("sent")),
        "request_id": aws_fields.root(pl.col("trace")),
        "trace_id": aws_fields.w3c_trace(pl.col("trace")),
        "proxy_flags": fields.known(pl.col("actions")),
        "proxy_detail": _detail(),
        "upstream_address": aws_fields.address(pl.col("target")),
        "upstream_tries": listed.str.split(" ").list.len().cast(pl.Int64),
        "phase": _phase(),
        **fields.headers(wants, {"req_header.user-agent": pl.col("agent")}),
    }


def _scheme() -> pl.Expr:
    """Return the scheme; of a WebSocket, the log's request line names only that of HTTP."""
    kind = pl.col("type")
    named = pl.coalesce("scheme", kind.replace(_SCHEMES))
    return pl.when(kind.is_in(_SOCKETS)).then(kind).otherwise(named)


def _detail() -> pl.Expr:
    told = [fields.known(pl.col(name)) for name in ("error", "class", "class_reason")]
    joined = pl.concat_str(*told, separator="; ", ignore_nulls=True)
    return pl.when(joined != "").then(joined)


def _phase() -> pl.Expr:
    """Return how far the request came towards a target.

    Three times ``-1`` with a target named say only that it did not get an answer: a connection that
    was refused and one that stayed silent look alike, so that the phase is not known.
    """
    status, answer = fields.status(pl.col("code")), fields.status(pl.col("target_code"))
    begun = (
        pl.when(status == _CLIENT_CLOSED)
        .then(pl.lit("body"))
        .when(status == answer)
        .then(pl.lit("done"))
        # Another status than the target's: its head came, and could not be used.
        .when(status >= 500)
        .then(pl.lit("headers"))
    )
    dispatched = aws_fields.seconds("queued").is_not_null()
    # Lambda functions have no address, only a time at which they were called.
    function = pl.when(pl.col("error") == "LambdaConnectionTimeout").then(pl.lit("connecting"))
    return (
        pl.when(answer.is_not_null())
        .then(begun)
        .when(fields.known(pl.col("target")).is_null())
        .then(pl.when(dispatched).then(function).otherwise(pl.lit("not_sent")))
        .when(dispatched & aws_fields.seconds("waited").is_null())
        .then(pl.lit("sent"))
    )


class Alb(TextLog):
    """AWS Application Load Balancer access log."""

    name = "aws-alb"
    title = "AWS Application Load Balancer access log"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r"^[a-z][a-z0-9]{1,9} \d{4}-\d\d-\d\dT[\d:.]+Z \S+ \S+ \S+ "
        r"-?[\d.]+ -?[\d.]+ -?[\d.]+ (?:\d{3}|-) "
    )
    weight = 0.99

    def reader(self, source: Input) -> AlbReader:
        """Return a reader for one input."""
        return AlbReader(source.wants)


FORMAT = Alb()
