from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import ConfigError
from analyzer.ingest import detect
from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs import generic_csv, generic_json
from analyzer.ingest.formats.logs.generic import by_names, check_mapping

JSON, CSV = generic_json.FORMAT, generic_csv.FORMAT
OBJECT = {
    "@timestamp": "2026-01-02T10:00:02Z", "http": {"status_code": 502, "method": "post"},
    "url": "https://gw.test/v1/chat/completions?key=sk-0123456789abcdef0123", "latency_ms": 1500,
    "modelName": "gpt-4o", "error": "boom", "other": 1,
}  # fmt: skip


def lines_of(*items) -> bytes:
    return "".join(f"{json.dumps(item)}\n" for item in items).encode()


def said(got, kind: str) -> list[str]:
    return [problem.message for problem in got.problems if problem.kind == kind]


def test_obvious_names_of_json(run, source) -> None:
    data = lines_of(OBJECT)
    assert 0.35 <= JSON.sniff(data, "x") <= 0.5
    got = run(data, JSON)
    row = got.row
    assert (row["ended_at"], row["time_kind"]) == (
        datetime(2026, 1, 2, 10, 0, 2, tzinfo=UTC),
        "end",
    )
    assert row["started_at"] == datetime(2026, 1, 2, 10, 0, 0, 500_000, tzinfo=UTC)
    assert (row["status"], row["method"], row["duration_ms"]) == (502, "POST", 1500.0)
    assert (row["host"], row["path"], row["model"]) == (
        "gw.test", "/v1/chat/completions", "gpt-4o",
    )  # fmt: skip
    assert row["error_message"] == "boom"
    assert row["key_tag"] == "key:sk-0123456789abcdef0123"
    (note,) = said(got, "columns")
    assert "status from 'http.status_code'" in note
    assert note.endswith("Not used: other.")


NOT_CLAIMED = [
    {"time": "2026-01-02", "status": "ok", "path": "/x"},
    {"time": "2026-01-02", "status": 200},
    {"status": 200, "path": "/x"},
    {"name": "package", "version": "1"},
]


@pytest.mark.parametrize("item", NOT_CLAIMED)
def test_tables_that_are_no_access_logs_are_not_claimed(item) -> None:
    assert JSON.sniff(lines_of(item), "x") == 0.0
    header, values = ",".join(item), ",".join(map(str, item.values()))
    assert CSV.sniff(f"{header}\n{values}\n".encode(), "x.csv") == 0.0


DURATIONS = [("latency_ms", "5", 5.0), ("elapsed_s", "0.5", 500.0), ("duration_us", "1500", 1.5),
             ("took_ns", "2000000", 2.0), ("latency", "1.5s", 1500.0), ("latency", "7", None),
             ("durationMs", "5", 5.0)]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "millis"), DURATIONS)
def test_units_of_durations(run, name, value, millis) -> None:
    data = lines_of({"time": 1_767_348_000, "status": 200, "path": "/v1/x", name: value})
    got = run(data, JSON)
    assert got.row["duration_ms"] == millis
    assert ("Unit unknown" in said(got, "columns")[0]) == (millis is None)


MAPPING = {"started_at": "when", "status": "a.code", "path": "what", "duration_ms": "lat_s"}


def test_a_mapping_of_json(run, source) -> None:
    data = lines_of({"when": "2026-01-02 10:00:00", "a": {"code": "429"}, "what": "/v1/x",
                     "lat_s": 1.5})  # fmt: skip
    reading = Reading(mapping={**MAPPING, "request_id": "nowhere"}, zone=UTC)
    assert detect.detect(source(data, "x.log")) is None
    assert detect.detect(source(data, "x.log"), reading=reading) is JSON
    got = run(data, JSON, reading=reading)
    row = got.row
    assert (row["status"], row["path"], row["duration_ms"]) == (429, "/v1/x", 1500.0)
    assert (row["started_at"], row["time_kind"]) == (datetime(2026, 1, 2, 10, tzinfo=UTC), "start")
    assert "nowhere" in said(got, "missing_column")[0]


def test_a_mapping_of_csv(run, source) -> None:
    data = b"When,Code,What\n2026-01-02 10:00:00.125,429,/v1/x\n"
    reading = Reading(mapping={"ended_at": "when", "status": "code", "path": "what"})
    assert detect.detect(source(data, "a.csv"), reading=reading) is CSV
    got = run(data, CSV, reading=reading, name="a.csv")
    assert (got.row["status"], got.row["seen_in"]) == (429, ["a.csv#1"])
    assert said(got, "assumed_zone")


def test_names_of_a_mapping_are_checked() -> None:
    check_mapping({**MAPPING, "resp_header.retry-after": "ra"})
    with pytest.raises(ConfigError, match="Did you mean 'status'"):
        check_mapping({"statuss": "code"})
    with pytest.raises(ConfigError, match="no column 'record'"):
        detect.check(Reading(mapping={"record": "x"}))


def test_obvious_names_of_csv(run, source) -> None:
    data = (
        b"Timestamp,Status,Path,Latency_ms,api_key,User_Agent\n"
        b'2026-01-02T10:00:00Z,429,"/v1/chat/completions,x",12,sk-0123456789abcdef0123,SDK\n'
        b"2026-01-02T10:00:01Z,200,/v1/messages,,,\n"
        b"soon,200,/x,1,,\n"
        b"1,2\n"
    )
    assert detect.detect(source(data, "a.csv")) is CSV
    got = run(data, CSV, name="a.csv", headers=("req_header.user-agent",))
    rows = got.frame
    assert rows["status"].to_list() == [429, 200]
    assert rows["key_tag"].to_list() == ["key:sk-0123456789abcdef0123", None]
    assert rows["req_header.user-agent"].to_list() == ["SDK", None]
    assert sorted(p.record for p in got.problems if p.kind == "bad_row") == [3, 4]
    assert got.records == 4


def test_bad_lines_of_json(run) -> None:
    got = run(lines_of(OBJECT, {"@timestamp": "x"}) + b"nonsense\n", JSON)
    bad = [(p.record, p.message.rpartition(": ")[2]) for p in got.problems if p.kind == "bad_line"]
    assert sorted(bad) == [(2, "it has no time that can be read."), (3, "it is no JSON object.")]


def test_the_best_name_wins() -> None:
    choice = by_names(["timestamp", "ts", "status_code", "code", "uri", "path"], {})
    assert [(item.column, item.source) for item in choice.taken] == [
        ("ended_at", "timestamp"), ("status", "status_code"), ("path", "path"),
    ]  # fmt: skip


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=100), at=st.integers(0, 250))
def test_any_bytes(run, data, at) -> None:
    good = lines_of(OBJECT)
    run(good[:at] + data + b"\n" + good, JSON)
    run(b"time,status,path\n" + data + b"\n2026-01-02 10:00:00,200,/x\n", CSV)
    run(data + b"\n" + data, CSV)
