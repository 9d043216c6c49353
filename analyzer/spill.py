"""Where the slim rows of all attempts wait for the verdicts: in memory while few, else in Parquet.

Memory stays bounded because only failures are kept as full rows. The spill is what the sinks
(JSON lines, Parquet) and the neighbours of failures are read from after the barrier.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import polars as pl

from analyzer import columns

MEMORY_BYTES = 8 << 20


class Spill:
    """An append-only table of slim rows, readable any number of times, removed on close.

    The directory is readable by its owner alone: rows hold unredacted text until a sink is written.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES, *, keep: bool = True) -> None:
        """``keep=False``: nobody asks for healthy rows but those that may end a call."""
        self._keep = keep
        self._table = _Table(memory_bytes)
        self.height = 0

    def append(self, attempts: pl.DataFrame) -> None:
        """Add the slim columns of canonical rows, and their ``signature``."""
        if not attempts.height:
            return
        self.height += attempts.height
        if self._keep:
            self._table.append(attempts.select(*columns.SLIM, "signature"))
        elif any(attempts[name].null_count() < attempts.height for name in columns.TELLING):
            telling = attempts.filter(_telling())
            self._table.append(telling.select(*columns.CHAINED, "signature", _ONE))

    def count(self, attempts: int, telling: pl.DataFrame | None = None) -> None:
        """Count attempts of which there are no rows.

        ``telling``: of those that can tell retries what is known of :data:`columns.CHAINED`, and
        how many attempts each row stands for: ``count``. ``attempt_id`` counts from 0.
        """
        if telling is not None and telling.height:
            rows = telling.with_columns(pl.col("attempt_id") + self.height)
            known = columns.conform(rows).select(*columns.CHAINED)
            nothing = pl.lit(None, pl.UInt64).alias("signature")
            self._table.append(known.with_columns(nothing, rows["count"]))
        self.height += attempts

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in the order in which they came."""
        if self._keep:
            yield from self._table.batches()

    def scan(self) -> pl.LazyFrame:
        """Return all rows as one lazy frame; empty unless they are kept."""
        return self._table.scan(columns.SLIM) if self._keep else _nothing(columns.SLIM)

    def telling(self) -> pl.LazyFrame:
        """Return :data:`columns.CHAINED` and ``signature`` of rows that can tell retries.

        ``count`` (Int64) is how many attempts a row stands for: 1, but for first tries that went
        well.
        """
        if not self._keep:
            return self._table.scan(columns.CHAINED)
        return self.scan().filter(_telling()).select(*columns.CHAINED, "signature", _ONE)

    def close(self) -> None:
        """Forget the rows and remove what was written."""
        self._table.close()

    def __enter__(self) -> Spill:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Table:
    """Frames of one schema, in memory while they are small, else in Parquet files."""

    def __init__(self, memory_bytes: int) -> None:
        self._limit = memory_bytes
        self._held: list[pl.DataFrame] = []
        self._size = 0
        self._dir: tempfile.TemporaryDirectory[str] | None = None
        self._parts: list[Path] = []

    def append(self, rows: pl.DataFrame) -> None:
        self._held.append(rows)
        self._size += int(rows.estimated_size())
        if self._size > self._limit:
            self._flush()

    def batches(self) -> Iterator[pl.DataFrame]:
        for part in self._parts:
            yield pl.read_parquet(part)
        yield from self._held

    def scan(self, names: Sequence[str]) -> pl.LazyFrame:
        held = [frame.lazy() for frame in self._held]
        parts = [pl.scan_parquet(self._parts)] if self._parts else []
        return pl.concat([*parts, *held]) if held or parts else _nothing(names)

    def close(self) -> None:
        self._held.clear()
        self._parts.clear()
        if self._dir is not None:
            self._dir.cleanup()
            self._dir = None

    def _flush(self) -> None:
        if self._dir is None:
            self._dir = tempfile.TemporaryDirectory(prefix="whichhop-")
        part = Path(self._dir.name) / f"part-{len(self._parts):06}.parquet"
        pl.concat(self._held).write_parquet(part, compression="zstd", compression_level=1)
        self._parts.append(part)
        self._held.clear()
        self._size = 0


_ONE = pl.lit(1, pl.Int64).alias("count")


def _telling() -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_not_null() for name in columns.TELLING)


def _nothing(names: Sequence[str]) -> pl.LazyFrame:
    empty = columns.empty().select(names)
    return empty.with_columns(pl.lit(None, dtype=pl.UInt64).alias("signature"), _ONE).lazy()
