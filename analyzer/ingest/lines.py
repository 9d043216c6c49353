"""Text inputs in blocks of whole lines, with the number of each block's first line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import polars as pl

BLOCK = 16 << 20
_AHEAD = 64 << 10
"""Bytes at the end of a block in which the last line break is looked for."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines as valid UTF-8 (bytes that are none become U+FFFD).

    ``too_long`` is the number of lines before ``first`` that were left out since they are longer
    than the limit (they count as lines); ``data`` is then what follows them.
    """

    data: bytes
    first: int
    """1-based number of the first line."""
    lines: int
    too_long: int = 0
    complete: bool = True
    """False: the last line has no line break, so that it may still be being written."""


@dataclass(slots=True)
class Numbers:
    """How the lines of blocks are numbered; may be changed between two blocks."""

    counted: bool = True
    """False: ``first`` and ``lines`` are 0, for a reader that finds out the numbers on its own."""
    line: int = 1
    """Number of the next line, if lines are counted."""

    def placed(self, block: LineBlock, lines: int) -> LineBlock:
        """Return a block that was not counted, of so many lines, with its numbers."""
        first = self.line + block.too_long
        self.line = first + lines
        return replace(block, first=first, lines=lines)


def line_blocks(
    stream: BinaryIO, longest: int, block: int = BLOCK, numbers: Numbers | None = None
) -> Iterator[LineBlock]:
    """Yield the lines of ``stream`` in blocks of about ``block`` bytes.

    A line over ``longest`` bytes is dropped without being held in memory.
    """
    numbers = numbers or Numbers()
    rest, dropped, dropping = b"", 0, False
    while piece := stream.read(_whole_lines(stream, block)):
        if dropping:
            cut = piece.find(b"\n")
            if cut < 0:
                continue
            piece, dropping = piece[cut + 1 :], False
            dropped += 1
        cut = piece.rfind(b"\n") + 1
        if not cut:
            rest += piece
            if len(rest) > longest:
                rest, dropping = b"", True
            continue
        if rest or cut < len(piece):
            data, rest = b"".join((rest, memoryview(piece)[:cut])), piece[cut:]
        else:
            data = piece
        yield _numbered(data, dropped, numbers, data.count(b"\n") if numbers.counted else 0)
        dropped = 0
    dropped += dropping
    if rest or dropped:
        yield _numbered(rest, dropped, numbers, 1 if rest else 0, complete=not rest)


def _whole_lines(stream: BinaryIO, block: int) -> int:
    """Return the number of bytes, ``block`` at most, after which a line ends, if that is told soon.

    What ends with a line need not be copied. Only in files is it cheap to look ahead.
    """
    if block <= _AHEAD or not isinstance(getattr(stream, "raw", None), io.FileIO):
        return block
    try:
        here = stream.tell()
        stream.seek(here + block - _AHEAD)
        cut = stream.read(_AHEAD).rfind(b"\n") + 1
        stream.seek(here)
    except OSError:
        return block
    return block - _AHEAD + cut if cut else block


def _numbered(
    data: bytes, dropped: int, numbers: Numbers, lines: int, *, complete: bool = True
) -> LineBlock:
    if not numbers.counted:
        return LineBlock(utf8(data), 0, 0, dropped, complete)
    return numbers.placed(LineBlock(utf8(data), 0, 0, dropped, complete), lines)


def texts(block: LineBlock) -> pl.Series:
    """Return the lines of a block, blank ones too, as they are."""
    return pl.scan_lines(block.data).collect().to_series()


def utf8(data: bytes) -> bytes:
    """Return ``data`` with bytes that are no UTF-8 replaced by U+FFFD."""
    if data.isascii():
        return data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode("utf-8")
    return data
