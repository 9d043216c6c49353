"""Text inputs in blocks of whole lines, with the number of each block's first line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 16 << 20


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


def line_blocks(
    stream: BinaryIO, longest: int, block: int = BLOCK, *, counted: bool = True
) -> Iterator[LineBlock]:
    """Yield the lines of ``stream`` in blocks of about ``block`` bytes.

    A line over ``longest`` bytes is dropped without being held in memory. Unless ``counted``,
    ``first`` and ``lines`` are 0, for a reader that finds out the numbers on its own.
    """
    rest, line, dropped, dropping = b"", 1, 0, False
    while piece := stream.read(block):
        if dropping:
            cut = piece.find(b"\n")
            if cut < 0:
                continue
            piece, dropping = piece[cut + 1 :], False
            line, dropped = line + 1, dropped + 1
        cut = piece.rfind(b"\n") + 1
        if not cut:
            rest += piece
            if len(rest) > longest:
                rest, dropping = b"", True
            continue
        data, rest = b"".join((rest, memoryview(piece)[:cut])), piece[cut:]
        count = data.count(b"\n") if counted else 0
        yield LineBlock(utf8(data), line if counted else 0, count, dropped)
        line, dropped = line + count, 0
    if dropping:
        dropped, line = dropped + 1, line + 1
    if rest or dropped:
        count = 1 if rest and counted else 0
        yield LineBlock(utf8(rest), line if counted else 0, count, dropped, complete=not rest)


def utf8(data: bytes) -> bytes:
    """Return ``data`` with bytes that are no UTF-8 replaced by U+FFFD."""
    if data.isascii():
        return data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode("utf-8")
    return data
