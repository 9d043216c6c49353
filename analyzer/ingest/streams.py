"""Byte streams under a capture: codecs by magic bytes, guards against bombs, byte-order marks.

Nothing here raises for what the bytes hold. A stream that is cut off, corrupt or grows without
bounds gives what could be read, then ends, and a :class:`Problem` is appended to ``faults``.
"""

from __future__ import annotations

import codecs
import io
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

from analyzer.errors import Problem
from analyzer.ingest.base import Limits

HEAD_BYTES = 64 << 10
BOMB_FLOOR = 64 << 20
"""Output below this is never called a bomb, whatever the ratio."""
_READ = 256 << 10
_BUFFER = 1 << 20
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xfd7zXZ\x00", "xz"),
)


class _Decompressor(Protocol):
    """The incremental interface that bz2, lzma and zstd share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Zlib:
    """Gives zlib the interface of the other codecs."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def codec_of(head: bytes) -> str | None:
    """Return ``gzip zstd zip xz bz2 zlib`` by magic bytes, or ``None`` for plain bytes."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:3] == b"BZh" and head[3:4].isdigit() and head[4:10] == b"1AY&SY":
        return "bz2"
    return "zlib" if _is_zlib(head) else None


def _is_zlib(head: bytes) -> bool:
    # The two magic bytes can begin a text ('x^'), so that the data behind them has to inflate.
    if head[:1] != b"\x78" or len(head) < 8 or int.from_bytes(head[:2], "big") % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, 64))
    except zlib.error:
        return False


def _maker(codec: str) -> Callable[[], _Decompressor]:
    if codec == "gzip":
        return lambda: _Zlib(31)
    if codec == "zlib":
        return lambda: _Zlib(15)
    if codec == "bz2":
        import bz2

        return bz2.BZ2Decompressor
    if codec == "xz":
        import lzma

        return lzma.LZMADecompressor
    return cast("Callable[[], _Decompressor]", _zstd().ZstdDecompressor)


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd  # type: ignore[unreachable, unused-ignore]
    else:
        from backports import zstd
    return zstd


class Guard:
    """Watches how much comes out of how little; says when to stop, once."""

    def __init__(self, name: str, limits: Limits, faults: list[Problem]) -> None:
        self.name = name
        self.limits = limits
        self.faults = faults
        self.stopped = False

    def fault(self, kind: str, message: str) -> None:
        """End the stream with a problem; the same one is told only once an input."""
        self.stopped = True
        if not any(known.kind == kind for known in self.faults):
            self.faults.append(Problem(self.name, kind, message))

    def passes(self, produced: int, consumed: int) -> bool:
        """Whether the stream may go on."""
        if produced > BOMB_FLOOR and produced > self.limits.ratio * max(consumed, 1):
            self.fault(
                "bomb",
                f"{consumed} compressed bytes gave more than {produced} bytes, over the limit of "
                f"{self.limits.ratio} to 1; reading stopped there. If the file is genuine, "
                "decompress it first.",
            )
        elif produced > self.limits.decompressed_bytes:
            self.fault(
                "too_large",
                f"More than {self.limits.decompressed_bytes} bytes after decompression; reading "
                "stopped there. Split the file.",
            )
        return not self.stopped


class Inflating(io.RawIOBase):
    """Decompresses another stream in bounded memory, members one after the other."""

    def __init__(self, raw: BinaryIO, codec: str, guard: Guard) -> None:
        self._raw = raw
        self._codec = codec
        self._make = _maker(codec)
        self._inner = self._make()
        self._guard = guard
        self._produced = self._consumed = 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with as much as one step gives; 0 at the end."""
        view = memoryview(buffer)
        while not self._guard.stopped:
            try:
                out = self._step(len(view))
            except Exception as error:  # each codec has an error class of its own
                self._guard.fault(
                    "corrupt_archive",
                    f"The {self._codec} data is damaged after {self._produced} bytes ({error}); "
                    "what came before was read.",
                )
                return 0
            if out is None:
                return 0
            if out:
                self._produced += len(out)
                if not self._guard.passes(self._produced, self._consumed):
                    return 0
                view[: len(out)] = out
                return len(out)
        return 0

    def _step(self, size: int) -> bytes | None:
        data = b""
        if self._inner.eof:
            data = self._inner.unused_data or self._pull()
            # Padding or foreign bytes after the last member belong to nobody.
            if codec_of(data) != self._codec:
                return None
            self._inner = self._make()
        elif self._inner.needs_input:
            data = self._pull()
            if not data:
                self._cut()
                return None
        return self._inner.decompress(data, size)

    def _pull(self) -> bytes:
        data = self._raw.read(_READ)
        self._consumed += len(data)
        return data

    def _cut(self) -> None:
        self._guard.fault(
            "truncated_archive",
            f"The {self._codec} data ends early, after {self._produced} decompressed bytes; what "
            "came before was read. Copy the file again if you can.",
        )

    def close(self) -> None:
        """Close the stream below as well."""
        self._raw.close()
        super().close()


