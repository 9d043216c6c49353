"""Cutting the entries of a HAR into blocks that are parsed one at a time.

An HTTP Archive of half a gigabyte is one JSON value. Its entries are cut apart by the literal text
that stands between two of them, which is taken from how the first entry begins: ``},`` + white
space + ``{``. In a file that is indented this text can stand nowhere else, since JSON strings hold
no raw line breaks and deeper values are indented further; in a compact file the first key is part
of it, and a cut that was wrong shows when the block does not parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from analyzer.ingest.formats.har_scan import Place, Skipper, locate

BLOCK = 8 << 20
_FIRST = re.compile(rb'(\s*+)\{(\s*+)("[^"\\]*+(?:\\[\s\S][^"\\]*+)*+")?')
_INDENTED = re.compile(rb"\n[ \t]+\Z")


@dataclass(frozen=True, slots=True)
class Separator:
    """The literal between two entries; ``exact`` if it can stand nowhere else."""

    literal: bytes
    exact: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of the entries array, beginning at an entry: the first ``size`` of ``buffer``.

    ``cut``: they end where the separator said that an entry ends. ``final``: nothing follows them.
    """

    buffer: bytes
    size: int
    cut: bool
    final: bool

    @property
    def view(self) -> memoryview:
        """The bytes without a copy."""
        return memoryview(self.buffer)[: self.size]

    @property
    def data(self) -> bytes:
        """The bytes."""
        return self.buffer[: self.size]


def separator(data: bytes) -> Separator | None:
    """Return the separator by how the first entry in ``data`` (right behind ``[``) begins."""
    match = _FIRST.match(data)
    if match is None or match[3] is None:
        return None
    before, inside, key = match.groups()
    if _INDENTED.search(before):
        return Separator(b"}," + before + b"{", True)
    return Separator(b"}," + before + b"{" + inside + key, False)


class Cutter:
    """Reads a stream and hands out blocks of entries; the reader hands back what was no whole one.

    After :meth:`start`, ``preamble`` holds what stands before the entries. Memory is bounded by one
    block plus what the largest entry needs.
    """

    def __init__(self, stream: BinaryIO, entry_bytes: int, block: int) -> None:
        self._stream = stream
        self._entry_bytes = entry_bytes
        self._block = min(block, entry_bytes)
        self._target = self._block
        self._data = b""
        self._ended = False
        self._floor = 0
        self.preamble = b""
        self.separator: Separator | None = None

    @property
    def ended(self) -> bool:
        """Whether the stream has no more bytes."""
        return self._ended

    def start(self) -> Place | None:
        """Find the entries; ``None`` if what stands before them is over the limit."""
        while True:
            self._fill()
            place = locate(self._data, self._ended)
            if place is not None:
                break
            if len(self._data) > self._entry_bytes:
                return None
            self._target = 2 * len(self._data)
        self.preamble = self._data[: place.start]
        self._data = self._data[place.start :]
        self._target = self._block
        self.separator = separator(self._data)
        return place

    def blocks(self) -> Iterator[Block]:
        """Yield blocks until the stream ends; the last one is final and may be empty."""
        while True:
            self._fill()
            cut = self._data.rfind(self.separator.literal, self._floor) if self.separator else -1
            self._floor = 0
            if cut >= 0:
                data, self._data = self._data, self._data[cut + 2 :]
                self._target = self._block
                yield Block(data, cut + 1, cut=True, final=False)
            else:
                data, self._data = self._data, b""
                yield Block(data, len(data), cut=False, final=self._ended)
                if self._ended and not self._data:
                    return
            del data

    def push_back(self, rest: bytes, block: Block) -> None:
        """Take back the end of ``block``, which is no whole entry yet; more is read behind it."""
        between = b"," if block.cut else b""
        self._data = rest + between + self._data
        # The cut behind the rest was no end of an entry: it must not be made again.
        known = 0 if block.cut or self.separator is None else len(self.separator.literal)
        self._floor = max(len(rest) - known, 0)
        # Twice as much each time, so that a large entry is looked at a few times only.
        size = len(self._data)
        self._target = max(size + 1, min(2 * size, self._entry_bytes + 1), self._block)

    def tail(self, rest: bytes) -> bytes:
        """Return what follows the entries, as far as it was read already."""
        return rest + self._data

    def skip(self, rest: bytes) -> bool:
        """Drop the entry that begins with ``rest``; False if the stream ends inside it."""
        skipper = Skipper()
        data = rest
        while True:
            end = skipper.feed(data)
            if end >= 0:
                self._data = data[end:] + self._data
                self._target = self._block
                return True
            data, self._data = (self._data, b"") if self._data else (self._read(self._block), b"")
            if not data:
                return False

    def _fill(self) -> None:
        pieces, size = [self._data], len(self._data)
        while size < self._target and not self._ended:
            piece = self._read(self._target - size)
            pieces.append(piece)
            size += len(piece)
        if len(pieces) > 1:
            self._data = b"".join(pieces)

    def _read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._ended = not piece
        return piece
