"""Sources from bytes, a secret store that can be looked into, and small HAR files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import polars as pl
import pytest

from analyzer import columns
from analyzer.errors import Problem
from analyzer.ingest.base import Format, Limits, Reading, Source, Wants
from analyzer.ingest.formats.har import Har
from analyzer.ingest.streams import HEAD_BYTES, text


@dataclass
class Recorded:
    """A secret store that remembers what it was told."""

    learnt: dict[str, str] = field(default_factory=dict)

    def learn(self, value: str, kind: str = "secret") -> None:
        self.learnt[value] = kind

    def tag(self, value: str) -> str:
        self.learn(value, "key")
        return f"key:{value}"


@dataclass
class Result:
    frame: pl.DataFrame
    problems: list[Problem]
    records: int
    secrets: Recorded

    @property
    def kinds(self) -> list[str]:
        return [problem.kind for problem in self.problems]

    @property
    def row(self) -> dict[str, Any]:
        assert self.frame.height == 1
        return self.frame.row(0, named=True)


@pytest.fixture
def source() -> Callable[..., Source]:
    def build(data: bytes, name: str = "capture.har", **more: Any) -> Source:
        def reopen() -> BinaryIO:
            return text(io.BytesIO(data))

        with reopen() as stream:
            head = stream.read(HEAD_BYTES)
        return Source(name, reopen, head, len(data), **more)

    return build


@pytest.fixture
def run(source: Callable[..., Source]) -> Callable[..., Result]:
    """Read bytes with one format, without the safety net of ``capture.read``."""

    def build(
        data: bytes, fmt: Format | None = None, headers: tuple[str, ...] = (),
        limits: Limits | None = None, name: str = "capture.har", reading: Reading | None = None,
    ) -> Result:  # fmt: skip
        secrets = Recorded()
        wants = Wants(frozenset(headers), secrets, limits or Limits(), reading=reading or Reading())
        batches = list((fmt or Har()).read(source(data, name), wants))
        table = columns.USAGE if fmt is not None and fmt.kind == "usage" else columns.ATTEMPTS
        frames: Iterator[pl.DataFrame | None] = (
            batch.usage if table is columns.USAGE else batch.attempts for batch in batches
        )
        made = [
            columns.conform(frame, table, sorted(headers)) for frame in frames if frame is not None
        ]
        frame = pl.concat(made) if made else columns.conform(columns.empty(table), table)
        problems = [problem for batch in batches for problem in batch.problems]
        return Result(frame, problems, sum(batch.records for batch in batches), secrets)

    return build


@pytest.fixture
def entry() -> Callable[..., dict[str, Any]]:
    """Build an entry; keyword arguments replace top-level keys, dicts are merged one level deep."""

    def build(**changes: Any) -> dict[str, Any]:
        made: dict[str, Any] = {
            "startedDateTime": "2026-11-22T10:00:00.250Z",
            "time": 120.0,
            "request": {
                "method": "POST",
                "url": "https://api.gateway.test/v1/chat/completions",
                "httpVersion": "h2",
                "headers": [{"name": "Content-Type", "value": "application/json"}],
                "cookies": [],
                "queryString": [],
                "headersSize": -1,
                "bodySize": 31,
                "postData": {"mimeType": "application/json", "text": '{"model":"m","messages":[]}'},
            },
            "response": {
                "status": 200,
                "statusText": "",
                "httpVersion": "h2",
                "headers": [{"name": "content-type", "value": "application/json"}],
                "cookies": [],
                "content": {"size": 2, "mimeType": "application/json", "text": "{}"},
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": -1,
            },
            "cache": {},
            "timings": {"blocked": 1, "dns": -1, "connect": -1, "ssl": -1, "send": 1, "wait": 100,
                        "receive": 18},
        }  # fmt: skip
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(made.get(key), dict):
                made[key] = {**made[key], **value}
            else:
                made[key] = value
        return made

    return build


@pytest.fixture
def har() -> Callable[..., bytes]:
    """Build a HAR of entries; ``creator`` is its name, ``indent`` as of json.dumps."""

    def build(
        *entries: Any, creator: str | None = "test", indent: int | str | None = 2, **log: Any
    ) -> bytes:
        head: dict[str, Any] = {"version": "1.2"}
        if creator is not None:
            head["creator"] = {"name": creator, "version": "1"}
        made = {"log": {**head, "entries": list(entries), **log}}
        return json.dumps(made, indent=indent).encode()

    return build
