"""The report of a store is the report of the files that it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli import SAMPLES, analyze

pytest.importorskip("deltalake")

OVERLOAD = SAMPLES / "upstream-overload"
SAME = ("totals", "models", "causes", "money", "incidents", "budget_days", "headline", "week")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history") / "store"
    for name in ("upstream-overload", "client-timeout"):
        done = analyze("ingest", SAMPLES / name, "--store", folder)
        assert done.code == 0, done.err
    return folder


def test_the_same_figures_as_from_the_files(store: Path) -> None:
    stored = analyze("weekly", "--store", store, "--format", "json")
    assert stored.code == 0, stored.err
    files = analyze("weekly", OVERLOAD, SAMPLES / "client-timeout", "--format", "json")
    one, two = json.loads(stored.out), json.loads(files.out)
    for name in SAME:
        assert one[name] == two[name], name
    assert one["command"] == "analyze weekly --store store"


def test_a_week_that_is_not_there(store: Path) -> None:
    done = analyze("weekly", "--store", store, "--week", "2026-W40")
    assert done.code == 3
    assert "Weeks with data: 2026-W48 (32 attempts)" in done.err


def test_no_store(tmp_path: Path) -> None:
    done = analyze("weekly", XDG_DATA_HOME=str(tmp_path))
    assert done.code != 0
    assert "there is no history at" in done.err
    assert "analyze ingest FILE" in done.err


def test_files_or_a_store(store: Path) -> None:
    done = analyze("weekly", OVERLOAD, "--store", store)
    assert done.code == 2
    assert "not both" in done.err
