"""Reading ahead: a second process reads the later entries of a large capture meanwhile.

It is given a range of the file and gives back rows (as files of Arrow IPC in a folder that only
its owner can read) and what else was learnt from them, through a pipe: no secret is written
anywhere. It reads whole, sound entries and stops at the first that is not, so that whatever is
broken is dealt with in one place. Where it stopped, crashed, or was killed, the first process reads
on: the result is the same as without it.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import msgspec
import polars as pl
from polars.exceptions import PolarsError

from analyzer.ingest.base import Limits, Wants
from analyzer.ingest.formats.har_blocks import Separator

WINDOW = 1 << 30
"""Bytes that are read by one pair of processes: what is read ahead waits on disk."""
SHARE = 0.42
"""How much of them is left to the first process, which has more to do with each row."""
PATIENCE_S = 60.0
"""How long a part may take. A sound process gives one several times a second."""
_SEARCHED = 32 << 20
_PIECE = 1 << 20
_ENVIRONMENT = {
    # It makes frames and writes them, which threads would not make faster.
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:1000,muzzy_decay_ms:0",
}
_START = (
    "import json,sys;sys.path[:]=json.loads(sys.stdin.readline());"
    "from analyzer.ingest.formats.har_helper import main;main()"
)


class Part(msgspec.Struct, frozen=True):
    """Rows that were read ahead, and what the reading of a capture keeps count of.

    Entries are numbered from 1, the first of the range.
    """

    end: int
    """Where in the file the rows end: behind the comma that follows an entry."""
    records: int
    """Entries since the part before."""
    file: str
    """The rows without what is the same for all of them; empty if there are none."""
    bad: list[tuple[int, str, str]]
    """(number, kind, reason) of entries that are left out."""
    learnt: list[tuple[str | None, str]]
    """(kind, literal) of secrets in the order in which they were met, ``None`` for a credential:
    ``key_tag`` of the rows holds its number among these."""
    counts: dict[str, int]
    """What is counted over all entries; see ``RowBuilder.counts``."""
    saw_head: bool
    saw_credential: bool
    done: bool
    """It is the last one, and there is nothing unforeseen behind it."""


class Task(msgspec.Struct, frozen=True):
    """What the second process is to do."""

    path: str
    begin: int
    end: int
    folder: str
    dialect: str
    literal: str
    exact: bool
    close: str
    block: int
    rows_per_batch: int
    headers: list[str]
    limits: dict[str, int]

    @staticmethod
    def of(
        path: Path, span: tuple[int, int], folder: str, dialect: str, separator: Separator,
        block: int, wants: Wants,
    ) -> Task:  # fmt: skip
        """Put a task together; ``span`` is the first byte and where to stop at the latest."""
        return Task(
            os.fspath(path.absolute()), *span, folder, dialect,
            separator.literal.decode("latin-1"), separator.exact,
            separator.close.decode("latin-1"), block, wants.rows_per_batch,
            sorted(wants.headers), asdict(wants.limits),
        )  # fmt: skip

    @property
    def separator(self) -> Separator:
        """How two entries are told apart."""
        literal, close = self.literal.encode("latin-1"), self.close.encode("latin-1")
        return Separator(literal, self.exact, close)

    @property
    def bounds(self) -> Limits:
        """The limits of the run."""
        return Limits(**self.limits)


class Ahead:
    """The second process; ``begin`` is where in the file it began."""

    def __init__(self, begin: int, folder: tempfile.TemporaryDirectory[str]) -> None:
        self.begin = begin
        self.whole = False
        """Whether all that it was to read has been handed out."""
        self._folder = folder
        self._parts: queue.SimpleQueue[Part | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, task: Task) -> None:
        """Start the process. Raises OSError if that cannot be done."""
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-I", "-c", _START],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = f"{json.dumps(sys.path)}\n{json.dumps(msgspec.to_builtins(task))}\n"
        self._process.stdin.write(told.encode())
        self._process.stdin.close()
        # A pipe holds little: without somebody who empties it, the process would wait for us.
        listen = threading.Thread(target=_listen, args=(self._process.stdout, self._parts))
        listen.daemon = True
        listen.start()

    def parts(self) -> Iterator[tuple[Part, pl.DataFrame | None]]:
        """Yield what was read, in the order of the file, until there is no more to be had."""
        while not self.whole:
            try:
                part = self._parts.get(timeout=PATIENCE_S)
                if part is None:
                    return
                rows = _rows(Path(part.file)) if part.file else None
            except (queue.Empty, OSError, PolarsError):
                return
            self.whole = part.done
            yield part, rows

    def close(self) -> None:
        """End the process if it still runs, and remove its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _rows(file: Path) -> pl.DataFrame:
    rows = pl.read_ipc(file.read_bytes())
    file.unlink()
    return rows


def _listen(pipe: IO[bytes], parts: queue.SimpleQueue[Part | None]) -> None:
    decode = msgspec.msgpack.Decoder(Part).decode
    try:
        with pipe:
            while head := pipe.read(4):
                data = pipe.read(int.from_bytes(head, "big"))
                parts.put(decode(data))
    except (OSError, ValueError):
        pass
    parts.put(None)


def span(path: Path, position: int, separator: Separator, least: int) -> tuple[int, int] | None:
    """Return which bytes behind ``position`` are to be read ahead, whole entries at first.

    ``None`` if it is not worth it: less than ``least`` bytes are left, or there is one processor.
    """
    if processors() < 2 or not sys.executable or getattr(sys, "frozen", False):
        return None
    try:
        left = path.stat().st_size - position
        window = min(left, WINDOW)
        if left < least:
            return None
        start = _entry_behind(path, position + int(window * SHARE), separator.literal)
    except OSError:
        return None
    return None if start is None else (start, position + window)


def begin(
    path: Path, span: tuple[int, int], separator: Separator, dialect: str, block: int, wants: Wants
) -> Ahead | None:
    """Have ``span`` read ahead; ``None`` if that cannot be done."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="whichhop-")
    except OSError:
        return None
    ahead = Ahead(span[0], folder)
    try:
        ahead.run(Task.of(path, span, folder.name, dialect, separator, block, wants))
    except OSError:
        ahead.close()
        return None
    return ahead


def processors() -> int:
    """Return how many processors this process may use."""
    affinity: Any = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _entry_behind(path: Path, position: int, literal: bytes) -> int | None:
    """Return the place behind the first comma between two entries at or after ``position``."""
    with path.open("rb", buffering=0) as stream:
        stream.seek(position)
        held = b""
        for _ in range(_SEARCHED // _PIECE):
            piece = stream.read(_PIECE)
            if not piece:
                return None
            held = held[len(held) - len(literal) :] + piece if held else piece
            position += len(piece)
            found = held.find(literal)
            if found >= 0:
                return position - len(held) + found + 2
    return None
