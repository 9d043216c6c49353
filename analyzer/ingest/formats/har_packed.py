"""Bodies that are packed more often than HAR knows of: chunks, hexadecimal digits, compression.

HAR wants ``content.text`` decoded and decompressed. Polly.JS keeps what the network gave: a JSON
array of chunks (base64; hexadecimal before its version 5), still compressed with what the
``content-encoding`` header says, or the hexadecimal digits of a binary body. Others write the
compressed bytes in base64.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib

import msgspec

from analyzer.errors import Problem
from analyzer.ingest.base import Limits
from analyzer.ingest.streams import Guard, Inflating, codec_of

_CHUNKS = msgspec.json.Decoder(list[str])
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_FLOOR = 64 << 10
_RATIO = 100
"""A body that grows more than this, and past the floor, is a bomb: no API answers like that."""
_ALL_FLOOR = 16 << 20
_ALL_RATIO = 20
"""All bodies of a capture together: a stream of small events shrinks to a fifteenth or so."""


class Budget:
    """How much the packed bodies of one capture may grow; many small bombs are one large one."""

    def __init__(self, limit: int = 64 << 20) -> None:
        self._limit = limit
        self._left = _ALL_FLOOR

    def most(self, size: int) -> int:
        """Return how many bytes ``size`` packed ones may become."""
        self._left += _ALL_RATIO * size
        return max(min(self._limit, max(_FLOOR, _RATIO * size), self._left), 0)

    def spend(self, size: int) -> None:
        """Take what was unpacked off what is left."""
        self._left -= size


def is_packed(text: str, headers: dict[str, str]) -> bool:
    """Whether ``text`` looks like Polly's array of chunks."""
    return text.startswith('["') and text.endswith('"]') and "content-encoding" in headers


def chunks(text: str) -> bytes | None:
    """Return the bytes that an array of base64 or hexadecimal chunks stands for."""
    try:
        parts = _CHUNKS.decode(text)
    except (ValueError, RecursionError):
        return None
    if all(_HEX.fullmatch(part) for part in parts):
        return b"".join(map(bytes.fromhex, parts))
    try:
        return b"".join(base64.b64decode(part, validate=True) for part in parts)
    except (binascii.Error, ValueError):
        return None


def digits(text: str) -> bytes | None:
    """Return the bytes that hexadecimal digits stand for."""
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def inflated(
    data: bytes, headers: dict[str, str], budget: Budget, *, raw: bool = False
) -> bytes | None:
    """Return ``data`` without the compression that it still has.

    Bytes that are not compressed come back as they are, whatever the header says; a body that
    breaks off gives what could be read. ``raw`` says that the recorder is known to keep what the
    network gave. ``None``: it is compressed in a way that is not known here (brotli), or grows
    beyond the ``budget``.
    """
    named = headers.get("content-encoding", "").strip().lower()
    codec = codec_of(data)
    if codec is None or codec == "zip" or (codec == "zlib" and named != "deflate"):
        return _without_magic(data, named, budget, raw)
    return _inflate(data, codec, budget)


def _without_magic(data: bytes, named: str, budget: Budget, raw: bool) -> bytes | None:
    # A body that was unpacked already, such as a picture, keeps its header too.
    if not raw or _is_text(data):
        return data
    if named == "deflate":
        most = max(budget.most(len(data)), 1)
        try:
            made = zlib.decompressobj(-15).decompress(data, most)
        except zlib.error:
            return data
        budget.spend(len(made))
        return made if len(made) < most else None
    return None if named in ("br", "compress") else data


def _is_text(data: bytes) -> bool:
    head = data[:64].lstrip()
    if not head or head[:1] in b"{[<\"'(:/;#" or head.startswith((b"data:", b"event:")):
        return True
    try:
        data[:1024].decode("ascii")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in data[:1024]


def _inflate(data: bytes, codec: str, budget: Budget) -> bytes | None:
    faults: list[Problem] = []
    most = budget.most(len(data))
    guard = Guard("", Limits(decompressed_bytes=most), faults)
    with io.BufferedReader(Inflating(io.BytesIO(data), codec, guard)) as stream:
        made = stream.read(most + 1)
    budget.spend(len(made))
    if any(fault.kind in ("too_large", "bomb") for fault in faults):
        return None
    return made if made or not faults else None
