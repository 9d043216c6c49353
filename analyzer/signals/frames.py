"""Frames of ``application/vnd.amazon.eventstream``: binary messages with headers of their own.

A frame is its length, the length of its headers, a checksum of both, the headers, the payload and a
checksum of all before. Checksums are looked at to tell such a body from another one; a frame whose
own checksum is wrong is read all the same, since recorders damage less than they cut.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

_PRELUDE = struct.Struct(">III")
_OVERHEAD = 16
"""Bytes of a frame that are neither headers nor payload."""
_LARGEST = 25 << 20
"""No service sends larger frames; a longer length is no length."""
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Kinds of header values with a fixed size: booleans, integers, time, UUID."""
_BYTES, _STRING = 6, 7


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; ``headers`` are the textual ones (``:event-type``, ``:message-type`` ...)."""

    headers: dict[str, str]
    payload: bytes


@dataclass(slots=True)
class Frames:
    """What a body holds."""

    frames: list[Frame] = field(default_factory=list)
    whole: bool = True
    """The body ends where a frame ends."""
    damaged: int = 0
    """Frames whose checksum does not match."""


def is_eventstream(data: bytes) -> bool:
    """Whether ``data`` begins with a frame, by the checksum of its two lengths."""
    if len(data) < _OVERHEAD:
        return False
    total, headers, checksum = _PRELUDE.unpack_from(data)
    return _plausible(total, headers) and zlib.crc32(data[:8]) == checksum


def decode(data: bytes) -> Frames:
    """Return the frames of a body as far as it holds whole ones; never raises."""
    found = Frames()
    at, view = 0, memoryview(data)
    while at < len(data):
        if len(data) - at < _OVERHEAD:
            found.whole = False
            break
        total, headers, _ = _PRELUDE.unpack_from(data, at)
        if not _plausible(total, headers) or at + total > len(data):
            found.whole = False
            break
        body = at + 12 + headers
        end = at + total - 4
        found.damaged += zlib.crc32(view[at:end]) != int.from_bytes(view[end : end + 4], "big")
        found.frames.append(Frame(_headers(data[at + 12 : body]), data[body:end]))
        at += total
    return found


def _plausible(total: int, headers: int) -> bool:
    return _OVERHEAD <= total <= _LARGEST and headers <= total - _OVERHEAD


def _headers(data: bytes) -> dict[str, str]:
    """Read ``name length, name, kind, value`` one after the other; what is odd ends it."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        if name_end >= len(data):
            break
        name, kind, at = data[at + 1 : name_end], data[name_end], name_end + 1
        if kind in (_BYTES, _STRING):
            size = int.from_bytes(data[at : at + 2], "big")
            if kind == _STRING:
                value = data[at + 2 : at + 2 + size].decode("utf-8", "replace")
                found[name.decode("utf-8", "replace")] = value
            at += 2 + size
        elif kind in _SIZES:
            at += _SIZES[kind]
        else:
            break
    return found
