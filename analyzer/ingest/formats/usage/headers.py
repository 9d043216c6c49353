"""Where the header of a CSV export stands, and what it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from analyzer.ingest.table import header_of

DELIMITERS = (",", ";", "\t", "|")
_LINES = 40
"""A header stands within so many lines."""
_LONGEST = 32_768


@dataclass(frozen=True, slots=True)
class Header:
    """A line that may be a header: how many lines stand before it, and its names."""

    line: int
    delimiter: str
    names: tuple[str, ...]
    """Lower case, stripped."""
    preamble: Mapping[str, str] = field(default_factory=dict)
    """``key,value`` lines before it, keys in lower case."""


@lru_cache(maxsize=4)
def candidates(head: bytes) -> tuple[Header, ...]:
    """Return each of the first lines, split by each delimiter that it holds."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return ()
    found: list[Header] = []
    before: dict[str, str] = {}
    for index, line in enumerate(head.split(b"\n", _LINES)[:_LINES]):
        if len(line) > _LONGEST:
            continue
        for delimiter in DELIMITERS:
            if delimiter.encode() not in line:
                continue
            names = tuple(header_of(line, delimiter))
            found.append(Header(index, delimiter, names, dict(before)))
            if len([name for name in names if name]) == 2:
                before.setdefault(names[0], _second(line, delimiter))
    return tuple(found)


def _second(line: bytes, delimiter: str) -> str:
    return line.decode("utf-8", "replace").partition(delimiter)[2].strip('\r\n "')


def find(head: bytes, required: Iterable[frozenset[str]]) -> Header | None:
    """Return the first line that has all names of one of the sets, in whatever order."""
    sets = tuple(required)
    for header in candidates(head):
        if any(wanted.issubset(header.names) for wanted in sets):
            return header
    return None


def first(head: bytes) -> Header | None:
    """Return the first line that has at least two names, by the delimiter that it holds most of."""
    there = [header for header in candidates(head) if sum(map(bool, header.names)) > 1]
    if not there:
        return None
    line = min(header.line for header in there)
    return max((h for h in there if h.line == line), key=lambda header: len(header.names))
