"""Usage and cost exports: what their formats share.

A format names the columns or keys by which it is told (:attr:`Export.required`) and turns cells
into rows. This module finds the header, whatever stands before it and however it is separated, or
the records of a JSON document, and tells what was left out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

import polars as pl

from analyzer.errors import Problem
from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.formats.usage import documents, headers
from analyzer.ingest.formats.usage.cells import Cells, Context
from analyzer.ingest.lines import Numbers, line_blocks
from analyzer.ingest.notes import Notes
from analyzer.ingest.table import Table, tables

DOCUMENT_BYTES = 256 << 20
"""A JSON export that is one document is read whole, up to this size."""
ROWS = 20_000
"""Records of a JSON export that are turned into rows at a time."""


class Export(Format):
    """A usage or cost export, as CSV, as JSON or both."""

    kind = "usage"
    source_kind = "usage"
    required: ClassVar[tuple[frozenset[str], ...]] = ()
    """Sets of column names, lower case; a CSV header that has all of one is of this format."""
    keys: ClassVar[tuple[frozenset[str], ...]] = ()
    """Sets of keys, lower case, at any depth; JSON that has all of one is of this format."""
    excluded: ClassVar[frozenset[str]] = frozenset()
    """Names that no file of this format has."""
    known: ClassVar[frozenset[str]]
    """Every column and (dotted) key that is read or is left out on purpose."""
    told: ClassVar[bool] = True
    """Whether columns that are not known are told; not for bills of a hundred columns."""
    weight: ClassVar[float] = 0.98

    @abstractmethod
    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a usage row for each of the cells' rows, fewer where some are no usage."""

    def records(self, document: Any) -> Iterator[dict[str, Any]]:
        """Yield the records of one JSON document."""
        return documents.unwrapped(document, self.keys)

    def sniff(self, head: bytes, name: str) -> float:
        """By the set of names; columns are inserted over time, so never by place."""
        if documents.is_json(head):
            there = documents.keys(head)
            fits = any(names <= there for names in self.keys) and not self.excluded & there
            return self.weight if fits else 0.0
        return self.weight if self.header(head) else 0.0

    def header(self, head: bytes) -> headers.Header | None:
        """Return the header in the beginning of a CSV file, if it is of this format."""
        found = headers.find(head, self.required)
        return None if found is None or self.excluded & set(found.names) else found

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 8 MiB; see :class:`Format`."""
        notes = Notes(source.name)
        context = Context(source.name, self.hop, wants, notes)
        found = 0
        batches = self._json if documents.is_json(source.head) else self._csv
        for batch in batches(source, context):
            found += batch.records
            yield batch
        told = notes.finish()
        if not found and not any(problem.lost for problem in told):
            message = "It has no rows: nothing was used in its period, or the export is empty."
            told += (Problem(source.name, "no_rows", message, lost=False),)
        yield Batch(problems=told)

    def _csv(self, source: Source, context: Context) -> Iterator[Batch]:
        notes, wants = context.notes, context.wants
        header = self.header(source.head)
        if header is None:
            missing = sorted(self.required[0] - set(_first_names(source.head)))
            notes.add("bad_header", f"Lacks the columns {', '.join(missing)}; nothing was read.")
            return
        context = Context(
            context.name, context.hop, wants, notes, header.delimiter, header.preamble
        )
        self._unknown(set(header.names), notes)
        with source.open() as stream:
            for table in tables(
                stream, wants.limits.entry_bytes,
                preamble=header.line, delimiter=header.delimiter,
            ):  # fmt: skip
                _tell(table, notes)
                rows = self.rows(Cells(table.rows, context)) if table.rows.height else None
                yield Batch(None, rows, notes.take(), table.records)

    def _json(self, source: Source, context: Context) -> Iterator[Batch]:
        flatten = documents.Flat(self.known)
        record = 0
        items = self._items(source, context)
        while block := list(islice(items, ROWS)):
            flat = [flatten.texts(item) for item in block]
            names = sorted({name for item in flat for name in item})
            numbers = range(record + 1, record + len(flat) + 1)
            frame = pl.DataFrame(
                {"record": numbers} | {name: [item.get(name) for item in flat] for name in names},
                schema={"record": pl.Int64()} | {name: pl.String() for name in names},
            )
            record += len(flat)
            rows = self.rows(Cells(frame, context))
            yield Batch(None, rows, context.notes.take(), len(flat))
        self._unknown(flatten.unknown, context.notes)

    def _items(self, source: Source, context: Context) -> Iterator[dict[str, Any]]:
        if documents.by_line(source.head):
            for document in _lines(source, context):
                yield from self.records(document)
            return
        with source.open() as stream:
            data = stream.read(DOCUMENT_BYTES + 1)
        if len(data) > DOCUMENT_BYTES:
            message = (
                f"Is one JSON document of more than {DOCUMENT_BYTES >> 20} MiB; only whole "
                "records within that were read. Export it as JSON lines instead."
            )
            context.notes.add("too_large", message)
        found, wrong = documents.load_all(data.decode("utf-8", "replace"))
        for document in found:
            yield from self.records(document)
        if wrong:
            message = f"The JSON breaks off ({wrong}); whole records before that were read."
            context.notes.add("truncated", message)

    def _unknown(self, names: set[str], notes: Notes) -> None:
        unknown = sorted(name for name in names - self.known if name)
        if unknown and self.told:
            message = f"Columns that are not known yet were left out: {', '.join(unknown)[:300]}."
            notes.add("unknown_column", message, lost=False)


def _first_names(head: bytes) -> Sequence[str]:
    found = headers.first(head)
    return found.names if found else ()


def _tell(table: Table, notes: Notes) -> None:
    for record, reason in table.bad:
        kind, message = "bad_row", f"Row {record} was left out: {reason}."
        if not table.complete and (record, reason) == table.bad[-1]:
            kind, message = "truncated", f"The file ends inside row {record}, left out."
        notes.add(kind, message, record)


def _lines(source: Source, context: Context) -> Iterator[Any]:
    """Yield the document of each line."""
    longest = context.wants.limits.entry_bytes
    with source.open() as stream:
        for block in map(Numbers().counted, line_blocks(stream, longest)):
            if block.too_long:
                message = f"{block.too_long} lines are longer than the limit and were left out."
                context.notes.add("too_large", message, count=block.too_long)
            for number, line in enumerate(block.data.decode("utf-8").split("\n"), block.first):
                if not line.strip():
                    continue
                fits = len(line) <= longest
                document = documents.load(line.strip("\ufeff \t\r")) if fits else None
                if isinstance(document, dict | list):
                    yield document
                    continue
                kind, why = ("bad_line", "no JSON") if fits else ("too_large", "over the limit")
                context.notes.add(kind, f"Line {number} was left out: it is {why}.", number)
