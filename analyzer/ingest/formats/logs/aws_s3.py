"""Amazon S3 server access logs: ``owner bucket [time] ip requester id operation key "request"``."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import aws_fields
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.textlog import TextLog

_PLACES = {
    "day": 2, "zone": 3, "id": 6, "operation": 7, "request": 9, "code": 10, "error": 11,
    "sent": 12, "total": 14, "turned": 15, "referer": 16, "agent": 17, "endpoint": 23,
}  # fmt: skip
_SECOND_RECORD = "REST.COPY.OBJECT_GET"
"""A copy is one request; this is the record of its reading half."""


class S3Reader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = aws_fields.split(lines, _PLACES)
        stamp = pl.format("{} {}", "day", "zone").str.strip_chars("[]")
        made = made.with_columns(started_at=clock.clf_time(stamp))
        reason = aws_fields.lacking(
            (pl.col("started_at").is_not_null(), "it lacks [day/Mon/year:h:m:s zone]"),
            (pl.col("request").is_not_null(), "it breaks off before the request"),
            (aws_fields.code(pl.col("code")), "no status stands behind the request"),
        )
        made = made.with_columns(reason=reason)
        bad = made.filter(pl.col("reason").is_not_null()).select("record", "reason")
        good = made.filter(pl.col("reason").is_null())
        # Expiry and batches are work of S3 itself, a line per object and none a request.
        internal = (good["request"] == "-") | (good["operation"] == _SECOND_RECORD)
        rows = fields.request_line(good.filter(~internal), "request", self._wants)
        named = rows.select(
            "record", "path", "method", "scheme", "key_tag", **_columns(self._wants)
        )
        return Parsed(named, notices=int(internal.sum()), bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _columns(wants: Wants) -> dict[str, pl.Expr]:
    begin, total = pl.col("started_at"), fields.number(pl.col("total"))
    endpoint = pl.when(pl.col("endpoint").str.contains(r"^[\w-]+(?:\.[\w-]+)+(?::\d+)?$"))
    return {
        "started_at": begin,
        "ended_at": fields.after(begin, total),
        "duration_ms": total,
        # From the last byte of the request on, so that it is no time to the first byte.
        "wait_ms": fields.number(pl.col("turned")),
        "time_kind": pl.lit("start"),
        "time_precision_ms": pl.lit(1000.0),
        "host": fields.host(pl.coalesce("named_host", endpoint.then(pl.col("endpoint")))),
        "status": fields.status(pl.col("code")),
        # S3 writes a dash for zero bytes.
        "response_bytes": fields.size(pl.col("sent").replace("-", "0")),
        "request_id": fields.known(pl.col("id")),
        "error_code": fields.known(pl.col("error")),
        "proxy_flags": fields.known(pl.col("operation")),
        "proxy_detail": fields.known(pl.col("error")),
        **fields.headers(
            wants,
            {"req_header.user-agent": pl.col("agent"), "req_header.referer": pl.col("referer")},
        ),
    }


class S3(TextLog):
    """Amazon S3 server access log."""

    name = "aws-s3"
    title = "Amazon S3 server access log"
    hop = "upstream"
    source_kind = "proxy"
    pattern = (
        r"^\S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] \S+ \S+ \S+ "
        r"(?:REST|SOAP|WEBSITE|BATCH|S3)\.[\w.]+ "
    )
    weight = 0.98

    def reader(self, source: Input) -> S3Reader:
        """Return a reader for one input."""
        return S3Reader(source.wants)


FORMAT = S3()
