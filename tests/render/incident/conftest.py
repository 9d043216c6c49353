"""Runs that the reports are made of; read once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import SAMPLES
from render.incident import storm

from analyzer import pipeline
from analyzer.pipeline import Options, Result

MARKER = "14:19Z deploy 4.2"


def _run(tmp: Path, inputs: list[str], **options: object) -> Iterator[Result]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1764000000")
        patch.setenv("XDG_CACHE_HOME", str(tmp / "cache"))
        with pipeline.run(inputs, Options(support=True, **options)) as result:  # type: ignore[arg-type]
            yield result


@pytest.fixture(scope="session")
def stormy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """Two incidents: callers' bad requests all along, and a storm of 529 for one model."""
    folder = tmp_path_factory.mktemp("storm")
    path = storm.write(folder / "storm.har")
    yield from _run(folder, [str(path)], markers=(MARKER,))


@pytest.fixture(scope="session")
def hops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """One client's HAR with the logs of two hops behind it."""
    folder = tmp_path_factory.mktemp("hops")
    yield from _run(folder, [str(SAMPLES / "three-hops")])


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """Nothing failed."""
    yield from _run(tmp_path_factory.mktemp("calm"), [str(SAMPLES / "healthy")])
