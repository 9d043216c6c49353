"""Rollups add, and quantiles are within the stated error."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from strategies import attempts

from analyzer import ledger, rollup


@settings(max_examples=60, deadline=None)
@given(attempts, st.integers(0, 60))
def test_rollup_of_parts_adds_up_to_the_rollup_of_the_whole(rows: pl.DataFrame, cut: int) -> None:
    whole = rollup.merge([rollup.fold(rows)])
    parts = rollup.merge([rollup.fold(rows[cut:]), rollup.fold(rows[:cut])])
    assert_frame_equal(whole.counts, parts.counts)
    assert_frame_equal(whole.latency, parts.latency)


@settings(max_examples=60, deadline=None)
@given(attempts)
def test_rollup_counts_every_attempt_once(rows: pl.DataFrame) -> None:
    counts = rollup.fold(rows).counts
    assert counts["attempts"].sum() == rows.height
    assert counts["ok"].sum() == rows.filter(pl.col("ok")).height
    assert counts["failed"].sum() == rows.filter(~pl.col("ok")).height
    assert counts["undecided"].sum() == rows["ok"].null_count()
    assert counts["output_tokens"].sum() == rows["output_tokens"].sum()


@settings(max_examples=60, deadline=None)
@given(attempts, st.integers(0, 60))
def test_ledger_of_parts_adds_up(rows: pl.DataFrame, cut: int) -> None:
    whole = ledger.merge([ledger.fold(rows)])
    assert_frame_equal(whole, ledger.merge([ledger.fold(rows[cut:]), ledger.fold(rows[:cut])]))
    assert whole.select(pl.sum_horizontal("ok", "failed", "undecided").sum()).item() == rows.height


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.01, 1e7), min_size=1, max_size=200),
    st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_quantiles_are_nearest_rank_within_one_percent(values: list[float], level: float) -> None:
    rows = pl.DataFrame({"duration_ms": values}).with_columns(
        pl.lit(True).alias("ok"), pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("started_at")
    )
    from analyzer import columns

    found = rollup.quantiles(rollup.fold(columns.conform(rows)).latency, ("host",), q=level)
    exact = sorted(values)[max(math.ceil(level * len(values)), 1) - 1]
    assert found["q"][0] == pytest.approx(exact, rel=rollup.RELATIVE_ERROR + 1e-9)
