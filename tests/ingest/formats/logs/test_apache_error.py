from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_corpus import expected
from log_corpus import read as read_corpus

from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs.apache_error import FORMAT

TIME = "Sun Nov 22 10:00:01.250000 2026"
MOMENT = datetime(2026, 11, 22, 10, 0, 1, 250000, tzinfo=UTC)


def line(
    message: str, module: str = "proxy_http", level: str = "error", pid: str = "7:tid 70",
    client: str | None = "192.0.2.1:5000", error: str = "", time: str = TIME, more: str = "",
) -> str:  # fmt: skip
    head = f"[{time}] [{module}:{level}] [pid {pid}] {error}"
    return f"{head}{f'[client {client}] ' if client else ''}{message}{more}"


CONNECT = line(
    "AH00957: HTTP: attempt to connect to 10.0.0.1:3000 (app) failed", "proxy", client=None,
    error="(111)Connection refused: ",
)  # fmt: skip
DISABLE = line(
    "AH00959: ap_proxy_connect_backend disabling worker for (app) for 60s", "proxy", client=None
)
NO_CONNECTION = line("AH01114: HTTP: failed to make connection to backend: app")
STATUS_LINE = line(
    "AH01102: error reading status line from remote server 10.0.0.1:443",
    error="(70007)The timeout specified has expired: ",
)
RETURNED = line("AH00898: Error reading from remote server returned by /v1/messages", "proxy")


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="error_log", **more)


def test_failure_of_connecting(run) -> None:
    row = read(run, CONNECT, DISABLE, NO_CONNECTION).row
    assert row["seen_in"] == ["error_log#1", "error_log#2", "error_log#3"]
    assert (row["ended_at"], row["time_kind"], row["time_precision_ms"]) == (MOMENT, "end", 0.001)
    assert row["proxy_flags"] == "proxy:AH00957,proxy:AH00959,proxy_http:AH01114"
    assert row["proxy_detail"].startswith("(111)Connection refused: HTTP: attempt to connect")
    assert (row["phase"], row["upstream_address"]) == ("connecting", "10.0.0.1:3000")
    assert row["status"] is row["method"] is row["path"] is None
    assert (row["hop"], row["format"]) == ("gateway", "apache-error")


def test_failure_of_reading(run) -> None:
    row = read(run, STATUS_LINE, RETURNED).row
    assert row["proxy_flags"] == "proxy_http:AH01102,proxy:AH00898"
    assert (row["path"], row["phase"], row["upstream_address"]) == (
        "/v1/messages", "sent", "10.0.0.1:443",
    )  # fmt: skip


def seen(got) -> list[list[int]]:
    return [[int(place.partition("#")[2]) for place in row] for row in got.frame["seen_in"]]


def test_requests_stay_apart(run) -> None:
    other = STATUS_LINE.replace("tid 70", "tid 71").replace(":5000]", ":6000]")
    later = STATUS_LINE.replace("10:00:01", "10:00:09")
    got = read(run, CONNECT, NO_CONNECTION, CONNECT, NO_CONNECTION, other, later)
    assert seen(got) == [[1, 2], [3, 4], [5], [6]]
    got = read(run, STATUS_LINE, other, RETURNED, STATUS_LINE, RETURNED)
    assert seen(got) == [[1, 3], [2], [4, 5]]


def test_servers_of_a_balancer_are_one_request(run) -> None:
    second = CONNECT.replace("10.0.0.1:3000 (app)", "10.0.0.2:3000 (app2)")
    got = read(run, CONNECT, NO_CONNECTION, second, NO_CONNECTION.replace(": app", ": app2"))
    assert seen(got) == [[1, 2, 3, 4]]
    assert (got.row["upstream_tries"], got.row["upstream_address"]) == (2, "10.0.0.2:3000")


CASES = [
    (line("AH01630: client denied by server configuration: /srv/x", "authz_core"), "not_sent", "authz_core:AH01630"),
    (line("AH01167: balancer://llm: All workers are in error state for route ()", "proxy_balancer"), "not_sent", "proxy_balancer:AH01167"),
    (line("AH00898: DNS lookup failure for: app returned by /v1/x", "proxy", error="(EAI 2)Name or service not known: "), "not_sent", "proxy:AH00898"),
    (line("AH01097: pass request body failed to 10.0.0.1:80 (10.0.0.1) from 192.0.2.1 ()"), "sent", "proxy_http:AH01097"),
    (line("AH01110: Network error reading response"), "body", "proxy_http:AH01110"),
    (line("AH00898: Error during SSL Handshake with remote server returned by /", "proxy"), "connecting", "proxy:AH00898"),
    (line("something of a third module", "-"), None, "-"),
    ("[Sun Nov 22 10:00:01 2026] [error] [client 192.0.2.1] (111)Connection refused: proxy: error reading status line from remote server 10.0.0.1:9", "sent", None),
    ("[Sun Nov  2 10:00:01 2026] [error] [client 192.0.2.1] File does not exist: /srv/x", "not_sent", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "phase", "flags"), CASES)
