from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ingest.formats.har_time import EPOCH, micros, number, span

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(MOMENTS)
def test_iso_times_are_read_exactly(moment: datetime) -> None:
    expected = (moment.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    assert micros(moment.isoformat()) == expected
    assert micros(f"  x{moment.isoformat(sep=' ')}") == expected


@given(st.text(max_size=40))
def test_any_text_gives_a_time_or_none(text: str) -> None:
    found = micros(text)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0), (1.5, 1.5), ("2.5", 2.5), (True, None), (None, None), ([], None), ("x", None),
        (float("nan"), None), (float("inf"), None), ("inf", None), (10**400, None), ("1" * 90, None),
    ],
)  # fmt: skip
def test_numbers(value, expected) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, None), (-0.9, None), (0, 0.0), ("-1", None), ("7", 7.0), (1e12, None), (True, None)],
)
def test_durations(value, expected) -> None:
    assert span(value) == expected
