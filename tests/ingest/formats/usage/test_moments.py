from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from analyzer.ingest.formats.usage.moments import bare, moments, period

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "utc", "moved"),
    [
        ("2026-08-31", (2026, 8, 31), True), ("20260831", (2026, 8, 31), True),
        ("1775800000", (2026, 4, 10, 5, 46, 40), False),
        ("1775800000123", (2026, 4, 10, 5, 46, 40, 123000), False),
        ("2026-06-01 12:00:00+00", (2026, 6, 1, 12), False),
        ("2026-06-01T12:00Z", (2026, 6, 1, 12), False),
        ("2026-06-01 12:00", (2026, 6, 1, 12), True),
        ("2026-08-13T00:00:00+08:00", (2026, 8, 12, 16), False),
        ("2025-10-20 17:16:48 UTC", (2025, 10, 20, 17, 16, 48), False),
        ("2026-06-28 03:46:57.713", (2026, 6, 28, 3, 46, 57, 713000), True),
        ("8/31/2026 3:46 PM", (2026, 8, 31, 15, 46), True),
        ("31.08.2026 3:46:05", (2026, 8, 31, 3, 46, 5), True),
    ],
)  # fmt: skip
def test_a_time(text, utc, moved) -> None:
    expected = datetime(*utc, tzinfo=UTC)
    assert moments(pl.Series([text])).values[0] == expected
    there = moments(pl.Series([text]), BERLIN).values[0]
    assert (there == expected - timedelta(hours=2)) is moved
    assert bare(pl.Series([text])) is moved


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "31/31/2026", "12", "2026", ""])
def test_no_time(text) -> None:
    assert moments(pl.Series([text])).values[0] is None


def test_the_column_says_whether_the_day_comes_first() -> None:
    found = moments(pl.Series(["3/4/2026", "13/4/2026"]))
    assert found.values[0] == datetime(2026, 4, 3, tzinfo=UTC)
    assert not found.guessed
    found = moments(pl.Series(["3/4/2026", "3/14/2026"]))
    assert found.values[0] == datetime(2026, 3, 4, tzinfo=UTC)
    assert not found.guessed
    assert moments(pl.Series(["3/4/2026"])).guessed


@pytest.mark.parametrize(
    ("seconds", "grain"),
    [(60, "minute"), (3600, "hour"), (86400, "day"), (90000, "day"), (172800, "period"), (0, None)],
)
def test_the_grain_is_the_length_of_the_bucket(seconds, grain) -> None:
    start = pl.Series([datetime(2026, 3, 28, 23, tzinfo=UTC)]).dt.cast_time_unit("us")
    made = period(start, start + timedelta(seconds=seconds))
    assert made["grain"].to_list() == made["time_kind"].to_list() == [grain]
    assert made["time_precision_ms"].to_list() == [seconds * 1000.0 or None]


def test_spellings_may_be_mixed_in_a_column() -> None:
    texts = pl.Series(["2026-08-31T00:00:00Z", None, "1775800000", "x", "2026-08-31"])
    assert moments(texts).values.is_null().to_list() == [False, True, False, True, False]
