r"""ingress-nginx access log (``upstreaminfo``), with and without the alternative upstream's name.

Lines are split at their quotes, which nginx writes as ``\x22`` inside a value; only the tail with
its multi-valued upstream fields needs a regex. Lines that do not split go through one regex.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields, upstreams
from analyzer.ingest.base import Wants
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_TIME = r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MULTI = upstreams.PATTERN
_TAIL = (
    r" (?P<length>\d+) (?P<took>[\d.]+) \[(?P<service>[^\]]*)\] (?:\[(?P<canary>[^\]]*)\] )?"
    rf"(?P<upstream_addr>{_MULTI}) (?P<upstream_response_length>{_MULTI}) "
    rf"(?P<upstream_response_time>{_MULTI}) (?P<upstream_status>{_MULTI}) (?P<id>\S+)(?: .*)?$"
)
_LINE = (
    rf'\[(?P<time>{_TIME})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<code>\d{{3}}) (?P<bytes>\d+) '
    rf'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"{_TAIL}'
)
_NO_ROUTE = "upstream-default-backend"
"""The service that ingress-nginx sends to what no rule matches: its own 404 page."""


class IngressReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = _split(lines)
        fits = made["fits"]
        good = [made.filter(fits).drop("fits")]
        others = lines.filter(~fits)
        if others.height:
            slow = others.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_"))
            slow = slow.unnest("_").with_columns(time=clock.clf_time(pl.col("time")))
            told = slow["time"].is_not_null()
            good.append(slow.filter(told).select(good[0].columns))
            others = others.filter(~told)
        rows = _rows(pl.concat(good).sort("record"), self._wants)
        reason = "it lacks '[time] \"request\" status … [service] upstream fields id'"
        return Parsed(rows, bad=bad_lines(others, reason))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _split(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of lines that split at their quotes as usual; ``fits`` tells which do."""
    piece = pl.col("line").str.splitn('"', 7).struct
    made = lines.select(
        "record", **{f"p{index}": piece.field(f"field_{index}") for index in range(7)}
    )
    numbers = pl.col("p2").str
    made = made.with_columns(pl.col("p6").str.extract_groups(_TAIL).alias("_")).unnest("_")
    made = made.with_columns(
        time=clock.clf_time(pl.col("p0").str.tail(28).str.head(26)),
        request=pl.col("p1"),
        code=numbers.slice(1, 3),
        bytes=numbers.slice(5).str.strip_chars(),
        referer=pl.col("p3"),
        agent=pl.col("p5"),
    )
    shape = pl.all_horizontal(
        pl.col("p0").str.ends_with("] "),
        pl.col("p4") == " ",
        pl.col("code").str.to_integer(strict=False).is_not_null(),
        pl.col("time").is_not_null(),
        pl.col("id").is_not_null(),
    )
    return made.with_columns(fits=shape.fill_null(False)).drop("^p\\d$")


def _rows(made: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    made = made.with_columns(status=fields.status(pl.col("code")))
    made = upstreams.read(fields.request_line(made, "request", wants))
    duration = fields.millis(pl.col("took"))
    no_route = pl.col("service") == _NO_ROUTE
    service = pl.coalesce(fields.known(pl.col("canary")), fields.known(pl.col("service")))
    told = {"req_header.user-agent": pl.col("agent"), "req_header.referer": pl.col("referer")}
    return made.select(
        "record", "method", "scheme", "path", "key_tag", "status", "upstream_tries",
        "proxy_detail",
        host=pl.col("named_host"),
        ended_at=pl.col("time"),
        started_at=fields.before(pl.col("time"), duration),
        duration_ms=duration,
        time_kind=pl.lit("end"),
        time_precision_ms=pl.lit(1000.0),
        response_bytes=fields.size(pl.col("bytes")),
        request_bytes=fields.size(pl.col("length")),
        request_id=fields.known(pl.col("id")),
        # The default backend belongs to the ingress: its 404 means that no rule matched.
        upstream_status=pl.when(~no_route).then("upstream_status"),
        upstream_address=pl.concat_str(service, "upstream_address", separator="/"),
        proxy_flags=pl.when(no_route).then("service"),
        phase=pl.when(no_route).then(pl.lit("not_sent")).otherwise("phase"),
        **fields.headers(wants, told),
    )  # fmt: skip


class IngressNginx(TextLog):
    """ingress-nginx access log."""

    name = "nginx-ingress"
    title = "ingress-nginx access log (upstreaminfo)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        rf"\[{_TIME}\] {_QUOTED} \d{{3}} \d+ {_QUOTED} {_QUOTED} \d+ [\d.]+ \[[^\]]*\] "
        r"(?:\[[^\]]*\] )?\S"
    )
    weight = 0.97

    def reader(self, source: Input) -> IngressReader:
        """Return a reader for one input."""
        return IngressReader(source.wants)


FORMAT = IngressNginx()
