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

SIFTED = pl.Schema(
    {
        "kind": pl.UInt64(), "started_at": columns.TIME, "duration_ms": pl.Float64(),
        "time_precision_ms": pl.Float64(),
    }
)  # fmt: skip
"""One row per line. Lines of one ``kind`` are the same but for what is measured, and for ids; null:
the line has to be read. Of a kind that is not null ``started_at`` is known."""

_MOST_KINDS = 0.2
"""Share of different kinds in the lines of a block from which counting does not pay."""
_MANY_FRESH = 0.1
"""Share of lines of kinds that were not met before, from which one of each kind is read first."""
_ENOUGH_BYTES = 8 << 20
"""To read few lines at a time takes hardly less than to read many."""
_ENOUGH_ALIKE = 400_000
_REMEMBERED = 200_000
"""Kinds that are kept; a crawler's random paths must not fill the memory."""
_MEASURED = (
    "ttft_ms", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
)  # fmt: skip
"""What is summed of attempts besides their number and duration: a line with it is read."""
_NAMING = ("session_id", "request_hash", "retry_after_s")
"""What tells more of one attempt than its kind and its times."""

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

    def __init__(self, say: Say, read: Read, probe: Read) -> None:
        """``probe`` reads lines apart from the others: nothing is told of them, nothing kept."""
        self._say = say
        self._read = read
        self._probe = probe
        self._known = _NONE
        self._lines: list[pl.DataFrame] = []
        self._fresh: list[pl.DataFrame] = []
        self._alike: list[pl.DataFrame] = []
        self._height = self._bytes = 0
        self.pays = True
        """Whether lines are alike often enough."""

    def while_it_pays(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield blocks as long as lines are alike often enough."""
        while self.pays and (block := next(blocks, None)) is not None:
            yield block

    @property
    def enough(self) -> bool:
        """Whether so much was taken that it should be given back."""
        alike = sum(frame.height for frame in self._alike)
        return self._bytes >= _ENOUGH_BYTES or alike >= _ENOUGH_ALIKE

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
            self._learn(lines(met), first.select("kind", "record"))
            told = self._told(sifted)
            fresh = told.filter(_is_fresh())
        left = told.select(~pl.col("counted").fill_null(False)).to_series()
        chosen = lines(left)
        self._lines.append(chosen)
        self._bytes += int(chosen["line"].str.len_bytes().sum())
        self._fresh.append(fresh.select("kind", "record"))
        self._alike.append(told.filter("counted").select("record", *SIFTED.names()))
        self._height += sifted.height - (int(left.sum()) - chosen.height)

    def give(self) -> Given:
        """Return what was taken since the last time."""
        if not self._lines:
            return Given(None, None, 0)
        alike, lines = pl.concat(self._alike), pl.concat(self._lines)
        kinds = self._known.join(alike.select("kind").unique(), on="kind", how="semi")
        counted = cells.Counted(alike, kinds.drop("counted")) if alike.height else None
        # Some may have been met in a later block, and learnt there.
        first = pl.concat(self._fresh).join(self._known, on="kind", how="anti")
        first = first.unique("kind", keep="first", maintain_order=True)
        self._learn(lines.join(first, on="record", how="semi"), first)
        given = Given(self._read(lines) if lines.height else None, counted, self._height)
        for taken in (self._lines, self._fresh, self._alike):
            taken.clear()
        self._height = self._bytes = 0
        return given

    def _told(self, sifted: pl.DataFrame) -> pl.DataFrame:
        known = self._known.select("kind", "counted")
        return sifted.join(known, on="kind", how="left", maintain_order="left")

    def _learn(self, lines: pl.DataFrame, first: pl.DataFrame) -> None:
        """Learn of ``lines``, the ``first`` of their kinds, what these kinds are.

        Of a line that is no attempt, or several, nothing is known but that it has to be read.
        """
        if not lines.height:
            return
        rows, found = self._probe(lines), _NONE
        if rows is not None and rows.height:
            said = self._say(rows.filter(~pl.col("record").is_duplicated()))
            said = said.with_columns(_counted().alias("counted"))
            found = said.join(first, on="record", maintain_order="left").select(_NONE.columns)
        silent = first.join(found, on="kind", how="anti").select("kind", counted=pl.lit(False))
        self._known = pl.concat([self._known, found, silent], how="diagonal")


_NONE = pl.DataFrame(
    schema={
        "kind": pl.UInt64(), "counted": pl.Boolean(), "llm": pl.Boolean(),
        "resend_count": pl.Int64(), "model_served": pl.String(), "method": pl.String(),
        **{name: columns.dtype_of(name) for name in cells.KIND},
    }
)  # fmt: skip


def _counted() -> pl.Expr:
    """Whether attempts like this one need nothing but being counted."""
    apart = pl.all_horizontal(pl.col(name).is_null() for name in (*_MEASURED, *_NAMING))
    well = pl.col("ok").fill_null(False)
    return pl.when(pl.col("llm").fill_null(False)).then(well & apart).otherwise(True)


def _is_fresh() -> pl.Expr:
    return pl.col("kind").is_not_null() & pl.col("counted").is_null()
