"""nginx access logs: ``combined``, ``main``, and ``combined`` with upstream fields behind it.

Lines are split at their quotes by Polars' CSV reader (``nginx_layout`` says where the fields are);
lines of another layout go through a regex; what that does not match is told with its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.formats.logs import nginx_row
from analyzer.ingest.formats.logs.nginx_layout import (
    FIELDS,
    LINE,
    Layout,
    from_tail,
    known_keys,
    layout_of,
    sample,
)
from analyzer.ingest.lines import LineBlock, line_blocks
from analyzer.ingest.notes import Notes

_TIME = "%d/%b/%Y:%H:%M:%S"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_SLOW = (
    r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    + _QUOTED
    + r" (\d{3}|-) (\d+|-)(?: "
    + _QUOTED
    + " "
    + _QUOTED
    + r")?(.*)$"
)
_ONLY_XFF = re.compile(rb'(?:\s*"[^"]*")?\s*\Z')
RAW = ("time", "request", "status", "bytes", "referer", "agent", *FIELDS)
"""What a line gives, as text, before it is read as anything."""


class Nginx(Format):
    """nginx (or Apache) access log."""

    name = "nginx"
    title = "nginx access log (combined, with or without upstream fields)"
    kind = "attempts"
    hop = "gateway"
    source_kind = "proxy"

    def sniff(self, head: bytes, name: str) -> float:
        """By how many of the first lines match; more sure if upstream fields follow."""
        lines = sample(head)
        matches = [match for line in lines if (match := LINE.match(line[:16_384]))]
        share = len(matches) / len(lines) if lines else 0.0
        if share < 0.5:
            return 0.0
        tails = [match[2] for match in matches if match[2]]
        if any(known_keys(tail) for tail in tails):
            return 0.95 * share
        return (0.6 if all(_ONLY_XFF.match(tail) for tail in tails) else 0.45) * share

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 16 MiB; see :class:`Format`."""
        layout = layout_of(source.head)
        notes = Notes(source.name)
        with source.open() as stream:
            for block in line_blocks(stream, wants.limits.entry_bytes):
                if block.too_long:
                    limit = wants.limits.entry_bytes
                    message = f"{block.too_long} lines are longer than {limit} bytes; left out."
                    notes.add("too_large", message, block.first - 1, block.too_long)
                yield self._batch(block, layout, source, wants, notes)
        yield Batch(problems=notes.finish())

    def _batch(
        self, block: LineBlock, layout: Layout, source: Source, wants: Wants, notes: Notes
    ) -> Batch:
        good, bad = split(block, layout)
        if bad:
            slow, blank = _slow(block, bad, notes)
            good = pl.concat([good, slow]).sort("record") if slow.height else good
        else:
            blank = 0
        rows = nginx_row.attempts(good, source.name, wants) if good.height else None
        return Batch(rows, None, notes.take(), block.lines - blank + block.too_long)


def split(block: LineBlock, layout: Layout) -> tuple[pl.DataFrame, list[int]]:
    """Return the lines of the usual layout as raw fields, and the indexes of the others."""
    if not block.data:
        return _empty(), []
    pieces = _pieces(block, layout)
    if pieces.height != block.lines:
        # The CSV reader saw other lines than we count (a stray carriage return): numbers are off.
        return _empty(), list(range(block.lines))
    numbers = pl.col("p2").str
    fields = pieces.select(
        pl.col("record").cast(pl.Int64),
        time=_utc(pl.col("p0").str.tail(28).str.head(26)),
        request=pl.col("p1"),
        status=numbers.slice(1, 3),
        bytes=numbers.slice(5).str.strip_chars(),
        referer=pl.col("p3"),
        agent=pl.col("p5"),
        **{name: layout.value(name) for name in FIELDS},
        fits=layout.fits(),
    )
    # A status that is no number leads to the regex as well.
    digits = pl.col("status").str.to_integer(strict=False)
    fits = pl.col("fits") & pl.col("time").is_not_null() & digits.is_not_null()
    fields = fields.with_columns(fits=fits.fill_null(False))
    if fields["fits"].all():
        return fields.drop("fits"), []
    others = fields.filter(~pl.col("fits"))["record"] - block.first
    return fields.filter("fits").drop("fits"), others.to_list()


def _pieces(block: LineBlock, layout: Layout) -> pl.DataFrame:
    """Split the lines at their quotes."""
    return (
        pl.scan_csv(
            block.data,
            separator='"',
            quote_char=None,
            has_header=False,
            schema={f"p{number}": pl.String() for number in range(layout.pieces)},
            empty_string_is_null=False,
            missing_columns="insert",
            extra_columns="ignore",
            truncate_ragged_lines=True,
        )
        .select(layout.used)
        .with_row_index("record", block.first)
        .collect()
    )


def _utc(text: pl.Expr) -> pl.Expr:
    """Read ``10/Oct/2000:13:55:36 -0700``; the zone apart, which is eight times faster."""
    local = text.str.head(20).str.to_datetime(_TIME, strict=False, time_unit="us")
    zone = text.str.tail(5).str.to_integer(strict=False, dtype=pl.Int32)
    minutes = (zone.abs() // 100 * 60 + zone.abs() % 100) * zone.sign()
    return (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")


def _empty() -> pl.DataFrame:
    types = {name: pl.String() for name in RAW} | {"time": pl.Datetime("us", "UTC")}
    return pl.DataFrame(schema={"record": pl.Int64(), **types})


def _slow(block: LineBlock, indexes: list[int], notes: Notes) -> tuple[pl.DataFrame, int]:
    """Return what the regex makes of the other lines, and how many of them are blank."""
    lines = block.data.split(b"\n")
    texts = [lines[index].decode("utf-8").rstrip("\r") for index in indexes]
    frame = pl.DataFrame(
        {"record": [block.first + index for index in indexes], "line": texts},
        schema={"record": pl.Int64(), "line": pl.String()},
    )
    whole = frame.filter(pl.col("line").str.strip_chars() != "")
    groups = whole.with_columns(found=pl.col("line").str.extract_groups(_SLOW)).unnest("found")
    made = groups.select(
        "record",
        "line",
        time=_utc(pl.col("1")),
        request=pl.col("2"),
        status=pl.col("3"),
        bytes=pl.col("4"),
        referer=pl.col("5"),
        agent=pl.col("6"),
        **{name: from_tail(pl.col("7"), name) for name in FIELDS},
    )
    _tell(made.filter(pl.col("time").is_null()), block, notes)
    good = made.filter(pl.col("time").is_not_null()).select("record", *RAW)
    return good, frame.height - whole.height


def _tell(bad: pl.DataFrame, block: LineBlock, notes: Notes) -> None:
    """Note the lines that are none of this format, with the first thing that they lack."""
    last = block.first + block.lines - 1
    for record, line in bad.select("record", "line").iter_rows():
        if record == last and not block.complete:
            message = "The last line is cut off; it may still have been being written."
            notes.add("truncated", message, record, lost=False)
            continue
        lack = next((what for what, sign in _SIGNS if not sign.search(line)), _ORDER)
        notes.add("bad_line", f"Line {record} is no access-log line: {lack}.", record)


_ORDER = "its fields are not in the order of combined"
_SIGNS = (
    ("no [day/Mon/year:h:m:s zone]", re.compile(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]")),
    ('no "request" behind the time', re.compile(r'\] "(?:[^"\\]|\\.)*+"')),
    ("no status behind the request", re.compile(r'" (?:\d{3}|-) ')),
)

FORMAT = Nginx()
