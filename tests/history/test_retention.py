"""What is forgotten, what compacting and repairing leave."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cli import analyze
from history_logs import MONDAY, ingest, listed, log, plain, rows, sums, written

pytest.importorskip("deltalake")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two ingests: one of Monday to Wednesday, one of the week after."""
    one = written(tmp_path / "one.log", log(300, MONDAY, every_s=600))
    two = written(tmp_path / "two.log", log(50, MONDAY + timedelta(days=7)))
    ingest(tmp_path / "store", one, two)
    return tmp_path / "store"


def test_a_dry_run_lists_and_changes_nothing(store: Path, tmp_path: Path) -> None:
    before = sorted(store.rglob("*"))
    done = analyze("history", "forget", "--before", "2026-11-23", "--dry-run", "--store", store)
    assert "Would forget" in done.out
    assert "one.log" in done.out
    assert "two.log" not in done.out
    assert sorted(store.rglob("*")) == before


def test_days_are_forgotten_within_an_ingest(store: Path, tmp_path: Path) -> None:
    done = analyze("history", "forget", "--before", "2026-11-17", "--store", store)
    assert "a part of it: one.log" in done.out
    # A request each ten minutes, logged at its end: 145 of the 300 began on Monday or before.
    assert [row["attempts"] for row in listed(store)["ingests"]] == [155, 50]
    left = rows(store, ["kind", "at"]).filter(kind="counts")["at"].min()
    assert left >= MONDAY + timedelta(days=1)
    # What was forgotten of a file does not come back with the same file.
    assert "already there" in ingest(store, tmp_path / "one.log")


def test_a_file_is_forgotten_with_its_ingest_and_can_be_ingested_again(
    store: Path, tmp_path: Path
) -> None:
    done = analyze("history", "forget", "--input", "one.log", "--store", store)
    assert "all of it: one.log" in done.out
    assert sums(store) == plain(tmp_path / "two.log")
    ingest(store, tmp_path / "one.log")
    assert sums(store) == plain(tmp_path / "one.log", tmp_path / "two.log")


def test_an_ingest_is_forgotten_by_the_beginning_of_its_id(store: Path, tmp_path: Path) -> None:
    name = listed(store)["ingests"][1]["ingest_id"]
    analyze("history", "forget", "--ingest", name[:6], "--store", store)
    assert sums(store) == plain(tmp_path / "one.log")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--before DATE, --input NAME or --ingest ID"),
        (("--before", "yesterday"), "written as 2026-11-16"),
        (("--input", "on.log"), "Did you mean 'one.log'"),
        (("--ingest", "zzz"), "there is no such ingest"),
    ],
)
def test_what_cannot_be_forgotten_is_said(store: Path, args: tuple[str, ...], says: str) -> None:
    done = analyze("history", "forget", *args, "--store", store)
    assert done.code == 2
    assert says in done.err


def test_compacting_changes_no_sum_and_fewer_files_hold_it(store: Path, tmp_path: Path) -> None:
    for day in range(3, 5):
        ingest(store, written(tmp_path / f"{day}.log", log(40, MONDAY + timedelta(days=day))))
    before, files = sums(store), listed(store)["files"]
    done = analyze("history", "compact", "--store", store)
    assert done.code == 0, done.err
    assert sums(store) == before
    assert listed(store)["files"] < files
    # A file of which the rows stand in a merged file is replaced all the same.
    written(tmp_path / "3.log", log(55, MONDAY + timedelta(days=3)))
    ingest(store, tmp_path / "3.log")
    assert sums(store) == plain(*(tmp_path / f"{name}.log" for name in ("one", "two", 3, 4)))


def test_compacting_deletes_what_a_killed_ingest_left_but_only_after_a_week(store: Path) -> None:
    import os
    import time

    orphans = [store / "kind=counts" / "week=2026-W47" / f"part-{n}.parquet" for n in range(2)]
    for orphan in orphans:
        orphan.write_bytes(b"left over")
    eight_days_ago = time.time() - 8 * 86_400
    os.utime(orphans[0], (eight_days_ago, eight_days_ago))
    before = sums(store)
    assert "1 old file deleted" in analyze("history", "compact", "--store", store).out.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert [orphan.exists() for orphan in orphans] == [False, True]
    assert sums(store) == before


def test_repair_gives_up_a_damaged_file_and_names_what_to_ingest_again(
    store: Path, tmp_path: Path
) -> None:
    damaged = next(store.glob("kind=counts/week=2026-W47/*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:500])
    done = analyze("history", "compact", "--repair", "--store", store)
    assert done.code == 0, done.err
    assert "ingest again: one.log" in done.out
    assert sums(store) == plain(tmp_path / "two.log")
    ingest(store, tmp_path / "one.log")
    assert sums(store) == plain(tmp_path / "one.log", tmp_path / "two.log")
