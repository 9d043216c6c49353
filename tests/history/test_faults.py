"""Stores that are full, damaged, newer, somebody else's: said in words, and nothing is lost."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli import ROOT, Outcome, analyze
from history_logs import MONDAY, ingest, log, plain, sums, written

from analyzer.history import faults

deltalake = pytest.importorskip("deltalake")


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return written(tmp_path / "first.log", log(300))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return written(tmp_path / "second.log", log(200, MONDAY + timedelta(days=7)))


@pytest.fixture
def store(tmp_path: Path, first: Path) -> Path:
    ingest(tmp_path / "store", first)
    return tmp_path / "store"


def limited(kib: int, *args: str | Path) -> Outcome:
    """Run with a limit on the size of files, as ``ulimit -f`` sets it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, kib << 10))

    done = subprocess.run(
        [sys.executable, "-m", "analyzer", *map(str, args)],
        cwd=ROOT, capture_output=True, preexec_fn=limit, check=False, timeout=300,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_file_size_limit_is_said_and_the_earlier_state_stands(
    store: Path, first: Path, second: Path
) -> None:
    done = limited(4, "ingest", second, "--store", store, "--no-config")
    assert done.code == 2
    assert done.err == (
        f"analyze: writing the store {store} failed: a file hit the size limit of this shell "
        "(ulimit -f). Nothing was changed. Raise the limit and run it again.\n"
    )
    assert sums(store) == plain(first)
    ingest(store, second)
    assert sums(store) == plain(first, second)


def test_a_limit_while_the_store_is_made_leaves_one_that_can_be_made(
    tmp_path: Path, first: Path
) -> None:
    store = tmp_path / "new"
    assert limited(0, "ingest", first, "--store", store, "--no-config").code == 2
    ingest(store, first)
    assert sums(store) == plain(first)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-600])


def muddled(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100:2000] = b"\0" * 1900
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, muddled, Path.unlink])
def test_a_damaged_data_file_is_named_and_other_weeks_are_read(
    damage: Callable[[Path], object], store: Path, second: Path
) -> None:
    from analyzer.history import opening, place, reading

    ingest(store, second)
    file = next(store.glob("kind=counts/week=2026-W47/*.parquet"))
    damage(file)
    done = analyze("history", "list", "--store", store)
    assert done.code == 2
    assert file.name in done.err
    assert "history compact --repair" in done.err
    assert done.err.count("\n") == 1
    opened = opening.open_(place.place(str(store)))
    week_48 = datetime(2026, 11, 23, tzinfo=UTC)
    assert reading.read(opened, week_48).counts["attempts"].sum() == 200
    with pytest.raises(faults.StoreError, match=r"week=2026-W47.*damaged or gone"):
        reading.read(opened)


@pytest.mark.parametrize("text", ["", '{"add": {', "\0\0\0"])
def test_a_damaged_log_entry_is_named_and_moving_it_gives_the_state_before(
    text: str, store: Path, first: Path, second: Path
) -> None:
    ingest(store, second)
    entry = sorted(store.glob("_delta_log/*.json"))[-1]
    written(entry, text)
    before = sorted(store.rglob("*"))
    for args in (("history", "list"), ("ingest", second), ("history", "compact")):
        done = analyze(*args, "--store", store)
        assert done.code == 2
        assert f"_delta_log/{entry.name} is damaged or gone" in done.err
    assert sorted(store.rglob("*")) == before
    entry.unlink()
    assert sums(store) == plain(first)
    ingest(store, second)
    assert sums(store) == plain(first, second)


def test_a_log_entry_that_is_missing_is_named(store: Path) -> None:
    (store / "_delta_log" / f"{0:020}.json").unlink()
    done = analyze("history", "list", "--store", store)
    assert done.code == 2
    assert "_delta_log is damaged or gone" in done.err


def test_a_store_of_a_newer_version_is_not_touched(store: Path, second: Path) -> None:
    entry = store / "_delta_log" / f"{0:020}.json"
    text = entry.read_text()
    assert '"whichhop.schema_version":"1"' in text
    entry.write_text(text.replace('"whichhop.schema_version":"1"', '"whichhop.schema_version":"2"'))
    before = sorted(store.rglob("*"))
    for args in (
        ("ingest", second), ("history", "list"), ("history", "compact"),
        ("history", "forget", "--before", "2027-01-01"),
    ):  # fmt: skip
        done = analyze(*args, "--store", store)
        assert done.code == 2
        assert "written by a newer whichhop (schema 2; this one knows 1)" in done.err
        assert "pip install -U" in done.err
    assert sorted(store.rglob("*")) == before


def test_what_is_no_store_is_said_and_not_touched(tmp_path: Path, first: Path) -> None:
    import polars as pl

    deltalake.write_deltalake(str(tmp_path / "table"), pl.DataFrame({"a": [1]}))
    written(tmp_path / "file", "")
    (tmp_path / "full").mkdir()
    written(tmp_path / "full" / "thesis.tex", "")
    for name, says in (
        ("table", "not made by whichhop"), ("file", "is a file; a store is a folder"),
        ("full", "other files in it"),
    ):  # fmt: skip
        done = analyze("ingest", first, "--store", tmp_path / name)
        assert done.code == 2
        assert says in done.err
    assert not (tmp_path / "full" / "_delta_log").exists()


@pytest.mark.parametrize("command", ["list", "compact"])
def test_where_no_store_is_yet_the_way_to_one_is_said(command: str, tmp_path: Path) -> None:
    done = analyze("history", command, "--store", tmp_path / "none")
    assert done.code == 2
    assert "Make it with: analyze ingest FILE..." in done.err
    assert not (tmp_path / "none").exists()


def test_without_the_extra_the_command_to_install_it_is_said(tmp_path: Path, first: Path) -> None:
    # A module of that name that cannot be imported stands in for none.
    shutil.copytree(ROOT / "tests" / "history" / "no_extra", tmp_path / "path")
    done = analyze("ingest", first, "--store", tmp_path / "s", PYTHONPATH=str(tmp_path / "path"))
    assert done.code == 2
    assert "pip install 'whichhop[history]'" in done.err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("Generic LocalFileSystem error: No space left on device (os error 28)", "disk is full"),
        ("Permission denied (os error 13)", "may not read or write"),
        ("[Errno 30] Read-only file system: '/x'", "read-only"),
        ("<Error><Code>NoSuchBucket</Code></Error>", "no such bucket"),
        ("Server returned non-2xx status code: 403 Forbidden", "refuses the credentials"),
        ("error sending request: Connection refused (os error 111)", "does not answer"),
        ("Something new.", "failed: Something new."),
    ],
)
def test_what_the_system_says_becomes_a_sentence(raw: str, says: str) -> None:
    told = faults.sentence("s3://bucket/history", "writing", raw)
    assert told.startswith("writing the store s3://bucket/history failed: ")
    assert says in told


def test_credentials_of_the_environment_are_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "plain-looking-secret-words")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "another-looking-secret")
    raw = "odd: key=plain-looking-secret-words sig another-looking-secret"
    told = faults.sentence("s3://bucket/x", "reading", raw)
    assert "secret-words" not in told
    assert "looking-secret" not in told
