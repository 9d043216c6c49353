from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_corpus import read as read_corpus

from analyzer.ingest.formats.logs.ingress_nginx import FORMAT

HEAD = '192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "POST /v1/chat/completions HTTP/1.1"'
UA = '"-" "OpenAI/Python 1.0"'


def line(status="200", rest="[llm-api-8000] [] 10.0.0.1:8000 5 1.400 200", head=HEAD, took="1.500"):
    return f"{head} {status} 5 {UA} 321 {took} {rest} 0123456789abcdef0123456789abcdef"


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="ingress.log", **more)


def test_line(run) -> None:
    row = read(run, line(), headers=("req_header.user-agent", "req_header.referer")).row
    end = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert (row["ended_at"], row["time_kind"], row["duration_ms"]) == (end, "end", 1500.0)
    assert (end - row["started_at"]).total_seconds() == 1.5
    assert (row["method"], row["path"], row["status"], row["response_bytes"]) == (
        "POST", "/v1/chat/completions", 200, 5,
    )  # fmt: skip
    assert (row["upstream_status"], row["phase"], row["upstream_tries"]) == (200, "done", 1)
    assert row["upstream_address"] == "llm-api-8000/10.0.0.1:8000"
    assert (row["request_id"], row["request_bytes"]) == ("0123456789abcdef0123456789abcdef", 321)
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["req_header.referer"] is None
    assert (row["hop"], row["format"], row["seen_in"]) == (
        "gateway", "nginx-ingress", ["ingress.log#1"],
    )  # fmt: skip


OLD = [
    "192.0.2.1 - [192.0.2.1] - - [22/Nov/2026:12:00:01 +0200]",
    "192.0.2.1 - [192.0.2.1] - alice [22/Nov/2026:12:00:01 +0200]",
    "203.0.113.9, 192.0.2.1 - - [22/Nov/2026:12:00:01 +0200]",
    "2001:db8::1 - - [22/Nov/2026:12:00:01 +0200]",
]


@pytest.mark.parametrize("start", OLD)
@pytest.mark.parametrize("alternative", ["[] ", ""])
def test_older_variants(run, start, alternative) -> None:
    head = f'{start} "GET /v1/models HTTP/2.0"'
    rest = f"[ns-svc-80] {alternative}10.0.0.1:80, 10.0.0.2:80 0, 5 0.100, 1.300 504, 200"
    got = read(run, line(rest=rest, head=head))
    assert got.problems == []
    row = got.row
    assert (row["path"], row["upstream_status"], row["upstream_tries"]) == ("/v1/models", 200, 2)
    assert (row["proxy_detail"], row["upstream_address"]) == ("504, 200", "ns-svc-80/10.0.0.2:80")


CASES = [
    ("404", "[upstream-default-backend] [] 127.0.0.1:8181 19 0.001 404", None, "not_sent", "upstream-default-backend"),
    ("400", "[] [] - - - -", None, "not_sent", None),
    ("503", "[ns-svc-80] [] - - - -", None, "not_sent", None),
    ("502", "[ns-svc-80] [] 10.0.0.1:80 0 0.000 502", 502, None, None),
    ("502", "[ns-svc-80] [] 10.0.0.1:80 41 0.300 502", 502, "done", None),
    ("502", "[ns-svc-80] [] upstream_balancer 0 0.000 502", None, "not_sent", None),
    ("429", "[ns-svc-80] [] 10.0.0.1:80 0 0.300 429", 429, "done", None),
    ("499", "[ns-svc-80] [] 10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80 0, 0, 0 5.0, 5.0, 3.1 504, 504, -", None, None, None),
    ("200", "[ns-svc-80] [] 10.0.0.1:80, 10.0.0.2:80 - 0.100, - 200, -", None, None, None),
    ("200", "[ns-svc-80] [] unix:/run/app.sock 5 0.1 200", 200, "done", None),
    ("200", "[ns-svc-80] [] 10.0.0.1:80 : 10.0.0.2:80 0 : 5 0.1 : 0.2 502 : 200", 200, "done", None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "rest", "upstream", "phase", "flags"), CASES)
def test_upstream_fields(run, status, rest, upstream, phase, flags) -> None:
    got = read(run, line(status, rest))
    assert got.problems == []
    row = got.row
    assert (row["upstream_status"], row["phase"], row["proxy_flags"]) == (upstream, phase, flags)


def test_canary_is_the_service_that_was_asked(run) -> None:
    row = read(run, line(rest="[ns-svc-80] [ns-canary-80] 10.0.0.9:80 5 0.1 200")).row
    assert row["upstream_address"] == "ns-canary-80/10.0.0.9:80"


def test_malformed_requests_and_quotes(run) -> None:
    start = "192.0.2.1 - - [22/Nov/2026:12:00:01 +0200]"
    heads = [rf'{start} "\x16\x03\x01"', f'{start} ""', rf'{start} "GET /a\"b HTTP/1.1"']
    got = read(run, *(line(head=head) for head in heads))
    assert got.problems == []
    assert got.frame["method"].to_list() == [None, None, "GET"]


def test_secrets_of_queries(run) -> None:
    head = HEAD.replace("completions", "completions?key=hunter2hunter2")
    got = read(run, line(head=head))
    assert got.row["path"] == "/v1/chat/completions"
    assert got.row["key_tag"] == "key:hunter2hunter2"
    assert "hunter2hunter2" in got.secrets.learnt


def test_bad_lines_and_another_format(run) -> None:
    error = (
        "2026/11/22 10:00:00 [error] 7#7: *5 no live upstreams while connecting to upstream, "
        'client: 192.0.2.1, server: a.test, request: "POST /v1/messages HTTP/1.1", '
        'upstream: "http://backend/v1/messages", host: "a.test"'
    )
    got = read(run, line(), "nonsense", error, line())
    assert got.frame["format"].to_list() == ["nginx-ingress", "nginx-error", "nginx-ingress"]
    assert got.frame["record"].to_list() == [1, 3, 4]
    bad = [problem for problem in got.problems if problem.kind == "bad_line"]
    assert [problem.record for problem in bad] == [2]
    assert "it lacks '[time]" in bad[0].message


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 200))
def test_any_bytes(run, data, cut) -> None:
    whole = line().encode()
    got = run(whole[:cut] + data + b"\n" + whole + b"\n", FORMAT, name="x.log")
    assert got.frame.height >= 1


@pytest.mark.corpus
def test_corpus(run, corpus) -> None:
    for path in (corpus / "logs" / "nginx_ingress").glob("*.log"):
        got = read_corpus(run, path, "nginx-ingress")
        assert "bad_line" not in got.kinds
        for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            row = got.frame.filter(record=number).row(0, named=True)
            pieces = text.split('"')
            assert row["status"] == int(pieces[2].split()[0])
            assert row["duration_ms"] == pytest.approx(float(pieces[6].split()[1]) * 1000)
            assert row["request_id"] == text.split()[-1]
