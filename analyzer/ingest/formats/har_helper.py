"""The second process of :mod:`analyzer.ingest.formats.har_ahead`: sound entries in, rows out."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from analyzer.ingest.base import Wants
from analyzer.ingest.beside import Beside
from analyzer.ingest.formats.har_ahead import Part, Task
from analyzer.ingest.formats.har_blocks import Block, Cutter
from analyzer.ingest.formats.har_entry import Entry, decode_entries
from analyzer.ingest.formats.har_exchange import sorted_out
from analyzer.ingest.formats.har_packed import Budget
from analyzer.ingest.formats.har_recover import Broken, Recovery
from analyzer.ingest.formats.har_row import RowBuilder


class _UnforeseenError(Exception):
    """Something that depends on what other entries hold: the first process is to read it."""


class _Refusing(Budget):
    """In the place of the budget for unpacked bodies, which all entries of a capture share."""

    def most(self, size: int) -> NoReturn:
        """Refuse."""
        raise _UnforeseenError


class _Learnt:
    """Remembers secrets for the first process, which alone has a store of them."""

    def __init__(self) -> None:
        self.met: list[tuple[str | None, str]] = []
        self._tags = 0

    def learn(self, value: str, kind: str = "secret") -> None:
        """Remember a literal."""
        self.met.append((kind, value))

    def tag(self, value: str) -> str:
        """Return the number of a credential, which its pseudonym will replace."""
        self.met.append((None, value))
        self._tags += 1
        return str(self._tags - 1)


class Helper:
    """Reads one range of a capture."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._limit = task.bounds.entry_bytes
        self._learnt = _Learnt()
        wants = Wants(frozenset(task.headers), self._learnt, task.bounds, task.rows_per_batch)
        self._rows = RowBuilder("", wants, task.dialect, Beside(_refuse, ""), _Refusing())
        self._number = self._files = self._told = 0
        self._bad: list[tuple[int, str, str]] = []
        self._sound = self._part(task.begin)

    def parts(self) -> Iterator[Part]:
        """Yield part after part, the last one with ``done`` if nothing stood in the way."""
        task = self._task
        with Path(task.path).open("rb", buffering=0) as stream:
            cutter = Cutter(stream, self._limit, task.block)
            cutter.separator = task.separator
            cutter.jump(task.begin)
            done = False
            for block in cutter.blocks():
                if not block.cut and not block.final and block.size <= self._limit:
                    cutter.push_back(block.data, block)
                    continue
                done = block.final
                if not self._take(block):
                    break
                # What the next block leaves behind does not count if it turns out to be unsound.
                self._sound = self._part(cutter.position)
                done = cutter.position >= task.end
                if done:
                    break
                if self._rows.enough:
                    yield self._flushed(done=False)
            yield self._flushed(done=done)

    def _take(self, block: Block) -> bool:
        """Add the rows of a block; False if it is none of whole entries."""
        items = self._items(block)
        if items is None:
            return False
        entries, records, bad = sorted_out(items, self._number)
        try:
            self._rows.add(entries, records)
        except _UnforeseenError:
            return False
        self._bad += bad
        self._number += len(items)
        return True

    def _items(self, block: Block) -> Sequence[Entry | Broken] | None:
        if not block.cut or block.size > self._limit:
            return None
        try:
            entries = decode_entries(block.array)
        except (ValueError, RecursionError):
            entries = None
        if entries is not None:
            return entries
        found = Recovery(block, self._task.separator, self._limit).run()
        return None if found.ended or found.rest else found.items

    def _part(self, end: int) -> Part:
        """Return what has been read so far."""
        rows = self._rows
        return Part(
            end, self._number, "", self._bad, self._learnt.met[self._told :], rows.counts(),
            rows.saw_head, rows.saw_credential, done=False,
        )  # fmt: skip

    def _flushed(self, *, done: bool) -> Part:
        """Write the rows that wait, and return the part that tells of them."""
        sound, file = self._sound, ""
        if len(self._rows):
            file = str(Path(self._task.folder) / f"part-{self._files:06}.arrow")
            self._rows.raw().write_ipc(file, compression="lz4")
            self._files += 1
        self._told += len(sound.learnt)
        self._bad = []
        return msgspec.structs.replace(sound, file=file, done=done)


def _refuse(name: str, limit: int) -> NoReturn:
    raise _UnforeseenError


def main() -> None:
    """Do the task that standard input tells, and write the parts to standard output."""
    task = msgspec.json.decode(sys.stdin.readline(), type=Task)
    # Nothing here makes reference cycles worth looking for.
    gc.disable()
    encode = msgspec.msgpack.Encoder().encode
    out = sys.stdout.buffer
    try:
        for part in Helper(task).parts():
            data = encode(part)
            out.write(len(data).to_bytes(4, "big") + data)
            out.flush()
    except BrokenPipeError:
        # Nobody is there any more to remove what was written.
        shutil.rmtree(task.folder, ignore_errors=True)
