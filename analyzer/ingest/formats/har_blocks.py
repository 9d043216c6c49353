"""Cutting the entries of a HAR into blocks that are parsed one at a time.

An HTTP Archive of half a gigabyte is one JSON value. Its entries are cut apart by the literal text
that stands between two of them, which is taken from how the first entry begins: ``},`` + white
space + ``{``. In a file that is indented this text can stand nowhere else, since JSON strings hold
no raw line breaks and deeper values are indented further; in a compact file the first key is part
of it, and a cut that was wrong shows when the block does not parse.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from analyzer.ingest.formats.har_scan import Place, Skipper, locate

BLOCK = 1 << 20
"""Small enough that a block and all that is decoded from it stay in the processor's cache: blocks
of 8 MiB take a quarter longer to decode."""
_FIRST = re.compile(rb'(\s*+)\{(\s*+)("[^"\\]*+(?:\\[\s\S][^"\\]*+)*+")?')
_INDENTED = re.compile(rb"\n[ \t]+\Z")
_OPEN, _CLOSE = ord("["), ord("]")


@dataclass(frozen=True, slots=True)
class Separator:
    """The literal between two entries; ``exact`` if it can stand nowhere else."""

    literal: bytes
    exact: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of the entries array, beginning at an entry: ``size`` of ``buffer`` from ``start``.

    ``cut``: they end where the separator said that an entry ends. ``final``: nothing follows them.
    The buffer is used again: a block is good until the next one is asked for.
    """

    buffer: bytes | bytearray
    start: int
    size: int
    cut: bool
    final: bool

    @property
    def array(self) -> memoryview:
        """The bytes of a block that is ``cut`` as a JSON array, without a copy."""
        return memoryview(self.buffer)[self.start - 1 : self.start + self.size + 1]

    @property
    def data(self) -> bytes:
        """The bytes."""
        return bytes(memoryview(self.buffer)[self.start : self.start + self.size])


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
    block plus what the largest entry needs: all blocks are read into one buffer, which is an array
    of JSON as it stands, since its first byte is ``[`` and the comma at the cut becomes ``]``.
    """

    def __init__(self, stream: BinaryIO, entry_bytes: int, block: int) -> None:
        self._stream = cast("io.BufferedIOBase", stream)
        self._entry_bytes = entry_bytes
        self._block = min(block, entry_bytes)
        self._target = self._block
        self._buffer = bytearray(b"[")
        self._begin = self._end = 1
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
            data = self._held()
            place = locate(data, self._ended)
            if place is not None:
                break
            if len(data) > self._entry_bytes:
                return None
            self._target = 2 * len(data)
        self.preamble = data[: place.start]
        self._begin += place.start
        self._target = self._block
        self.separator = separator(data[place.start :])
        return place

    def blocks(self) -> Iterator[Block]:
        """Yield blocks until the stream ends; the last one is final and may be empty."""
        while True:
            self._fill()
            cut = self._last_cut()
            self._floor = 0
            if cut >= 0:
                self._buffer[cut + 1] = _CLOSE
                self._begin = cut + 2
                self._target = self._block
                yield Block(self._buffer, 1, cut, cut=True, final=False)
            else:
                size, self._begin = self._end - 1, self._end
                yield Block(self._buffer, 1, size, cut=False, final=self._ended)
                if self._ended and self._begin == self._end:
                    return

    def push_back(self, rest: bytes, block: Block) -> None:
        """Take back the end of ``block``, which is no whole entry yet; more is read behind it."""
        between = b"," if block.cut else b""
        self._hold(rest + between + self._held())
        # The cut behind the rest was no end of an entry: it must not be made again.
        known = 0 if block.cut or self.separator is None else len(self.separator.literal)
        self._floor = max(len(rest) - known, 0)
        # Twice as much each time, so that a large entry is looked at a few times only.
        size = self._end - self._begin
        self._target = max(size + 1, min(2 * size, self._entry_bytes + 1), self._block)

    def tail(self, rest: bytes) -> bytes:
        """Return what follows the entries, as far as it was read already."""
        return rest + self._held()

    def skip(self, rest: bytes) -> bool:
        """Drop the entry that begins with ``rest``; False if the stream ends inside it."""
        skipper = Skipper()
        data, held = rest, self._held()
        self._hold(b"")
        while True:
            end = skipper.feed(data)
            if end >= 0:
                self._hold(data[end:] + held)
                self._target = self._block
                return True
            data, held = held or self._stream.read(self._block), b""
            if not data:
                self._ended = True
                return False

    def _last_cut(self) -> int:
        """Return where the last separator in the buffer begins, -1 if there is none."""
        if self.separator is None:
            return -1
        return self._buffer.rfind(self.separator.literal, 1 + self._floor, self._end)

    def _held(self) -> bytes:
        """Return what was read and not handed out."""
        return bytes(memoryview(self._buffer)[self._begin : self._end])

    def _hold(self, data: bytes) -> None:
        """Put ``data`` in the place of what was read and not handed out."""
        self._room(len(data))
        self._begin, self._end = 1, 1 + len(data)
        self._buffer[1 : self._end] = data

    def _room(self, size: int) -> None:
        """Make the buffer large enough for ``size`` bytes, and no larger for long."""
        if size + 2 <= len(self._buffer) <= 4 * (size + self._block):
            return
        # A new one, since entries that somebody still holds may point into the old one.
        fresh = bytearray(size + 2)
        fresh[0] = _OPEN
        self._move(fresh)

    def _move(self, target: bytearray) -> None:
        """Move what is held to the front of ``target``, which may be the buffer itself."""
        size = min(self._end - self._begin, len(target) - 2)
        with memoryview(self._buffer) as source, memoryview(target) as view:
            view[1 : 1 + size] = source[self._begin : self._begin + size]
        self._buffer, self._begin, self._end = target, 1, 1 + size

    def _fill(self) -> None:
        self._room(max(self._target, self._end - self._begin))
        if self._begin > 1:
            self._move(self._buffer)
        with memoryview(self._buffer) as view:
            while self._end - 1 < self._target and not self._ended:
                got = self._stream.readinto(view[self._end : 1 + self._target])
                self._ended = not got
                self._end += got
