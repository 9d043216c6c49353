"""The compiled cache: a knowledge base as msgpack in the user's cache directory.

It saves parsing some hundred files at every start. It is only ever an optimisation: a cache that is
missing, broken, of another version or not writable is the same as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from analyzer import _version
from analyzer.engine import files
from analyzer.engine.files import KnowledgeFile
from analyzer.engine.knowledge import KnowledgeBase


class _Entry(msgspec.Struct):
    """What a cache file holds."""

    engine: str
    stamp: str
    content: str
    knowledge: KnowledgeBase


class Cache:
    """The cache file for one sequence of knowledge directories."""

    def __init__(self, roots: Sequence[Path], found: Sequence[Sequence[KnowledgeFile]]) -> None:
        self.found = found
        self.engine = engine_stamp()
        names = "\n".join(str(root.resolve()) for root in roots)
        tag = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
        self.path = directory() / f"knowledge-{tag}.msgpack"

    def read(self) -> KnowledgeBase | None:
        """Return what is cached for exactly these files, or ``None``.

        Sizes and times are compared first; where only they differ (a new checkout, an unpacked
        wheel), the contents decide.
        """
        try:
            entry = msgspec.msgpack.decode(self.path.read_bytes(), type=_Entry)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None
        if entry.engine != self.engine:
            return None
        stamp = files.stamp(self.found)
        if entry.stamp != stamp:
            if entry.content != files.content(self.found):
                return None
            entry.stamp = stamp
            self._write(entry)
        return entry.knowledge

    def write(self, knowledge: KnowledgeBase, content: str) -> None:
        """Store a knowledge base; a directory that cannot be written is no error."""
        self._write(_Entry(self.engine, files.stamp(self.found), content, knowledge))

    def _write(self, entry: _Entry) -> None:
        # A temporary file and a rename, so that a run beside this one never reads half a file.
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".knowledge-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.msgpack.encode(entry))
                Path(name).replace(self.path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise


def directory() -> Path:
    """Return the user's cache directory for whichhop (it may not exist)."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named) / "whichhop"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "whichhop" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "whichhop"
    return Path.home() / ".cache" / "whichhop"


def engine_stamp() -> str:
    """Return what tells this engine from another: its version and the state of its own files.

    The files count so that somebody who works on the engine never sees what an older one compiled.
    """
    here = Path(__file__).parent
    digest = hashlib.blake2b(_version.__version__.encode(), digest_size=8)
    digest.update(f"{sys.version_info[:2]}".encode())
    for folder in (here, here / "context", here.parent):
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name.endswith(".py"):
                    stat = entry.stat()
                    digest.update(f"{entry.name}{stat.st_size}{stat.st_mtime_ns}".encode())
    return digest.hexdigest()
