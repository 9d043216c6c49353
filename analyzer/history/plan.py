"""What to do with files, given what a store holds already: pure functions over digests.

The rule, for a *set* of files whose records are joined with each other:

- every file of the set is in one stored set: it is there already, nothing is done;
- the set has every file of a stored set, or longer versions of them: it takes its place;
- both have attempts in common and neither has all files of the other: refused, as either way
  something would be doubled or lost;
- else it is added. A usage export alone is nothing in common: it has no attempts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from analyzer.errors import UsageError
from analyzer.history.contents import Content, marks_of

Relation = Literal["same", "longer", "shorter", "other", "apart"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a stored set."""

    name: str
    sha256: str
    size: int
    export: bool
    beginnings: str
    empty: bool = False
    """Nothing of it is stored, so that it is nothing in common."""


@dataclass(frozen=True, slots=True)
class StoredSet:
    """The files of one ingest."""

    ingest_id: str
    ingested_at: datetime | None
    files: tuple[StoredFile, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """``add``, ``replace`` (the ingests named) or ``known`` (in the ingest named)."""

    action: Literal["add", "replace", "known"]
    ingests: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    """Files that are earlier states of what is stored (``known`` alone)."""


def relation(new: Content, old: StoredFile) -> Relation:
    """Return what a new file is to a stored one.

    ``longer``: the whole stored file is its beginning. ``shorter``: it agrees with the stored one
    at the last mark within it, which is at four fifths of its length or later. ``other``: the two
    agree that far, and yet the longer one does not begin with the shorter one, as when a HAR is
    saved again with more entries in it.
    """
    if new.sha256 == old.sha256:
        return "same"
    if old.size < new.size and old.sha256 in new.prefixes:
        return "longer"
    known = marks_of(old.beginnings)
    shared = [mark for mark in new.marks if mark in known and mark <= min(new.size, old.size)]
    if not shared or new.marks[max(shared)] != known[max(shared)]:
        return "apart"
    return "shorter" if new.size < old.size else "other"


def decide(stored: Iterable[StoredSet], new: Sequence[Content]) -> Decision:
    """Return what is to be done with the files ``new`` that belong together.

    Raises:
        UsageError: they overlap a stored set, and neither has all of the other.
    """
    replaced: list[str] = []
    for old in stored:
        pairs = _pairs(new, old)
        common = [pair for pair in pairs if not pair[1].export and not pair[1].empty]
        if not common:
            continue
        if any(kind == "other" for _, _, kind in common):
            raise UsageError(_diverged(next(p for p in common if p[2] == "other"), old))
        found = {content.name for content, _, kind in pairs if kind in ("same", "shorter")}
        if found == {content.name for content in new}:
            earlier = tuple(c.name for c, _, kind in pairs if kind == "shorter")
            return Decision("known", (old.ingest_id,), earlier)
        covered = {id(file) for _, file, kind in pairs if kind in ("same", "longer")}
        missing = [f for f in old.files if id(f) not in covered and not f.empty]
        if missing:
            raise UsageError(_partly(common, missing, old))
        replaced.append(old.ingest_id)
    return Decision("replace", tuple(replaced)) if replaced else Decision("add")


_Pair = tuple[Content, StoredFile, Relation]


def _pairs(new: Sequence[Content], old: StoredSet) -> list[_Pair]:
    """Return which files of a set are which stored ones."""
    return [
        (content, file, kind)
        for content in new
        for file in old.files
        if (kind := relation(content, file)) != "apart"
    ]


def _diverged(pair: _Pair, old: StoredSet) -> str:
    content, file, _ = pair
    return (
        f"{content.name} begins as {file.name} does, which was ingested {_when(old)}, and then "
        "differs, so that requests in both would count twice. Nothing was changed. To have the "
        f"new one instead: analyze history forget --ingest {old.ingest_id}, and ingest it again"
    )


def _partly(common: Sequence[_Pair], missing: Sequence[StoredFile], old: StoredSet) -> str:
    shared = ", ".join(dict.fromkeys(_named(content, file) for content, file, _ in common))
    lacking = ", ".join(file.name for file in missing)
    return (
        f"{shared} was ingested {_when(old)} together with {lacking}: without that the requests "
        "would count twice, or lose what the other files tell of them. Nothing was changed. Give "
        f"{lacking} too, or first: analyze history forget --ingest {old.ingest_id}"
    )


def _named(content: Content, file: StoredFile) -> str:
    return content.name if content.name == file.name else f"{content.name} (then {file.name})"


def _when(old: StoredSet) -> str:
    return f"on {old.ingested_at:%Y-%m-%d}" if old.ingested_at else "before"
