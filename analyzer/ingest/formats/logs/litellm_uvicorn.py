"""The console of the LiteLLM proxy: uvicorn's access lines, plain or as ``json_logs``.

uvicorn writes no time. A time is taken from what is around the line: the envelope of Docker,
journald or Kubernetes, or the ``timestamp`` of JSON logs. Without any the row stays without a time
and is told once: it counts in totals, but no time line and no retry can be made of it.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.formats.logs import console
from analyzer.ingest.notes import Notes
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog
from analyzer.ingest.zoneless import ZoneNote, any_time

_ACCESS = r'\S+:\d+ - "(?P<request>[A-Z]{3,8} [^"]*?)" (?P<status>\d{3})'
_JSON = r'^\{"message": ?"'
_LEVEL = r"^(?:INFO|WARNING|ERROR|DEBUG|CRITICAL): "
_CLOCK = r"^\d\d:\d\d:\d\d - LiteLLM"
_MORE = r"^(?:\s|Traceback |[\w.]+(?:Error|Exception)\b|During handling|The above exception)"
_NOTICE = f"{_JSON}|{_LEVEL}|{_CLOCK}|{_MORE}"


class UvicornReader:
    """Reads one input; every line stands alone."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._notes = source.notes
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)
        self._timeless = 0

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        plain = pl.col("line").str.replace_all(console.ANSI, "")
        json = plain.str.contains(_JSON)
        told = pl.when(json).then(plain.str.json_path_match("$.timestamp"))
        text = pl.when(json).then(plain.str.replace_all('\\"', '"', literal=True)).otherwise(plain)
        made = lines.with_columns(line=plain, _text=text, _stamp=told)
        made = made.with_columns(pl.col("_text").str.extract_groups(_ACCESS).alias("_"))
        made = made.unnest("_")
        access = made["request"].is_not_null()
        rows = self._rows(made.filter(access))
        others = made.filter(~access)
        notice = others["line"].str.contains(_NOTICE)
        bad = bad_lines(others.filter(~notice), 'it lacks client:port - "METHOD path" status')
        return Parsed(rows, int(notice.sum()), bad)

    def _rows(self, made: pl.DataFrame) -> pl.DataFrame:
        self._zone.look(made["_stamp"].drop_nulls())
        rows = fields.request_line(made, "request", self._wants)
        end = pl.coalesce("stamp", any_time(pl.col("_stamp"), self._wants.reading.zone))
        # uvicorn writes the line when the answer's head is sent, not when its body is through.
        rows = rows.select(
            "record", "method", "path", "key_tag",
            started_at=end, ended_at=end, time_kind=pl.lit("end"),
            time_precision_ms=pl.lit(1.0), status=fields.status(pl.col("status")),
            gateway=pl.lit("litellm"),
        )  # fmt: skip
        self._timeless += rows["started_at"].null_count()
        return rows

    def finish(self) -> Parsed:
        """Say how many rows have no time."""
        tell_timeless(self._notes, self._timeless)
        return Parsed()


def tell_timeless(notes: Notes, count: int) -> None:
    """Note that ``count`` rows have no time, and how to get one."""
    if count:
        message = (
            f"{count} requests have no time, since the program writes none: they are counted, but "
            "cannot be put in order. Export with times (docker logs -t, journalctl -o short-iso)."
        )
        notes.add("no_time", message, None, count, lost=False)


class LitellmUvicorn(TextLog):
    """uvicorn access lines."""

    name = "litellm-uvicorn"
    title = "LiteLLM proxy console (uvicorn access lines)"
    hop = "gateway"
    source_kind = "gateway"
    pattern = (
        r'^(?:(?:\x1b\[[0-9;]*m)*INFO(?:\x1b\[[0-9;]*m)*: +|\{"message": ?")\S+:\d+ - '
        r'\\?"(?:\x1b\[[0-9;]*m)*[A-Z]{3,8} '
    )
    weight = 0.92

    def sniff(self, head: bytes, name: str) -> float:
        """By all lines of such a console; one must be a request."""
        return console.sure(self, head, _NOTICE)

    def reader(self, source: Input) -> UvicornReader:
        """Return a reader for one input."""
        return UvicornReader(source)


FORMAT = LitellmUvicorn()
