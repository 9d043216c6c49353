"""Caddy's logs: JSON or console lines of version 2, and the error lines of version 1.

Access lines, the errors of the server and the tries of its reverse proxy may all stand in one file
with the lines of every other part of the program; those of one request become one row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl

from analyzer.ingest import clock, fields, jsonlog
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import caddy_row, go_error, heads
from analyzer.ingest.formats.logs.caddy_pairs import Pairs
from analyzer.ingest.formats.logs.caddy_sift import Sieves
from analyzer.ingest.jsonlog import JsonLog, decode, is_document
from analyzer.ingest.lines import LineBlock
from analyzer.ingest.reader import BAD, Input, Parsed, bad_lines
from analyzer.ingest.sifting import Sifted
from analyzer.ingest.textlog import first_lines

_ABOUT_REQUESTS = (
    "http.log.",
    "http.handlers.reverse_proxy",
    "handled request",
    '"NOP"',
    "\tNOP\t",
)
_OBJECT = r"^[^{\t]*\{.*\}\s*$"
_PROGRAM = r'"(?:ts|logger)"\s*:'
"""What every object of Caddy has, and few of other programs."""
_COLOUR = r"\x1b\[[0-9;]*m"
_CONSOLE = (
    r"^(?P<_ts>\d[^\t{]*)\t(?P<_level>[A-Za-z]+)\t(?:(?P<_logger>[a-z0-9_.-]+)\t)?"
    r"(?P<_msg>[^\t]*)(?:\t(?P<_json>\{.*))?$"
)
_WORDS = ("_ts", "_level", "_logger", "_msg")
_V1_TIME = r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_V1_ERROR = rf"^(?P<time>{_V1_TIME}) \[ERROR (?P<status>\d{{1,3}}) (?P<uri>.*?)\] (?P<text>.*)$"
_V1_NOTICE = rf"^(?:{_V1_TIME}|\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d) \[[A-Z]+\] "
_SAMPLE = 200
"""Lines of a block in which the usual headers are looked for."""
_LACKS = "it is no whole JSON object, no console line and no error line of Caddy"


@dataclass(frozen=True, slots=True)
class _Found:
    """What some lines hold."""

    rows: pl.DataFrame
    """Of each line about a request, before those of one request are paired."""
    notices: int = 0
    bad: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BAD))
    old: pl.DataFrame | None = None
    """Rows of version 1's error log."""
    scale: float | None = None
    """What turned the numbers among the durations into milliseconds."""


