"""Damaged captures: whatever happens to a real one, it is read without an exception or a hang.

    WHICHHOP_MUTATIONS=200000 python -m pytest tests/ingest/test_mutations.py -p no:randomly

runs as many as wanted (one core does about 6 000 a minute); without the variable there are 300, the
same ones each time.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from eventstream import chunk, event, exception
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer import columns, data, pipeline, signals, vocabulary
from analyzer.errors import Problem
from analyzer.ingest.base import Format, Limits, Source, Wants
from analyzer.ingest.formats.har import Har
from analyzer.ingest.formats.har_yaml import HarYaml

SAMPLES = Path(__file__).parents[2] / "sample_logs"
EXAMPLES = int(os.environ.get("WHICHHOP_MUTATIONS", "300"))
LIMITS = Limits(entry_bytes=4 << 20)
"""Small enough that what is doubled again and again meets it."""
SECONDS_PER_MEGABYTE = 2.0
_LONG = "x" * 70_000
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, -1e-300, 2**63, -(2**63), 10**40, "", " ", "0", "-1", "NaN", _LONG,
    "\x00", "é\u2028\U0001f600", "[", '{"error":', "data: {", "data: [DONE]\n\n", [], [[]], {},
    {"": None}, [None] * 9, {"name": [], "value": {}}, "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+23:59", "https://[", "data:,", "https://u:p@h.test:99999/%zz",
    "base64", "H4sIAAAAAAAA", '["H4sI"]', {"error": {"message": 5, "code": []}}, "f" * 40,
    "application/vnd.amazon.eventstream", "text/event-stream", "application/x-ndjson", "net::ERR_",
)  # fmt: skip
SPLICES = (
    b"", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\x00", b"\xff", b"\xed\xa0\x80", b"\n",
    b"NaN", b"-Infinity", b"1e999", b"},\n      {", b'"\\ud83d"', b"null,", b"/*", b"[" * 5_000,
    b'{"a":' * 5_000, b"]}}", b"\xef\xbb\xbf", b"1" * 400,
)  # fmt: skip


def _socket(*values: Any) -> dict[str, Any]:
    messages = [{"type": "receive", "opcode": 1, "data": json.dumps(value)} for value in values]
    return {
        "request": {"method": "GET", "url": "wss://api.openai.com/v1/realtime", "headers": []},
        "response": {"status": 101, "headers": [], "content": {"size": 0}},
        "_webSocketMessages": messages,
        "_webSocketClose": {"code": 1011, "reason": "x"},
    }


def _answer(content: dict[str, Any], *headers: tuple[str, str]) -> dict[str, Any]:
    listed = [{"name": name, "value": value} for name, value in headers]
    return {
        "startedDateTime": "2026-11-22T10:00:00Z",
        "request": {"method": "POST", "url": "https://h.test/v1/chat/completions", "headers": []},
        "response": {"status": 200, "headers": listed, "content": content},
    }


def _frames(*parts: bytes) -> dict[str, Any]:
    text = base64.b64encode(b"".join(parts)).decode()
    kind = "application/vnd.amazon.eventstream"
    return _answer({"mimeType": kind, "encoding": "base64", "text": text})


def _seeds() -> list[dict[str, Any]]:
    """Entries of all samples, and of what no sample has yet."""
    found = []
    for path in sorted(SAMPLES.glob("*/*.har")):
        listed = json.loads(path.read_bytes())["log"]["entries"]
        found += [item for item in listed if len(json.dumps(item)) < 8_000][:6]
    packed = base64.b64encode(zlib.compress(b'{"choices":[{"message":{"content":"x"}}]}', wbits=31))
    found += [
        _socket({"type": "response.created"}, {"type": "response.done", "response": {}}),
        _socket({"serverContent": {"modelTurn": {"parts": [{"text": "x"}]}}}, {"error": {}}),
        _frames(event("contentBlockDelta", {"delta": {"text": "x"}}), event("messageStop", {})),
        _frames(chunk({"completion": "x"}), exception("throttlingException", {"message": "x"})),
        _answer(
            {"mimeType": "application/json", "text": json.dumps([packed.decode()])},
            ("content-encoding", "gzip"),
        ),
        _answer({"mimeType": "application/json", "_file": "f" * 40}),
    ]
    return found


SEEDS = [json.dumps(seed) for seed in _seeds()]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) in ``value``."""
    stack = [value]
    while stack:
        here = stack.pop()
        pairs = here.items() if isinstance(here, dict) else enumerate(here)
        for key, inner in pairs:
            yield here, key
            if isinstance(inner, dict | list):
                stack.append(inner)


Mutation = tuple[str, int, int]
KINDS = ("drop", "odd", "double", "swap", "cut_text", "splice_text", "nest", "move")


def _changed(entries: list[Any], mutation: Mutation) -> None:
    kind, at, what = mutation
    places = list(_places(entries))
    if not places:
        return
    here, key = places[at % len(places)]
    value = here[key]
    if kind == "drop":
        del here[key]
    elif kind == "odd":
        here[key] = copy.deepcopy(ODD[what % len(ODD)])
    elif kind == "double" and isinstance(value, list | str):
        here[key] = value + value
    elif kind == "swap":
        other, place = places[what % len(places)]
        if not isinstance(value, dict | list) and not isinstance(other[place], dict | list):
            here[key], other[place] = other[place], value
    elif kind == "cut_text" and isinstance(value, str):
        here[key] = value[: what % (len(value) + 1)]
    elif kind == "splice_text" and isinstance(value, str):
        spliced = SPLICES[what % len(SPLICES)].decode("utf-8", "replace")
        cut = at % (len(value) + 1)
        here[key] = value[:cut] + spliced + value[cut:]
    elif kind == "nest":
        here[key] = [value] if what % 2 else {"a": value}
    elif kind == "move" and isinstance(here, dict) and isinstance(key, str):
        here[key.upper() if what % 2 else "_" + key] = here.pop(key)