def test_phase(run, text, phase, flags) -> None:
    row = read(run, text).row
    assert (row["phase"], row["proxy_flags"]) == (phase, flags)
    assert "192.0.2.1" not in str(row)
    assert row["stream_state"] == ("truncated" if phase == "body" else None)


def test_modsecurity(run) -> None:
    text = line(
        '[client 192.0.2.1] ModSecurity: Access denied with code 403 (phase 2). [hostname "A.test"] '
        '[uri "/v1/messages"] [unique_id "Y1"]', "security2",
    )  # fmt: skip
    row = read(run, text).row
    assert (row["host"], row["path"], row["request_id"], row["phase"]) == (
        "a.test", "/v1/messages", "Y1", "not_sent",
    )  # fmt: skip
    assert "192.0.2.1" not in str(row)


NOTICES = [
    line("AH00094: Command line: 'httpd'", "core", "notice", client=None),
    line("AH01114: HTTP: failed", level="warn"),
    line("AH01215: a script's words", "cgi"),
    line("ModSecurity: Warning. Pattern match", "security2"),
    CONNECT,
    line("AH00940: HTTP: disabled connection for (app)", "proxy", client=None),
    "[Thu Jan 17 02:42:49 2013] [notice] Digest: generating secret for digest authentication ...",
]


@pytest.mark.parametrize("text", NOTICES)
def test_notices(run, text) -> None:
    got = read(run, text)
    assert got.frame.height == 0
    assert [(p.kind, p.count) for p in got.problems if p.kind == "notice"] == [("notice", 1)]


TIMES = [
    ("22/Nov/2026:12:00:01 +0200", MOMENT.replace(microsecond=0)),
    ("2026-11-22 10:00:01.250000", MOMENT),
    ("Sun Nov 22 10:00:01 2026", MOMENT.replace(microsecond=0)),
]


@pytest.mark.parametrize(("text", "moment"), TIMES)
def test_times(run, text, moment) -> None:
    assert read(run, line("x", time=text)).row["ended_at"] == moment


def test_zone(run) -> None:
    assert "assumed_zone" in read(run, RETURNED).kinds
    got = read(run, RETURNED, reading=Reading(zone=timezone(timedelta(hours=1))))
    assert got.problems == []
    assert got.row["ended_at"] == MOMENT - timedelta(hours=1)


def test_secrets_and_persons(run) -> None:
    got = read(
        run,
        line('AH01617: user bob: authentication failure for "/v1/models": Password Mismatch', "auth_basic",
             more=", referer: https://r.test/?api_key=swordfish99"),
        headers=("req_header.referer",),
    )  # fmt: skip
    assert got.row["path"] == "/v1/models"
    assert "bob" not in str(got.row)
    assert "swordfish99" in got.secrets.learnt


def test_bad_lines_and_another_format(run) -> None:
    access = '192.0.2.1 - - [22/Nov/2026:10:00:01 +0000] "POST /v1/messages HTTP/1.1" 502 5 "-" "x"'
    got = read(run, RETURNED, "a continued line", access)
    assert got.frame["record"].to_list() == [1, 3]
    bad = [problem for problem in got.problems if problem.kind == "bad_line"]
    assert [problem.record for problem in bad] == [2]
    assert "it lacks '[time] [module:level]'" in bad[0].message


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 160))
def test_any_bytes(run, data, cut) -> None:
    whole = RETURNED.encode()
    got = run(whole[:cut] + data + b"\n" + whole + b"\n", FORMAT, name="x.log")
    assert got.frame.height >= 1


@pytest.mark.corpus
def test_corpus(run, corpus) -> None:
    for path in (corpus / "logs" / "apache_error").glob("*.log"):
        read_corpus(run, path, "apache-error")


@pytest.mark.corpus
def test_corpus_fields(run, corpus) -> None:
    path = corpus / "logs/apache_error/vectordotdev+vrl__parse_apache_log_error.log"
    got = read_corpus(run, path, "apache-error")
    checked = 0
    for number, case in enumerate(expected(path)["cases"], 1):
        want = case["want"]
        rows = got.frame.filter(record=number)
        if not rows.height:
            continue
        row = rows.row(0, named=True)
        assert row["proxy_flags"] == want["module"]
        # The file has the quotes as the test's source escapes them.
        assert row["proxy_detail"].replace("\\", "") == want["message"].replace("\\", "")
        assert f"{row['ended_at']:%Y-%m-%dT%H:%M:%S}" == want["timestamp"][:19]
        checked += 1
    assert checked == 3
