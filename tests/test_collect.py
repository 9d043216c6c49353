"""Phase 1: what is kept, counted, sampled and spilled."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from strategies import attempts

from analyzer import collect as phase1
from analyzer.ingest.base import Batch, Format, Source
from analyzer.spill import Spill

Build = Callable[..., pl.DataFrame]


class _Any(Format):
    name = "any"
    title = "anything"
    kind = "attempts"
    hop = "client"
    source_kind = "har"

    def sniff(self, head: bytes, name: str) -> float:
        return 0.0

    def read(self, source: Source, wants: Any) -> Any:
        yield Batch()


SOURCE = Source("x.har", lambda: io.BytesIO(), b"")


def run(*frames: pl.DataFrame, spill: Spill | None = None) -> phase1.Collected:
    batches = [(SOURCE, _Any(), Batch(attempts=f, records=f.height)) for f in frames]
    say = lambda f: f.with_columns(pl.col("llm").fill_null(True))  # noqa: E731
    return phase1.collect(batches, say, spill or Spill())


@settings(max_examples=40, deadline=None)
@given(attempts, st.integers(1, 60))
def test_result_does_not_depend_on_how_rows_are_batched(rows: pl.DataFrame, cut: int) -> None:
    one, two = run(rows), run(rows[:cut], rows[cut:])
    assert_frame_equal(one.failures, two.failures)
    assert_frame_equal(one.ledger, two.ledger)
    assert_frame_equal(one.rollup.counts, two.rollup.counts)
    assert_frame_equal(phase1.exemplars(one.spill), phase1.exemplars(two.spill))


def test_spilling_to_disk_changes_nothing(frame: Build) -> None:
    rows = [frame({"input": "x", "record": i, "ok": i % 3 > 0, "model": "m"}) for i in range(50)]
    with Spill(memory_bytes=1) as disk, Spill() as memory:
        written = run(*rows, spill=disk)
        held = run(*rows, spill=memory)
        assert_frame_equal(written.spill.scan().collect(), held.spill.scan().collect())
        assert [b.height for b in written.spill.batches()] == [1] * 50


def test_many_alike_failures_are_counted_exactly_and_sampled(
    frame: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase1, "FAILURES_PER_SIGNATURE", 10)
    monkeypatch.setattr(phase1, "PRUNE_EVERY_ROWS", 25)
    alike = [{"input": "x", "record": i, "ok": False, "status": 503} for i in range(100)]
    other = [{"input": "x", "record": 1000 + i, "ok": False, "status": 429} for i in range(3)]
    found = run(
        *(frame(*alike[i : i + 20], *other[i // 40 : i // 40 + 1]) for i in range(0, 100, 20))
    )
    by_status = dict(found.failures.group_by("status").agg(pl.col("weight").sum()).iter_rows())
    assert by_status[503] == pytest.approx(100)
    assert found.failures.filter(pl.col("status") == 503).height == 10
    assert found.sampled == 90


def test_equal_bodies_come_back_whole(frame: Build) -> None:
    bodies = ["a" * 4000, "b" * 4000, None, "a" * 4000]
    rows = [
        {"input": "x", "record": i, "ok": False, "status": 500 + i, "body_text": body}
        for i, body in enumerate(bodies)
    ]
    assert run(frame(*rows)).failures["body_text"].to_list() == bodies


def test_what_is_no_llm_traffic_is_counted_by_host(frame: Build) -> None:
    rows = frame(
        {"input": "x", "record": 1, "llm": False, "host": "cdn.example", "ok": True},
        {"input": "x", "record": 2, "llm": True, "host": "api.example", "ok": True},
    )
    found = run(rows)
    assert found.hosts_left_out == {"cdn.example": 1}
    assert (found.tallies[0].attempts, found.tallies[0].left_out, found.attempts) == (1, 1, 1)


def test_nothing_at_all() -> None:
    found = run()
    assert found.failures.height == 0
    assert "weight" in found.failures.columns
    assert found.attempts == 0
