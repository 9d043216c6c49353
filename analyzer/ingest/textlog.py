"""Logs of one record a line: what their formats share.

A format names the :attr:`TextLog.pattern` of its lines and turns a frame of lines into rows. This
module does the rest for all: blocks, envelopes, lines that are too long or cut off, and lines of
another format in the same file, which are given to that format.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any, ClassVar

import polars as pl

from analyzer import columns
from analyzer.ahead import ahead, mapped
from analyzer.ingest import envelope
from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.lines import LineBlock, Numbers, line_blocks
from analyzer.ingest.notes import Notes
from analyzer.ingest.reader import (
    BAD,
    LINES,
    BlockReader,
    Input,
    Parsed,
    PreparingReader,
    Reader,
    SiftingReader,
)
from analyzer.ingest.sifting import Say, Sifted, Sifting

SAMPLE = 50
"""Lines of the head by which a format is told."""
SIFT_BYTES = 1 << 20
"""In shorter blocks nothing is gained by counting lines that are alike."""
_SNIFFED = 16_384
"""Bytes of a line that are looked at when a format is told."""


class TextLog(Format):
    """A log of one record a line."""

    kind = "attempts"
    pattern: ClassVar[str]
    """What a line of this format matches, in the syntax that Python and Rust share."""
    weight: ClassVar[float] = 0.9
    """How sure a file is whose lines all match: the more special the pattern, the higher."""
    zoned: ClassVar[bool] = True
    """Whether its times carry a zone (or are UTC by definition)."""

    @abstractmethod
    def reader(self, source: Input) -> Reader:
        """Return a reader for one input."""

    def sniff(self, head: bytes, name: str) -> float:
        """By the share of the first lines that match :attr:`pattern`."""
        lines = first_lines(head)
        if not lines:
            return 0.0
        share = sum(self.claims(line) for line in lines) / len(lines)
        return self.weight * share if share >= 0.5 else 0.0

    def claims(self, line: bytes) -> bool:
        """Whether a line is one of this format."""
        return _compiled(self.pattern).search(line[:_SNIFFED]) is not None

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 8 MiB; see :class:`Format`."""
        return _Reading(self, source, wants).batches()


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


@lru_cache(maxsize=4)
def raw_lines(head: bytes) -> tuple[bytes, ...]:
    """Return the first lines that are not blank; the last one may be cut off and goes."""
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    whole = lines[:-1] if len(lines) > 1 else lines
    return tuple([line for line in whole if line.strip()][:SAMPLE])


@lru_cache(maxsize=4)
def first_lines(head: bytes) -> tuple[bytes, ...]:
    """Return :func:`raw_lines` without their envelopes."""
    return tuple(envelope.bare(line) for line in raw_lines(head))


@cache
def text_logs() -> tuple[TextLog, ...]:
    """Return every format of lines, the most special first."""
    from analyzer.ingest.detect import formats

    found = [item for item in formats() if isinstance(item, TextLog)]
    return tuple(sorted(found, key=lambda item: (-item.weight, item.name)))


def frame_of(block: LineBlock) -> pl.DataFrame:
    """Return the lines of a block with their numbers, blank ones left out: :data:`LINES`."""
    lines = pl.scan_lines(block.data).with_row_index("record", block.first)
    # To strip every line takes longer than to find out that there is nothing to strip.
    ends, marks = b"\r" in block.data, not block.data.isascii()
    return _bare(lines, ends=ends, marks=marks).collect()


def _lines_of(block: LineBlock, lines: pl.Series, chosen: pl.Series) -> pl.DataFrame:
    """Return what :func:`frame_of` does of some ``lines`` of a block: those that are ``chosen``."""
    record = pl.int_range(block.first, block.first + block.lines, dtype=pl.Int64, eager=True)
    # Filtered texts keep the whole block in memory; these have to wait for others.
    few = pl.DataFrame({"record": record.filter(chosen), "line": lines.filter(chosen) + ""})
    return _bare(few.lazy()).collect()


def _bare(lines: pl.LazyFrame, *, ends: bool = True, marks: bool = True) -> pl.LazyFrame:
    """Return lines without carriage returns and byte-order marks, and none that is blank."""
    text = pl.col("line")
    if ends:
        text = text.str.strip_chars_end("\r")
    if marks:
        # One stands at each start of what was concatenated.
        text = text.str.strip_prefix("\ufeff")
    return (
        lines.with_columns(pl.col("record").cast(pl.Int64), line=text)
        .filter(pl.col("line").str.contains(r"\S"))
        .select("record", "line", stamp=pl.lit(None, columns.TIME))
    )


