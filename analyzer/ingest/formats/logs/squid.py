"""Squid's native access log: ``%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt``."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.textlog import Input, Parsed, TextLog, bad_lines

_LINE = (
    r"^(?P<time>\d{9,10}\.\d{3}) +(?P<elapsed>-?\d+) (?P<peer>\S+) "
    r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<verb>\S+) (?P<target>\S+) "
    r"(?P<user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<server>\S+) (?P<type>\S+)(?P<more>.*)$"
)
_NOT_FORWARDED = ("NONE", "HIER_NONE")


class SquidReader:
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.textlog.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_"))
        made = made.unnest("_")
        told = made["time"].is_not_null()
        bad = bad_lines(made.filter(~told), "it lacks 'time elapsed client RESULT/status bytes'")
        rows = fields.target(made.filter(told), "target", self._wants)
        return Parsed(rows.select("record", "path", "scheme", "key_tag", **_columns()), bad=bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def _columns() -> dict[str, pl.Expr]:
    end = clock.epoch_time(pl.col("time"))
    duration = fields.number(pl.col("elapsed"))
    tunnel = pl.when(pl.col("verb") == "CONNECT").then(fields.host(pl.col("target")))
    return {
        "ended_at": end,
        "started_at": fields.before(end, duration),
        "duration_ms": duration,
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.lit(1.0),
        "method": fields.method(pl.col("verb")),
        "host": pl.coalesce("named_host", tunnel),
        "status": fields.status(pl.col("status")),
        "response_bytes": fields.size(pl.col("bytes")),
        "content_type": fields.known(pl.col("type")).str.to_lowercase(),
        "proxy_flags": pl.col("result"),
        "proxy_detail": pl.format("{}/{}", "hierarchy", "server"),
        "phase": _phase(),
    }


def _phase() -> pl.Expr:
    """Squid tells whether it forwarded the request; how far that came, it does not."""
    return pl.when(pl.col("hierarchy").is_in(_NOT_FORWARDED)).then(pl.lit("not_sent"))


class Squid(TextLog):
    """Squid access log."""

    name = "squid"
    title = "Squid access log (native)"
    hop = "network"
    source_kind = "proxy"
    pattern = r"^\d{9,10}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} \d+ "
    weight = 0.98

    def reader(self, source: Input) -> SquidReader:
        """Return a reader for one input."""
        return SquidReader(source.wants)


FORMAT = Squid()
