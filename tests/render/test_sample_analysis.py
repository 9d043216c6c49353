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
