"""Shared fixtures: pinned environment, the corpus option, frames that name only what matters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analyzer import columns


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--corpus", default=None, help="folder with captures of other projects")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--corpus"):
        return
    skip = pytest.mark.skip(reason="needs --corpus DIR")
    for item in items:
        if "corpus" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _pinned(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764000000")


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> Path:
    return Path(request.config.getoption("--corpus"))


@pytest.fixture
def frame() -> Callable[..., pl.DataFrame]:
    """Build a canonical attempts frame from rows that name only the columns that matter."""

    def build(*rows: dict[str, Any]) -> pl.DataFrame:
        names = {name for row in rows for name in row}
        dtypes = {name: columns.dtype_of(name) for name in names}
        data = {name: [row.get(name) for row in rows] for name in names}
        return columns.conform(pl.DataFrame(data, schema=dtypes))

    return build
