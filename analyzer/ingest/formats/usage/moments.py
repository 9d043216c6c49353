"""Times and days as exports write them, as UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

import polars as pl

from analyzer import columns
from analyzer.ingest.clock import epoch_time, in_zone, iso_time

BARE = (
    r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?$"
    r"|^\d{1,2}[/.]\d{1,2}[/.]\d{4}|^\d{8}$"
)
"""A time that names no zone."""
_EPOCH = r"^\d{9,19}(?:\.\d+)?$"
_SLASHED = (
    r"^(\d{1,2})([/.])(\d{1,2})[/.](\d{4})"
    r"(?:[ ,]+(\d{1,2}:\d\d)(:\d\d)?(?:\.\d+)?\s?([AaPp][Mm])?)?$"
)
_GRAINS = ((60_000_000, "minute"), (3_600_000_000, "hour"), (25 * 3_600_000_000, "day"))
"""Longest period of each grain; a day may have 25 hours."""


@dataclass(frozen=True, slots=True)
class Moments:
    """A column of times; ``guessed`` says that ``3/4/2026`` was taken for the fourth of March."""

    values: pl.Series
    guessed: bool = False


def moments(texts: pl.Series, zone: tzinfo | None = None) -> Moments:
    """Read seconds or milliseconds since 1970, ISO 8601, ``20260801`` and ``8/31/2026``.

    What names no zone is read in ``zone``; ``None`` = UTC.
    """
    read = pl.Series([None] * len(texts), dtype=columns.TIME)
    for shape in _shapes(zone):
        left = texts.is_not_null() & read.is_null()
        if not left.any():
            break
        found = texts.filter(left).to_frame("t").select(shape).to_series()
        # A shape that fits all, as is usual, needs no merging.
        read = found if len(found) == len(read) else _merged(read, left, found)
    left = texts.is_not_null() & read.is_null()
    if not left.any() or not texts.filter(left).str.contains(_SLASHED).any():
        return Moments(read.alias(""))
    others, guessed = _slashed(texts, zone)
    return Moments(read.zip_with(read.is_not_null(), others).alias(""), guessed)


def _shapes(zone: tzinfo | None) -> tuple[pl.Expr, ...]:
    """Return the spellings of ISO 8601 and numbers, the usual ones first."""
    text = pl.col("t")
    short = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(Z|[+-]\d\d:?\d\d)?$"
    # The last hyphen of a date alone would be taken for an offset.
    offset = pl.when(text.str.len_chars() > len("2026-08-31")).then(text)
    return (
        iso_time(text, zone),
        pl.when(text.str.contains(_EPOCH)).then(epoch_time(text)),
        in_zone(text.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us"), zone),
        iso_time(text.str.replace(r"^(\d{4})(\d\d)(\d\d)$", "$1-$2-${3}T00:00:00"), zone),
        iso_time(offset.str.replace(r"([+-]\d\d)$", "${1}00"), zone),
        iso_time(text.str.replace(short, "$1:00$2"), zone),
    )


def _merged(read: pl.Series, left: pl.Series, found: pl.Series) -> pl.Series:
    """Return ``read`` with ``found`` in the places of ``left``."""
    frame = pl.DataFrame({"read": read, "left": left})
    at = pl.when("left").then(pl.col("left").cum_sum() - 1)
    return frame.select(pl.coalesce("read", pl.lit(found).gather(at.cast(pl.UInt32)))).to_series()


def _slashed(texts: pl.Series, zone: tzinfo | None) -> tuple[pl.Series, bool]:
    """Read ``8/31/2026 3:46 PM`` and ``31.08.2026``; which comes first, the column decides."""
    part = pl.col("t").str.extract_groups(_SLASHED).struct
    parts = pl.DataFrame({"t": texts}).select(
        part.field("1").alias("a"), part.field("2").alias("dot"), part.field("3").alias("b"),
        part.field("4").alias("year"), part.field("5").alias("clock"),
        part.field("6").alias("seconds"), part.field("7").alias("half"),
    )  # fmt: skip
    first, second = (parts[name].cast(pl.Int32, strict=False) for name in ("a", "b"))
    day_first = bool((first > 12).any()) or bool((parts["dot"] == ".").any())
    guessed = not day_first and not bool((second > 12).any())
    day, month = ("a", "b") if day_first else ("b", "a")
    date = pl.concat_str(
        pl.col("year"), pl.lit("-"), pl.col(month).str.zfill(2), pl.lit("-"),
        pl.col(day).str.zfill(2), pl.lit(" "), pl.col("clock").fill_null("0:00").str.zfill(5),
        pl.col("seconds").fill_null(":00"),
    )  # fmt: skip
    half = pl.col("half").str.to_uppercase()
    local = (
        pl.when(half.is_null())
        .then(date.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"))
        .otherwise(
            pl.concat_str(date, pl.lit(" "), half).str.to_datetime(
                "%Y-%m-%d %I:%M:%S %p", strict=False, time_unit="us"
            )
        )
    )
    return parts.select(in_zone(local, zone)).to_series(), guessed


def bare(texts: pl.Series) -> bool:
    """Whether one of the times names no zone."""
    return bool(texts.str.contains(BARE).fill_null(False).any())


def at_once(times: pl.Series, kind: str | None, precision_ms: float) -> dict[str, object]:
    """Return the time columns of rows that are one request each."""
    return {
        "time": times, "time_kind": kind, "time_precision_ms": precision_ms, "grain": "request",
    }  # fmt: skip


def days(starts: pl.Series) -> dict[str, object]:
    """Return the time columns of rows that are a day each."""
    return period(starts, starts.dt.offset_by("1d"))


def period(starts: pl.Series, ends: pl.Series) -> dict[str, object]:
    """Return the time columns of buckets; how long they are says their grain."""
    frame = pl.DataFrame({"a": starts.cast(columns.TIME), "b": ends.cast(columns.TIME)})
    length = (pl.col("b") - pl.col("a")).dt.total_microseconds()
    grain = pl.lit("period")
    for longest, name in reversed(_GRAINS):
        grain = pl.when(length <= longest).then(pl.lit(name)).otherwise(grain)
    made = frame.select(
        grain=pl.when(length > 0).then(grain),
        precision=pl.when(length > 0).then(length / 1000),
    )
    return {
        "time": starts, "period_end": ends, "grain": made["grain"], "time_kind": made["grain"],
        "time_precision_ms": made["precision"],
    }  # fmt: skip
