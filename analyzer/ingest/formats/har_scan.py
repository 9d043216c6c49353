"""Finding JSON values in bytes without parsing them: strings and brackets, nothing else.

One pass over the bytes: the patterns are possessive, so that no input makes them backtrack.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+"|[{}\[\]"]')
_KEYED = re.compile(rb'("[^"\\]*+(?:\\[\s\S][^"\\]*+)*+")(\s*+:)?|[{}\[\]"]')
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\[\s\S][^"\\]*+)*+')
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPEN, _CLOSE = b"{[", b"}]"


def value_end(data: bytes, start: int) -> int:
    """Return the index behind the object or array that begins at ``start``; -1 if it is not closed.

    Brackets are counted and not matched by kind: that is left to the parser.
    """
    depth = 0
    for match in _TOKEN.finditer(data, start):
        at = match.start()
        char = data[at]
        if char == _QUOTE:
            if match.end() - at == 1:
                return -1
        elif char in _OPEN:
            depth += 1
        else:
            depth -= 1
            if depth <= 0:
                return match.end()
    return -1


class Skipper:
    """Finds the end of a value that is too large to be held, piece by piece."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, data: bytes) -> int:
        """Return the index behind the value's end in this piece; -1 if it goes on."""
        at = 0
        if self._in_string:
            at = self._string(data, 0)
        while at < len(data):
            match = _TOKEN.search(data, at)
            if match is None:
                return -1
            char = data[match.start()]
            at = match.end()
            if char == _QUOTE:
                if match.end() - match.start() == 1:
                    self._in_string = True
                    at = self._string(data, at)
            else:
                self._depth += 1 if char in _OPEN else -1
                if self._depth <= 0:
                    return at
        return -1

    def _string(self, data: bytes, at: int) -> int:
        if self._escaped and at < len(data):
            at += 1
            self._escaped = False
        match = _STRING_REST.match(data, at)
        assert match is not None
        at = match.end()
        if at < len(data) and data[at] == _QUOTE:
            self._in_string = False
            return at + 1
        self._escaped = at < len(data) and data[at] == _BACKSLASH
        return len(data)


class Place:
    """Where the entries of a HAR begin: see :func:`locate`."""

    __slots__ = ("kind", "start")

    def __init__(self, kind: str, start: int) -> None:
        self.kind = kind
        self.start = start


def locate(data: bytes, complete: bool) -> Place | None:
    """Return where the entries begin; ``None`` if more bytes are needed to tell.

    Kinds: ``entries`` (``start`` is behind the ``[`` of ``log.entries``, of a bare ``entries`` or
    of a bare array), ``single`` (the root is itself one entry and begins at ``start``), ``none``
    (no entries anywhere) and ``cut`` (the bytes are ``complete`` and end before the root does).
    """
    root = -1
    keys: list[bytes] = [b""]
    request = False
    for match in _KEYED.finditer(data):
        at = match.start()
        char = data[at]
        if char == _QUOTE:
            if match.end() - at == 1:
                break
            keys[-1] = match[1] if match[2] else b""
            request = request or (len(keys) == 2 and keys[-1] == b'"request"')
        elif char in _OPEN:
            if char == _OPEN[1] and _is_entries(keys):
                return Place("entries", match.end())
            root = at if root < 0 else root
            keys.append(b"")
        elif len(keys) > 1:
            keys.pop()
            if len(keys) == 1:
                return Place("single" if request else "none", root if request else match.end())
    if not complete:
        return None
    return Place("cut" if root >= 0 else "none", len(data))


def _is_entries(keys: list[bytes]) -> bool:
    if len(keys) == 1:
        return True
    if len(keys) == 2:
        return keys[1] == b'"entries"'
    return len(keys) == 3 and keys[1] == b'"log"' and keys[2] == b'"entries"'
