"""mitmdump's text output: a line of the request, and ``<<`` with the answer or the error.

It has no times (the clock of its own log lines names no day): a time is taken only from what a log
collector put around the lines. Requests without a time are counted and told once.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.formats.logs import console
from analyzer.ingest.formats.logs.litellm_uvicorn import tell_timeless
from analyzer.ingest.reader import LINES, Input, Parsed
from analyzer.ingest.textlog import TextLog

_REQUEST = (
    r"^(?:\[\d\d:\d\d:\d\d\.\d{3}\] ?)?(?:\S*:\d+|\[replay\]|): (?P<verb>[A-Z]{3,10})"
    r"(?: PUSH_PROMISE)? (?P<target>(?:https?|wss?)://\S+)(?: HTTP/[\d.]+)?$"
)
_ANSWER = (
    r"^\s*(?:\[replay\])?\s*<< (?:HTTP/[\d.]+ )?(?P<status>\d{3})(?: (?P<reason>.*?))? "
    r"(?P<size>[\d.]+[a-z]|\(content missing\))$"
)
_ERROR = r"^ *<< (?P<error>.+?)$"
_BYTES = r"^(\d+)b$"


class MitmdumpReader:
    """Reads one input; a request waits for its answer, which may be in the next block."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._notes = source.notes
        self._held = pl.DataFrame(schema=LINES)
        self._timeless = 0

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        return self._parse(pl.concat([self._held, lines.select(*LINES)]))

    def _parse(self, lines: pl.DataFrame, last: bool = False) -> Parsed:
        plain = pl.col("line").str.replace_all(console.ANSI, "")
        made = lines.with_columns(
            plain.str.extract_groups(_REQUEST).alias("_"), _plain=plain
        ).unnest("_")
        asked = made["verb"].is_not_null()
        held = None if last or not asked.any() else made.filter(asked)["record"][-1]
        if held is not None:
            # Everything from the last request on waits: its answer may not be here yet.
            later = made["record"] >= held
            self._held = lines.filter(later)
            made, asked = made.filter(~later), asked.filter(~later)
        else:
            self._held = pl.DataFrame(schema=LINES)
        rows, lone = self._rows(made.filter(asked), made.filter(~asked))
        notices = made.height - int(asked.sum())
        bad = lone.select("record", reason=pl.lit("no line with << follows the request"))
        return Parsed(rows, notices, bad)

    def _rows(self, asked: pl.DataFrame, others: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the exchanges, and the requests of which nothing more is said."""
        told = _told(others, asked)
        made = asked.join(told, on="record", how="left")
        said = pl.any_horizontal(pl.col("status", "error").is_not_null())
        lone = made.filter(~said)
        # A long URL is cut to the width of the terminal.
        shown = made.filter(said).with_columns(pl.col("target").str.strip_suffix("…"))
        split = fields.target(shown, "target", self._wants)
        rows = split.select(
            "record", "path", "scheme", "key_tag", method=fields.method(pl.col("verb")),
            host=pl.col("named_host"), status=fields.status(pl.col("status")),
            response_bytes=pl.col("size").str.extract(_BYTES).cast(pl.Int64),
            client_error=pl.col("error"), started_at=pl.col("stamp"), ended_at=pl.col("stamp"),
            time_kind=pl.lit("end"),
            phase=pl.when(pl.col("status").is_not_null() & pl.col("error").is_null())
            .then(pl.lit("done")),
        )  # fmt: skip
        self._timeless += rows["started_at"].null_count()
        return rows, lone

    def finish(self) -> Parsed:
        """Return the last exchange, and say how many have no time."""
        left = self._parse(self._held, last=True)
        tell_timeless(self._notes, self._timeless)
        cut = left.bad.height if left.bad is not None else 0
        return Parsed(left.rows, left.notices + cut)


def _told(others: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return ``record status size error`` of each request that has lines with ``<<`` behind it."""
    answers = others.filter(pl.col("_plain").str.contains(r"^\s*(?:\[replay\])?\s*<< "))
    made = answers.select(
        "record", pl.col("_plain").str.extract_groups(_ANSWER).alias("_"), "_plain"
    )
    made = made.unnest("_").with_columns(
        error=pl.when(pl.col("status").is_null()).then(pl.col("_plain").str.extract(_ERROR))
    )
    places = asked.select("record", request="record").sort("record")
    joined = made.sort("record").join_asof(places, on="record", strategy="backward")
    return (
        joined.drop_nulls("request")
        .group_by("request", maintain_order=True)
        .agg(pl.col("status", "size", "error").drop_nulls().first())
        .rename({"request": "record"})
    )


class Mitmdump(TextLog):
    """mitmdump's output on the terminal."""

    name = "mitmdump"
    title = "mitmdump output"
    hop = "client"
    source_kind = "har"
    pattern = (
        r"^(?:\x1b\[[0-9;]*m)*(?:\[\d\d:\d\d:\d\d\.\d{3}\] ?)?(?:\S*:\d+|\[replay\]|)"
        r"(?:\x1b\[[0-9;]*m)*: (?:\x1b\[[0-9;]*m)*[A-Z]{3,10}(?:\x1b\[[0-9;]*m)* (?:\x1b\[[0-9;]*m)*https?://\S+"
        r"|^(?:\x1b\[[0-9;]*m|\s)*<<(?:\x1b\[[0-9;]*m)* "
    )
    weight = 0.95

    def sniff(self, head: bytes, name: str) -> float:
        """By all lines of such an output: requests, answers, heads, bodies."""
        found = console.sure(self, head, r"^\[\d\d:\d\d:\d\d\.\d{3}\]|^\s{4}|^HTTP|^Loading script")
        return found if b"<<" in head else 0.0

    def reader(self, source: Input) -> MitmdumpReader:
        """Return a reader for one input."""
        return MitmdumpReader(source)


FORMAT = Mitmdump()