class Watched(io.RawIOBase):
    """A stream that somebody else decompresses (a zip member), under the same guard."""

    def __init__(self, raw: BinaryIO, compressed: int, guard: Guard) -> None:
        self._raw = raw
        self._compressed = compressed
        self._guard = guard
        self._produced = 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with one read of the stream below; 0 at the end."""
        if self._guard.stopped:
            return 0
        try:
            out = self._raw.read(min(len(buffer), _BUFFER))
        except Exception as error:  # zipfile raises six kinds for damaged members
            self._guard.fault(
                "corrupt_archive",
                f"The archive member is damaged after {self._produced} bytes "
                f"({error or type(error).__name__}); what came before was read.",
            )
            return 0
        self._produced += len(out)
        if not self._guard.passes(self._produced, self._compressed):
            return 0
        memoryview(buffer)[: len(out)] = out
        return len(out)

    def close(self) -> None:
        """Close the stream below as well."""
        self._raw.close()
        super().close()


class Chained(io.RawIOBase):
    """Bytes that were read already, then the rest of the stream they came from."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, first from the bytes in hand."""
        out = self._first[: len(buffer)] or self._rest.read(len(buffer))
        self._first = self._first[len(out) :]
        memoryview(buffer)[: len(out)] = out
        return len(out)


class _Utf16(io.RawIOBase):
    """UTF-16 (as PowerShell writes it) turned into UTF-8 piece by piece."""

    def __init__(self, raw: BinaryIO, encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with UTF-8; 0 at the end."""
        while not self._ready:
            data = self._raw.read(_READ)
            self._ready = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
            if not data:
                break
        out, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        memoryview(buffer)[: len(out)] = out
        return len(out)

    def close(self) -> None:
        """Close the stream below as well."""
        self._raw.close()
        super().close()


def encoding_of(head: bytes) -> tuple[str, int]:
    """Return the encoding (``utf-8 utf-16-le utf-16-be``) and the length of the byte-order mark."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    if len(head) >= 4 and head[1] == head[3] == 0 and head[0] and head[2]:
        return "utf-16-le", 0
    if len(head) >= 4 and head[0] == head[2] == 0 and head[1] and head[3]:
        return "utf-16-be", 0
    return "utf-8", 0


def text(raw: io.RawIOBase | BinaryIO) -> BinaryIO:
    """Return a buffered stream of UTF-8 without byte-order mark over ``raw``."""
    stream = io.BufferedReader(cast("io.RawIOBase", raw), _BUFFER)
    encoding, mark = encoding_of(stream.peek(4)[:4])
    stream.read(mark)
    if encoding == "utf-8":
        return stream
    return io.BufferedReader(_Utf16(stream, encoding), _BUFFER)
