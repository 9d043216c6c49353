"""How far the data of a week carries: hours without attempts, files, lines that were not read."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from analyzer.records import Records
from analyzer.reliability.model import Coverage, Gap, SourceRow
from analyzer.reliability.tally import slot
from analyzer.reliability.week import Week

GAPS = 20
"""Stretches that are shown; all hours are counted."""


def coverage(records: Records, inside: Records, week: Week, remarks: list[str]) -> Coverage:
    """Return the coverage of a week; ``records`` are all there are, ``inside`` those in it."""
    taken = set(inside.counts.select(slot("minute", week.start))["slot"].unique())
    gaps = _gaps(taken, week, records)
    missing = records.counts.filter(pl.col("minute").is_null())
    return Coverage(
        hours=week.hours,
        hours_with_data=len(taken),
        partial=any(gap.kind != "within" for gap in gaps),
        gaps=gaps[:GAPS],
        without_time=int(missing["attempts"].sum()),
        sources=_sources(inside.inputs),
        remarks=remarks,
    )


def _gaps(taken: set[int], week: Week, records: Records) -> list[Gap]:
    """Return stretches of hours without an attempt, oldest first."""
    first, last = records.counts["minute"].min(), records.counts["minute"].max()
    gaps: list[Gap] = []
    number = 0
    while number < week.hours:
        if number in taken:
            number += 1
            continue
        end = number
        while end < week.hours and end not in taken:
            end += 1
        gaps.append(_gap(week, number, end, first, last))
        number = end
    return gaps


def _gap(week: Week, start: int, end: int, first: object, last: object) -> Gap:
    hour = timedelta(hours=1)
    begin, finish = week.start + start * hour, min(week.start + end * hour, week.end)
    kind = "within"
    if isinstance(first, datetime) and finish <= first:
        kind = "before"
    elif isinstance(last, datetime) and begin > last:
        kind = "after"
    return Gap(start=begin, end=finish, hours=end - start, kind=kind)


def _sources(inputs: pl.DataFrame) -> list[SourceRow]:
    sums = ("records", "attempts", "left_out", "problems")
    rows = (
        inputs.with_columns(pl.col("format").fill_null("not recognised"))
        .group_by("format", "hop")
        .agg(pl.len().cast(pl.Int64).alias("files"), pl.col(sums).sum())
        .sort("attempts", "format", descending=[True, False])
    )
    return [SourceRow(**row) for row in rows.to_dicts()]


def weeks_with_data(records: Records, week_of: Week) -> list[tuple[Week, int]]:
    """Return the weeks in which there are attempts, and how many, oldest first."""
    days = (
        records.counts.filter(pl.col("minute").is_not_null())
        .group_by(pl.col("minute").dt.truncate("15m"))
        .agg(pl.col("attempts").sum())
    )
    counts: dict[Week, int] = {}
    for moment, attempts in days.iter_rows():
        week = Week.of(moment, week_of.zone)
        counts[week] = counts.get(week, 0) + int(attempts)
    return sorted(counts.items(), key=lambda item: item[0].start)
