"""CSV exports in blocks of whole records: everything as text, what is ragged told apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl

from analyzer.ingest.lines import utf8

BLOCK = 16 << 20
MONEY = r"^[+-]?\d{1,20}(?:\.\d{0,18})?$"
"""Text that Decimal(38, 18) holds exactly."""


@dataclass(frozen=True, slots=True)
class Table:
    """Some records of a CSV file.

    ``rows`` has a String column for each name of the header and ``record``, the 1-based number of
    the data row. ``bad`` are (record, reason) of rows that do not fit the header. ``complete`` is
    false if the last record has no line break, so that it may be cut off.
    """

    rows: pl.DataFrame
    bad: tuple[tuple[int, str], ...]
    complete: bool
    records: int


def header_of(head: bytes, delimiter: str = ",") -> list[str]:
    """Return the names in the first line, lower case and stripped; empty if it is no CSV header."""
    line = head.partition(b"\n")[0].decode("utf-8", "replace").strip("\ufeff\r\n ")
    try:
        names = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [name.strip().lower() for name in names]


def tables(
    stream: BinaryIO, longest: int, block: int = BLOCK, *, preamble: int = 0, delimiter: str = ","
) -> Iterator[Table]:
    """Yield the records behind the header line in blocks of about ``block`` bytes.

    ``preamble`` lines stand before the header and are left out.
    """
    for _ in range(preamble):
        stream.readline(longest)
    names = header_of(stream.readline(longest), delimiter)
    record = 1
    for data in _blocks(stream, longest, block):
        read = _quoted if b'"' in data else _plain
        made = read(data, names, record, delimiter)
        record += made.records
        yield made


def _blocks(stream: BinaryIO, longest: int, block: int) -> Iterator[bytes]:
    rest = b""
    while piece := stream.read(block):
        data = rest + piece
        cut = _record_end(data)
        if not cut and len(data) > longest:
            # A quote that is never closed must not gather the whole file in memory.
            cut = data.rfind(b"\n") + 1 or len(data)
        rest = data[cut:]
        if cut:
            yield utf8(data[:cut])
    if rest:
        yield utf8(rest)


def _record_end(data: bytes) -> int:
    """Return the index behind the last line break that stands outside quotes; 0 if none does."""
    cut = data.rfind(b"\n") + 1
    odd = data.count(b'"', 0, cut) % 2
    while odd and cut:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        odd = (odd + data.count(b'"', before, cut)) % 2
        cut = before
    return cut


def _plain(data: bytes, names: list[str], first: int, delimiter: str) -> Table:
    """Read records without quotes: Polars alone, after the delimiters were counted."""
    lines = pl.read_lines(data).with_columns(pl.col("line").str.strip_chars_end("\r"))
    lines = lines.filter(pl.col("line") != "").with_row_index("record", first)
    commas = pl.col("line").str.count_matches(delimiter, literal=True)
    fits = lines.filter(commas == len(names) - 1)
    bad: tuple[tuple[int, str], ...] = ()
    if fits.height != lines.height:
        ragged = lines.filter(commas != len(names) - 1).select("record", commas + 1)
        bad = tuple((row, _misfit(count, len(names))) for row, count in ragged.iter_rows())
    fields = pl.col("line").str.split_exact(delimiter, len(names) - 1)
    fields = fields.struct.rename_fields(_safe(names))
    rows = fits.select(pl.col("record").cast(pl.Int64), fields.alias("fields")).unnest("fields")
    return Table(rows, bad, data.endswith(b"\n"), lines.height)


def _quoted(data: bytes, names: list[str], first: int, delimiter: str) -> Table:
    """Read records with quotes, line breaks inside them included."""
    good: list[list[str]] = []
    numbers: list[int] = []
    bad: list[tuple[int, str]] = []
    record = first
    lines = io.StringIO(data.decode("utf-8"), newline="")
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            bad.append((record, str(error)))
            record += 1
            continue
        if row is None:
            break
        if not row:
            continue
        if len(row) == len(names):
            good.append(row)
            numbers.append(record)
        else:
            bad.append((record, _misfit(len(row), len(names))))
        record += 1
    columns = list(zip(*good, strict=True)) if good else [()] * len(names)
    rows = pl.DataFrame(
        {"record": numbers} | dict(zip(_safe(names), columns, strict=True)),
        schema={"record": pl.Int64()} | {name: pl.String() for name in _safe(names)},
    )
    return Table(rows, tuple(bad), data.endswith(b"\n"), record - first)


def _safe(names: list[str]) -> list[str]:
    """Return column names that are unique and do not clash with ``record``."""
    made: list[str] = []
    for index, name in enumerate(names):
        made.append(name if name and name != "record" and name not in made else f"column {index}")
    return made


def _misfit(found: int, expected: int) -> str:
    return f"it has {found} fields, the header has {expected}"
