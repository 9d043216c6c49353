"""Records out of a store: those of a stretch of time, read from its weeks alone."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from analyzer.history import schema
from analyzer.history.plan import StoredFile, StoredSet
from analyzer.history.store import Store
from analyzer.records import LATENCY, SCHEMAS, Records


def read(
    store: Store,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    latency_every: str = "10m",
) -> Records:
    """Return the records from ``start`` on and before ``end``, of all ingests together.

    Sums (``counts``, ``failed``, ``latency``) are not added up over ingests: rows of equal keys
    stand beside each other where two ingests have the same minute. ``inputs`` are the files that
    hold something of that time, and the usage exports that were given with them. ``latency_every``
    adds up latency over longer stretches (``1h``): in months it is most of what there is.

    Raises:
        StoreError: a file of the store is damaged or cannot be read.
    """
    table = store.scan()
    kept = {}
    # Latency first: while it is added up it takes most of the memory, and then little.
    for kind in ("latency", "counts", "failed", "calls", "failures"):
        rows = table.filter(pl.col("kind") == kind, *_within(start, end))
        if kind == "latency" and latency_every != "10m":
            kept[kind] = _coarser(store, rows, latency_every)
        else:
            kept[kind] = _in_order(store, rows, kind)
    return Records(**kept, inputs=_inputs(store, table, start, end))


def _in_order(store: Store, rows: pl.LazyFrame, kind: str) -> pl.DataFrame:
    """Return rows by time: a week of them is a view then. Sorted week by week, to save memory."""
    time = "minute" if "minute" in SCHEMAS[kind] else "started_at"
    parts = [pl.DataFrame(schema=SCHEMAS[kind])]
    for week_ in store.weeks():
        found = store.read(schema.frame(rows.filter(pl.col("week") == week_), kind))
        parts.append(found.sort(time, maintain_order=True))
    return pl.concat(parts)


def _coarser(store: Store, rows: pl.LazyFrame, every: str) -> pl.DataFrame:
    """Return latency over longer stretches, added up week by week, which bounds the memory."""
    names = LATENCY.names()
    parts = [pl.DataFrame(schema=LATENCY)]
    for week_ in store.weeks():
        framed = schema.frame(rows.filter(pl.col("week") == week_), "latency")
        summed = framed.with_columns(pl.col("minute").dt.truncate(every)).group_by(names[:-1])
        parts.append(store.read(summed.agg(pl.col("n").sum()).select(names)))
    return pl.concat(parts)


def _within(start: datetime | None, end: datetime | None) -> list[pl.Expr]:
    """Return the filters of a time; those on the week let whole files be passed over."""
    found = []
    if start is not None:
        found += [pl.col("week") >= week(start), pl.col("at") >= start.astimezone(UTC)]
    if end is not None:
        found += [pl.col("week") <= week(end), pl.col("at") < end.astimezone(UTC)]
    return found


def week(time: datetime) -> str:
    """Return the ISO week of a time in UTC, as the table has it: ``2026-W47``."""
    return f"{time.astimezone(UTC):%G-W%V}"


def _inputs(
    store: Store, table: pl.LazyFrame, start: datetime | None, end: datetime | None
) -> pl.DataFrame:
    rows = table.filter(pl.col("kind") == "inputs")
    overlaps = pl.lit(True)
    if start is not None:
        overlaps &= pl.col("last") >= start.astimezone(UTC)
    if end is not None:
        overlaps &= pl.col("first") < end.astimezone(UTC)
    every = store.read(rows)
    inside = every.filter(overlaps.fill_null(False), pl.col("attempts") > 0)
    if start is None and end is None:
        return schema.frame(every.lazy(), "inputs").collect()
    beside = every.filter(
        pl.col("ingest_id").is_in(inside["ingest_id"].unique().implode()),
        pl.col("usage_rows") > 0,
    )
    found = pl.concat([inside, beside]).unique(maintain_order=True)
    return schema.frame(found.lazy(), "inputs").collect()


def sets(store: Store) -> list[StoredSet]:
    """Return the files of all ingests, oldest first."""
    names = [
        "ingest_id", "ingested_at", "first", "input", "sha256", "bytes", "attempts", "usage_rows",
        "beginnings",
    ]  # fmt: skip
    rows = store.read(store.scan().filter(pl.col("kind") == "inputs").select(names))
    found = []
    for (ingest, time), files in rows.sort(
        "ingested_at", pl.col("first").min().over("ingest_id"), "ingest_id", "input"
    ).group_by("ingest_id", "ingested_at", maintain_order=True):
        told = tuple(
            StoredFile(
                row["input"] or "?", row["sha256"] or "", int(row["bytes"] or 0),
                bool(row["usage_rows"]) and not row["attempts"], row["beginnings"] or "",
                empty=not row["attempts"] and not row["usage_rows"],
            )
            for row in files.to_dicts()
        )  # fmt: skip
        found.append(StoredSet(str(ingest), time if isinstance(time, datetime) else None, told))
    return found
