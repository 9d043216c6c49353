"""Markers: what is read, onto which day it is put, and what is said of mistakes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analyzer.errors import UsageError
from analyzer.incidents.markers import parse, place

FIRST = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
LAST = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("14:19Z deploy 4.2", "2026-11-22T14:19:00"),
        ("14:19 UTC deploy 4.2", "2026-11-22T14:19:00"),
        ("15:19+01:00 deploy 4.2", "2026-11-22T14:19:00"),
        ("9:19-0500 deploy 4.2", "2026-11-22T14:19:00"),
        ("2026-11-22T14:19:30Z deploy 4.2", "2026-11-22T14:19:30"),
        ("2026-11-20 14:19Z deploy 4.2", "2026-11-20T14:19:00"),
        ("12:50z  deploy   4.2", "2026-11-22T12:50:00"),
        ("23:30Z deploy 4.2", "2026-11-22T23:30:00"),
    ],
)
def test_moments(raw: str, at: str) -> None:
    expected = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert place([parse(raw)], FIRST, LAST) == [(expected, "deploy 4.2")]


def test_a_capture_over_midnight_has_each_time_once() -> None:
    night = datetime(2026, 11, 22, 23, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC)
    marks = [parse("00:10Z after"), parse("23:50Z before")]
    assert [f"{at:%d %H:%M} {text}" for at, text in place(marks, *night)] == [
        "22 23:50 before",
        "23 00:10 after",
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("deploy 4.2", "does not begin with a time"),
        ("", "does not begin with a time"),
        ("14:19Z", "says when, and not what"),
        ("14:19 deploy", "has no zone"),
        ("25:19Z deploy", "names no real time: hour must be in"),
        ("14:75Z deploy", "names no real time: minute must be in"),
        ("2026-13-01T14:19Z deploy", "names no real time: month must be in"),
        ("14:19+99:00 deploy", "names no real time"),
    ],
)
def test_mistakes_are_named_with_the_value(raw: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(raw)
    assert said in str(error.value)
    assert f"--marker '{raw}'" in str(error.value)


def test_a_time_that_comes_on_several_days_needs_the_date() -> None:
    with pytest.raises(UsageError, match=r"on 3 days\. Write the date too: '2026-11-24T14:19Z x'"):
        place([parse("14:19Z x")], FIRST, datetime(2026, 11, 24, 15, tzinfo=UTC))


def test_without_times_in_the_capture_the_date_is_needed() -> None:
    with pytest.raises(UsageError, match="no attempt of the capture has a time"):
        place([parse("14:19Z x")], None, None)
    dated = parse("2026-11-22T14:19Z x")
    assert place([dated], None, None) == [(datetime(2026, 11, 22, 14, 19, tzinfo=UTC), "x")]
