"""Runs in which lines that are alike are only counted, beside runs that read them all."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analyzer import pipeline
from analyzer.errors import NothingUsable
from analyzer.ingest import lines, sifting, textlog


def analysed(
    path: Path, monkeypatch: pytest.MonkeyPatch, block: int | None, most: float = 1.0, **told: Any
) -> Any:
    """Return all that a run says; ``block``: bytes of which alike lines are only counted."""
    with monkeypatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1795000000")
        patch.setattr(textlog, "SIFT_BYTES", 0 if block else 1 << 60)
        if block:
            small = partial(lines.line_blocks, block=block)
            patch.setattr(textlog, "line_blocks", small)
            patch.setattr(sifting, "_MOST_KINDS", most)
        try:
            with pipeline.run([str(path)], pipeline.Options(**told)) as result:
                return result.analysis.model_dump_json(), result.collected.ledger.to_dicts()
        except NothingUsable as error:
            return str(error)
