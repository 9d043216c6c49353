"""Logs and stores for the tests of the history: small, and of times that are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from cli import ROOT, analyze

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
LINE = (
    '10.0.0.{client} - - [{time:%d/%b/%Y:%H:%M:%S} +0000] "POST /v1/chat/completions HTTP/1.1" '
    '{status} 512 "-" "OpenAI/Python 3.57.0" rt=0.{ms:03d} uct="0.001" uht="0.100" urt="0.200" '
    'ua="10.1.0.1:8000" us="{status}" rid="{start:x}-{number:08x}" host="llm.example.test"'
)
PARTS = ("counts", "failed", "latency", "calls", "failures")


def log(count: int, start: datetime = MONDAY, every_s: float = 20) -> str:
    """An nginx log of so many requests, each tenth a 503."""
    return "".join(
        LINE.format(
            client=number % 5, time=start + timedelta(seconds=every_s * number), number=number,
            status=503 if number % 10 == 3 else 200, ms=number % 900, start=int(start.timestamp()),
        )
        + "\n"
        for number in range(count)
    )  # fmt: skip


def har(count: int, start: datetime = MONDAY) -> str:
    """A HAR of the client's side of as many requests."""
    entries = [
        {
            "startedDateTime": (start + timedelta(seconds=20 * number)).isoformat(),
            "time": 200,
            "request": {
                "method": "POST", "url": "https://llm.example.test/v1/chat/completions",
                "httpVersion": "HTTP/1.1", "headers": [], "queryString": [], "cookies": [],
                "headersSize": -1, "bodySize": 30,
                "postData": {"mimeType": "application/json", "text": '{"model":"m-1","messages":[]}'},
            },
            "response": {
                "status": 503 if number % 10 == 3 else 200, "statusText": "",
                "httpVersion": "HTTP/1.1", "headers": [], "cookies": [], "redirectURL": "",
                "headersSize": -1, "bodySize": 2,
                "content": {"size": 2, "mimeType": "application/json", "text": "{}"},
            },
            "cache": {}, "timings": {"send": 0, "wait": 200, "receive": 0},
        }
        for number in range(count)
    ]  # fmt: skip
    creator = {"name": "WebInspector", "version": "537.36"}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries}})


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def start(*args: str | Path, **env: str) -> subprocess.Popen[bytes]:
    """Start ``analyze`` and let it run."""
    return subprocess.Popen(
        [sys.executable, "-m", "analyzer", *map(str, args)], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **env},
    )  # fmt: skip


def ingest(store: Path | str, *files: Path | str, **env: str) -> str:
    """Ingest and return what was said."""
    done = analyze("ingest", *files, "--store", store, "--no-config", **env)
    assert done.code == 0, done.err
    return done.out


def listed(store: Path | str) -> dict[str, Any]:
    """What ``history list`` says."""
    done = analyze("history", "list", "--store", store, "--format", "json")
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def sums(store: Path | str) -> dict[str, float]:
    """What a store adds up to."""
    from analyzer.history import opening, place, reading

    return added(reading.read(opening.open_(place.place(str(store)))))


def added(kept: Any) -> dict[str, float]:
    """What records add up to."""
    return {
        "attempts": kept.counts["attempts"].sum(), "failed": kept.counts["failed"].sum(),
        "judged": kept.failed["failed"].sum(), "timed": kept.latency["n"].sum(),
        "failures": kept.failures.height, "calls": kept.calls.height,
        "inputs": kept.inputs.height,
    }  # fmt: skip


def plain(*files: Path) -> dict[str, float]:
    """What the files add up to if they are analysed without a store, each by itself."""
    from analyzer import pipeline, recording

    every: list[dict[str, float]] = []
    for file in files:
        with pipeline.run([str(file)]) as result:
            every.append(added(recording.record(result)))
    return {name: sum(one[name] for one in every) for name in every[0]}


def rows(store: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Rows of the table, read past the program."""
    return pl.scan_delta(str(store)).select(columns).collect()
