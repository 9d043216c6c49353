from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_corpus import expected, format_of
from log_corpus import read as read_corpus

from analyzer.ingest.formats.logs.nginx_proxy_manager import FORMAT

TIME = "[22/Nov/2026:12:00:01 +0200]"
TAIL = "[Client 192.0.2.1] [Length 157] [Gzip -]"
UA = '"curl/8.0" "-"'


def line(
    status="- 200 200", asked='POST https API.test "/v1/messages"', sent=" [Sent-to 10.0.0.5]"
):
    return f"{TIME} {status} - {asked} {TAIL}{sent} {UA}"


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="proxy-host-1_access.log", **more)


def test_line(run) -> None:
    row = read(run, line(), headers=("req_header.user-agent",)).row
    moment = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert (row["ended_at"], row["started_at"], row["time_kind"]) == (moment, moment, "end")
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "api.test", "/v1/messages",
    )  # fmt: skip
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["upstream_address"], row["response_bytes"]) == ("10.0.0.5", 157)
    assert row["proxy_flags"] is row["duration_ms"] is None
    assert row["req_header.user-agent"] == "curl/8.0"


CASES = [
    ("MISS 429 429", 429, 429, "done", "MISS", "429"),
    ("- 502 502", 502, 502, None, None, "502"),
    ("- 502, 200 200", 200, 200, "done", None, "502, 200"),
    ("- 502 : 200 200", 200, 200, "done", None, "502 : 200"),
    ("- - 403", 403, None, "not_sent", None, None),
    ("HIT - 200", 200, None, "not_sent", "HIT", None),
    ("- - 499", 499, None, None, None, None),
    ("- 404 200", 200, 404, "done", None, "404"),
    ("444", 444, None, None, None, None),
    ("000", None, None, None, None, None),
]


@pytest.mark.parametrize(("text", "status", "upstream", "phase", "flags", "detail"), CASES)
@pytest.mark.parametrize("sent", [" [Sent-to 10.0.0.5]", ""])
def test_statuses(run, text, status, upstream, phase, flags, detail, sent) -> None:
    got = read(run, line(text, sent=sent))
    assert got.problems == []
    row = got.row
    assert (row["status"], row["upstream_status"], row["phase"]) == (status, upstream, phase)
    assert (row["proxy_flags"], row["proxy_detail"]) == (flags, detail)
    assert row["upstream_address"] == ("10.0.0.5" if sent else None)


def test_secrets_of_queries(run) -> None:
    got = read(run, line(asked='GET https a.test "/v1/models?api_key=hunter2hunter2"'))
    assert got.row["path"] == "/v1/models"
    assert "hunter2hunter2" in got.secrets.learnt


def test_fallback_lines_and_error_entries(run) -> None:
    combined = '192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "GET /x HTTP/1.1" 404 5 "-" "curl"'
    error = (
        '2026/11/22 10:00:00 [error] 7#7: *5 user "bob": password mismatch, client: 192.0.2.1, '
        'server: a.test, request: "GET / HTTP/1.1", host: "a.test"'
    )
    got = read(run, line(), combined, error, line(), "x")
    formats = dict(got.frame.select("record", "format").iter_rows())
    assert formats[1] == formats[4] == "nginx-proxy-manager"
    assert formats[2] in ("combined", "nginx")
    assert formats[3] == "nginx-error"
    bad = [problem for problem in got.problems if problem.kind == "bad_line"]
    assert [problem.record for problem in bad] == [5]
    assert "it lacks '[time] status" in bad[0].message
    assert "bob" not in str(got.frame.to_dicts())


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 150))
def test_any_bytes(run, data, cut) -> None:
    whole = line().encode()
    got = run(whole[:cut] + data + b"\n" + whole + b"\n", FORMAT, name="x.log")
    assert got.frame.height >= 1


@pytest.mark.corpus
def test_corpus(run, corpus) -> None:
    path = corpus / "logs/nginx_proxy_manager/crowdsecurity+hub__hub-nginx-proxy-manager-logs.log"
    got = read_corpus(run, path, "nginx-proxy-manager")
    told = expected(path)["results"]["s01-parse"]["crowdsecurity/nginx-proxy-manager-logs"]
    checked = 0
    for number, event in enumerate(told, 1):
        parsed = event["Parsed"]
        rows = got.frame.filter(record=number)
        if not rows.height or "status" not in parsed:
            continue
        row = rows.row(0, named=True)
        assert row["status"] == int(parsed["status"])
        assert row["method"] == parsed["verb"]
        assert row["path"] == parsed["request"]
        assert row["response_bytes"] == int(parsed["body_bytes_sent"])
        if "target_fqdn" in parsed:
            assert row["host"] == parsed["target_fqdn"]
            assert row["scheme"] == parsed["scheme"]
            assert row["upstream_address"] == parsed.get("target_server")
        if parsed.get("upstream_status"):
            assert row["upstream_status"] == int(parsed["upstream_status"])
        checked += 1
    assert checked >= 11


@pytest.mark.corpus
def test_lines_of_default_hosts_stay_combined(corpus) -> None:
    for folder, name in (
        ("nginx_proxy_manager", "*malformed.log"), ("nginx_malformed", "*.log"),
        ("apache_malformed", "*.log"),
    ):  # fmt: skip
        for path in (corpus / "logs" / folder).glob(name):
            found = format_of(path)
            assert found is not None
            assert found.name in ("combined", "nginx")
