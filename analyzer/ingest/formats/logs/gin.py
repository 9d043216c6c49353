"""gin's own access log (Ollama, old one-api): ``[GIN] time | status | latency | client | …``."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import console
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

GIN_TIME = "%Y/%m/%d - %H:%M:%S"
_LINE = (
    r"^.{0,80}?\[GIN\] (?P<time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| *(?P<status>\d{1,3}) \| "
    r"*(?P<took>\S+) \| *(?P<peer>[^|]*?) \| *(?P<verb>\S+) +(?P<target>.*?)$"
)
_ERROR = r"^Error #\d+: ?(.*)$"
_NOTICE = r"^(?:\[GIN-debug\]|\[GIN\] .*(?:panic|Listening)|time=\S+ level=|llama_|\s*$)"


class GinReader:
    """Reads one input; an error stands on the lines behind the row that it belongs to."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        zone = self._wants.reading.zone
        lines = lines.with_columns(pl.col("line").str.replace_all(console.ANSI, ""))
        made = lines.with_columns(
            pl.col("line").str.extract_groups(_LINE).alias("_"),
            pl.col("line").str.extract(_ERROR).alias("_error"),
        ).unnest("_")
        made = made.with_columns(_time=clock.local_time(pl.col("time"), GIN_TIME, zone))
        access = made["_time"].is_not_null()
        rows = made.filter(access)
        error = made["_error"].is_not_null() & ~access
        others = made.filter(~error & ~access)
        notice = others["line"].str.contains(_NOTICE)
        bad = bad_lines(others.filter(~notice), "it lacks '[GIN] time | status | latency | client'")
        # Lines of errors are counted as notices; what they say is in the row before them.
        notices = int(notice.sum()) + int(error.sum())
        return Parsed(self._rows(rows, made.filter(error)), notices, bad)

    def _rows(self, rows: pl.DataFrame, errors: pl.DataFrame) -> pl.DataFrame:
        """Return the rows with the errors that gin lists behind them."""
        rows = fields.target(rows.with_columns(target=unquoted(pl.col("target"))), "target",
                             self._wants)  # fmt: skip
        made = rows.select("record", "path", "key_tag", **access_columns())
        if not errors.height or not made.height:
            return made.with_columns(proxy_detail=pl.lit(None, pl.String()))
        places = made.select("record", _row="record").sort("record")
        told = errors.select("record", "_error").sort("record")
        told = told.join_asof(places, on="record", strategy="backward").drop_nulls("_row")
        joined = told.group_by("_row", maintain_order=True).agg(
            pl.col("_error").str.strip_chars().str.join("; ").alias("proxy_detail")
        )
        return made.join(joined, left_on="record", right_on="_row", how="left")

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def access_columns() -> dict[str, pl.Expr]:
    """Return what every kind of gin line tells, of ``_time status took verb``."""
    duration = clock.go_duration_ms(pl.col("took"))
    end = pl.col("_time")
    return {
        # The stamp is taken when the handler is through.
        "ended_at": end,
        "started_at": fields.before(end, duration),
        "duration_ms": duration,
        "time_kind": pl.lit("end"),
        "time_precision_ms": pl.lit(1000.0),
        "method": fields.method(pl.col("verb")),
        "status": fields.status(pl.col("status")),
    }


def unquoted(text: pl.Expr) -> pl.Expr:
    """Return a path that Go may have quoted."""
    bare = text.str.strip_chars().str.extract(r'^"(.*)"$')
    return pl.coalesce(fields.unescaped(bare), text.str.strip_chars())


class Gin(TextLog):
    """gin's default logger."""

    name = "gin"
    title = "gin access log (Ollama, old one-api)"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r"^.{0,80}?\[GIN\] \d{4}/\d\d/\d\d - \d\d:\d\d:\d\d \| *(?:\x1b\[[0-9;]*m)* *\d{1,3} *"
        r"(?:\x1b\[[0-9;]*m)* *\| *\S+ \|"
    )
    weight = 0.97
    zoned = False

    def sniff(self, head: bytes, name: str) -> float:
        """By all lines of such a console; one must be a request."""
        return console.sure(self, head, f"{_NOTICE}|{_ERROR}")

    def reader(self, source: Input) -> GinReader:
        """Return a reader for one input."""
        return GinReader(source.wants)


FORMAT = Gin()
