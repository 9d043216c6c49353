"""Progress is for people who watch, and only if there is something to wait for."""

from __future__ import annotations

import io

import pytest

from analyzer import progress
from analyzer.progress import Meter, Reached


class _Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_short_run_says_nothing(clock: _Clock) -> None:
    out = io.StringIO()
    meter = Meter(out)
    clock.now += progress.QUIET_S / 2
    meter(Reached("logs.har", 10, 1))
    meter(None)
    assert out.getvalue() == ""


def test_a_long_run_says_how_far_it_is_and_leaves_nothing_behind(clock: _Clock) -> None:
    out = io.StringIO()
    meter = Meter(out)
    clock.now += 3
    meter(Reached("access.log", 1_200_000, 345))
    assert out.getvalue().endswith("Reading access.log: 1,200,000 records, 345 failed, 3 s")
    meter(None)
    assert out.getvalue().endswith("\r\x1b[K")


def test_it_does_not_write_more_often_than_can_be_read(clock: _Clock) -> None:
    out = io.StringIO()
    meter = Meter(out)
    clock.now += 3
    for _ in range(100):
        meter(Reached("access.log", 1, 1))
    assert out.getvalue().count("Reading") == 1


@pytest.mark.parametrize("name", ["x" * 500, "a\x1b[2Jb.log", "b\nc"])
def test_names_stay_on_one_line_of_the_terminal(clock: _Clock, name: str) -> None:
    out = io.StringIO()
    meter = Meter(out, columns=60)
    clock.now += 3
    meter(Reached(name, 5, 0))
    line = out.getvalue().removeprefix("\r\x1b[K")
    assert len(line) < 60
    assert line.isprintable()


def test_nothing_is_shown_where_standard_error_is_no_terminal() -> None:
    assert progress.meter() is None
