"""What is a retry storm and what is not."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from calls.staged import attempt, chained

from analyzer.calls import STORM_RETRIES, Storms, storms
from analyzer.calls.storms import LOOP_RETRIES


def found(rows: list[dict[str, Any]]) -> Storms:
    counts = (
        pl.DataFrame(
            [{name: row[name] for name in ("started_at", "host", "model")} for row in rows]
        )
        .group_by(pl.col("started_at").dt.truncate("1m").alias("minute"), "host", "model")
        .agg(pl.len().cast(pl.Int64).alias("attempts"))
        .rename({"model": "model_name"})
    )
    return storms(chained(rows).attempts, counts)


def pairs(start: float, number: int, ok: bool = False) -> list[dict[str, Any]]:
    """Return ``number`` requests that failed, each of them retried once two seconds later."""
    made = []
    for n in range(number):
        at = start + n * 50 / number
        made.append(attempt(at, request_hash=f"{start} {n}", resend_count=0))
        made.append(attempt(at + 3, ok=ok, request_hash=f"{start} {n}", resend_count=1))
    return made


def others(number: int) -> list[dict[str, Any]]:
    return [attempt(n * 59 / number, ok=True, request_hash=f"o{n}") for n in range(number)]


@pytest.mark.parametrize(
    ("rows", "storms_", "retries"),
    [
        (pairs(0, STORM_RETRIES), 1, STORM_RETRIES),
        (pairs(0, STORM_RETRIES - 1), 0, 0),
        (pairs(0, STORM_RETRIES) + others(1), 0, 0),
        (pairs(0, STORM_RETRIES) + pairs(60, STORM_RETRIES), 1, 2 * STORM_RETRIES),
        (pairs(0, STORM_RETRIES) + pairs(180, STORM_RETRIES), 2, STORM_RETRIES),
    ],
    ids=[
        "as many retries as first tries",
        "too few",
        "less than half",
        "two minutes",
        "two storms",
    ],
)
def test_minutes(rows: list[dict[str, Any]], storms_: int, retries: int) -> None:
    table = found(rows).storms
    assert table.height == storms_
    assert table["retries"].to_list() == [retries] * storms_


def loop(number: int, pause: float) -> list[dict[str, Any]]:
    return [
        attempt(n * (pause + 0.1), lasted=0.1, request_hash="h", resend_count=n)
        for n in range(number + 1)
    ]


@pytest.mark.parametrize(
    ("retries", "pause", "calls"),
    [
        (LOOP_RETRIES, 0.1, 1), (LOOP_RETRIES - 1, 0.1, 0), (LOOP_RETRIES, 3.0, 0),
        (LOOP_RETRIES * 2, 1.0, 1),
    ],
)  # fmt: skip
def test_a_call_that_does_not_back_off(retries: int, pause: float, calls: int) -> None:
    table = found(loop(retries, pause)).loops
    assert table["calls"].to_list() == [1] * calls
    assert table["retries"].to_list() == [retries] * calls


def test_loops_say_the_worst_ten_seconds() -> None:
    (row,) = found(loop(30, 0.9)).loops.to_dicts()
    assert (row["retries"], row["most"]) == (30, 11)


def test_backing_off_as_sdks_do_is_no_loop() -> None:
    starts = [0.0, 0.6, 1.7, 3.8, 7.9, 16.0]
    rows = [
        attempt(start, lasted=0.1, request_hash="h", resend_count=n)
        for n, start in enumerate(starts)
    ]
    assert found(rows).loops.is_empty()
