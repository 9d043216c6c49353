"""Geometry and text of the timeline."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.sample_analysis import at, incident, slots

from analyzer.analysis.model import Slot, Timeline
from analyzer.render import charts

START = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)


@pytest.mark.parametrize(("value", "expected"), [(0, 100.0), (5, 50.0), (10, 0.0)])
def test_scale_is_linear(value: float, expected: float) -> None:
    assert charts.scale(value, 0, 10, 100, 0) == expected


def test_scale_of_nothing_is_its_start() -> None:
    assert charts.scale(3, 3, 3, 7, 9) == 7


@given(st.integers(0, 10**9), st.integers(1, 8))
def test_ticks_are_round_start_at_zero_and_cover(maximum: int, most: int) -> None:
    ticks = charts.nice_ticks(maximum, most)
    assert ticks[0] == 0
    assert ticks[-1] >= maximum
    assert len(ticks) <= most + 2
    steps = {b - a for a, b in itertools.pairwise(ticks)}
    assert len(steps) == 1
    assert str(steps.pop()).rstrip("0") in {"1", "2", "5"}


@given(st.integers(1, 10**8))
def test_time_marks_are_few_and_inside(seconds: int) -> None:
    end = START + timedelta(seconds=seconds)
    marks = charts.time_marks(START, end)
    assert len(marks) <= 8
    assert all(START <= moment <= end for moment, _ in marks)


def test_time_marks_show_the_date_where_the_day_changes() -> None:
    labels = [label for _, label in charts.time_marks(START, START + timedelta(minutes=30))]
    assert labels == [
        "11-22 23:50", "23:55", "11-23 00:00", "00:05", "00:10", "00:15", "00:20",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.integers(1, 40))
def test_rebin_keeps_sums(failed: list[int], most: int) -> None:
    timeline = slots(START, 60, [n + 1 for n in failed], [{"edge": n} for n in failed])
    fewer = charts.rebin(timeline, most)
    assert len(fewer.slots) <= most
    for name in ("attempts", "ok", "failed"):
        total = sum(getattr(slot, name) for slot in timeline.slots)
        assert sum(getattr(slot, name) for slot in fewer.slots) == total
    assert sum(slot.by_layer["edge"] for slot in fewer.slots) == sum(failed)


def bins(*pairs: tuple[int, int]) -> list[Slot]:
    return [Slot(start=START, attempts=a, ok=a - f, failed=f) for a, f in pairs]


def test_spark_tells_no_attempts_from_no_failures_from_few() -> None:
    line = bins((0, 0), (5, 0), (5, 1), (90, 80))
    assert charts.spark(line) == " ·▁█"
    assert charts.spark(line, unicode=False) == " .:@"


def test_letters_show_every_layer_that_failed() -> None:
    slot = Slot(start=START, attempts=90, ok=0, failed=90, by_layer={"upstream": 89, "edge": 1})
    assert charts.letters(slot, 10) == "E" + "U" * 9


@pytest.mark.parametrize(("value", "shade"), [(1, 1), (25, 1), (26, 2), (75, 3), (100, 4)])
def test_heat(value: int, shade: int) -> None:
    assert charts.heat(value, 100) == shade


def test_bars_stack_without_overlap_and_stay_inside() -> None:
    chart = charts.timeline_chart(incident().timeline)
    assert chart is not None
    by_x: dict[float, list[charts.Bar]] = {}
    for bar in chart.bars:
        assert chart.left <= bar.x
        assert bar.x + bar.width <= chart.right + 0.5
        assert chart.bar_top - 0.1 <= bar.y
        by_x.setdefault(bar.x, []).append(bar)
    for stack in by_x.values():
        base = float(chart.bar_base)
        for bar in stack:
            assert bar.y + bar.height == pytest.approx(base, abs=0.6)
            base = bar.y
    assert [marker.number for marker in chart.markers] == [1, 2, 3]
    assert chart.layers == ("client", "network", "edge", "gateway", "upstream")


def test_close_markers_do_not_cover_each_other() -> None:
    timeline = slots(at("14:00"), 60, [1] * 60, [{}] * 60).model_copy(
        update={"markers": [(at("14:20"), "a"), (at("14:20:30"), "b")]}
    )
    chart = charts.timeline_chart(timeline)
    assert chart is not None
    first, second = chart.markers
    assert first.y != second.y


def test_no_bins_no_chart() -> None:
    assert charts.timeline_chart(Timeline(bin_s=60)) is None
