"""What is an incident and what is not, in small records written by hand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from incidents.minutes import at, frames, together

from analyzer import records
from analyzer.incidents import Options, Window, find
from analyzer.incidents.window import Scope


def only(found: list[Window]) -> Window:
    assert len(found) == 1, found
    return found[0]


def storm(
    first: int, last: int, total: int, n: int = 5, bad: float = 4
) -> list[tuple[int, int, float]]:
    return [(i, n, bad if first <= i < last else 0) for i in range(total)]


def test_nothing_recorded_is_no_incident() -> None:
    empty = records.empty()
    assert find(empty.counts, empty.failed) == []


def test_a_storm_in_two_hours_has_its_minutes() -> None:
    window = only(find(*frames(storm(51, 68, 120), model="m", host="h")))
    assert (window.start, window.end, window.kind) == (at(51), at(68), "storm")
    assert window.scope == Scope("all")
    assert (window.attempts, window.failed, window.base) == (85, 68, 0)
    assert (window.peak, window.peak_failed) == (at(51), 4)
    assert not window.ongoing


@pytest.mark.parametrize("failed", [0, 1, 4])
def test_few_failures_are_none_however_bad_they_look(failed: int) -> None:
    assert find(*frames([(0, max(failed, 1), failed)])) == []


def test_five_failures_of_six_are_one() -> None:
    window = only(find(*frames([(0, 6, 5)])))
    assert (window.attempts, window.failed, window.ongoing) == (6, 5, True)


def test_it_goes_on_where_the_capture_ends_in_it() -> None:
    window = only(find(*frames(storm(90, 120, 120))))
    assert window.ongoing
    assert window.end == at(120)


def test_a_short_capture_that_always_fails_is_one() -> None:
    window = only(find(*frames(storm(0, 180, 180, n=10, bad=3))))
    assert (window.start, window.base) == (at(0), None)


def test_a_scope_that_always_fails_is_no_incident_for_ever() -> None:
    days = [(i, 10, 1 if i % 2 else 0) for i in range(3 * 24 * 60)]
    assert find(*frames(days)) == []


def test_a_bad_scope_that_gets_worse_is_one() -> None:
    days = [(i, 10, 8 if 2000 <= i < 2017 else 1 if i % 2 else 0) for i in range(3 * 24 * 60)]
    window = only(find(*frames(days)))
    assert abs(window.start - at(2000)) <= timedelta(minutes=2)
    assert abs(window.end - at(2017)) <= timedelta(minutes=2)
    assert window.base == pytest.approx(0.05, abs=0.005)


def test_more_traffic_at_the_same_rate_is_none() -> None:
    days = []
    for i in range(2 * 24 * 60):
        n = 250 if 600 <= i < 720 else 50
        days.append((i, n, n // 50 if i % 4 == 0 else 0))
    assert find(*frames(days)) == []


def test_a_quiet_service_has_incidents_too() -> None:
    """One attempt in ten minutes: half a day without an answer."""
    days = [(i, 1, 1 if 2000 <= i < 2720 else 0) for i in range(0, 4 * 24 * 60, 10)]
    window = only(find(*frames(days)))
    assert abs(window.start - at(2000)) <= timedelta(minutes=30)
    assert abs(window.end - at(2720)) <= timedelta(minutes=30)


def test_one_model_is_told_once_and_as_that_model() -> None:
    bad = frames(storm(51, 68, 120), model="bad", provider="p", endpoint="e", host="h")
    good = frames(storm(0, 0, 120), model="good", provider="q", endpoint="e", host="h")
    assert only(find(*together(bad, good))).scope == Scope("model", "bad")


def test_what_hits_all_models_is_told_once_and_as_all() -> None:
    parts = [frames(storm(51, 68, 120), model=f"m{i}", host="h", key_tag=f"k{i}") for i in range(4)]
    assert only(find(*together(*parts))).scope == Scope("all")


def test_a_provider_with_two_models_is_told_as_the_provider() -> None:
    parts = [
        frames(storm(51, 68, 120), model=f"m{i}", provider="p", host=f"h{i}") for i in range(2)
    ]
    other = frames(storm(0, 0, 120, n=10), model="m9", provider="q", host="h0")
    assert only(find(*together(*parts, other))).scope == Scope("provider", "p")


def test_two_troubles_at_once_are_two() -> None:
    parts = [
        frames(storm(51, 68, 120), model="a", key_tag="k1"),
        frames(storm(55, 80, 120), layer="gateway", cause="cooldown", model="b", key_tag="k2"),
        frames(storm(0, 0, 120, n=20), model="c", key_tag="k3"),
    ]
    found = find(*together(*parts))
    assert [(w.scope.value, w.causes[0].cause, w.start, w.end) for w in found] == [
        ("a", "overloaded", at(51), at(68)),
        ("b", "cooldown", at(55), at(80)),
    ]
    assert [w.rank for w in sorted(found, key=lambda w: w.rank)] == [0, 1]


def test_a_callers_bad_key_is_a_matter_of_that_key() -> None:
    bad = frames(storm(51, 68, 120), "client", "invalid_key", model="m", key_tag="k1")
    good = frames(storm(0, 0, 120, n=20), model="m", key_tag="k2")
    window = only(find(*together(bad, good)))
    assert (window.family, window.scope) == ("caller", Scope("key_tag", "k1"))


def test_maintenance_is_what_it_is() -> None:
    window = only(find(*frames(storm(51, 68, 120), "gateway", "maintenance", model="m")))
    assert (window.family, window.kind) == ("planned", "maintenance")


def test_a_callers_failures_do_not_hide_in_the_services() -> None:
    """The failures of one family neither add to an incident of another nor thin it out."""
    service = frames(storm(51, 68, 120), model="m", key_tag="k1")
    caller = frames(storm(51, 68, 120), "client", "invalid_key", model="m", key_tag="k2")
    found = find(*together(service, caller))
    assert [(w.family, w.scope.value, w.failed) for w in found] == [
        ("service", "k1", 68),
        ("caller", "k2", 68),
    ]


def test_sampled_failures_count_with_their_weight() -> None:
    window = only(find(*frames([(i, 100, 1) for i in range(30)], weight=50.0)))
    assert window.failed == 1500
    assert window.rate == 0.5


def test_a_pause_inside_does_not_make_two() -> None:
    rows = [(i, 5, 4 if 51 <= i < 60 or 62 <= i < 70 else 0) for i in range(120)]
    window = only(find(*frames(rows)))
    assert (window.start, window.end) == (at(51), at(70))


def test_two_storms_of_a_model_hours_apart_are_two() -> None:
    rows = [(i, 5, 4 if 51 <= i < 68 or 300 <= i < 330 else 0) for i in range(400)]
    found = find(*frames(rows))
    assert [(w.start, w.end) for w in found] == [(at(51), at(68)), (at(300), at(330))]


def test_failures_without_a_time_or_names_do_no_harm() -> None:
    counts, failed = frames(storm(51, 68, 120))
    lost = pl.DataFrame([{"failed": 9.0, "layer": None, "cause": None}], schema=records.FAILED)
    window = only(find(counts, pl.concat([failed, lost])))
    assert window.failed == 68


def test_a_stricter_target_finds_more() -> None:
    rows = [(i, 100, 2 if 100 <= i < 700 else 0) for i in range(2000)]
    assert find(*frames(rows), options=Options(target=0.98)) == []
    window = only(find(*frames(rows), options=Options(target=0.999)))
    assert (window.start, window.end) == (at(100), at(700))


def test_order_of_rows_does_not_matter() -> None:
    counts, failed = together(
        frames(storm(51, 68, 120), model="a"), frames(storm(20, 50, 120, n=8, bad=7), model="b")
    )
    turned = counts.sample(fraction=1, shuffle=True, seed=3), failed.reverse()
    assert find(*turned) == find(counts, failed)
