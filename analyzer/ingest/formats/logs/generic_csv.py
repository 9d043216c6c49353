"""CSV access logs of anybody's own making, by ``--map`` or by obvious names of columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import polars as pl

from analyzer.ingest.base import Batch, Format, Reading, Source, Wants
from analyzer.ingest.formats.logs import generic
from analyzer.ingest.formats.logs.generic_json import mapped, score
from analyzer.ingest.formats.logs.generic_row import rows_of, stamps, status_share
from analyzer.ingest.notes import Notes
from analyzer.ingest.table import header_of, tables
from analyzer.ingest.zoneless import ZoneNote

_SAMPLE = 20


class GenericCsv(Format):
    """Any CSV access log with a header line."""

    name = "generic-csv"
    title = "CSV log with obvious or mapped columns"
    kind = "attempts"
    hop = "gateway"
    source_kind = "proxy"

    def sniff(self, head: bytes, name: str) -> float:
        """Low: by time, status and what was asked, under names that leave no doubt."""
        names = header_of(head)
        if len(names) < 3:
            return 0.0
        sample = _records(head, names)
        choice = generic.by_names(names, sample[0] if sample else {})
        if not choice.complete():
            return 0.0
        status = next(item.source for item in choice.taken if item.column == "status")
        fits = status_share(record[status] for record in sample) >= 0.5
        return score(choice) if fits else 0.0

    def claim(self, head: bytes, name: str, reading: Reading) -> float:
        """With a mapping: by how many of the mapped columns are there."""
        if not reading.mapping:
            return self.sniff(head, name)
        generic.check_mapping(reading.mapping)
        return mapped(generic.by_mapping(header_of(head), reading.mapping), reading.mapping)

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 8 MiB; see :class:`Format`."""
        notes = Notes(source.name)
        zone = ZoneNote(notes, wants.reading.zone)
        if not any(header_of(source.head)):
            notes.add("no_header", "Its first line names no columns, so none can be read.")
            yield Batch(problems=notes.finish())
            return
        choice = _choose(source.head, wants)
        for item in choice.missing:
            message = f"--map {item.column}={item.source}: there is no column '{item.source}'."
            notes.add("missing_column", message, lost=False)
        notes.add("columns", choice.sentence(), lost=False)
        with source.open() as stream:
            for table in tables(stream, wants.limits.entry_bytes):
                for record, reason in table.bad:
                    notes.add("bad_row", f"Row {record} was left out: {reason}.", record)
                zone.look(stamps(table.rows, choice))
                rows = _timed(rows_of(table.rows, choice, wants), notes, source.name)
                yield Batch(rows, None, notes.take(), table.records)
        yield Batch(problems=notes.finish())


def _choose(head: bytes, wants: Wants) -> generic.Choice:
    names = header_of(head)
    if wants.reading.mapping:
        return generic.by_mapping(names, wants.reading.mapping)
    sample = _records(head, names)
    return generic.by_names(names, sample[0] if sample else {})


def _records(head: bytes, names: list[str]) -> list[dict[str, str | None]]:
    """Return the first whole records of a table."""
    text = head[: head.rfind(b"\n") + 1] or head
    reader = csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline=""))
    made: list[dict[str, str | None]] = []
    try:
        next(reader, None)
        for row in reader:
            if len(row) == len(names):
                made.append(dict(zip(names, row, strict=True)))
            if len(made) == _SAMPLE:
                break
    except csv.Error:
        pass
    return made


def _timed(rows: pl.DataFrame, notes: Notes, name: str) -> pl.DataFrame:
    """Return the rows whose time can be read, with their place."""
    if "started_at" in rows.columns:
        lost = rows.filter(pl.col("started_at").is_null())
        for record in lost["record"]:
            message = f"Row {record} was left out: it has no time that can be read."
            notes.add("bad_row", message, record)
        rows = rows.filter(pl.col("started_at").is_not_null())
    place = pl.concat_str(pl.lit(f"{name}#"), pl.col("record").cast(pl.String))
    return rows.with_columns(input=pl.lit(name), seen_in=pl.concat_list(place))


FORMAT = GenericCsv()
