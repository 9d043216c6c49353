"""Builds bodies of ``application/vnd.amazon.eventstream``."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame; an underscore in a header's name stands for ``:`` at its start, else for ``-``."""
    head = b""
    for name, value in headers.items():
        spelt = ":" + name[1:].replace("_", "-") if name[0] == "_" else name.replace("_", "-")
        text = value.encode()
        head += bytes([len(spelt)]) + spelt.encode() + b"\x07" + struct.pack(">H", len(text)) + text
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    made = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return made + struct.pack(">I", zlib.crc32(made))


def event(kind: str, value: Any) -> bytes:
    """An event of ``converse-stream``."""
    return frame(json.dumps(value).encode(), _event_type=kind, _message_type="event")


def chunk(value: Any) -> bytes:
    """An event of ``invoke-with-response-stream``: another protocol's event in base64."""
    inner = base64.b64encode(json.dumps(value).encode()).decode()
    return event("chunk", {"bytes": inner, "p": "abcdefgh"})


def exception(kind: str, value: Any) -> bytes:
    """An exception inside the stream."""
    return frame(json.dumps(value).encode(), _exception_type=kind, _message_type="exception")