class CaddyReader:
    """Reads one input; lines of one request wait for each other."""

    def __init__(self, source: Input) -> None:
        self._name = source.name
        self._wants = source.wants
        self._pairs = Pairs(source.name)
        self._scale: float | None = None
        self._sieves = Sieves(source.wants)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        return self.parse_prepared(self.prepare(lines))

    def prepare(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, _Found]:
        """See :class:`analyzer.ingest.reader.PreparingReader`."""
        return lines, self._found(lines, None)

    def parse_prepared(self, made: tuple[pl.DataFrame, _Found]) -> Parsed:
        """See :class:`analyzer.ingest.reader.PreparingReader`."""
        lines, found = made
        if self._scale is None:
            self._scale = found.scale
        elif found.scale not in (None, self._scale):
            found = self._found(lines, self._scale)
        rows, let_go = self._pairs.add(found.rows)
        if found.old is not None:
            rows = pl.concat([rows, found.old], how="diagonal_relaxed")
        return Parsed(rows, found.notices + let_go, found.bad)

    def sift(self, block: LineBlock) -> Sifted | None:
        """See :class:`analyzer.ingest.reader.SiftingReader`."""
        return self._sieves.sifted(block)

    def finish(self) -> Parsed:
        """Return the rows whose partners never came."""
        rows, notices = self._pairs.finish()
        return Parsed(rows, notices)

    def _found(self, lines: pl.DataFrame, scale: float | None) -> _Found:
        """Return what ``lines`` hold; ``scale`` of their durations, told by themselves if null."""
        logged = heads.Logged(self._wants, heads.in_go)
        logged.look(lines["line"].gather_every(max(lines.height // _SAMPLE, 1)))
        cut = jsonlog.cut(lines, caddy_row.type_of(logged, joined=True), caddy_row.HEADERS)
        if cut is None:
            return self._lines(lines, logged, scale)
        made, left = cut
        found = self._rows(made, logged, scale)
        if not left.height:
            return found
        others = self._lines(left, logged, found.scale)
        return replace(
            others,
            rows=jsonlog.in_order(found.rows, others.rows),
            notices=found.notices + others.notices,
        )

    def _lines(self, lines: pl.DataFrame, logged: heads.Logged, scale: float | None) -> _Found:
        """Return what lines of any kind hold."""
        lines = _uncoloured(lines)
        lines = lines.with_columns(_asks=pl.col("line").str.contains_any(list(_ABOUT_REQUESTS)))
        if _all_about_requests(lines):
            return self._requests(lines.with_columns(_kind=pl.lit("json")), logged, scale)
        text = pl.col("line")
        whole = text.str.contains(_OBJECT) & (pl.col("_asks") | text.str.contains(_PROGRAM))
        kind = (
            pl.when(text.str.contains(_CONSOLE)).then(pl.lit("console"))
            .when(whole).then(pl.lit("json"))
            .when(text.str.contains(_V1_ERROR)).then(pl.lit("v1"))
            .when(text.str.contains(_V1_NOTICE)).then(pl.lit("notice"))
            .otherwise(pl.lit("bad"))
        )  # fmt: skip
        lines = lines.with_columns(_kind=kind)
        of_version_2 = pl.col("_kind").is_in(["console", "json"])
        about = lines.filter(of_version_2 & pl.col("_asks"))
        found = self._requests(about, logged, scale)
        old = lines.filter(pl.col("_kind") == "v1")
        notices = lines.filter((pl.col("_kind") == "notice") | (of_version_2 & ~pl.col("_asks")))
        unknown = bad_lines(lines.filter(pl.col("_kind") == "bad"), _LACKS)
        return replace(
            found,
            notices=found.notices + notices.height,
            bad=pl.concat([unknown, found.bad]),
            old=_v1_rows(old, self._name, self._wants) if old.height else None,
        )

    def _requests(self, lines: pl.DataFrame, logged: heads.Logged, scale: float | None) -> _Found:
        """Return what objects and console lines about requests hold."""
        opened = _opened(lines)
        logged.look(opened["line"])
        made, bad = decode(opened, caddy_row.type_of(logged))
        return replace(self._rows(_with_words(made, lines), logged, scale), bad=bad)

    def _rows(self, made: pl.DataFrame, logged: heads.Logged, scale: float | None) -> _Found:
        """Return the rows of decoded objects."""
        made = made.with_columns(_kind=caddy_row.kind())
        known = made.filter(pl.col("_kind").is_not_null())
        if scale is None:
            scale = caddy_row.scale_of(known["duration"])
        rows = caddy_row.rows(known, logged, self._wants, scale or 1000.0)
        return _Found(rows, made.height - known.height, scale=scale)


def _uncoloured(lines: pl.DataFrame) -> pl.DataFrame:
    """Take off the colours that the console encoder gives to levels on a terminal."""
    if not lines["line"].str.contains("\x1b", literal=True).any():
        return lines
    return lines.with_columns(line=pl.col("line").str.replace_all(_COLOUR, ""))


def _all_about_requests(lines: pl.DataFrame) -> bool:
    """Whether all lines are objects about requests, as most logs of accesses are."""
    text = lines["line"]
    whole = text.str.starts_with("{") & text.str.ends_with("}") & lines["_asks"]
    return bool(whole.all())


def _opened(lines: pl.DataFrame) -> pl.DataFrame:
    """Return lines as JSON: of a console line what stands behind the message."""
    fields_of = pl.col("line").str.extract(_CONSOLE, 5)
    console = pl.when(pl.col("_kind") == "console").then(fields_of.fill_null("{}"))
    return lines.select("record", "stamp", line=console.otherwise("line"))


def _with_words(made: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Put time, level, logger and message of console lines where JSON has them."""
    console = lines.filter(pl.col("_kind") == "console")
    if not console.height:
        return made
    groups = pl.col("line").str.extract_groups(_CONSOLE).struct
    words = console.select("record", *(groups.field(name).alias(name) for name in _WORDS))
    made = made.join(words, on="record", how="left", maintain_order="left")
    return made.with_columns(
        **{name[1:]: pl.coalesce(name, name[1:]) for name in _WORDS}
    ).drop(_WORDS)  # fmt: skip


def _v1_rows(lines: pl.DataFrame, name: str, wants: Wants) -> pl.DataFrame:
    """Return rows of version 1's error log, which stands beside an access log without errors."""
    made = lines.with_columns(pl.col("line").str.extract_groups(_V1_ERROR).alias("_")).unnest("_")
    made = fields.target(made, "uri", wants)
    text = pl.col("text").str.strip_chars()
    return made.select(
        "record",
        "path",
        "key_tag",
        ended_at=clock.clf_time(pl.col("time")),
        time_kind=pl.lit("end"),
        time_precision_ms=pl.lit(1000.0),
        status=fields.status(pl.col("status")),
        proxy_detail=fields.known(text),
        upstream_address=go_error.address(text),
        phase=go_error.phase(text),
        seen_in=pl.concat_list(pl.format("{}#{}", pl.lit(name), "record")),
    )


class Caddy(JsonLog):
    """Caddy's access and error log."""

    name = "caddy"
    title = "Caddy log (JSON or console)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'"logger"\s*:\s*"http\.(?:log\.(?:access|error)|handlers\.reverse_proxy)'
        r'|"msg"\s*:\s*"(?:handled request|NOP)"'
        r"|\thttp\.log\.(?:access|error)|^\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4} \[ERROR \d"
    )
    weight = 0.97

    def sniff(self, head: bytes, name: str) -> float:
        """By the lines of the program; one at least must be about a request."""
        if is_document(head):
            return super().sniff(head, name)
        lines = first_lines(head)
        if not any(self.claims(line) for line in lines):
            return 0.0
        share = sum(_is_caddy(line) or self.claims(line) for line in lines) / len(lines)
        return self.weight * share if share >= 0.5 else 0.0

    def reader(self, source: Input) -> CaddyReader:
        """Return a reader for one input."""
        return CaddyReader(source)


def _is_caddy(line: bytes) -> bool:
    """Whether a line looks like one of any part of the program."""
    return (b'"level":' in line and b'"msg":' in line) or line.count(b"\t") >= 2


FORMAT = Caddy()
