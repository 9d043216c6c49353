"""What a reader of lines offers, and what it is given; see :mod:`analyzer.ingest.textlog`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import polars as pl

from analyzer import columns
from analyzer.ingest.base import Wants
from analyzer.ingest.lines import LineBlock
from analyzer.ingest.notes import Notes
from analyzer.ingest.sifting import Sifted

LINES = pl.Schema({"record": pl.Int64(), "line": pl.String(), "stamp": columns.TIME})
"""What a reader gets: line number, text without envelope, the envelope's time."""
BAD = pl.Schema({"record": pl.Int64(), "reason": pl.String()})


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reader made of some lines.

    ``rows`` has ``record`` and any canonical and wanted header columns, one row per attempt.
    ``notices`` counts lines of the format that are no requests (start-up, health, debug).
    ``bad`` are the lines that are none of the format, with the reason: :data:`BAD`.
    """

    rows: pl.DataFrame | None = None
    notices: int = 0
    bad: pl.DataFrame | None = None


class Reader(Protocol):
    """Reads the lines of one input in order; may remember lines until their partner comes."""

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """Return what ``lines`` (:data:`LINES`) hold; never raise for what the bytes hold."""

    def finish(self) -> Parsed:
        """Return what is left at the end of the input."""


@runtime_checkable
class BlockReader(Reader, Protocol):
    """A reader that reads whole blocks, faster than line by line, where lines have no envelope.

    Its lines stand alone, and it may be called from several threads at once.
    """

    def parse_block(self, block: LineBlock) -> tuple[Parsed, int, int]:
        """Return what a block holds, how many lines it has, and how many of these are not blank.

        ``block.lines`` is 0: not counted.
        """


@runtime_checkable
class PreparingReader(Reader, Protocol):
    """A reader whose work is mostly done on blocks by themselves, several at the same time."""

    def prepare(self, lines: pl.DataFrame) -> Any:
        """Do what needs no other lines than ``lines``; called from several threads at once."""

    def parse_prepared(self, made: Any) -> Parsed:
        """Return what :meth:`parse` returns, of what was prepared; called in the lines' order."""


@runtime_checkable
class SiftingReader(Reader, Protocol):
    """A reader of lines that stand alone, which can tell those that are alike but for measures."""

    def sift(self, block: LineBlock) -> Sifted | None:
        """Return what kinds the lines of a block are of; ``None``: they cannot be told.

        Called from several threads at once; ``block.lines`` and ``block.first`` are 0.
        """


class Alone:
    """Makes a reader whose lines stand alone, and which remembers nothing, a preparing one."""

    def prepare(self: Reader, lines: pl.DataFrame) -> Parsed:
        """Read the lines."""
        return self.parse(lines)

    def parse_prepared(self, made: Parsed) -> Parsed:
        """Nothing is left to do."""
        return made


@dataclass(frozen=True, slots=True)
class Input:
    """What a reader knows of the input."""

    name: str
    head: tuple[bytes, ...]
    """The first lines, without envelope."""
    wants: Wants
    notes: Notes


def bad_lines(lines: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Return ``lines`` as :data:`BAD`, all for one reason."""
    return lines.select("record", reason=pl.lit(reason))
