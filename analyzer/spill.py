"""Where the slim rows of all attempts wait for the verdicts: in memory while few, else in Parquet.

Memory stays bounded because only failures are kept as full rows. The spill is what the sinks
(JSON lines, Parquet) and the neighbours of failures are read from after the barrier.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
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
        """``keep=False`` only counts: for runs in which nobody asks for healthy rows."""
        self._keep = keep
        self._limit = memory_bytes
        self._held: list[pl.DataFrame] = []
        self._size = 0
        self._dir: tempfile.TemporaryDirectory[str] | None = None
        self._parts: list[Path] = []
        self.height = 0

    def append(self, attempts: pl.DataFrame) -> None:
        """Add the slim columns of canonical rows, and their ``signature``."""
        if not attempts.height:
            return
        if not self._keep:
            self.height += attempts.height
            return
        slim = attempts.select(*columns.SLIM, "signature")
        self._held.append(slim)
        self._size += int(slim.estimated_size())
        self.height += slim.height
        if self._size > self._limit:
            self._flush()

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in the order in which they came."""
        for part in self._parts:
            yield pl.read_parquet(part)
        yield from self._held

    def scan(self) -> pl.LazyFrame:
        """Return all rows as one lazy frame."""
        held = [frame.lazy() for frame in self._held]
        parts = [pl.scan_parquet(self._parts)] if self._parts else []
        if not held and not parts:
            empty = columns.empty().select(columns.SLIM)
            return empty.with_columns(pl.lit(None, dtype=pl.UInt64).alias("signature")).lazy()
        return pl.concat([*parts, *held])

    def close(self) -> None:
        """Forget the rows and remove what was written."""
        self._held.clear()
        self._parts.clear()
        if self._dir is not None:
            self._dir.cleanup()
            self._dir = None

    def __enter__(self) -> Spill:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _flush(self) -> None:
        if self._dir is None:
            self._dir = tempfile.TemporaryDirectory(prefix="whichhop-")
        part = Path(self._dir.name) / f"part-{len(self._parts):06}.parquet"
        pl.concat(self._held).write_parquet(part, compression="zstd", compression_level=1)
        self._parts.append(part)
        self._held.clear()
        self._size = 0