class _Reading:
    """One input being read."""

    def __init__(self, own: TextLog, source: Source, wants: Wants) -> None:
        self._own = own
        self._source = source
        self._wants = wants
        self._notes = Notes(source.name)
        self._wrap = envelope.envelope_of(list(raw_lines(source.head)))
        self._readers: dict[str, Reader] = {}
        self._notices = 0
        self._told_zone: set[str] = set()

    def batches(self) -> Iterator[Batch]:
        longest = self._wants.limits.entry_bytes
        reader = self._reader(self._own)
        numbers = Numbers()
        with self._source.open() as stream, closing(ahead(line_blocks(stream, longest))) as blocks:
            if isinstance(reader, SiftingReader) and self._wants.say and not self._wrap:
                yield from self._sifted(reader, self._wants.say, blocks, numbers)
            if isinstance(reader, BlockReader) and not self._wrap:
                yield from self._whole(reader, blocks, numbers)
            elif isinstance(reader, PreparingReader):
                yield from self._prepared(reader, map(numbers.counted, blocks))
            else:
                for block in map(numbers.counted, blocks):
                    self._tell_too_long(block)
                    yield self._batch(block)
        yield self._last()

    def _tell_too_long(self, block: LineBlock) -> None:
        if block.too_long:
            limit = self._wants.limits.entry_bytes
            message = f"{block.too_long} lines are longer than {limit} bytes; left out."
            self._notes.add("too_large", message, block.first - 1, block.too_long)

    def _batch(self, block: LineBlock) -> Batch:
        lines, records = self._lines(block)
        rows = self._parse(lines, block)
        return Batch(rows, None, self._notes.take(), records)

    def _lines(self, block: LineBlock) -> tuple[pl.DataFrame, int]:
        """Return the lines of a block without envelopes, and how many records they are."""
        lines = frame_of(block)
        records = lines.height + block.too_long
        if self._wrap:
            lines = envelope.strip(lines, self._wrap, self._wants.reading.zone)
        return lines, records

    def _prepared(self, reader: PreparingReader, blocks: Iterator[LineBlock]) -> Iterator[Batch]:
        """Yield the batches of a reader that prepares blocks at the same time."""

        def prepare(block: LineBlock) -> tuple[LineBlock, pl.DataFrame, int, Any]:
            lines, records = self._lines(block)
            return block, lines, records, reader.prepare(lines)

        for block, lines, records, made in mapped(prepare, blocks):
            self._tell_too_long(block)
            rows = self._joined(reader.parse_prepared(made), lines, block)
            yield Batch(rows, None, self._notes.take(), records)

    def _sifted(
        self, reader: SiftingReader, say: Say, blocks: Iterator[LineBlock], numbers: Numbers
    ) -> Iterator[Batch]:
        """Yield batches in which lines that are alike are only counted, as long as that pays."""
        place: list[LineBlock] = []
        sifting = Sifting(say, lambda lines: self._parse(lines, place[0]), self._probe)

        def sift(block: LineBlock) -> tuple[LineBlock, Sifted | None]:
            sifted = reader.sift(block) if len(block.data) >= SIFT_BYTES else None
            # What was sifted is not needed as bytes any more.
            return replace(block, data=b"") if sifted else block, sifted

        for uncounted, sifted in mapped(sift, sifting.while_it_pays(blocks)):
            block = (
                numbers.counted(uncounted)
                if sifted is None
                else numbers.placed(uncounted, sifted.told.height)
            )
            place[:] = [block]
            self._tell_too_long(block)
            if sifted is None:
                sifting.pays = False
                yield self._given(sifting)
                yield self._batch(block)
                continue
            told = sifted.told.with_columns(
                pl.int_range(block.first, block.first + block.lines, dtype=pl.Int64).alias("record")
            )
            sifting.take(told, partial(_lines_of, block, sifted.lines))
            if sifting.enough:
                yield self._given(sifting)
            if block.too_long:
                yield Batch(records=block.too_long)
        yield self._given(sifting)

    def _given(self, sifting: Sifting) -> Batch:
        given = sifting.give()
        return Batch(given.rows, None, self._notes.take(), given.lines, given.counted)

    def _whole(
        self, reader: BlockReader, blocks: Iterator[LineBlock], numbers: Numbers
    ) -> Iterator[Batch]:
        """Yield the batches of a reader that reads whole blocks and counts their lines itself.

        Blocks are read at the same time, each as if it were the first.
        """

        def parse(block: LineBlock) -> tuple[LineBlock, tuple[Parsed, int, int]]:
            return block, reader.parse_block(replace(block, first=1))

        for uncounted, (alone, lines, count) in mapped(parse, blocks):
            block = numbers.placed(uncounted, lines)
            self._tell_too_long(block)
            parsed = _moved(alone, block.first - 1)
            texts = frame_of(block) if parsed.bad is not None and parsed.bad.height else None
            rows = self._joined(parsed, texts, block)
            yield Batch(rows, None, self._notes.take(), count + block.too_long)

    def _parse(self, lines: pl.DataFrame, block: LineBlock | None) -> pl.DataFrame | None:
        return self._joined(self._reader(self._own).parse(lines), lines, block)

    def _joined(
        self, parsed: Parsed, lines: pl.DataFrame | None, block: LineBlock | None
    ) -> pl.DataFrame | None:
        """Return the rows that were made, with those of other formats' lines among ``lines``."""
        frames = [self._rows(self._own, parsed)]
        if lines is not None and parsed.bad is not None and parsed.bad.height:
            frames += self._others(lines, parsed.bad, block)
        made = [frame for frame in frames if frame is not None and frame.height]
        return pl.concat(made, how="diagonal_relaxed").sort("record") if made else None

    def _others(
        self, lines: pl.DataFrame, bad: pl.DataFrame, block: LineBlock | None
    ) -> list[pl.DataFrame | None]:
        """Give the lines that are none of the format to those whose pattern they match."""
        left = lines.join(bad, on="record", how="inner", maintain_order="left")
        made: list[pl.DataFrame | None] = []
        for other in text_logs():
            if not left.height:
                break
            fits = left["line"].str.contains(other.pattern).fill_null(False)
            if other is self._own or not fits.any():
                continue
            parsed = self._reader(other).parse(left.filter(fits).select(*LINES))
            made.append(self._rows(other, parsed))
            told = parsed.bad if parsed.bad is not None else pl.DataFrame(schema=BAD)
            unread = left.join(told.select("record"), on="record", how="semi")
            left = pl.concat([left.filter(~fits), unread]).sort("record")
        self._tell(left, block)
        return made

    def _tell(self, bad: pl.DataFrame, block: LineBlock | None) -> None:
        """Note the lines that nobody could read."""
        last = block.first + block.lines - 1 if block else -1
        for record, reason in bad.select("record", "reason").iter_rows():
            if block and record == last and not block.complete:
                message = "The last line is cut off; it may still have been being written."
                self._notes.add("truncated", message, record, lost=False)
                continue
            self._notes.add("bad_line", f"Line {record} is no {self._own.title}: {reason}.", record)

    def _reader(self, format_: TextLog) -> Reader:
        made = self._readers.get(format_.name)
        if made is None:
            made = self._readers[format_.name] = self._new_reader(format_, self._notes)
        return made

    def _new_reader(self, format_: TextLog, notes: Notes) -> Reader:
        head = first_lines(self._source.head)
        return format_.reader(Input(self._source.name, head, self._wants, notes))

    def _probe(self, lines: pl.DataFrame) -> pl.DataFrame | None:
        """Read lines as if the input had no others, and say nothing of them."""
        reader = self._new_reader(self._own, Notes(self._source.name))
        found = [reader.parse(lines).rows, reader.finish().rows]
        made = [self._placed(self._own, rows) for rows in found if rows is not None and rows.height]
        return pl.concat(made, how="diagonal_relaxed") if made else None

    def _rows(self, format_: TextLog, parsed: Parsed) -> pl.DataFrame | None:
        self._notices += parsed.notices
        rows = parsed.rows
        if rows is None or not rows.height:
            return None
        self._assume_zone(format_)
        return self._placed(format_, rows)

    def _placed(self, format_: TextLog, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with the place and the format that they are from."""
        place = pl.format("{}#{}", pl.lit(self._source.name), pl.col("record"))
        added = {
            "input": pl.lit(self._source.name),
            "seen_in": pl.concat_list(place),
            "format": pl.lit(format_.name),
            "hop": pl.lit(format_.hop),
        }
        return rows.with_columns(
            **{name: value for name, value in added.items() if name not in rows.columns}
        )

    def _assume_zone(self, format_: TextLog) -> None:
        if format_.zoned or self._wants.reading.zone or format_.name in self._told_zone:
            return
        self._told_zone.add(format_.name)
        message = (
            "Its times have no zone and were read as UTC. If that is wrong: --tz Europe/Berlin "
            "(the zone of the machine that wrote the log)."
        )
        self._notes.add("assumed_zone", message, lost=False)

    def _last(self) -> Batch:
        frames = [
            self._rows(format_, reader.finish())
            for format_ in text_logs()
            if (reader := self._readers.get(format_.name)) is not None
        ]
        made = [frame for frame in frames if frame is not None]
        if self._notices:
            message = f"{self._notices} lines are notices of the program, no requests."
            self._notes.add("notice", message, None, self._notices, lost=False)
        rows = pl.concat(made, how="diagonal_relaxed") if made else None
        return Batch(rows, None, self._notes.finish())


def _moved(parsed: Parsed, lines: int) -> Parsed:
    """Return what was read of a block behind so many ``lines``, with its line numbers put right."""
    rows, bad = (
        frame if frame is None else frame.with_columns(pl.col("record") + lines)
        for frame in (parsed.rows, parsed.bad)
    )
    return replace(parsed, rows=rows, bad=bad)
