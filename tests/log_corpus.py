"""Logs of other projects, read by the format that detection picks, and every line accounted for."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from analyzer.ingest import detect
from analyzer.ingest.base import Source
from analyzer.ingest.streams import HEAD_BYTES, text


def format_of(path: Path):
    data = path.read_bytes()
    with text(io.BytesIO(data)) as stream:
        head = stream.read(HEAD_BYTES)
    return detect.detect(Source(path.name, lambda: text(io.BytesIO(data)), head, len(data)))


def read(run, path: Path, name: str, **more: Any):
    """Read ``path``, which must be detected as ``name``; lines must be rows, notices or bad."""
    found = format_of(path)
    assert found is not None
    assert found.name == name
    data = path.read_bytes()
    got = run(data, found, name=path.name, **more)
    lines = sum(1 for line in data.splitlines() if line.strip())
    told = got.frame["seen_in"].list.len().sum() if got.frame.height else 0
    counted = {"bad_line": 0, "notice": 0, "truncated": 0}
    for problem in got.problems:
        if problem.kind in counted:
            counted[problem.kind] += problem.count
    assert told + sum(counted.values()) == lines == got.records
    return got


def expected(path: Path) -> Any:
    return json.loads(path.with_suffix("").with_suffix(".expected.json").read_text("utf-8"))