def _damaged(text: bytes, splices: list[tuple[int, int, int]]) -> bytes:
    for at, out, what in splices:
        place = at % (len(text) + 1)
        text = text[:place] + SPLICES[what % len(SPLICES)] + text[place + out :]
    return text


number = st.integers(0, 1 << 30)
mutations = st.lists(st.tuples(st.sampled_from(KINDS), number, number), max_size=4)
splices = st.lists(st.tuples(number, st.integers(0, 40), number), max_size=2)


@pytest.fixture(scope="module")
def known() -> Any:
    return signals.load_data(data.root("knowledge"))


class Recorded:
    """A secret store that forgets."""

    def learn(self, value: str, kind: str = "secret") -> None:
        assert isinstance(value, str)

    def tag(self, value: str) -> str:
        assert value
        return "key:00000000"


@dataclass
class _Read:
    """What reading gave; the frames are joined only where somebody looks at them."""

    frames: list[pl.DataFrame]
    problems: list[Problem]
    records: int
    rows: int


def _read(source: Source, fmt: Format) -> _Read:
    batches = list(fmt.read(source, Wants(frozenset(), Recorded(), LIMITS)))
    frames = [batch.attempts for batch in batches if batch.attempts is not None]
    problems = [problem for batch in batches for problem in batch.problems]
    records = sum(batch.records for batch in batches)
    return _Read(frames, problems, records, sum(frame.height for frame in frames))


def _checked(got: _Read, known: Any, deep: bool) -> None:
    for problem in got.problems:
        assert problem.kind != "internal"
        assert problem.record is None or problem.record >= 1
        assert problem.message.endswith(".")
    records = [record for frame in got.frames for record in frame["record"].to_list()]
    assert records == sorted(set(records))
    assert got.rows <= got.records
    if deep and got.frames:
        frame = columns.conform(pl.concat(got.frames))
        assert set(frame["body_kind"]) <= set(vocabulary.words(vocabulary.BODY_KINDS))
        said = signals.apply(frame, known, all_traffic=True)
        assert said.height == got.rows
        assert said.filter(pl.col("status") >= 400, pl.col("ok").is_null()).height == 0


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 300,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    picked=st.lists(number, min_size=1, max_size=3),
    changes=mutations,
    broken=splices,
    cut=st.none() | number,
    layout=number,
    block=st.sampled_from([97, 4_000, 4_000, 1 << 20, 1 << 20, 1 << 20]),
)
def test_mutated_samples(source, known, picked, changes, broken, cut, layout, block) -> None:
    entries = [json.loads(SEEDS[at % len(SEEDS)]) for at in picked]
    for mutation in changes:
        _changed(entries, mutation)
    creator = ("WebInspector", "Firefox", "Playwright", "mitmproxy", "Polly.JS")[layout % 5]
    log = {"log": {"creator": {"name": creator}, "entries": entries}}
    fmt: Format = Har(block)
    if layout % 16 == 3:
        fmt = HarYaml()
        text = yaml.dump(log, Dumper=yaml.CSafeDumper, allow_unicode=True).encode(
            "utf-8", "replace"
        )
    else:
        text = json.dumps(log, indent=(None, 1, 2)[layout % 3]).encode()
    text = _damaged(text, broken)
    if cut is not None:
        text = text[: cut % (len(text) + 1)]
    # Of the processor: what else runs on the machine is no fault of the reader.
    start = time.process_time()
    got = _read(source(text), fmt)
    seconds = time.process_time() - start
    assert seconds < SECONDS_PER_MEGABYTE * max(len(text) / 1e6, 1.0)
    _checked(got, known, deep=layout % 32 == 0)
    if not broken and cut is None:
        located = {p.record for p in got.problems if p.record is not None}
        assert got.rows + len(located) == len(entries) or "too_large" in (
            p.kind for p in got.problems
        )


@settings(
    max_examples=max(EXAMPLES // 150, 2),
    deadline=None,
    derandomize=EXAMPLES <= 300,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(picked=st.lists(number, min_size=3, max_size=9), changes=mutations, broken=splices)
def test_a_whole_run_over_a_damaged_capture(tmp_path, picked, changes, broken) -> None:
    entries = [json.loads(SEEDS[at % len(SEEDS)]) for at in picked]
    for mutation in changes:
        _changed(entries, mutation)
    sound = '{"log": {"entries": [' + SEEDS[0] + "]}}"
    (tmp_path / "sound.har").write_text(sound)
    (tmp_path / "damaged.har").write_bytes(
        _damaged(json.dumps({"log": {"entries": entries}}, indent=2).encode(), broken)
    )
    with pipeline.run([str(tmp_path)], pipeline.Options(all_traffic=True)) as result:
        assert result.analysis.totals.attempts >= 1
        assert "internal" not in {p.kind for p in result.analysis.quality.problems}
