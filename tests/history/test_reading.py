"""Records out of a store: of a time, from its weeks alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from history_logs import MONDAY, har, ingest, log, written

from analyzer.history import opening, place, reading, schema
from analyzer.records import SCHEMAS

pytest.importorskip("deltalake")


def test_a_stretch_of_time_has_its_rows_and_its_files_alone(tmp_path: Path) -> None:
    for week in range(3):
        start = MONDAY + timedelta(days=7 * week, hours=3)
        ingest(tmp_path / "s", written(tmp_path / f"{week}.har", har(40 + week, start)))
    store = opening.open_(place.place(str(tmp_path / "s")))
    found = reading.read(store, MONDAY + timedelta(days=7), MONDAY + timedelta(days=14))
    assert found.counts["attempts"].sum() == 41
    assert found.inputs["input"].to_list() == ["1.har"]
    assert found.failures["started_at"].min() >= MONDAY + timedelta(days=7)
    assert reading.read(store).counts["attempts"].sum() == 40 + 41 + 42
    for name, wanted in SCHEMAS.items():
        assert getattr(found, name).schema == wanted, name


def test_coarser_latency_adds_up_to_the_same(tmp_path: Path) -> None:
    ingest(tmp_path / "s", written(tmp_path / "a.log", log(400, MONDAY - timedelta(hours=1))))
    store = opening.open_(place.place(str(tmp_path / "s")))
    fine, coarse = reading.read(store).latency, reading.read(store, latency_every="1h").latency
    keys = [name for name in fine.columns if name != "n"]
    expected = (
        fine.with_columns(pl.col("minute").dt.truncate("1h")).group_by(keys).agg(pl.col("n").sum())
    )
    assert coarse.sort(keys).equals(expected.sort(keys))
    assert coarse.height < fine.height


def test_every_column_of_the_records_has_a_place_in_the_table() -> None:
    names = set(schema.columns())
    for kind, wanted in SCHEMAS.items():
        assert set(wanted) - names <= {"minute", "started_at"}, kind
