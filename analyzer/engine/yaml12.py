"""Strict YAML 1.2 (core schema) with the place of every value.

PyYAML follows YAML 1.1, in which ``no`` is false, ``12:30`` is 750 and a later duplicate key wins
silently. Here only its scanner and parser are used (in C, through libyaml): the scalars are read by
the rules below, and whatever makes a file mean something else than it shows (duplicate keys,
anchors, aliases, tags, merge keys, directives) is refused with its place.

``yaml`` is imported when a text is read, because a run with a warm rule cache reads none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from analyzer.errors import ConfigError, Location

MAX_CHARS = 256 * 1024
"""A rule file is a page of text; what is larger is something else."""
MAX_DEPTH = 24

Path = tuple[str | int, ...]
Mark = tuple[int, int]

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))
_INT64 = 1 << 63


class YamlError(ConfigError):
    """A YAML text that cannot be read; says where and what was expected."""

    def __init__(self, location: Location, reason: str) -> None:
        """Keep the place and the reason apart, so that a lint can print them its own way."""
        super().__init__(f"{location}: {reason}")
        self.location = location
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Document:
    """A value and where each part of it stands."""

    path: str
    value: Any
    marks: dict[Path, Mark] = field(repr=False)
    """Path of keys and indexes -> 1-based line and column of the key or list item."""

    def locate(self, path: Path) -> Location:
        """Return the place of ``path``, or of the nearest enclosing part that exists."""
        for end in range(len(path), -1, -1):
            mark = self.marks.get(tuple(path[:end]))
            if mark:
                return Location(self.path, *mark)
        return Location(self.path)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """A Markdown file with YAML between two ``---`` lines at its top."""

    meta: Document
    body: str
    body_line: int
    """1-based line of the file on which ``body`` begins."""


def load(text: str, path: str, *, first_line: int = 1) -> Document:
    """Read one YAML document.

    ``first_line`` is the line of the file on which ``text`` begins, so that places are the file's.

    Raises:
        YamlError: the text is no YAML, or uses what is refused here.
    """
    if len(text) > MAX_CHARS:
        reason = f"{len(text)} characters; a knowledge file has at most {MAX_CHARS}"
        raise YamlError(Location(path), reason)
    return _Builder(path, first_line).build(text)


def front_matter(text: str, path: str) -> FrontMatter:
    """Split a Markdown file into its front matter and its prose.

    Raises:
        YamlError: there is no front matter, or it cannot be read.
    """
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        raise YamlError(
            Location(path, 1, 1), "the first line must be '---', which opens the front matter"
        )
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            meta = load("".join(lines[1:number]), path, first_line=2)
            return FrontMatter(meta, "".join(lines[number + 1 :]), number + 2)
    raise YamlError(
        Location(path, 1, 1), "the front matter is not closed: a second '---' line is missing"
    )


def scalar(text: str) -> bool | int | float | str | None:
    """Return the value of a plain scalar by the core schema of YAML 1.2.

    Raises:
        ValueError: an integer that does not fit 64 bits.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        number = int(text, base) if len(text) <= 32 else _INT64
        if not -_INT64 <= number < _INT64:
            raise ValueError(f"{text[:40]} does not fit 64 bits; quote it if it is text")
        return number
    if _FLOAT.fullmatch(text):
        return float(text)
    infinite = _INFINITE.fullmatch(text)
    if infinite:
        return float(f"{infinite[1]}inf")
    return float("nan") if text in _NAN else text


class _Builder:
    """Turns parser events into plain values and remembers the marks."""

    def __init__(self, path: str, first_line: int) -> None:
        self.path = path
        self.offset = first_line
        self.marks: dict[Path, Mark] = {}
        self.stack: list[_Open] = []
        self.result: Any = None

    def build(self, text: str) -> Document:
        import yaml

        documents = 0
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self.fail(event, "a second document; one file holds one document")
                    if event.version or event.tags:
                        self.fail(event, "directives (%YAML, %TAG) are not allowed")
                else:
                    self.take(yaml, event)
        except yaml.YAMLError as error:
            raise self.translated(error) from None
        return Document(self.path, self.result, self.marks)

    def take(self, yaml: Any, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.fail(event, "an alias (*name) is not allowed; write the value again")
        if isinstance(event, yaml.NodeEvent):
            if event.anchor:
                self.fail(event, "an anchor (&name) is not allowed")
            if event.tag:
                self.fail(event, f"a tag ({event.tag}) is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            self.put(event, self.text_or_value(event))
        elif isinstance(event, yaml.MappingStartEvent):
            self.open(event, {})
        elif isinstance(event, yaml.SequenceStartEvent):
            self.open(event, [])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self.stack.pop()

    def text_or_value(self, event: Any) -> Any:
        is_key = self.stack and self.stack[-1].wants_key
        if is_key or not event.implicit[0] or event.style:
            return event.value
        try:
            return scalar(event.value)
        except ValueError as error:
            self.fail(event, str(error))

    def open(self, event: Any, value: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self.fail(event, f"nested deeper than {MAX_DEPTH} levels")
        if self.stack and self.stack[-1].wants_key:
            self.fail(event, "a key must be a word, not a list or mapping")
        path = self.put(event, value)
        self.stack.append(_Open(value, path))

    def put(self, event: Any, value: Any) -> Path:
        """Put a finished or opened value where it belongs and return its path."""
        mark = (event.start_mark.line + self.offset, event.start_mark.column + 1)
        if not self.stack:
            self.result = value
            self.marks[()] = mark
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            path = (*top.path, len(top.value))
            top.value.append(value)
            self.marks[path] = mark
            return path
        if top.key is None:
            self.take_key(event, top, value, mark)
            return top.path
        path = (*top.path, top.key)
        top.value[top.key] = value
        top.key = None
        return path

    def take_key(self, event: Any, top: _Open, key: str, mark: Mark) -> None:
        if key == "<<" and not event.style:
            self.fail(event, "a merge key (<<) is not allowed")
        if key in top.value:
            first = self.marks[(*top.path, key)][0]
            self.fail(event, f"duplicate key '{key}', first used on line {first}")
        top.key = key
        top.value[key] = None
        self.marks[(*top.path, key)] = mark

    def fail(self, event: Any, reason: str) -> None:
        mark = event.start_mark
        raise YamlError(Location(self.path, mark.line + self.offset, mark.column + 1), reason)

    def translated(self, error: Any) -> YamlError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        place = (mark.line + self.offset, mark.column + 1) if mark else (None, None)
        hint = ""
        if "mapping values are not allowed" in reason:
            hint = "; a text with ': ' in it must be quoted"
        return YamlError(Location(self.path, *place), f"no YAML: {reason}{hint}")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    value: Any
    path: Path
    key: str | None = None

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None
