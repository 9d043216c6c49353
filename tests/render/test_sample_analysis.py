"""The hand-made samples are consistent, else they would test nothing."""

from __future__ import annotations

import pytest
from render.sample_analysis import SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_numbers_add_up(name: str) -> None:
    analysis = SAMPLES[name]()
    totals = analysis.totals
    assert totals.attempts == totals.ok + totals.failed + totals.undecided
    assert totals.failed == sum(totals.by_layer.values())
    assert totals.failed == sum(row.failed for row in analysis.models)
    assert totals.failed == sum(group.count for group in analysis.groups)
    assert totals.attempts == sum(slot.attempts for slot in analysis.timeline.slots)
    assert totals.failed == sum(slot.failed for slot in analysis.timeline.slots)
    cited = {name for group in analysis.groups for name in group.evidence}
    assert cited <= {item.id for item in analysis.evidence}
    if analysis.billing.rows:
        assert totals.failed == sum(row.count for row in analysis.billing.rows)


@pytest.mark.parametrize("name", SAMPLES)
def test_calls_add_up(name: str) -> None:
    analysis = SAMPLES[name]()
    calls = analysis.calls
    if calls is None or calls.measured:
        assert analysis.totals.calls is None
        return
    assert (
        calls.calls == calls.attempts - calls.retries == calls.ok + calls.failed + calls.undecided
    )
    assert calls.failed == calls.given_up + calls.never_retried
    assert calls.attempts == sum(tries * n for tries, n, _ in calls.attempts_per_call)
    assert calls.calls == sum(n for _, n, _ in calls.attempts_per_call)
    assert calls.failed == sum(failed for _, _, failed in calls.attempts_per_call)
    assert sum(calls.chained_by.values()) == sum(calls.retry_after.values()) == calls.retries
