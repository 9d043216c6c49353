"""The table of a store: the six frames of a run in one, told apart by ``kind``.

One table, because a Delta commit is atomic for one table: an ingest is there whole or not at all.
It is partitioned by ``kind`` and ISO ``week``: a report reads the kinds and weeks it needs and no
other file, and what is older than some week is forgotten without rewriting anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

import polars as pl

from analyzer import records
from analyzer.records import Records

SCHEMA_VERSION = 1
"""Raised when a program of before could no longer read the table rightly."""
PARTITIONS = ("kind", "week")
UNDATED = "undated"
"""The week of rows that have no time."""

_TIME = pl.Datetime("us", "UTC")
_AT = {
    "counts": "minute", "failed": "minute", "latency": "minute", "calls": "started_at",
    "failures": "started_at",
}  # fmt: skip
"""What ``at`` is of each kind; of ``inputs`` it is a copy of ``first``."""

OWN = pl.Schema(
    {
        "kind": pl.String(), "week": pl.String(), "at": _TIME, "source_id": pl.String(),
        "ingest_id": pl.String(), "schema_version": pl.Int32(), "ingested_at": _TIME,
        "whichhop": pl.String(), "beginnings": pl.String(),
    }
)  # fmt: skip
"""Columns that are the store's own; the last three are filled in rows of ``inputs`` alone."""
_ROWS = 65_536
"""Rows that are widened to the whole schema at once: most columns of a kind are null."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of one ingest have in common."""

    source_id: str
    """SHA-256 of the file's content; of several files, of their digests in order."""
    ingested_at: datetime
    whichhop: str
    """Version of the program."""

    @property
    def ingest_id(self) -> str:
        """The first 12 digits of ``source_id``: the same files have the same id anywhere."""
        return self.source_id[:12]


def columns() -> pl.Schema:
    """Return the table's columns: the store's own and those of all kinds."""
    found = dict(OWN)
    for kind, schema in records.SCHEMAS.items():
        for name, dtype in schema.items():
            if name != _AT.get(kind):
                found[name] = _common(name, found.get(name, dtype), dtype)
    return pl.Schema(found)


def _common(name: str, one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """Return the type that holds both: counts in one kind may be weighted sums in another."""
    if one == other:
        return one
    if {one, other} == {pl.Int64(), pl.Float64()}:
        return pl.Float64()
    msg = f"column {name} is {one} in one frame of Records and {other} in another"
    raise TypeError(msg)


def rows(kept: Records, stamp: Stamp) -> Iterator[pl.DataFrame]:
    """Yield the rows of an ingest, a few at a time, in the order kind, week, time."""
    target = columns()
    earliest = _earliest(kept)
    for kind in (field.name for field in fields(Records)):
        frame: pl.DataFrame = getattr(kept, kind)
        for part in _stamped(frame, kind, stamp, earliest).iter_slices(_ROWS):
            yield part.select(
                (pl.col(name) if name in part.columns else pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in target.items()
            )


def _stamped(
    frame: pl.DataFrame, kind: str, stamp: Stamp, earliest: datetime | None
) -> pl.DataFrame:
    at = pl.col(_AT[kind]) if kind in _AT else pl.col("first")
    # The files of an ingest are in the week in which it begins: an export may name no time.
    dated = pl.lit(earliest, dtype=_TIME) if kind == "inputs" else at
    own = [
        at.alias("at"),
        pl.lit(kind).alias("kind"),
        dated.dt.strftime("%G-W%V").fill_null(UNDATED).alias("week"),
        pl.lit(stamp.source_id).alias("source_id"),
        pl.lit(stamp.ingest_id).alias("ingest_id"),
        pl.lit(SCHEMA_VERSION).alias("schema_version"),
    ]
    if kind == "inputs":
        own.append(pl.lit(stamp.ingested_at, dtype=_TIME).alias("ingested_at"))
        own.append(pl.lit(stamp.whichhop).alias("whichhop"))
    return frame.with_columns(own).sort("at", maintain_order=True)


def _earliest(kept: Records) -> datetime | None:
    times = [kept.counts["minute"].min(), kept.inputs["first"].min()]
    found = [time for time in times if isinstance(time, datetime)]
    return min(found, default=None)


def frame(table: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    """Return rows of one kind as the frame of :class:`~analyzer.records.Records` that they were.

    Columns that the table does not have, as it was made by an earlier version, are null.
    """
    names = set(table.collect_schema().names())
    return table.select(
        (pl.col(_stored(kind, name)) if _stored(kind, name) in names else pl.lit(None))
        .cast(dtype)
        .alias(name)
        for name, dtype in records.SCHEMAS[kind].items()
    )


def _stored(kind: str, name: str) -> str:
    return "at" if name == _AT.get(kind) else name
