"""Text inputs in blocks of whole lines, with the number of each block's first line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import polars as pl

BLOCK = 8 << 20
_AHEAD = 64 << 10
"""Bytes at the end of a block in which the last line break is looked for."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines as valid UTF-8 (bytes that are none become U+FFFD).

    ``too_long`` is the number of lines before ``first`` that were left out since they are longer
    than the limit (they count as lines); ``data`` is then what follows them.
    """

    data: bytes
    first: int = 0
    """1-based number of the first line; 0: not yet numbered."""
    lines: int = 0
    too_long: int = 0
    complete: bool = True
    """False: the last line has no line break, so that it may still be being written."""


@dataclass(slots=True)
class Numbers:
    """Numbers the lines of blocks, given in their order."""

    line: int = 1
    """Number of the next line."""

    def placed(self, block: LineBlock, lines: int) -> LineBlock:
        """Return a block, of so many lines, with its numbers."""
        first = self.line + block.too_long
        self.line = first + lines
        return replace(block, first=first, lines=lines)

    def counted(self, block: LineBlock) -> LineBlock:
        """Return a block with its numbers, its lines counted."""
        return self.placed(block, block.data.count(b"\n") + (not block.complete))


def line_blocks(stream: BinaryIO, longest: int, block: int = BLOCK) -> Iterator[LineBlock]:
    """Yield the lines of ``stream`` in blocks of about ``block`` bytes, not yet numbered.

    A line over ``longest`` bytes is dropped without being held in memory.
    """
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
        yield LineBlock(utf8(data), too_long=dropped)
        dropped = 0
    dropped += dropping
    if rest or dropped:
        yield LineBlock(utf8(rest), too_long=dropped, complete=not rest)


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


def sampled(data: bytes, most: int) -> list[bytes]:
    """Return lines from all over ``data``, about ``most``, without their line breaks."""
    step = max(len(data) // most, 1)
    starts = sorted({data.rfind(b"\n", 0, at) + 1 for at in range(0, len(data), step)})
    ends = (data.find(b"\n", start) for start in starts)
    return [
        data[start : end if end >= 0 else None] for start, end in zip(starts, ends, strict=True)
    ]


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
