"""An independent, slow and tolerant reader of HAR files: it only tells which entries there are.

It shares nothing with whichhop, so that the two can be compared.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import yaml


def entries(path: Path) -> list[Any] | None:
    """Return the elements of ``log.entries`` that are whole; ``None`` if there is no such list."""
    data = _unpacked(path.read_bytes())
    text = _text(data).strip("\ufeff \t\r\n\0")
    if path.suffix in (".yaml", ".yml"):
        return _listed(yaml.load(text, yaml.CSafeLoader))
    wrapped = re.match(r"[A-Za-z_$][\w$.]*\s*\(", text)
    if wrapped:
        text = text[wrapped.end() :].rstrip("; \r\n")[:-1]
    try:
        return _listed(json.loads(text, strict=False))
    except ValueError:
        return _one_by_one(text)


def _unpacked(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(next(n for n in archive.namelist() if n.endswith(".har")))
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")


def _listed(value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return None
    log = value.get("log")
    found = log.get("entries") if isinstance(log, dict) else value.get("entries")
    if isinstance(found, list):
        return found
    return [value] if "request" in value else None


def _one_by_one(text: str) -> list[Any] | None:
    start = re.search(r'"entries"\s*:\s*\[', text)
    if start is None:
        return None
    decoder = json.JSONDecoder(strict=False)
    found, at = [], start.end()
    while True:
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return found
        found.append(value)
