"""What the command line names, opened: files, folders, globs, archives and standard input.

Nothing is written to disk and nothing is read whole: a :class:`Source` knows how to open itself
again. Names are relative to the argument, so that no path of this machine gets into a report.
"""

from __future__ import annotations

import glob
import io
import os
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from analyzer.errors import Problem
from analyzer.ingest.base import Limits, Source
from analyzer.ingest.beside import ATTACHED, Beside, in_folder
from analyzer.ingest.streams import (
    HEAD_BYTES,
    Chained,
    Guard,
    Inflating,
    Watched,
    codec_of,
    encoding_of,
    text,
)

HEADS_BUDGET = 64 << 20
"""All heads together: a folder of a hundred thousand files must not fill the memory with them."""
MEMBERS = 10_000
"""Members of one zip archive that are looked at."""
STDIN_ZIP = 256 << 20
"""A zip archive on standard input has to be held in memory, since its index is at its end."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A file that an argument leads to."""

    path: Path
    name: str
    group: str | None


@dataclass(slots=True)
class _Shelf:
    """The one zip archive that is open, so that many archives do not use up file descriptors."""

    owner: _Zip | None = None
    archive: zipfile.ZipFile | None = None

    def put(self, owner: _Zip, archive: zipfile.ZipFile) -> None:
        if self.archive is not None:
            self.archive.close()
        self.owner, self.archive = owner, archive


@dataclass(slots=True)
class _Expansion:
    """What has been found so far."""

    limits: Limits
    stdin: BinaryIO | None
    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    files: dict[tuple[int, int], str] = field(default_factory=dict)
    shelf: _Shelf = field(default_factory=_Shelf)

    def problem(self, name: str, kind: str, message: str, lost: bool = True) -> None:
        self.problems.append(Problem(name, kind, message, lost=lost))

    def unique(self, name: str) -> str:
        """Return ``name``, or ``name~2`` ... if an input of that name is there already."""
        made, number = name, 1
        while made in self.names:
            number += 1
            made = f"{name}~{number}"
        self.names.add(made)
        return made


