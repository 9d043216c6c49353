"""Sheets of Excel workbooks: told, not read."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.errors import Problem
from analyzer.ingest.base import Batch, Format, Source, Wants


class XlsxSheet(Format):
    """A sheet inside an ``.xlsx`` file, which is a zip archive of XML."""

    name = "xlsx-sheet"
    title = "Excel workbook (not read)"
    kind = "usage"
    hop = "gateway"
    source_kind = "usage"

    def sniff(self, head: bytes, name: str) -> float:
        """By the place in the archive and the root element."""
        placed = name.startswith("xl/worksheets/") and name.endswith(".xml")
        return 0.9 if placed and b"<worksheet" in head[:4096] else 0.0

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Say how to go on."""
        message = (
            "Is a sheet of an Excel workbook, which is not read: save the sheet as CSV (UTF-8) and "
            "give that file; --map says what its columns are if it is not known."
        )
        yield Batch(problems=(Problem(source.name, "workbook", message),))


FORMAT = XlsxSheet()
