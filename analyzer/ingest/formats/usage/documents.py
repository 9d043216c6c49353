"""JSON exports: documents, pages of an API, or one object a line; numbers keep their text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, strict=False)
_KEY = re.compile(rb'"([A-Za-z_][\w.@/ -]{0,63})"\s*:')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_LISTS = ("data", "results", "result", "logs", "items", "records", "rows", "entries", "value")
_WRAPPERS = frozenset(_LISTS)
_BUCKETS = (frozenset({"start_time", "results"}), frozenset({"starting_at", "results"}))
_DEEPEST = 8
_WAYS = 10_000
"""Keys that are remembered; an object whose keys are ids must not fill the memory."""


def is_json(head: bytes) -> bool:
    """Whether a file begins as JSON."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


@lru_cache(maxsize=4)
def keys(head: bytes) -> frozenset[str]:
    """Return every key in the beginning of a JSON file, at any depth, in lower case."""
    if not is_json(head):
        return frozenset()
    return frozenset(name.decode("ascii", "replace").lower() for name in _KEY.findall(head))


def by_line(head: bytes) -> bool:
    """Whether a file is one document a line rather than one document."""
    lines = [line for line in head.split(b"\n", 3)[:3] if line.strip()]
    if len(lines) < 2 and b"\n" not in head:
        return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and _page(head) is None
    return any(isinstance(load(line.decode("utf-8", "replace")), dict) for line in lines[:2])


def _page(head: bytes) -> re.Match[bytes] | None:
    return re.match(rb'\s*\{\s*"(?:object|success|data|results?|items|has_more)"\s*:', head[:400])


def load(text: str) -> Any:
    """Return the value of a text with numbers as their text; ``None`` if it is no JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def load_all(text: str) -> tuple[list[Any], str | None]:
    """Return the documents that stand behind each other, and what is wrong with the rest.

    A document that breaks off is closed behind its last whole object.
    """
    found: list[Any] = []
    at, text = 0, text.lstrip("\ufeff \t\r\n")
    while at < len(text):
        try:
            document, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            rest = load(_closed(text[at:]))
            found += [rest] if rest is not None else []
            return found, str(error).partition(":")[0]
        found.append(document)
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
    return found, None


def _closed(text: str) -> str:
    """Return a broken document up to its last whole object in a list, with all brackets closed."""
    stack: list[str] = []
    cut, rest = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            stack.append("]" if mark == "[" else "}")
        elif mark in "]}":
            if not stack or stack.pop() != mark:
                break
            if mark == "}" and stack[-1:] == ["]"]:
                cut, rest = token.end(), "".join(reversed(stack))
    return text[:cut] + rest


def unwrapped(
    document: Any, needed: Collection[frozenset[str]] = (), depth: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the records of a document: of the array that it is, or that a page wraps.

    What has all names of one of the ``needed`` sets is a record and no page.
    """
    if isinstance(document, list):
        for item in document if depth <= _DEEPEST else ():
            yield from unwrapped(item, needed, depth + 1)
        return
    if not isinstance(document, dict):
        return
    if depth <= _DEEPEST and not _WRAPPERS.isdisjoint(document):
        wrapped = [item for name in _LISTS if isinstance(item := document.get(name), list | dict)]
        there = {key.lower() for key in document}
        if wrapped and not any(names <= there for names in needed):
            yield from unwrapped(wrapped[0], needed, depth + 1)
            return
    yield document


def buckets(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the results of an API's pages of time buckets, each with its bucket's own keys.

    A bucket without results is one record: it says that nothing was used.
    """
    for bucket in unwrapped(document, _BUCKETS):
        results = bucket.get("results")
        own = {key: value for key, value in bucket.items() if key != "results"}
        if isinstance(results, list) and results:
            for result in results:
                if isinstance(result, dict):
                    yield {**own, **result}
        else:
            yield own


class Flat:
    """Turns records into texts by name: inner keys as ``outer.inner``, all in lower case.

    Names that are neither ``wanted`` nor on the way to one gather in ``unknown``.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self.unknown: set[str] = set()
        self._wanted = wanted
        self._ways: dict[tuple[str, str], tuple[str, bool]] = {}

    def texts(self, record: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
        """Return the wanted names that the record has."""
        made: dict[str, str] = {}
        ways = self._ways
        for key, value in record.items():
            way = ways.get((prefix, key))
            name, taken = way or self._way(prefix, key)
            if taken:
                if value is not None:
                    made[name] = value if type(value) is str and value.isascii() else _text(value)
            elif name and isinstance(value, dict):
                made |= self.texts(value, name + ".")
            elif value is not None:
                self.unknown.add(prefix + key.lower())
        return made

    def _way(self, prefix: str, key: str) -> tuple[str, bool]:
        """Return a key's name and whether it is wanted; no name: nothing below it is."""
        name = prefix + key.lower()
        taken = name in self._wanted
        leads = taken or any(other.startswith(name + ".") for other in self._wanted)
        way = (name if leads else "", taken)
        if len(self._ways) < _WAYS:
            self._ways[prefix, key] = way
        return way


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)
