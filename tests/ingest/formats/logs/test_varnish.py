"""varnishncsa with Varnish's own words: behind a combined line, and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect, files
from analyzer.ingest.formats.logs.varnish import FORMAT
from analyzer.ingest.formats.logs.varnish_json import FORMAT as JSON

START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def line(behind: str = "miss miss 1500000 0.400000", status: str = "200") -> str:
    return (
        "192.0.2.7 - alice [22/Nov/2026:10:00:00 +0000] "
        f'"POST http://API.test/v1/messages?key=sk-test-query-1 HTTP/1.1" {status} 812 "-" '
        f'"OpenAI/Python 1.0" {behind}'
    )


def read(run, *lines, fmt=FORMAT, **more):
    return run("\n".join([*lines, ""]).encode(), fmt, name="varnish.log", **more)


def test_a_request_that_went_well(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent",))
    assert got.problems == []
    row = got.row
    assert row["started_at"] == START
    wanted = {
        "format": "varnish", "hop": "gateway", "time_kind": "start", "duration_ms": 1500.0,
        "ttfb_ms": 400.0, "method": "POST", "scheme": "http", "host": "api.test",
        "path": "/v1/messages", "status": 200, "upstream_status": 200, "response_bytes": 812,
        "proxy_flags": "miss", "phase": "done", "key_tag": "key:sk-test-query-1",
        "req_header.user-agent": "OpenAI/Python 1.0",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("behind", "status", "flags", "phase", "upstream", "ttfb", "duration"),
    [
        ("0.000051 hit", "200", "hit", "not_sent", None, 0.051, None),
        ('"pass"', "429", "pass", "done", 429, None, None),
        ("synth 0.000010 99", "403", "synth", "not_sent", None, 0.01, 0.099),
        # Varnish says 503 itself when the fetch failed.
        ("miss miss 60002341 60.000100", "503", "miss", None, None, 60000.1, 60002.341),
        ("pipe", "200", "pipe", None, None, None, None),
        ('"0.000251" 272 pass 32770', "429", "pass", "done", 429, 0.251, 0.272),
        # A number less than the time to the first byte is no duration.
        ("miss 0.400000 12", "200", "miss", "done", 200, 400.0, None),
        ("miss 120", "200", "miss", "done", 200, None, None),
    ],
)
def test_states(run, behind, status, flags, phase, upstream, ttfb, duration) -> None:
    row = read(run, line(behind, status)).row
    assert (row["proxy_flags"], row["phase"], row["upstream_status"]) == (flags, phase, upstream)
    assert (row["ttfb_ms"], row["duration_ms"]) == (ttfb, duration)


FETCHES = [
    # status, FetchError; phase, upstream status, stream state
    ("200", "-", "done", 200, None),
    ("503", "-", "done", 503, None),
    ("503", "backend pool_b: fail errno 111 (Connection refused)", "connecting", None, None),
    ("503", "backend pool_d: unhealthy", "not_sent", None, None),
    ("503", "HTC eof (-1)", "sent", None, None),
    ("503", "first byte timeout", "sent", None, None),
    ("503", "http format error", "sent", None, None),
    ("200", "Connection reset by peer", "body", 200, "truncated"),
    ("200", "chunked read err", "body", 200, "truncated"),
    ("429", "straight insufficient bytes", "body", 429, None),
]


@pytest.mark.parametrize("fetch", FETCHES, ids=lambda fetch: f"{fetch[0]} {fetch[1]}")
def test_fetches_from_backends(run, source, fetch) -> None:
    status, error, phase, upstream, stream = fetch
    micros = 0 if error != "-" else 1500000
    text = line(f'"0.400000" {micros} - 32771 "{error}" "-"', status)
    row = read(run, text).row
    assert (row["phase"], row["upstream_status"], row["stream_state"]) == (phase, upstream, stream)
    assert row["proxy_detail"] == (None if error == "-" else error)
    assert row["duration_ms"] == (1500.0 if error == "-" else None)
    assert row["ttfb_ms"] == 400.0
    assert detect.detect(source((text + "\n").encode() * 3, "x.log")) is FORMAT


def test_requests_and_fetches_in_one_file(run) -> None:
    got = read(run, line("pass 5"), line('"0.400000" 0 - 7 "a hit error" "-"', "503"))
    assert got.frame["proxy_flags"].to_list() == ["pass", None]
    assert got.frame["phase"].to_list() == ["done", "sent"]


@pytest.mark.parametrize("behind", ["", "0.001", '"203.0.113.9"', "rt=0.5", "missing"])
def test_a_combined_line_is_none_of_varnish(behind) -> None:
    assert not FORMAT.claims(line(behind).encode())


def test_damage(run, source) -> None:
    got = read(run, line(), "nonsense", line())
    ((record, message),) = [(p.record, p.message) for p in got.problems]
    assert record == 2
    assert "handling" in message
    assert got.frame["record"].to_list() == [1, 3]
    assert detect.detect(source((line() + "\n").encode() * 3, "x.log")) is FORMAT


OBJECT = {
    "@timestamp": "2026-11-22T10:00:00+0000", "method": "POST", "url": "/v1/messages",
    "request": "POST http://api.test/v1/messages HTTP/1.1", "status": 503, "bytes": 812,
    "ttfb": "60.000341", "duration_usec": 60002341, "handling": "miss",
    "fetch_error": "no backend connection", "user_agent": "x/1", "x_varnish": "32770 5",
}  # fmt: skip
CAPITALS = {
    "Timestamp": "[22/Nov/2026:10:00:00 +0000]", "Status": "200", "Handling": "hit",
    "Request": "GET http://api.test/v1/models HTTP/1.1",
}  # fmt: skip


def test_objects(run, source) -> None:
    behind = CAPITALS | {"Handling": "-", "Varnish-Side": "b"}
    lines = [json.dumps(item) for item in (OBJECT, CAPITALS, behind, {"a": 1})]
    got = read(run, *lines, fmt=JSON)
    assert [(p.kind, p.record) for p in got.problems] == [("bad_line", 4), ("notice", None)]
    first, second = got.frame.iter_rows(named=True)
    assert (first["started_at"], second["started_at"]) == (START, START)
    wanted = {
        "method": "POST", "host": "api.test", "path": "/v1/messages", "status": 503,
        "upstream_status": None, "phase": "connecting", "proxy_flags": "miss",
        "proxy_detail": "no backend connection", "duration_ms": 60002.341,
        "ttfb_ms": 60000.341, "request_id": "32770", "response_bytes": 812,
    }  # fmt: skip
    assert {name: first[name] for name in wanted} == wanted
    assert (second["phase"], second["path"]) == ("not_sent", "/v1/models")
    assert detect.detect(source((lines[0] + "\n").encode() * 3, "x.log")) is JSON


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), at=st.integers(0, 190), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    for fmt, text in ((FORMAT, line()), (JSON, json.dumps(OBJECT))):
        usual = (text + "\n").encode()
        got = run(usual + usual[:at] + data + usual[at + out :] + usual, fmt)
        assert got.frame["record"].to_list()[0] == 1
        counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
        assert got.frame.height + counted == got.records


@pytest.mark.corpus
def test_only_lines_with_its_words_are_taken(corpus: Path) -> None:
    sources, _ = files.expand([str(corpus / "logs")])
    for source in sources:
        found = detect.detect(source)
        assert found not in (FORMAT, JSON), source.name
