"""What a store holds: its ingests, the time they are of, how much that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from analyzer.history import reading
from analyzer.history.store import Store


@dataclass(frozen=True, slots=True)
class Row:
    """One ingest."""

    ingest_id: str
    ingested_at: datetime | None
    files: tuple[str, ...]
    first: datetime | None
    """First and last attempt; after forgetting, of what is left."""
    last: datetime | None
    attempts: int
    failed: int
    rows: int
    size_bytes: int
    """Its part of the store's size, by rows."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All ingests, oldest first."""

    ingests: tuple[Row, ...]
    size_bytes: int
    files: int
    """Data files of the newest version."""
    version: int
    """Delta version."""


def listing(store: Store) -> Listing:
    """Return what a store holds.

    Raises:
        StoreError: a file of the store is damaged or cannot be read.
    """
    files = store.files()
    size = int(files["size_bytes"].sum())
    sums = {row["ingest_id"]: row for row in _sums(store).to_dicts()}
    every = sum(row["rows"] for row in sums.values()) or 1
    rows = tuple(
        Row(
            ingest_id=old.ingest_id,
            ingested_at=old.ingested_at,
            files=tuple(file.name for file in old.files),
            first=sums[old.ingest_id]["first"],
            last=sums[old.ingest_id]["last"],
            attempts=int(sums[old.ingest_id]["attempts"]),
            failed=int(sums[old.ingest_id]["failed"]),
            rows=sums[old.ingest_id]["rows"],
            size_bytes=round(size * sums[old.ingest_id]["rows"] / every),
        )
        for old in reading.sets(store)
    )
    return Listing(rows, size, files.height, store.version)


def _sums(store: Store) -> pl.DataFrame:
    counts = pl.col("kind") == "counts"
    return store.read(
        store.scan()
        .group_by("ingest_id")
        .agg(
            pl.len().alias("rows"),
            pl.col("at").filter(counts).min().alias("first"),
            pl.col("at").filter(counts).max().alias("last"),
            pl.col("attempts").filter(counts).sum(),
            pl.col("failed").filter(counts).sum(),
        )
    )
