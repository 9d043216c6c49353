"""A large capture read by two processes gives what one process gives, whatever happens to one."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analyzer import columns
from analyzer.ingest import files
from analyzer.ingest.base import Batch, Limits, Wants
from analyzer.ingest.formats import har_ahead
from analyzer.ingest.formats.har import Har

BLOCK = 4_000
ALONE = Har(BLOCK, large=1 << 60)
PAIR = Har(BLOCK, large=30_000)
INDENTED: dict[str, Any] = {"indent": 2}
Entries = list[dict[str, Any]]


@dataclass
class Store:
    """A secret store that remembers the order in which it was told."""

    met: list[tuple[str, str]] = field(default_factory=list)

    def learn(self, value: str, kind: str = "secret") -> None:
        if (kind, value) not in self.met:
            self.met.append((kind, value))

    def tag(self, value: str) -> str:
        self.learn(value, "key")
        return f"key:{value[-8:]}"


@dataclass
class Got:
    batches: list[Batch]
    secrets: list[tuple[str, str]]

    @property
    def frame(self) -> pl.DataFrame:
        frames = [columns.conform(b.attempts) for b in self.batches if b.attempts is not None]
        return pl.concat(frames)


def read(path: Path, fmt: Har) -> Got:
    [source], problems = files.expand([str(path)])
    assert not problems
    store = Store()
    wants = Wants(frozenset({"req_header.user-agent"}), store, Limits(), rows_per_batch=50)
    return Got(list(fmt.read(source, wants)), store.met)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[har_ahead.Ahead]:
    """Return the second processes that are started; there are two processors at least."""
    monkeypatch.setattr(har_ahead, "processors", lambda: 2)
    started: list[har_ahead.Ahead] = []
    begin = har_ahead.begin

    def watched(*args: Any) -> har_ahead.Ahead | None:
        ahead = begin(*args)
        if ahead is not None:
            started.append(ahead)
        return ahead

    monkeypatch.setattr(har_ahead, "begin", watched)
    return started


@pytest.fixture
def same(tmp_path: Path, begun: list[har_ahead.Ahead]) -> Callable[..., list[har_ahead.Ahead]]:
    def check(data: bytes) -> list[har_ahead.Ahead]:
        path = tmp_path / "large.har"
        path.write_bytes(data)
        alone, pair = read(path, ALONE), read(path, PAIR)
        assert_frame_equal(pair.frame, alone.frame)
        assert pair.secrets == alone.secrets
        problems = [[p for b in got.batches for p in b.problems] for got in (pair, alone)]
        assert problems[0] == problems[1]
        assert sum(b.records for b in pair.batches) == sum(b.records for b in alone.batches)
        return begun

    return check


def many(count: int = 300) -> Entries:
    """Return exchanges with keys, cookies, prompts, answers and failures of all kinds."""
    made = []
    for number in range(count):
        bad = number % 7 == 0
        answer = {"error": {"message": f"no {number}"}} if bad else {"id": f"c-{number}"}
        made.append({
            "startedDateTime": f"2026-11-22T08:{number // 60:02}:{number % 60:02}.123Z",
            "time": float(number),
            "request": {
                "method": "POST", "url": "https://h.test/v1/chat/completions",
                "headers": [
                    {"name": "Authorization", "value": f"Bearer sk-test-{number // 40:032}"},
                    {"name": "User-Agent", "value": f"agent/{number % 3}"},
                ],
                "cookies": [{"name": "s", "value": f"cookie-{number // 25:020}"}],
                "postData": {"text": json.dumps({"model": "m", "messages": [], "n": number})},
            },
            "response": {
                "status": 503 if bad else 200, "headers": [],
                "content": {"mimeType": "application/json", "text": json.dumps(answer)},
            },
        })  # fmt: skip
    return made


def dumped(entries: list[Any], layout: dict[str, Any] = INDENTED, **log: Any) -> bytes:
    named = {"version": "1.2", "creator": {"name": "WebInspector"}}
    return json.dumps(
        {"log": {**named, **log, "entries": entries, "pages": [{}]}}, **layout
    ).encode()


@pytest.mark.parametrize("layout", [INDENTED, {"indent": "\t"}, {"separators": (",", ":")}])
def test_two_processes_give_the_same(same, layout) -> None:
    [ahead] = same(dumped(many(), layout))
    assert ahead.whole
    assert not list(Path(tempfile.gettempdir()).glob(f"{Path(ahead._folder.name).name}*"))


def test_several_windows_one_after_the_other(same, monkeypatch) -> None:
    monkeypatch.setattr(har_ahead, "WINDOW", 100_000)
    assert len(same(dumped(many()))) > 1


def test_the_rows_that_were_read_ahead_are_taken(tmp_path, begun) -> None:
    path = tmp_path / "large.har"
    path.write_bytes(dumped(many()))
    parts = []
    listen = har_ahead.Ahead.parts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            har_ahead.Ahead, "parts", lambda self: (parts.append(p) or p for p in listen(self))
        )
        read(path, PAIR)
    assert sum(part.records for part, _ in parts[-1:]) > 100
    assert all(rows is None or rows.height for _, rows in parts)


def gone(entry: dict[str, Any]) -> None:
    del entry["response"]


def packed(entry: dict[str, Any]) -> None:
    data = gzip.compress(b'{"id": "zipped"}', mtime=0)
    entry["response"]["content"] |= {"text": base64.b64encode(data).decode(), "encoding": "base64"}
    entry["response"]["headers"] = [{"name": "Content-Encoding", "value": "gzip"}]


def attached(entry: dict[str, Any]) -> None:
    entry["response"]["content"] = {"mimeType": "application/json", "_file": "0" * 40 + ".json"}


def large(entry: dict[str, Any]) -> None:
    entry["response"]["content"]["text"] = "x" * 90_000


def mistyped(entry: dict[str, Any]) -> None:
    entry["request"]["headers"] = {"user-agent": ["a", "b"]}
    entry["time"] = "12"


def nowhen(entry: dict[str, Any]) -> None:
    entry["startedDateTime"] = "yesterday"


@pytest.mark.parametrize("change", [gone, packed, attached, large, mistyped, nowhen])
@pytest.mark.parametrize("place", [20, 170, 299])
def test_what_is_unusual_is_read_as_ever(same, change, place) -> None:
    entries = many()
    change(entries[place])
    assert same(dumped(entries))


BROKEN = [b"5", b'{"request": {"url": }}', b'{"request": {"url": "x"}, "response": {"a": "b}}']


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("place", [150, 298])
def test_what_is_broken_is_told_with_its_number(same, broken, place) -> None:
    data = dumped(many())
    mark = b'"time": %.1f,' % place
    start = data.rindex(b"\n      {", 0, data.index(mark)) + 7
    end = data.index(b"\n      }", start) + 8
    assert same(data[:start] + broken + data[end:])


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_capture_that_was_cut_off(same, share) -> None:
    data = dumped(many())
    assert same(data[: int(len(data) * share)])


def test_entries_that_end_in_the_first_half(same) -> None:
    assert same(dumped(many(120), _more=[{"request": n, "x": "y" * 300} for n in range(2)]) + b" ")
    data = dumped(many(120))
    assert same(data.replace(b'"pages"', b'"notes": ["' + b"z" * 200_000 + b'"],\n "pages"'))


STARTS = [
    "raise SystemExit(1)",
    "import sys; sys.stdin.read(); sys.stdout.write('no part at all')",
    "import sys, time; sys.stdin.read(); sys.stdout.buffer.write(b'\\0\\0\\1\\0'); time.sleep(0.1)",
    "no python",
]


@pytest.mark.parametrize("start", STARTS)
def test_a_second_process_that_fails_costs_nothing_but_time(same, monkeypatch, start) -> None:
    monkeypatch.setattr(har_ahead, "_START", start)
    [ahead] = same(dumped(many()))
    assert not ahead.whole


def test_one_that_is_killed_between_two_parts(same, monkeypatch) -> None:
    listen = har_ahead.Ahead.parts

    def first(self: har_ahead.Ahead) -> Any:
        for part in listen(self):
            yield part
            return

    monkeypatch.setattr(har_ahead.Ahead, "parts", first)
    [ahead] = same(dumped(many()))
    assert not ahead.whole


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals")
def test_one_that_stands_still(same, monkeypatch) -> None:
    monkeypatch.setattr(har_ahead, "PATIENCE_S", 0.2)
    run = har_ahead.Ahead.run

    def stopped(self: har_ahead.Ahead, task: har_ahead.Task) -> None:
        run(self, task)
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    monkeypatch.setattr(har_ahead.Ahead, "run", stopped)
    assert same(dumped(many()))


def test_parts_that_cannot_be_read(same, monkeypatch) -> None:
    def lost(file: Path) -> None:
        raise FileNotFoundError(file)

    monkeypatch.setattr(har_ahead, "_rows", lost)
    assert same(dumped(many()))


def test_a_reader_that_leaves_early_takes_the_process_along(tmp_path, begun) -> None:
    path = tmp_path / "large.har"
    path.write_bytes(dumped(many()))
    [source], _ = files.expand([str(path)])
    batches = PAIR.read(source, Wants(frozenset(), Store(), rows_per_batch=5))
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # it is a generator
    [ahead] = begun
    assert ahead._process is not None
    assert ahead._process.returncode is not None
    assert not Path(ahead._folder.name).exists()


def test_no_second_process_where_it_does_not_pay(tmp_path, begun, monkeypatch) -> None:
    path = tmp_path / "small.har"
    path.write_bytes(dumped(many(20)))
    read(path, PAIR)
    path = tmp_path / "large.har"
    path.write_bytes(dumped(many()))
    monkeypatch.setattr(har_ahead, "processors", lambda: 1)
    read(path, PAIR)
    assert not begun
