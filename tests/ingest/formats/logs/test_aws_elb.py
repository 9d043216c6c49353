from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.aws_elb import FORMAT


def line(
    *, time="2026-11-22T10:00:00.345678Z", backend="10.0.0.1:80",
    timers="0.000073 1.500048 0.000057", codes="200 200", sizes="31 2048",
    request="POST https://api.gateway.test:443/v1/chat/completions HTTP/1.1",
    tail=' "OpenAI/Python 1.0" ECDHE TLSv1.2',
) -> str:  # fmt: skip
    return f'{time} my-lb 192.0.2.7:41000 {backend} {timers} {codes} {sizes} "{request}"{tail}'


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="elb.log", **more)


def test_a_line(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent",))
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 345678, UTC)
    assert (row["ended_at"], row["duration_ms"], row["time_kind"]) == (None, None, "start")
    assert (row["ttfb_ms"], row["wait_ms"]) == (1500.178, 1500.048)
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "api.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["request_bytes"], row["response_bytes"]) == (31, 2048)
    assert row["upstream_address"] == "10.0.0.1:80"
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert got.problems == []


NEVER = "-1 -1 -1"


@pytest.mark.parametrize(
    ("codes", "backend", "timers", "status", "answer", "phase"),
    [
        ("408 -", "-", NEVER, 408, None, "not_sent"),
        ("400 -", "-", NEVER, 400, None, "not_sent"),
        ("503 -", "-", NEVER, 503, None, "not_sent"),
        ("504 -", "-", NEVER, 504, None, None),
        ("502 -", "-", NEVER, 502, None, None),
        ("504 -", "10.0.0.1:80", "0.000073 -1 -1", 504, None, "sent"),
        ("503 503", "10.0.0.1:80", "0.1 0.2 0.3", 503, 503, "done"),
        ("- -", "-", NEVER, None, None, None),
        ("502 200", "10.0.0.1:80", "0.1 0.2 0.3", 502, 200, None),
    ],
)
def test_how_far_it_came(run, codes, backend, timers, status, answer, phase) -> None:
    row = read(run, line(codes=codes, backend=backend, timers=timers)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (status, answer, phase)


def test_tcp_connections_are_no_requests(run) -> None:
    got = read(run, line(), line(codes="- -", request="- - - ", tail=' "-" - -'))
    assert got.frame.height == 1
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 1)]


@pytest.mark.parametrize("tail", ["", ' "-" - -'])
def test_lines_of_2014_are_shorter(run, tail) -> None:
    got = read(run, line(tail=tail), headers=("req_header.user-agent",))
    assert (got.row["status"], got.row["req_header.user-agent"]) == (200, None)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("hello", "it lacks the time at its beginning"),
        (line(timers="a b c"), "it lacks the three processing times"),
        (line(codes="200 x"), "it lacks the status codes of load balancer and backend"),
        (line().partition(' "POST')[0], "it breaks off before the request"),
    ],
)
def test_bad_lines_say_what_they_lack(run, bad, reason) -> None:
    got = read(run, line(), bad)
    assert [(p.kind, p.record, p.message.partition(": ")[2]) for p in got.problems] == [
        ("bad_line", 2, reason + ".")
    ]


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    got = read(run, line(request="GET https://g.test:443/v1/x?api_key=sk-test-q-1 HTTP/1.1"))
    assert got.row["key_tag"] == "key:sk-test-q-1"


def test_mixed_with_later_load_balancers(run) -> None:
    alb = (
        "https 2026-11-22T10:00:12.345678Z app/lb/50dc6c49 192.0.2.7:41000 10.0.0.1:80 0.1 0.2 0.3 "
        '200 200 5 6 "GET https://g.test:443/ HTTP/1.1" "-" - - - "-"'
    )
    got = read(run, line(), alb)
    assert got.frame["format"].to_list() == ["aws-elb", "aws-alb"]
    assert got.problems == []


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda t: line(tail=t).encode()))
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_rows_or_located_problems(run, data) -> None:
    got = run(data, FORMAT, name="x.log")
    assert all(p.kind in ("bad_line", "truncated", "notice") for p in got.problems)
    assert got.frame.height <= got.records


@pytest.mark.corpus
def test_corpus(corpus: Path) -> None:
    folder = corpus / "logs" / "aws_elb_classic"
    for path in sorted(folder.glob("*.log")):
        (source,), _ = files.expand([str(path)])
        assert detect.detect(source) is FORMAT
        problems: list[Problem] = []
        rows = capture.read_frame([str(path)], problems=problems)
        written = [text for text in path.read_text().splitlines() if text.strip()]
        assert rows.height + sum(p.count for p in problems) == len(written)
        assert {p.kind for p in problems} <= {"notice"}
    name = "logstash-plugins+logstash-patterns-core__aws_spec"
    told = json.loads((folder / f"{name}.expected.json").read_text())
    rows = capture.read_frame([str(folder / f"{name}.log")])
    mapping = {"response": "status", "backend_response": "upstream_status", "verb": "method",
               "received_bytes": "request_bytes", "bytes": "response_bytes", "path": "path",
               "proto": "scheme"}  # fmt: skip
    for case, row in zip(told["cases"], rows.iter_rows(named=True), strict=True):
        for theirs, ours in mapping.items():
            if theirs in case["fields"]:
                assert row[ours] == case["fields"][theirs], theirs
        waited = case["fields"].get("backend_processing_time")
        if waited is not None:
            assert row["wait_ms"] == (pytest.approx(waited * 1000) if waited >= 0 else None)
