"""Lines that went well are counted by their kind instead of being read one by one.

Most lines of a log are of few kinds: they differ in times, sizes and ids alone. A reader that can
gives every line a number for all else that stands in it (:data:`SIFTED`). One line of each kind is
read in full; if it is an attempt that went well, the others of its kind did too, and are counted
(:class:`analyzer.cells.Counted`). Failures, and whatever is unusual, are read in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import polars as pl

from analyzer import cells, columns

SIFTED = pl.Schema({"kind": pl.UInt64(), "started_at": columns.TIME, "duration_ms": pl.Float64()})
"""One row per line. Lines of one ``kind`` are the same but for what is measured, and for ids; null:
the line has to be read. ``duration_ms`` may be missing where nothing tells it."""

_MOST_KINDS = 0.2
"""Share of different kinds in the lines of a block from which counting does not pay."""
_MANY_FRESH = 0.1
"""Share of lines of kinds that were not met before, from which one of each kind is read first."""
_ENOUGH_LINES = 16_384
"""To read few lines at a time takes hardly less than to read many."""
_ENOUGH_ALIKE = 400_000
_REMEMBERED = 200_000
"""Kinds that are kept; a crawler's random paths must not fill the memory."""
_MEASURED = (
    "ttft_ms", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
)  # fmt: skip
"""What is summed of attempts besides their number and duration: a line with it is read."""
_NAMING = ("session_id", "request_hash")
"""What makes an attempt one of its own; a counter of resends does only from the first resend on."""

Block = TypeVar("Block")
Say = Callable[[pl.DataFrame], pl.DataFrame]
"""Canonical columns, in any number, to all of them with what the rows say of themselves."""
Read = Callable[[pl.DataFrame], pl.DataFrame | None]
"""Lines, with ``record``, to their rows."""
Lines = Callable[[pl.Series], pl.DataFrame]
"""Which lines of a block (Boolean) to these lines; blank ones may be left out."""


class Sifted(NamedTuple):
    """A block of lines, blank ones too."""

    told: pl.DataFrame
    """:data:`SIFTED`"""
    lines: pl.Series
    """Their texts."""


@dataclass(frozen=True, slots=True)
class Given:
    """Some of the lines of an input: rows of those that were read, the count of the others."""

    rows: pl.DataFrame | None
    counted: cells.Counted | None
    lines: int
    """How many they were, blank ones left out."""


class Sifting:
    """Divides the lines of one input into those that are read and those that are counted."""

    def __init__(self, say: Say, read: Read) -> None:
        self._say = say
        self._read = read
        self._known = _NONE
        self._rows: list[pl.DataFrame] = []
        self._lines: list[pl.DataFrame] = []
        self._fresh: list[pl.DataFrame] = []
        self._alike: list[pl.DataFrame] = []
        self._height = 0
        self.pays = True
        """Whether lines are alike often enough."""

    def while_it_pays(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield blocks as long as lines are alike often enough."""
        while self.pays and (block := next(blocks, None)) is not None:
            yield block

    @property
    def enough(self) -> bool:
        """Whether so much was taken that it should be given back."""
        lines, alike = (sum(map(len, frames)) for frames in (self._lines, self._alike))
        return lines >= _ENOUGH_LINES or alike >= _ENOUGH_ALIKE

    def take(self, sifted: pl.DataFrame, lines: Lines) -> None:
        """Take a block: ``sifted`` is :data:`SIFTED` and ``record`` of all its lines."""
        if self._known.height > _REMEMBERED:
            self._known = _NONE
        told = self._told(sifted)
        fresh = told.filter(_is_fresh())
        if fresh.height > _MANY_FRESH * sifted.height:
            first = fresh.unique("kind", keep="first", maintain_order=True)
            self.pays = first.height <= _MOST_KINDS * sifted.height
            met = sifted["record"].is_in(first["record"].implode())
            self._meet(self._chosen(lines, met), first.select("kind", "record"))
            told = self._told(sifted).filter(~met)
            fresh = told.clear()
            left = sifted["record"].is_in(told.filter(_is_read())["record"].implode())
        else:
            left = told.select(_is_read()).to_series()
        self._lines.append(self._chosen(lines, left))
        self._fresh.append(fresh.select("kind", "record"))
        self._alike.append(told.filter("counted").select(*SIFTED.names()))
        self._height += sifted.height

    def give(self) -> Given:
        """Return what was taken since the last time."""
        counted = None
        if self._lines:
            alike = pl.concat(self._alike)
            kinds = self._known.join(alike.select("kind").unique(), on="kind", how="semi")
            counted = cells.Counted(alike, kinds.drop("counted")) if alike.height else None
            fresh = pl.concat(self._fresh).unique("kind", keep="first", maintain_order=True)
            self._meet(pl.concat(self._lines), fresh)
        rows = pl.concat(self._rows, how="diagonal_relaxed").sort("record") if self._rows else None
        given = Given(rows, counted, self._height)
        for taken in (self._rows, self._lines, self._fresh, self._alike):
            taken.clear()
        self._height = 0
        return given

    def _chosen(self, lines: Lines, which: pl.Series) -> pl.DataFrame:
        found = lines(which)
        self._height -= int(which.sum()) - found.height
        return found

    def _told(self, sifted: pl.DataFrame) -> pl.DataFrame:
        known = self._known.select("kind", "counted")
        return sifted.join(known, on="kind", how="left", maintain_order="left")

    def _meet(self, lines: pl.DataFrame, first: pl.DataFrame) -> None:
        """Read lines, and learn from the ``first`` of each kind what its kind is."""
        if not lines.height:
            return
        rows = self._read(lines)
        if rows is not None:
            self._rows.append(rows)
        if first.height:
            self._known = pl.concat([self._known, self._learnt(first, rows)])

    def _learnt(self, first: pl.DataFrame, rows: pl.DataFrame | None) -> pl.DataFrame:
        """Return what the first lines of kinds say of these.

        Of a line that is no attempt, or several, nothing is said.
        """
        found = _NONE
        if rows is not None:
            own = rows.filter(~pl.col("record").is_duplicated())
            own = own.join(first.select("record"), on="record", how="semi", maintain_order="left")
            said = self._say(own).with_columns(_counted().alias("counted"))
            found = said.join(first, on="record", maintain_order="left").select(_NONE.columns)
        silent = first.join(found, on="kind", how="anti").select("kind", counted=pl.lit(False))
        return pl.concat([found, silent], how="diagonal")


_NONE = pl.DataFrame(
    schema={
        "kind": pl.UInt64(), "counted": pl.Boolean(), "llm": pl.Boolean(),
        "resend_count": pl.Int64(), **{name: columns.dtype_of(name) for name in cells.KIND},
    }
)  # fmt: skip


def _counted() -> pl.Expr:
    """Whether attempts like this one need nothing but being counted."""
    first_try = pl.col("resend_count").fill_null(0) == 0
    apart = pl.all_horizontal(pl.col(name).is_null() for name in (*_MEASURED, *_NAMING))
    well = pl.col("ok").fill_null(False)
    return pl.when(pl.col("llm").fill_null(False)).then(well & first_try & apart).otherwise(True)


def _is_fresh() -> pl.Expr:
    return pl.col("kind").is_not_null() & pl.col("counted").is_null()


def _is_read() -> pl.Expr:
    return ~pl.col("counted").fill_null(False)
