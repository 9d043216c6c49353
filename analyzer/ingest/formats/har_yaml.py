"""HTTP Archives written as YAML, as Polly.JS's YAML persister does.

The YAML is turned into the JSON of the same archive while it is read, entry by entry, and the HAR
reader does the rest, so that both spellings are read by the same rules. Only the scanner and parser
of PyYAML are used (in C, where it is built with libyaml): values are JSON's, so that ``no`` stays a
word and a time stamp a text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import msgspec

from analyzer.errors import Problem
from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.formats.har import Har

_LOG = re.compile(rb"(?:[ \t]*+#[^\n]*+\n|---[^\n]*+\n|[ \t\r]*+\n)*+log:[ \t]*+(?:#[^\n]*+)?\r?\n")
_KEYS = (b"entries:", b"creator:", b"request:", b"_recordingName:")
_SUFFIXES = (".har.yaml", ".har.yml")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_REPEATS = 100_000
"""Nodes that aliases may stand for in all; more is the bomb of a thousand laughs."""


class HarYaml(Format):
    """HTTP Archive as YAML, up to ``Limits.entry_bytes`` of it: YAML is slow to read."""

    name = "har-yaml"
    title = "HTTP Archive in YAML (Polly.JS)"
    kind = "attempts"
    hop = "client"
    source_kind = "har"

    def sniff(self, head: bytes, name: str) -> float:
        """By a mapping ``log`` at the top and the keys of an archive below it."""
        if not _LOG.match(head):
            return 0.0
        keys = sum(key in head for key in _KEYS)
        if name.lower().endswith(_SUFFIXES):
            return 0.95 if keys else 0.6
        return 0.9 if keys > 1 else 0.0

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield the batches of the archive; see :class:`Format`."""
        with source.open() as stream:
            made = _Transcript(source.name, stream, wants)
            as_json = replace(source, open=lambda: io.BufferedReader(made, 1 << 20), path=None)
            yield from Har().read(as_json, wants)
        yield Batch(problems=tuple(made.problems))


class _BadError(Exception):
    """YAML that is valid and still cannot be an archive."""


