"""Access logs of AWS Classic Load Balancers: ``time elb client:port backend:port ...``."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import aws_fields
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.textlog import TextLog

_PLACES = {
    "time": 0, "backend": 3, "queued": 4, "waited": 5, "relayed": 6, "code": 7, "backend_code": 8,
    "received": 9, "sent": 10, "request": 11, "agent": 12,
}  # fmt: skip
_TIMERS = ("queued", "waited", "relayed")
_OWN = (400, 405, 408, 503)
"""Answers of the load balancer that it gives without, or instead of, asking a backend."""


class ElbReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = aws_fields.split(lines, _PLACES)
        made = made.with_columns(started_at=aws_fields.moment(pl.col("time")))
        timed = pl.all_horizontal(pl.col(name).str.contains(r"^-?[\d.]+$") for name in _TIMERS)
        reason = aws_fields.lacking(
            (pl.col("started_at").is_not_null(), "it lacks the time at its beginning"),
            (timed, "it lacks the three processing times"),
            (
                aws_fields.code(pl.col("code")) & aws_fields.code(pl.col("backend_code")),
                "it lacks the status codes of load balancer and backend",
            ),
            (pl.col("request").is_not_null(), "it breaks off before the request"),
        )
        made = made.with_columns(reason=reason)
        bad = made.filter(pl.col("reason").is_not_null()).select("record", "reason")
        good = made.filter(pl.col("reason").is_null())
        # A connection of a TCP listener: bytes went through, no HTTP was read.
        passed = good["request"].str.strip_chars(" -") == ""
        passed &= (good["code"] == "-") & (good["backend_code"] == "-")
        rows = fields.request_line(good.filter(~passed), "request", self._wants)
        named = rows.select(
            "record", "path", "method", "scheme", "key_tag", **_columns(self._wants)
        )
        return Parsed(named, notices=int(passed.sum()), bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _columns(wants: Wants) -> dict[str, pl.Expr]:
    return {
        # Other than with later load balancers the stamp is the time at which the request came.
        "started_at": pl.col("started_at"),
        "ttfb_ms": aws_fields.first_byte(*_TIMERS),
        "wait_ms": aws_fields.seconds("waited"),
        "time_kind": pl.lit("start"),
        "time_precision_ms": pl.lit(0.001),
        "host": pl.col("named_host"),
        "status": fields.status(pl.col("code")),
        "upstream_status": fields.status(pl.col("backend_code")),
        "request_bytes": fields.size(pl.col("received")),
        "response_bytes": fields.size(pl.col("sent")),
        "upstream_address": aws_fields.address(pl.col("backend")),
        "phase": _phase(),
        **fields.headers(wants, {"req_header.user-agent": pl.col("agent")}),
    }


def _phase() -> pl.Expr:
    """Return how far the request came towards a backend.

    ``-`` for the backend also stands where one closed the connection or stayed silent, so that it
    means "not sent" only with answers that the load balancer gives of itself.
    """
    status = fields.status(pl.col("code"))
    answer = fields.status(pl.col("backend_code"))
    unnamed = fields.known(pl.col("backend")).is_null()
    dispatched = aws_fields.seconds("queued").is_not_null()
    return (
        pl.when(answer.is_not_null())
        .then(pl.when(status == answer).then(pl.lit("done")))
        .when(unnamed & ~dispatched)
        .then(pl.when(status.is_in(_OWN)).then(pl.lit("not_sent")))
        .when(dispatched & aws_fields.seconds("waited").is_null())
        .then(pl.lit("sent"))
    )


class Elb(TextLog):
    """AWS Classic Load Balancer access log."""

    name = "aws-elb"
    title = "AWS Classic Load Balancer access log"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z [\w.-]+ \S+:\d+ (?:\S+:\d+|-) "
        r"-?[\d.]+ -?[\d.]+ -?[\d.]+ (?:\d{3}|-) (?:\d{3}|-) "
    )
    weight = 0.98

    def reader(self, source: Input) -> ElbReader:
        """Return a reader for one input."""
        return ElbReader(source.wants)


FORMAT = Elb()
