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
    """The literal between two entries; ``exact`` if it can stand nowhere else.

    ``close`` is what an entry's end needs to have in it; empty where that is not known.
    """

    literal: bytes
    exact: bool
    close: bytes = b""


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
        close = before + b"}" if b"\n" in inside else b""
        return Separator(b"}," + before + b"{", True, close)
    return Separator(b"}," + before + b"{" + inside + key, False)


class Cutter:
    """Reads a stream and hands out blocks of entries; the reader hands back what was no whole one.

    After :meth:`start`, ``preamble`` holds what stands before the entries. Memory is bounded by one
    block plus what the largest entry needs: all blocks are read into one buffer, in which each is
    an array of JSON as it stands, since the commas at its two cuts become ``[`` and ``]``.
    """

    def __init__(self, stream: BinaryIO, entry_bytes: int, block: int) -> None:
        self._stream = cast("io.BufferedIOBase", stream)
        self._entry_bytes = entry_bytes
        self._block = min(block, entry_bytes)
        self._target = self._block
        self._buffer = bytearray(b"[")
        self._begin = self._end = 1
        self._read = 0
        self._until: int | None = None
        self._ended = False
        self._floor = 0
        self.preamble = b""
        self.separator: Separator | None = None

    @property
    def ended(self) -> bool:
        """Whether the stream has no more bytes."""
        return self._ended

    @property
    def holding(self) -> bool:
        """Whether bytes of the stream were read and not handed out."""
        return self._begin < self._end

    @property
    def position(self) -> int:
        """How many bytes of the stream were handed out."""
        return self._read - (self._end - self._begin)

    def pause(self, until: int) -> None:
        """Let :meth:`blocks` end at a place in the stream that has not been read yet.

        It must be behind the comma between two entries; where it is not, the last block will not
        parse. Calling ``blocks`` again goes on from there.
        """
        self._until = until if until > self._read else None

    def jump(self, position: int) -> None:
        """Go on at a place behind the comma between two entries; nothing may be held."""
        assert self._begin == self._end
        self._stream.seek(position)
        self._read = position

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
        """Yield blocks until the stream pauses or ends; the last one is final then, maybe empty."""
        while True:
            self._fill()
            cut = self._next_cut()
            self._floor = 0
            if cut >= 0:
                self._target = self._block
                yield self._taken(cut)
            elif self._read == self._until:
                self._until = None
                if self._begin < self._end:
                    yield self._taken(self._end - 2)
                return
            elif not self._grows():
                start, size, self._begin = self._begin, self._end - self._begin, self._end
                yield Block(self._buffer, start, size, cut=False, final=self._ended)
                if self._ended and self._begin == self._end:
                    return

    def _taken(self, cut: int) -> Block:
        """Return what is held up to and with the brace at ``cut``, as an array."""
        start, self._begin = self._begin, cut + 2
        self._buffer[start - 1], self._buffer[cut + 1] = _OPEN, _CLOSE
        return Block(self._buffer, start, cut + 1 - start, cut=True, final=False)

    def _grows(self) -> bool:
        """Read more of an entry that is surely not closed in what is held; False if it may be."""
        size = self._end - self._begin
        if self._ended or self.separator is None or size > self._entry_bytes:
            return False
        close = self.separator.close
        if not close or self._buffer.find(close, self._begin, self._end) >= 0:
            return False
        self._floor = max(size - len(self.separator.literal), 0)
        self._target = self._larger(size)
        return True

    def _larger(self, size: int) -> int:
        # Twice as much each time, so that a large entry is looked at a few times only.
        return max(size + 1, min(2 * size, self._entry_bytes + 1), self._block)

    def push_back(self, rest: bytes, block: Block) -> None:
        """Take back the end of ``block``, which is no whole entry yet; more is read behind it."""
        between = b"," if block.cut else b""
        self._hold(rest + between + self._held())
        # The cut behind the rest was no end of an entry: it must not be made again.
        known = 0 if block.cut or self.separator is None else len(self.separator.literal)
        self._floor = max(len(rest) - known, 0)
        self._target = self._larger(self._end - self._begin)

    def tail(self, rest: bytes) -> bytes:
        """Return what follows the entries, as far as it was read already."""
        return rest + self._held()

    def skip(self, rest: bytes) -> bool:
        """Drop the entry that begins with ``rest``; False if the stream ends inside it."""
        skipper = Skipper()
        self._until = None
        data, held = rest, self._held()
        self._hold(b"")
        while True:
            end = skipper.feed(data)
            if end >= 0:
                self._hold(data[end:] + held)
                self._target = self._block
                return True
            if not held:
                held = self._stream.read(self._block)
                self._read += len(held)
            data, held = held, b""
            if not data:
                self._ended = True
                return False

    def _next_cut(self) -> int:
        """Return where the last separator within the target begins, else the first behind it.

        -1 if there is none.
        """
        if self.separator is None:
            return -1
        literal = self.separator.literal
        first, last = self._begin + self._floor, self._begin + self._target
        cut = self._buffer.rfind(literal, first, min(last, self._end))
        if cut < 0 and last < self._end:
            cut = self._buffer.find(literal, max(first, last - len(literal)), self._end)
        return cut

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
        missing = self._target - (self._end - self._begin)
        if self._until is not None:
            missing = min(missing, self._until - self._read)
        if missing <= 0 or self._ended:
            return
        self._room(self._end - self._begin + missing)
        if self._begin > 1:
            self._move(self._buffer)
        with memoryview(self._buffer) as view:
            while missing and not self._ended:
                got = self._stream.readinto(view[self._end : self._end + missing])
                self._ended = not got
                self._end += got
                self._read += got
                missing -= got
