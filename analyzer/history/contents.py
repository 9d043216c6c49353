"""What a file holds, by digest: the same bytes are the same file, whatever its name.

The digest is of what is read: decompressed, as UTF-8. So ``access.log.1`` and the
``access.log.2.gz`` that it becomes are one file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from analyzer.ingest.base import Source

FIRST_MARK = 1024
"""Beginnings shorter than this say nothing: files of one program begin alike."""
_MARKS_TO_A_DOUBLING = 4
_READ = 1 << 20
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Content:
    """One file's content."""

    name: str
    sha256: str
    size: int
    """Bytes."""
    export: bool = False
    """A usage export: it has no attempts of its own, so that several sets may share it."""
    prefixes: frozenset[str] = frozenset()
    """SHA-256 of its beginnings, as long as the files are that are there already."""
    marks: dict[int, str] = field(default_factory=dict)
    """12 digits of the SHA-256 of its beginnings at :func:`marks_within` bytes."""

    def beginnings(self) -> str:
        """Return the marks as text: ``1024:0123456789ab 1280:...``."""
        return " ".join(f"{length}:{digest}" for length, digest in sorted(self.marks.items()))


def marks_of(text: str | None) -> dict[int, str]:
    """Return what :meth:`Content.beginnings` wrote."""
    pairs = (word.partition(":") for word in (text or "").split())
    return {int(length): digest for length, _, digest in pairs if length.isdigit()}


def marks_within(size: int) -> Iterator[int]:
    """Yield 1024, 1280, 1536, 1792, 2048, 2560 ...: four to a doubling, up to ``size`` bytes."""
    base = FIRST_MARK
    while base <= size:
        for quarter in range(_MARKS_TO_A_DOUBLING):
            mark = base + base * quarter // _MARKS_TO_A_DOUBLING
            if mark <= size:
                yield mark
        base *= 2


def content(source: Source, lengths: Iterable[int] = (), *, export: bool = False) -> Content:
    """Read a source once and return its content; ``lengths`` are those of files that are known."""
    digest = sha256()
    stored = frozenset(lengths)
    prefixes: set[str] = set()
    marks: dict[int, str] = {}
    size = 0
    stops = _Stops(stored)
    with source.open() as stream:
        while block := stream.read(_READ):
            rest = memoryview(block)
            while (stop := stops.next_) is not None and stop <= size + len(rest):
                digest.update(rest[: stop - size])
                rest, size = rest[stop - size :], stop
                if stop in stored:
                    prefixes.add(digest.hexdigest())
                if stop in stops.marks:
                    marks[stop] = digest.hexdigest()[:_DIGITS]
                stops.advance()
            digest.update(rest)
            size += len(rest)
    return Content(source.name, digest.hexdigest(), size, export, frozenset(prefixes), marks)


class _Stops:
    """Where the digest is noted on the way: at known lengths and at marks, ascending."""

    def __init__(self, lengths: frozenset[int]) -> None:
        self.marks = set(marks_within(1 << 42))
        self._all = sorted(self.marks | {length for length in lengths if length > 0})
        self._at = 0

    @property
    def next_(self) -> int | None:
        return self._all[self._at] if self._at < len(self._all) else None

    def advance(self) -> None:
        self._at += 1


def set_id(contents: Sequence[Content]) -> str:
    """Return the digest of files that are given together: of one file, its own."""
    digests = sorted(content.sha256 for content in contents)
    return digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode()).hexdigest()


def kept(source: Source, folder: Path) -> Source:
    """Return a source that can be read more than once: a pipe is written to ``folder`` first."""
    if source.size is not None:
        return source
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy, source.open() as stream:
        while block := stream.read(_READ):
            copy.write(block)
        path = Path(copy.name)
    return replace(source, open=lambda: path.open("rb"), path=path, size=path.stat().st_size)
