"""ISO weeks in a zone: their hours, their days, what is no week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.reliability.week import Week, zone_name

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("week", "zone", "start", "hours"),
    [
        ("2026-W47", UTC, "2026-11-16T00:00", 168),
        ("2026-W47", BERLIN, "2026-11-15T23:00", 168),
        ("2026-W13", BERLIN, "2026-03-22T23:00", 167),
        ("2026-W43", BERLIN, "2026-10-18T22:00", 169),
        ("2026-W44", ZoneInfo("America/New_York"), "2026-10-26T04:00", 169),
        ("2026-W47", ZoneInfo("Asia/Kolkata"), "2026-11-15T18:30", 168),
        ("2026-W47", timezone(timedelta(hours=2)), "2026-11-15T22:00", 168),
        ("2026-W53", UTC, "2026-12-28T00:00", 168),
        ("2027W01", UTC, "2027-01-04T00:00", 168),
    ],
)
def test_bounds(week: str, zone: tzinfo, start: str, hours: int) -> None:
    found = Week.parse(week, zone)
    assert found.start == datetime.fromisoformat(start + "+00:00")
    assert found.hours == hours
    assert found.end - found.start == timedelta(hours=hours)
    assert Week.of(found.start, zone) == found
    assert Week.of(found.end - timedelta(microseconds=1), zone) == found
    assert Week.of(found.end, zone) != found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("47", "no ISO week"), ("2026-47", "no ISO week"), ("W47", "no ISO week"),
        ("2026-W54", "W01 to W53"), ("2025-W53", "W01 to W52"), ("2026-W00", "W01 to W53"),
        ("2026-11-16", "as in 2026-W47"), ("", "no ISO week"),
    ],
)  # fmt: skip
def test_what_is_no_week(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Week.parse(text, UTC)


@settings(max_examples=50)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001
    st.sampled_from([UTC, BERLIN, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Australia/Sydney")]),
)
def test_every_moment_is_in_one_week(naive: datetime, zone: tzinfo) -> None:
    moment = naive.replace(tzinfo=UTC)
    week = Week.of(moment, zone)
    assert week.start <= moment < week.end
    assert week.before(1).end == week.start
    assert Week.parse(week.name, zone) == week
    assert week.monday <= week.day(moment) <= week.monday + timedelta(days=6)


def test_names() -> None:
    assert Week(2026, 1, UTC).before(1).name == "2025-W52"
    assert Week(2026, 1, UTC).monday == date(2025, 12, 29)
    assert [zone_name(z) for z in (UTC, BERLIN, timezone(timedelta(hours=2)))] == [
        "UTC", "Europe/Berlin", "UTC+02:00",
    ]  # fmt: skip
