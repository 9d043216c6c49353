from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest.formats.logs.apache_custom import FORMAT

MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
SSL = '[22/Nov/2026:12:00:01 +0200] 192.0.2.9 TLSv1.2 ECDHE-RSA "GET /x HTTP/1.1" 1375'


def line(tail: str, heads: str = ' "-" "OpenAI/Python 1.0"', before: str = "") -> str:
    return (
        f'{before}192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "POST /v1/x?key=AIzaSecret0001 '
        f'HTTP/1.1" 502 341{heads} {tail}'
    )


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="access.log", **more)


def test_named_fields(run) -> None:
    tail = "D=1500123 X=+ O=700 I=300 uid=Zx1 worker=http://10.0.0.1:8000"
    got = read(run, line(tail, before="API.test:443 "), headers=("req_header.user-agent",))
    row = got.row
    assert (row["started_at"], row["time_kind"]) == (MOMENT, "start")
    assert row["ended_at"] == MOMENT + timedelta(microseconds=1_500_123)
    assert (row["duration_ms"], row["status"], row["method"], row["path"]) == (
        1500.123, 502, "POST", "/v1/x",
    )  # fmt: skip
    assert (row["host"], row["request_id"]) == ("api.test", "Zx1")
    assert (row["response_bytes"], row["request_bytes"]) == (700, 300)
    assert (row["upstream_address"], row["proxy_flags"]) == ("http://10.0.0.1:8000", "+")
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["stream_state"] is row["phase"] is row["upstream_status"] is None
    assert "AIzaSecret0001" in got.secrets.learnt
    assert got.problems == []


@pytest.mark.parametrize(
    ("tail", "wanted"),
    [
        ("X=X D=5000", {"stream_state": "truncated", "proxy_flags": "X", "duration_ms": 5.0}),
        ("X=- D=5000", {"stream_state": None, "proxy_flags": None}),
        ('vhost="a" D=5000', {"duration_ms": 5.0, "response_bytes": 341}),
        ("X=+ ms=7", {"duration_ms": 7.0}),
        ("X=+ T=7", {"duration_ms": 7000.0}),
    ],
)
@pytest.mark.parametrize("heads", ["", ' "-" "x"'])
def test_tails(run, tail, wanted, heads) -> None:
    row = read(run, line(tail, heads)).row
    assert {name: row[name] for name in wanted} == wanted


def test_bad_lines_and_ssl_requests(run) -> None:
    got = read(run, line("D=1"), SSL, "nonsense", line("D=2"))
    assert got.frame["record"].to_list() == [1, 4]
    assert [p.record for p in got.problems if p.kind == "bad_line"] == [3]
    assert [p.count for p in got.problems if p.kind == "notice"] == [1]
    plain = read(run, line("D=1"), line("1 2 3"))
    assert plain.frame["format"].to_list()[0] == "apache"


@pytest.mark.parametrize(
    ("lines", "score"),
    [
        ([line("D=1 X=+")], 0.96),
        ([line("X=X", "")], 0.96),
        ([SSL], 0.96),
        ([line("rt=0.1")], 0.0),
        ([line("")], 0.0),
        (["x"], 0.0),
    ],
)
def test_sniffing(lines, score) -> None:
    assert FORMAT.sniff("\n".join([*lines, ""]).encode(), "access.log") == score


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=80), at=st.integers(0, 300), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, noise, at, out) -> None:
    usual = (line("D=1 X=+") + "\n").encode()
    got = run(usual + usual[:at] + noise + usual[at + out :], FORMAT)
    assert got.frame.height + sum(problem.count for problem in got.problems) == got.records


@pytest.mark.corpus
def test_plain_combined_is_not_claimed(corpus) -> None:
    for folder in ("apache_combined", "apache_common", "apache_malformed", "nginx_combined"):
        for path in sorted((corpus / "logs" / folder).glob("*.log")):
            assert FORMAT.sniff(path.read_bytes()[:65_536], path.name) == 0.0
