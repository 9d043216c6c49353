from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.aws_s3 import FORMAT


def line(
    *, operation="REST.GET.OBJECT", request="GET /models/a.bin?x=1 HTTP/1.1", code="200",
    error="-", sent="113", times="70 10", agent="S3Console/0.4", stamp="22/Nov/2026:12:00:01 +0200",
    tail=" - aGVsbG8= SigV4 ECDHE AuthHeader my.s3.eu-west-1.amazonaws.com TLSv1.2 - Yes",
) -> str:  # fmt: skip
    quoted = request if request == "-" else f'"{request}"'
    return (
        f"79a5 my-bucket [{stamp}] 192.0.2.3 arn:aws:iam::1:user/u 3E57427F3EX {operation} "
        f'models/a.bin {quoted} {code} {error} {sent} 4096 {times} "-" "{agent}"{tail}'
    )


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="s3.log", **more)


def test_a_line(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent", "req_header.referer"))
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 0.07
    assert (row["duration_ms"], row["wait_ms"], row["ttfb_ms"]) == (70.0, 10.0, None)
    assert (row["time_kind"], row["time_precision_ms"]) == ("start", 1000.0)
    assert (row["method"], row["path"], row["host"]) == (
        "GET", "/models/a.bin", "my.s3.eu-west-1.amazonaws.com",
    )  # fmt: skip
    assert (row["status"], row["response_bytes"], row["request_id"]) == (200, 113, "3E57427F3EX")
    assert (row["proxy_flags"], row["proxy_detail"]) == ("REST.GET.OBJECT", None)
    assert (row["req_header.user-agent"], row["req_header.referer"]) == ("S3Console/0.4", None)
    assert (row["hop"], got.problems) == ("upstream", [])
    assert "iam" not in repr(row)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code": "503", "error": "SlowDown"},
         {"status": 503, "error_code": "SlowDown", "proxy_detail": "SlowDown"}),
        ({"sent": "-"}, {"response_bytes": 0}),
        ({"times": "7 -"}, {"duration_ms": 7.0, "wait_ms": None}),
        ({"tail": " -"}, {"host": None, "status": 200}),
        ({"request": "GET /models/a.bin"}, {"method": "GET", "path": "/models/a.bin"}),
        ({"code": "-"}, {"status": None}),
    ],
)  # fmt: skip
def test_variants(run, changes, expected) -> None:
    got = read(run, line(**changes))
    assert {name: got.row[name] for name in expected} == expected
    assert got.problems == []


def test_work_of_s3_itself_is_no_request(run) -> None:
    got = read(
        run, line(), line(operation="S3.EXPIRE.OBJECT", request="-", code="-"),
        line(operation="REST.COPY.OBJECT_GET"), line(operation="REST.COPY.OBJECT"),
    )  # fmt: skip
    assert got.frame["record"].to_list() == [1, 4]
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 2)]


def test_presigned_urls_are_secrets(run) -> None:
    got = read(run, line(request="GET /a?X-Amz-Signature=0123456789abcdef HTTP/1.1"))
    assert got.row["path"] == "/a"
    assert "0123456789abcdef" in got.secrets.learnt


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("hello", "it lacks [day/Mon/year:h:m:s zone]"),
        (line().partition(' "GET')[0], "it breaks off before the request"),
        (line(request='GET /a"b HTTP/1.1'), "no status stands behind the request"),
    ],
)
def test_bad_lines_say_what_they_lack(run, bad, reason) -> None:
    got = read(run, line(), bad)
    assert [(p.kind, p.record, p.message.partition(": ")[2]) for p in got.problems] == [
        ("bad_line", 2, reason + ".")
    ]


def test_mixed_with_another_format(run) -> None:
    clf = '192.0.2.7 - - [22/Nov/2026:12:00:01 +0200] "GET /v1/models HTTP/1.1" 200 5 "-" "curl"'
    got = read(run, line(), clf)
    assert got.frame.height + len(got.problems) == 2
    assert got.frame["format"][0] == "aws-s3"


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda t: line(agent=t).encode()))
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
    folder = corpus / "logs" / "aws_s3"
    (path,) = folder.glob("*.log")
    (source,), _ = files.expand([str(path)])
    assert detect.detect(source) is FORMAT
    problems: list[Problem] = []
    rows = capture.read_frame([str(path)], problems=problems)
    assert (rows.height, problems) == (3, [])
    (beside,) = folder.glob("*.json")
    told = json.loads(beside.read_text())
    mapping = {"response": "status", "verb": "method", "bytes": "response_bytes",
               "request_time_ms": "duration_ms", "turnaround_time_ms": "wait_ms",
               "request_id": "request_id", "error_code": "error_code",
               "operation": "proxy_flags"}  # fmt: skip
    for case, row in zip(told["cases"], rows.iter_rows(named=True), strict=True):
        for theirs, ours in mapping.items():
            if theirs in case["fields"]:
                assert row[ours] == case["fields"][theirs], theirs