class _Limited(io.RawIOBase):
    """What the parser reads from, up to a number of bytes."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit
        self.last = b"\n"

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raise when there are more than the limit."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _BadError("it is larger than YAML is read here")
        self.last = data[-1:] or self.last
        return data


@dataclass(slots=True)
class _Node:
    """A value and how many nodes it stands for."""

    value: Any
    size: int


class _Transcript(io.RawIOBase):
    """The archive as JSON, made while it is read."""

    def __init__(self, name: str, stream: BinaryIO, wants: Wants) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._limit = wants.limits.entry_bytes
        self._depth = wants.limits.depth
        self._input = _Limited(stream, self._limit)
        self._ready = b""
        self._entries = 0
        self._inside = False
        self._repeats = _REPEATS
        self._anchors: dict[str, _Node] = {}
        self._pieces = self._guarded()

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with JSON; 0 at the end."""
        while not self._ready:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._ready = piece
        out, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        memoryview(buffer)[: len(out)] = out
        return len(out)

    def _guarded(self) -> Iterator[bytes]:
        """Yield the whole document, closed properly whatever ends it early."""
        import yaml

        yield b'{"log":{"version":"1.2"'
        try:
            yield from self._document(_events(self._input))
        except yaml.YAMLError as error:
            self._broken("bad_yaml", _said(error))
        except _BadError as error:
            self._broken("bad_yaml", str(error))
        else:
            if self._input.last != b"\n":
                message = "Its last line has no line break: the file may be cut off."
                self.problems.append(Problem(self._name, "truncated", message, lost=False))
        yield b"\n]}}" if self._inside else b"}}"

    def _broken(self, kind: str, reason: str) -> None:
        message = (
            f"The YAML cannot be read any further: {reason}. The {self._entries} entries before "
            "were read."
        )
        record = self._entries + 1 if self._inside else None
        self.problems.append(Problem(self._name, kind, message, record))

    def _document(self, events: Iterator[Any]) -> Iterator[bytes]:
        """Walk to ``log`` and write its keys; everything beside it is stepped over."""
        if not _opens(next(events, None), "MappingStart"):
            return
        for key, event in self._pairs(events):
            if key == "log" and _opens(event, "MappingStart"):
                yield from self._log(events)
                return
            self._node(event, events, 1)

    def _log(self, events: Iterator[Any]) -> Iterator[bytes]:
        for key, event in self._pairs(events):
            if key == "entries" and _opens(event, "SequenceStart"):
                yield b',"entries":['
                self._inside = True
                yield from self._list(events)
                # What follows can be pages and a creator, and the archive is read without them.
                return
            if key == "version":
                self._node(event, events, 2)
                continue
            yield b"," + _json(key) + b":" + _json(self._node(event, events, 2).value)

    def _list(self, events: Iterator[Any]) -> Iterator[bytes]:
        between = b"\n"
        for event in events:
            if _opens(event, "SequenceEnd"):
                return
            yield between + _json(self._node(event, events, 3).value)
            self._entries += 1
            between = b",\n"

    def _pairs(self, events: Iterator[Any]) -> Iterator[tuple[str, Any]]:
        for event in events:
            if _opens(event, "MappingEnd"):
                return
            key = self._node(event, events, 1).value
            value = next(events, None)
            if value is None:
                return
            yield key if isinstance(key, str) else str(key), value

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> _Node:
        if depth > self._depth:
            raise _BadError(f"it is nested more than {self._depth} deep")
        kind = type(event).__name__
        if kind == "ScalarEvent":
            plain = event.style is None and event.implicit[0]
            node = _Node(_scalar(event.value) if plain else event.value, 1)
        elif kind == "SequenceStartEvent":
            node = self._sequence(events, depth)
        elif kind == "MappingStartEvent":
            node = self._mapping(events, depth)
        elif kind == "AliasEvent":
            return self._alias(event.anchor)
        else:
            raise _BadError("it ends inside a value")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, events: Iterator[Any], depth: int) -> _Node:
        made = _Node([], 1)
        for event in events:
            if _opens(event, "SequenceEnd"):
                break
            inner = self._node(event, events, depth + 1)
            made.value.append(inner.value)
            made.size += inner.size
        return made

    def _mapping(self, events: Iterator[Any], depth: int) -> _Node:
        made = _Node({}, 1)
        for event in events:
            if _opens(event, "MappingEnd"):
                break
            key = self._node(event, events, depth + 1).value
            inner = self._node(next(events, None), events, depth + 1)
            made.value[key if isinstance(key, str) else str(key)] = inner.value
            made.size += 1 + inner.size
        return made

    def _alias(self, anchor: str) -> _Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise _BadError(f"the alias *{anchor[:40]} refers to nothing before it")
        self._repeats -= node.size
        if self._repeats < 0:
            raise _BadError("its aliases stand for more than a capture can hold")
        return node


def _events(stream: _Limited) -> Iterator[Any]:
    """Yield the parser's events from the first value on."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for event in yaml.parse(stream, Loader=loader):
        kind = type(event).__name__
        if kind == "DocumentEndEvent":
            return
        if kind not in ("StreamStartEvent", "DocumentStartEvent", "StreamEndEvent"):
            yield event


def _opens(event: Any, kind: str) -> bool:
    return type(event).__name__ == f"{kind}Event"


def _scalar(text: str) -> Any:
    """Return a plain scalar as JSON has it."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, TypeError, RecursionError):
        return b"null"  # a text that no UTF-8 can carry


def _said(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, " if mark is not None else ""
    said = getattr(error, "problem", None) or str(error).partition("\n")[0][:200]
    return f"{place}{said or 'it is no YAML'}"


FORMAT = HarYaml()
