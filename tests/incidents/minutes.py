"""Small records by hand: so many attempts and failures a minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl

from analyzer import records

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = ("model", "key_tag", "host", "endpoint", "provider")


def at(minute: int) -> datetime:
    """Return a moment so many minutes after the start."""
    return START + timedelta(minutes=minute)


def frames(
    rows: Iterable[tuple[int, int, float]], layer: str = "upstream", cause: str = "overloaded",
    weight: float = 1.0, **names: str,
) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """Return ``counts`` and ``failed`` of (minute, attempts, failed) rows."""
    listed = [
        {"minute": at(minute), "attempts": n, "failed": int(bad), "ok": n - int(bad), **names}
        for minute, n, bad in rows
    ]
    counts = pl.DataFrame(listed, schema=records.COUNTS)
    broken = [
        {"minute": row["minute"], "failed": row["failed"] * weight, "layer": layer,
         "cause": cause, **names}
        for row in listed
        if row["failed"]
    ]  # fmt: skip
    return counts, pl.DataFrame(broken, schema=records.FAILED)


def together(*parts: tuple[pl.DataFrame, pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of all parts."""
    return pl.concat(counts for counts, _ in parts), pl.concat(failed for _, failed in parts)
