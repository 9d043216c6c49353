"""The files of knowledge directories: which belong to it, their stamps and their texts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".md", ".yaml")
SKIPPED_FOLDERS = frozenset(("_schema",))
NO_RULES = frozenset(("readme.md", "contributing.md"))


@dataclass(frozen=True, slots=True)
class KnowledgeFile:
    """One file, with what tells whether it has changed."""

    name: str
    """Path below the directory, with ``/``."""
    where: str
    """Path as the system knows it."""
    size: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """The same as an object; made when asked for, since a warm start opens none of them."""
        return Path(self.where)

    @property
    def is_rule(self) -> bool:
        """Whether it should hold a rule."""
        return self.name.endswith(".md") and self.path.name.lower() not in NO_RULES


def walk(root: Path) -> list[KnowledgeFile]:
    """Return the knowledge files below a directory, sorted by name."""
    return sorted(_walk(str(root), ""), key=lambda file: file.name)


def _walk(folder: str, prefix: str) -> Iterator[KnowledgeFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED_FOLDERS:
                    yield from _walk(entry.path, f"{prefix}{entry.name}/")
            elif entry.name.endswith(SUFFIXES) and entry.is_file():
                stat = entry.stat()
                name = prefix + entry.name
                yield KnowledgeFile(name, entry.path, stat.st_size, stat.st_mtime_ns)


def stamp(directories: Sequence[Sequence[KnowledgeFile]]) -> str:
    """Return a fingerprint of names, sizes and times: equal means that nothing was written."""
    digest = hashlib.blake2b(digest_size=16)
    for files in directories:
        for file in files:
            digest.update(f"{file.name}\0{file.size}\0{file.mtime_ns}\n".encode())
        digest.update(b"\1")
    return digest.hexdigest()


def content(directories: Sequence[Sequence[KnowledgeFile]]) -> str:
    """Return a fingerprint of names and contents."""
    digest = hashlib.blake2b(digest_size=16)
    for files in directories:
        for file in files:
            data = file.path.read_bytes()
            digest.update(f"{file.name}\0{len(data)}\0".encode())
            digest.update(data)
        digest.update(b"\1")
    return digest.hexdigest()
