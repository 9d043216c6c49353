from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.litellm_uvicorn import FORMAT

ACCESS = 'INFO:     172.17.0.1:54662 - "POST /v1/chat/completions HTTP/1.1" 429 Too Many Requests'
CONSOLE = ["INFO:     Started server process [1]", ACCESS, "Traceback (most recent call last):",
           '  File "x.py", line 1', "ValueError: no"]  # fmt: skip


def read(run, *lines):
    return run("".join(f"{line}\n" for line in lines).encode(), FORMAT)


def test_a_line_without_time(run, source) -> None:
    assert detect.detect(source("\n".join([*CONSOLE, ""]).encode())) is FORMAT
    got = read(run, *CONSOLE)
    row = got.row
    assert (row["method"], row["path"], row["status"]) == ("POST", "/v1/chat/completions", 429)
    assert (row["record"], row["started_at"]) == (2, None)
    assert sorted(got.kinds) == ["no_time", "notice"]


def test_times_around_the_line(run) -> None:
    docker = '{"log":"%s\\n","stream":"stdout","time":"2026-01-02T10:00:00.5Z"}'
    got = read(run, docker % ACCESS.replace('"', '\\"'))
    assert got.row["started_at"].isoformat() == "2026-01-02T10:00:00.500000+00:00"
    json_logs = (
        '{"message": "1.2.3.4:5 - \\"POST /v1/messages?key=sk-0123456789abcdef0123 HTTP/1.1\\" '
        '200", "level": "INFO", "timestamp": "2026-01-02T10:00:00.25"}'
    )
    row = read(run, json_logs).row
    assert row["started_at"].isoformat() == "2026-01-02T10:00:00.250000+00:00"
    assert (row["path"], row["key_tag"]) == ("/v1/messages", "key:sk-0123456789abcdef0123")


def test_colours_and_bad_lines(run) -> None:
    coloured = '\x1b[32mINFO\x1b[0m:     1.2.3.4:5 - "\x1b[1mGET /v1/models HTTP/1.1\x1b[0m" 200 OK'
    got = read(run, coloured.replace('\x1b[0m"', '\x1b[0m"'), "what is this")
    assert got.row["status"] == 200
    assert [problem.record for problem in got.problems if problem.kind == "bad_line"] == [2]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200))
def test_any_bytes(run, data) -> None:
    run(f"{ACCESS}\n".encode() + data, FORMAT)


@pytest.mark.parametrize("line", ['10.0.0.1 - - [x] "GET / HTTP/1.1" 200 5', "INFO: hello"])
def test_other_lines_are_not_claimed(line) -> None:
    assert not FORMAT.claims(line.encode())
