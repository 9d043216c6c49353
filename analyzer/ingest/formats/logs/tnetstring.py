"""Tagged netstrings, ``length:payload<type>``, as mitmproxy writes them: a bounded decoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

_DEPTH = 32
"""Flows nest six deep."""
_DIGITS = 12
_PIECE = 1 << 20
_FEW_DIGITS = 40
"""A longer number is no number of a flow, and Python is slow to read it."""


class BrokenError(Exception):
    """The bytes are no tagged netstring."""


class CutError(Exception):
    """The bytes end inside an item."""


class TooLargeError(Exception):
    """An item is longer than the limit; it was skipped."""


def items(stream: BinaryIO, longest: int) -> Iterator[Any]:
    """Yield the items of a stream; one that cannot be had is yielded as the exception.

    After a :class:`BrokenError` or a :class:`CutError` nothing follows, since the place of the
    next item is not known.
    """
    while True:
        try:
            length = _length(stream)
            if length is None:
                return
            if length > longest:
                _skip(stream, length + 1)
                yield TooLargeError(f"it is {length} bytes long")
                continue
            data = stream.read(length + 1)
            if len(data) <= length:
                raise CutError
            yield value_of(memoryview(data)[:length], data[length], 0)
        except BrokenError as error:
            if not str(error).startswith("inside"):
                yield error
                return
            yield error
        except CutError as error:
            yield error
            return


def _length(stream: BinaryIO) -> int | None:
    """Read the length before a colon; ``None`` at the end of the stream."""
    digits = b""
    while True:
        byte = stream.read(1)
        if not byte:
            if digits.strip():
                raise CutError
            return None
        if byte == b":":
            break
        if not byte.isdigit() or len(digits) >= _DIGITS:
            if not digits and byte.isspace():
                continue
            msg = "no length where an item should begin"
            raise BrokenError(msg)
        digits += byte
    if not digits:
        msg = "no length where an item should begin"
        raise BrokenError(msg)
    return int(digits)


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        piece = stream.read(min(count, _PIECE))
        if not piece:
            raise CutError
        count -= len(piece)


def value_of(data: memoryview, kind: int, depth: int) -> Any:
    """Return what the payload ``data`` of type ``kind`` stands for.

    Raises:
        BrokenError: it is none; the message begins with ``inside``.
    """
    tag = chr(kind)
    if tag == ",":
        return bytes(data)
    if tag == ";":
        return bytes(data).decode("utf-8", "replace")
    if tag in "]}":
        if depth >= _DEPTH:
            msg = f"inside: nested deeper than {_DEPTH}"
            raise BrokenError(msg)
        found = list(_members(data, depth + 1))
        return found if tag == "]" else _table(found)
    if tag == "~":
        return None
    return _scalar(bytes(data[:_FEW_DIGITS]), tag)


def _scalar(text: bytes, tag: str) -> int | float | bool:
    try:
        if tag == "#":
            return int(text)
        if tag == "^":
            return float(text)
    except ValueError:
        pass
    if tag == "!" and text in (b"true", b"false"):
        return text == b"true"
    msg = f"inside: {tag!r} is no type, or {text[:20]!r} is none of it"
    raise BrokenError(msg)


def _members(data: memoryview, depth: int) -> Iterator[Any]:
    at, end = 0, len(data)
    while at < end:
        head = bytes(data[at : at + _DIGITS + 1])
        digits, colon, _ = head.partition(b":")
        if not colon or not digits.isdigit():
            msg = "inside: a length is missing"
            raise BrokenError(msg)
        begin = at + len(digits) + 1
        stop = begin + int(digits)
        if stop >= end:
            msg = "inside: a member is longer than what holds it"
            raise BrokenError(msg)
        yield value_of(data[begin:stop], data[stop], depth)
        at = stop + 1


def _table(found: list[Any]) -> dict[str, Any]:
    """Return alternating keys and values as a dictionary; old dumps have keys of bytes."""
    names = [key.decode("utf-8", "replace") if isinstance(key, bytes) else key
             for key in found[::2]]  # fmt: skip
    return {name: value for name, value in zip(names, found[1::2], strict=False)
            if isinstance(name, str)}  # fmt: skip