def expand(
    args: Sequence[str], limits: Limits | None = None, stdin: BinaryIO | None = None
) -> tuple[list[Source], list[Problem]]:
    """Return the sources that ``args`` stand for, in order, and what could not be opened.

    ``args`` are files, folders (recursive, sorted, hidden names skipped), globs, zip archives (one
    source a member) and ``-`` (standard input, once). Codecs are told by magic bytes. An argument
    that leads to nothing is a Problem of kind ``missing_file``; the caller decides what it means.
    """
    state = _Expansion(limits or Limits(), stdin)
    found = [item for arg in args for item in _argument(arg, state)]
    head = max(4096, min(HEAD_BYTES, HEADS_BUDGET // max(len(found), 1)))
    for item in found:
        if isinstance(item, str):
            _standard_input(state)
        else:
            _file(item, head, state)
    return state.sources, state.problems


def shown(arg: str) -> str:
    """Return how an argument is named: as given, but only its last part if it is absolute."""
    path = Path(arg)
    return path.name or "/" if path.is_absolute() else path.as_posix()


def _argument(arg: str, state: _Expansion) -> Iterator[_Found | str]:
    if arg == "-":
        yield arg
        return
    path = Path(arg)
    if path.is_dir():
        yield from _folder(path, shown(arg), state)
    elif path.exists() or not glob.has_magic(arg):
        yield _Found(path, shown(arg), None)
    else:
        matches = sorted(glob.glob(arg, recursive=True))  # noqa: PTH207 (absolute patterns too)
        if not matches:
            state.problem(shown(arg), "missing_file", "No file matches this pattern.")
        for match in matches:
            if Path(match).is_dir():
                yield from _folder(Path(match), shown(match), state)
            else:
                yield _Found(Path(match), shown(match), None)


def _folder(root: Path, group: str, state: _Expansion) -> Iterator[_Found]:
    def unreadable(error: OSError) -> None:
        state.problem(group, "unreadable", f"A folder in it cannot be read: {error.strerror}.")

    count = 0
    for here, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(_captures(names)):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file():
                count += 1
                yield _Found(path, path.relative_to(root).as_posix(), group)
    if not count:
        state.problem(group, "empty_folder", "The folder holds no files.", lost=False)


def _captures(names: list[str]) -> list[str]:
    """Leave out what a HAR of the same folder keeps apart: bodies called by their SHA-1 sums."""
    if not any(name.lower().endswith(".har") for name in names):
        return names
    return [name for name in names if not ATTACHED.fullmatch(name.rpartition("/")[2])]


def _file(found: _Found, head: int, state: _Expansion) -> None:
    try:
        about = found.path.stat()
        regular = stat.S_ISREG(about.st_mode)
        key = (about.st_dev, about.st_ino)
        if regular and key in state.files:
            message = f"Is the same file as {state.files[key]}; it was read once."
            state.problem(found.name, "duplicate_input", message, lost=False)
            return
        state.files[key] = found.name
        if not regular:
            # A named pipe, such as a shell's <(command), can be read only once and stays open.
            _once(found.path.open("rb"), found.name, state)
            return
        with found.path.open("rb") as stream:
            codec = codec_of(stream.read(512))
    except FileNotFoundError:
        state.problem(found.name, "missing_file", "There is no such file.")
    except OSError as error:
        state.problem(found.name, "unreadable", f"Cannot be read: {error.strerror}.")
    else:
        if codec == "zip":
            _archive(found.path, found.name, head, state)
        else:
            _plain(found, codec, about.st_size, head, state)


def _plain(found: _Found, codec: str | None, size: int, head: int, state: _Expansion) -> None:
    faults: list[Problem] = []
    name = state.unique(found.name)

    def reopen() -> BinaryIO:
        if codec is None:
            return text(found.path.open("rb", buffering=0))
        raw = found.path.open("rb")
        return text(Inflating(raw, codec, Guard(name, state.limits, faults)))

    with found.path.open("rb") as raw:
        encoding, mark = encoding_of(raw.read(4))
    as_is = codec is None and encoding == "utf-8" and not mark
    path, beside = found.path if as_is else None, in_folder(found.path, found.name)
    head_bytes = _head(reopen, head)
    state.sources.append(Source(name, reopen, head_bytes, size, path, found.group, beside, faults))


def _head(reopen: Callable[[], BinaryIO], size: int) -> bytes:
    with reopen() as stream:
        return stream.read(size)


class _Zip:
    """One archive's index, read once; only one archive is kept open at a time (see ``_Shelf``)."""

    def __init__(self, data: Path | io.BytesIO, shelf: _Shelf) -> None:
        self._data = data
        self._shelf = shelf

    def index(self) -> zipfile.ZipFile:
        if self._shelf.owner is not self:
            self._shelf.put(self, zipfile.ZipFile(self._data))
        assert self._shelf.archive is not None
        return self._shelf.archive

    def beside(self, archive: str, inner: str) -> Beside:
        """Return what the member ``inner`` may keep in other members of its folder."""
        folder = inner[: inner.rfind("/") + 1]

        def fetch(name: str, limit: int) -> bytes | None:
            try:
                member = self.index().getinfo(folder + name)
                if member.file_size > limit:
                    return None
                with self.index().open(member) as stream:
                    return stream.read(limit)
            except Exception:  # no such member, or zipfile's six kinds of damage
                return None

        return Beside(fetch, f"{archive}!{folder}")


def _archive(data: Path | io.BytesIO, name: str, head: int, state: _Expansion) -> None:
    opened = _Zip(data, state.shelf)
    try:
        members = [member for member in opened.index().infolist() if _is_file(member.filename)]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        message = f"The zip archive cannot be read ({error}). Copy it again if you can."
        state.problem(name, "corrupt_archive", message)
        return
    named = set(_captures([member.filename for member in members]))
    members = [member for member in members if member.filename in named]
    if not members:
        state.problem(name, "empty_folder", "The archive holds no files.", lost=False)
    if len(members) > MEMBERS:
        message = f"Has {len(members)} members; the first {MEMBERS} were read."
        state.problem(name, "too_large", message)
    for member in members[:MEMBERS]:
        _member(opened, name, member, min(head, 16 << 10), state)


def _is_file(member: str) -> bool:
    parts = PurePosixPath(member.replace("\\", "/")).parts
    hidden = any(part.startswith(".") for part in parts)
    return bool(parts) and not member.endswith("/") and "__MACOSX" not in parts and not hidden


def _member(
    opened: _Zip, archive: str, member: zipfile.ZipInfo, head: int, state: _Expansion
) -> None:
    inner = member.filename.replace("\\", "/").lstrip("/")
    faults: list[Problem] = []
    name = state.unique(f"{archive}!{inner}")
    if member.flag_bits & 1:
        state.problem(name, "encrypted", "The member is encrypted; unpack it first.")
        return

    def reopen() -> BinaryIO:
        guard = Guard(name, state.limits, faults)
        try:
            inside = cast("BinaryIO", opened.index().open(member))
        except Exception as error:  # damaged local headers, unknown methods, missing codecs
            guard.fault("corrupt_archive", f"The archive member cannot be opened ({error}).")
            return io.BytesIO()
        return text(Watched(inside, member.compress_size, guard))

    beside = opened.beside(archive, inner)
    head_bytes = _head(reopen, head)
    state.sources.append(
        Source(name, reopen, head_bytes, member.file_size, None, archive, beside, faults)
    )


def _standard_input(state: _Expansion) -> None:
    if "-" in state.names:
        message = "Standard input was named twice; it was read once."
        state.problem("-", "duplicate_input", message, lost=False)
        return
    _once(state.stdin or sys.stdin.buffer, "-", state)


def _once(stream: BinaryIO, name: str, state: _Expansion) -> None:
    """Add a stream that cannot be opened again: what was peeked at is put back in front."""
    peeked = stream.read(HEAD_BYTES)
    codec = codec_of(peeked)
    whole: BinaryIO = io.BufferedReader(Chained(peeked, stream))
    if codec == "zip":
        data = whole.read(STDIN_ZIP + 1)
        if len(data) > STDIN_ZIP:
            message = f"A zip archive over {STDIN_ZIP} bytes cannot be piped; name the file."
            state.problem(name, "too_large", message)
        else:
            _archive(io.BytesIO(data), name, HEAD_BYTES, state)
        return
    faults: list[Problem] = []
    name = state.unique(name)
    guard = Guard(name, state.limits, faults)
    ready = text(Inflating(whole, codec, guard) if codec else whole)
    head = ready.read(HEAD_BYTES)
    rest = io.BufferedReader(Chained(head, ready), 1 << 20)
    state.sources.append(Source(name, lambda: rest, head, faults=faults))
