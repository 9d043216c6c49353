"""Killed at any moment, run twice at once: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from history_logs import MONDAY, ingest, listed, log, plain, start, sums, written

pytest.importorskip("deltalake")

KILLS = 100 if os.environ.get("WHICHHOP_LONG_TESTS") else 12


@pytest.mark.slow
def test_an_ingest_that_is_killed_again_and_again_is_there_whole_or_not_at_all(
    tmp_path: Path,
) -> None:
    store, first, second = (tmp_path / name for name in ("store", "a.log", "b.log"))
    written(first, log(600))
    written(second, log(400, MONDAY + timedelta(days=7)))
    one, both = plain(first), plain(first, second)
    allowed = states = (dict.fromkeys(both, 0), one, both)
    for number in range(KILLS):
        if allowed == states[2:]:
            shutil.rmtree(store)
            allowed = states
        process = start("ingest", first, second, "--store", store, "--no-config")
        _kill_in_between(process, store, number)
        seen = sums(store) if list(store.glob("_delta_log/*.json")) else states[0]
        assert seen in allowed, f"kill {number}"
        allowed = allowed[allowed.index(seen) :]
    ingest(store, first, second)
    assert sums(store) == both
    assert [row["attempts"] for row in listed(store)["ingests"]] == [600, 400]


def _kill_in_between(process: subprocess.Popen[bytes], store: Path, number: int) -> None:
    """Kill once some more files are there than before: while it is made, written, committed."""
    before, more = len(list(store.rglob("*"))), 1 + number % 19
    while process.poll() is None and len(list(store.rglob("*"))) < before + more:
        time.sleep(0.001)
    time.sleep(0.002 * (number % 7))
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_a_log_that_grew_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    store, file = tmp_path / "store", tmp_path / "a.log"
    written(file, log(300))
    ingest(store, file)
    short = plain(file)
    written(file, log(500))
    long = plain(file)
    for number in range(max(4, KILLS // 3)):
        process = start("ingest", file, "--store", store, "--no-config")
        _kill_in_between(process, store, number)
        assert sums(store) in (short, long)
    ingest(store, file)
    assert sums(store) == long


@pytest.mark.slow
def test_the_same_file_at_the_same_time_is_stored_once(tmp_path: Path) -> None:
    store = tmp_path / "store"
    file = written(tmp_path / "a.log", log(600))
    running = [start("ingest", file, "--store", store, "--no-config") for _ in range(4)]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    assert sorted("added as" in out.decode() for out, _ in said) == [False, False, False, True]
    assert sums(store) == plain(file)


@pytest.mark.slow
def test_different_files_at_the_same_time_are_all_stored(tmp_path: Path) -> None:
    store = tmp_path / "store"
    files = [
        written(tmp_path / f"{n}.log", log(200 + n, MONDAY + timedelta(days=n))) for n in range(4)
    ]
    running = [start("ingest", file, "--store", store, "--no-config") for file in files]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    assert sums(store) == plain(*files)
    assert len(listed(store)["ingests"]) == 4


@pytest.mark.slow
def test_versions_of_a_log_at_the_same_time_leave_the_longest(tmp_path: Path) -> None:
    """Each is looked up again when another was stored in the meantime."""
    store = tmp_path / "store"
    files = [written(tmp_path / f"{n}.log", log(n)) for n in (150, 300, 600)]
    running = [start("ingest", file, "--store", store, "--no-config") for file in files]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 3, said
    assert sums(store) == plain(files[-1])
