"""Polly's YAML recordings: the same rows as their JSON, and what YAML can do to a reader."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from polars.testing import assert_frame_equal

from analyzer.ingest import detect
from analyzer.ingest.base import Limits
from analyzer.ingest.formats.har import FORMAT as HAR
from analyzer.ingest.formats.har_yaml import FORMAT

HEAD = "log:\n  creator: {name: Polly.JS}\n  entries:\n"
ONE = "    - request: {url: 'https://h.test/v1'}\n      response: {status: 200}\n"


@pytest.fixture
def both(entry, har):
    entries = [
        entry(),
        entry(response={"status": 503, "statusText": "no"}, time=1.5e3),
        entry(startedDateTime="2026-11-22T10:00:00Z", _flag=True, comment=None),
    ]
    as_json = har(*entries, creator="Polly.JS")
    made = yaml.safe_dump(json.loads(as_json), sort_keys=True, allow_unicode=True)
    return as_json, made.encode()


def test_the_same_rows_as_from_json(run, both) -> None:
    as_json, as_yaml = both
    got, wanted = run(as_yaml, FORMAT), run(as_json)
    assert got.problems == []
    assert got.records == 3
    assert_frame_equal(got.frame, wanted.frame)


@pytest.mark.parametrize(
    ("head", "name", "score"),
    [
        (HEAD, "recording.har.yaml", 0.95),
        (HEAD + ONE, "recording.yaml", 0.9),
        ("# made by hand\n---\n" + HEAD + ONE, "x", 0.9),
        ("---\r\nlog:\r\n  entries:\r\n  - request:\r\n", "x", 0.9),
        ("log:\n  level: info\n", "config.yaml", 0.0),
        ("log:\n  level: info\n", "config.har.yaml", 0.6),
        ('{"log": {"entries": [], "creator": {}}}', "x.har.yaml", 0.0),
        ("log: entries:\n", "x.har.yaml", 0.0),
        ("", "x.har.yaml", 0.0),
        ("\n" * 60_000, "x.har.yaml", 0.0),
    ],
)
def test_sniff(head: str, name: str, score: float) -> None:
    assert FORMAT.sniff(head.encode(), name) == score


def test_it_is_told_from_json(source, both) -> None:
    as_json, as_yaml = both
    assert detect.detect(source(as_yaml, "recording.har.yaml")) is FORMAT
    assert detect.detect(source(as_json, "recording.har.yaml")) is HAR


def test_scalars_are_json(run) -> None:
    text = HEAD + (
        "    - startedDateTime: 2026-11-22T10:00:00.250Z\n"
        "      time: 1_000\n"
        "      request: {method: POST, url: https://h.test/v1, bodySize: 0x10}\n"
        "      response:\n"
        "        status: '503'\n"
        "        headers: [{name: server, value: no}, {name: x-request-id, value: 12:30}]\n"
        "        content: {mimeType: application/json, text: !!binary 'e30='}\n"
        "        cookies: ~\n"
    )
    row = run(text.encode(), FORMAT).row
    assert (row["status"], row["server"], row["request_id"]) == (503, "no", "12:30")
    assert row["started_at"].isoformat() == "2026-11-22T10:00:00.250000+00:00"


def test_aliases_stand_for_what_they_name(run) -> None:
    text = HEAD + (
        "    - request: &same {method: GET, url: 'https://h.test/v1'}\n"
        "      response: {status: 200}\n"
        "    - request: *same\n"
        "      response: {status: 404}\n"
    )
    got = run(text.encode(), FORMAT)
    assert got.frame["host"].to_list() == ["h.test", "h.test"]
    assert got.frame["status"].to_list() == [200, 404]


LAUGHS = "    - a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"      b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
BROKEN = [
    # text behind the head, rows, kinds, record, words of the message
    (ONE + "    - @x\n", 1, ["bad_yaml"], 2, "line 6"),
    (ONE + "    - request: [\n", 1, ["bad_yaml"], 2, ""),
    (ONE + LAUGHS, 1, ["bad_yaml"], 2, "aliases"),
    (ONE + "    - request: *nothing\n", 1, ["bad_yaml"], 2, "alias *nothing"),
    (ONE + "    - " + "[" * 50_000, 1, ["bad_yaml"], 2, "nest"),
    (ONE + "    - " + "- " * 50_000, 1, ["bad_yaml"], 2, "nest"),
    (ONE + '    - request: "\x01"\n', None, ["bad_yaml"], None, ""),
    (ONE + "    - request: \udcff\n", None, ["bad_yaml"], None, ""),
    (ONE + "    - 5\n" + ONE, 2, ["bad_entry"], 2, ""),
    (ONE + "    - {}\n" + ONE, 2, ["bad_entry"], 2, ""),
    (ONE + "    - request: {url: x}\n", 1, ["no_response"], 2, ""),
    (ONE[:-1], 1, ["truncated"], None, "line break"),
    ("", 0, ["no_entries"], None, ""),
]


@pytest.mark.parametrize(("text", "rows", "kinds", "record", "words"), BROKEN)
def test_what_is_broken_is_located(run, text, rows, kinds, record, words) -> None:
    start = time.perf_counter()
    got = run((HEAD + text).encode("utf-8", "surrogateescape"), FORMAT)
    assert time.perf_counter() - start < 2
    told = [p for p in got.problems if p.kind != "bad_time"]
    if rows is not None:
        assert got.frame.height == rows
        assert [p.kind for p in told] == kinds
        assert told[0].record == record
    assert kinds[0] in [p.kind for p in told]
    assert words in told[0].message
    assert "\n" not in told[0].message


def test_it_is_read_up_to_the_limit(run) -> None:
    got = run((HEAD + ONE * 2_000).encode(), FORMAT, limits=Limits(entry_bytes=50_000))
    assert "bad_yaml" in got.kinds
    assert 0 < got.frame.height < 2_000


def test_several_megabytes_take_no_time(run) -> None:
    text = (HEAD + ONE * 40_000).encode()
    start = time.perf_counter()
    got = run(text, FORMAT)
    assert got.frame.height == 40_000
    assert time.perf_counter() - start < 2 * len(text) / 1e6
