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
_FLOOR = 1 << 20
_RATIO = 200
"""A body that grows more than this, and past a mebibyte, is a bomb: no API answers like that."""


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
    data: bytes, headers: dict[str, str], limit: int, *, raw: bool = False
) -> bytes | None:
    """Return ``data`` without the compression that it still has.

    Bytes that are not compressed come back as they are, whatever the header says; a body that
    breaks off gives what could be read. ``raw`` says that the recorder is known to keep what the
    network gave. ``None``: it is compressed in a way that is not known here (brotli), or grows
    beyond ``limit`` bytes or beyond reason.
    """
    named = headers.get("content-encoding", "").strip().lower()
    codec = codec_of(data)
    if codec is None or codec == "zip" or (codec == "zlib" and named != "deflate"):
        return _without_magic(data, named, limit, raw)
    return _inflate(data, codec, limit)


def _without_magic(data: bytes, named: str, limit: int, raw: bool) -> bytes | None:
    # A body that was unpacked already, such as a picture, keeps its header too.
    if not raw or _is_text(data):
        return data
    if named == "deflate":
        try:
            return zlib.decompressobj(-15).decompress(data, _most(data, limit))
        except zlib.error:
            return data
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


def _most(data: bytes, limit: int) -> int:
    return min(limit, max(_FLOOR, _RATIO * len(data)))


def _inflate(data: bytes, codec: str, limit: int) -> bytes | None:
    faults: list[Problem] = []
    most = _most(data, limit)
    guard = Guard("", Limits(decompressed_bytes=most), faults)
    with io.BufferedReader(Inflating(io.BytesIO(data), codec, guard)) as stream:
        made = stream.read(most + 1)
    if any(fault.kind in ("too_large", "bomb") for fault in faults):
        return None
    return made if made or not faults else None
