"""Squid's logs: native, common and combined."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.squid import FORMAT

TARGET = "http://api.test/v1/messages?beta=true"


def line(
    result: str = "TCP_MISS/200",
    way: str = "HIER_DIRECT/192.0.2.12",
    verb: str = "POST",
    target: str = TARGET,
    elapsed: str = "  1500",
    more: str = "",
    kind: str = "text/event-stream",
    size: str = "812",
) -> str:
    return (
        f"1795341601.750 {elapsed} 192.0.2.7 {result} {size} {verb} {target} alice {way} "
        f"{kind}{more}"
    )


def common(result: str = "TCP_MISS:HIER_DIRECT", status: str = "200", behind: str = "") -> str:
    return (
        f'192.0.2.7 - alice [22/Nov/2026:10:00:01 +0000] "POST {TARGET} HTTP/1.1" {status} 812 '
        f"{result}{behind}"
    )


def read(run, *lines, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="access.log", **more)


def test_a_request_that_went_well(run) -> None:
    got = read(run, line())
    assert got.problems == []
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 1, 750_000, UTC)
    wanted = {
        "format": "squid", "hop": "network", "time_kind": "end", "time_precision_ms": 1.0,
        "duration_ms": 1500.0, "method": "POST", "scheme": "http", "host": "api.test",
        "path": "/v1/messages", "status": 200, "upstream_status": 200, "response_bytes": 812,
        "content_type": "text/event-stream", "proxy_flags": "TCP_MISS",
        "proxy_detail": "HIER_DIRECT/192.0.2.12", "upstream_address": "192.0.2.12",
        "phase": "done", "stream_state": None,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert "alice" not in got.frame.write_json()


STATES = [
    # result, way, what is appended; phase, upstream status, stream state
    ("TCP_MISS/429", "HIER_DIRECT/b", "", "done", 429, None),
    ("TCP_MISS/429", "HIER_DIRECT/b", " -/-", "done", 429, None),
    ("TCP_MISS/503", "HIER_DIRECT/b", " -/-", "done", 503, None),
    ("TCP_MISS/503", "HIER_DIRECT/b", " ERR_CONNECT_FAIL/errno=111", "connecting", None, None),
    ("TCP_MISS/503", "HIER_NONE/-", " ERR_SECURE_CONNECT_FAIL/x", "connecting", None, None),
    ("TCP_MISS/503", "HIER_NONE/-", " ERR_DNS_FAIL/-", "not_sent", None, None),
    ("TCP_MISS/504", "HIER_DIRECT/b", " ERR_READ_TIMEOUT/WITH_SERVER", "sent", None, None),
    ("TCP_MISS/502", "HIER_DIRECT/b", " ERR_ZERO_SIZE_OBJECT/-", "sent", None, None),
    ("TCP_MISS/502", "HIER_DIRECT/b", " ERR_INVALID_RESP/WITH_SERVER", "sent", None, None),
    ("TCP_MISS/502", "HIER_NONE/-", " ERR_READ_ERROR/WITH_SERVER", "not_sent", None, None),
    ("TCP_MISS/200", "HIER_DIRECT/b", " ERR_READ_ERROR/WITH_SERVER", "body", 200, "truncated"),
    ("TCP_MISS/200", "HIER_DIRECT/b", " ERR_READ_TIMEOUT/WITH_SERVER", "body", 200, "truncated"),
    ("TCP_MISS/504", "NONE/-", "", "not_sent", None, None),
    ("TCP_DENIED/403", "HIER_NONE/-", " ERR_ACCESS_DENIED/-", "not_sent", None, None),
    ("TCP_DENIED/404", "HIER_NONE/-", " 404:ERR_ACCESS_DENIED/-", "not_sent", None, None),
    ("TCP_DENIED_REPLY/403", "HIER_DIRECT/b", "", "not_sent", None, None),
    ("NONE_NONE/413", "HIER_NONE/-", " ERR_TOO_BIG/-", "not_sent", None, None),
    ("TCP_MEM_HIT/200", "HIER_NONE/-", "", "not_sent", None, None),
    ("TCP_REFRESH_UNMODIFIED/200", "HIER_DIRECT/b", "", None, None, None),
    ("TCP_REFRESH_MODIFIED/200", "HIER_DIRECT/b", "", "done", 200, None),
    # A client that left, maybe right after the end.
    ("TCP_MISS_ABORTED/200", "HIER_DIRECT/b", "", "body", 200, None),
    ("TCP_MISS_ABORTED/200", "HIER_DIRECT/b", " ERR_CLIENT_GONE/WITH_CLIENT", "body", 200, None),
    ("TCP_MISS_ABORTED/000", "HIER_DIRECT/b", " ERR_CLIENT_GONE/WITH_CLIENT", None, None, None),
    ("TCP_MISS_TIMEDOUT/200", "HIER_DIRECT/b", "", "body", 200, "truncated"),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state[0]} {state[1]}{state[2]}")
def test_states(run, state) -> None:
    result, way, more, phase, upstream, stream = state
    row = read(run, line(result, way, more=more)).row
    assert row["proxy_flags"] == result.partition("/")[0]
    assert (row["phase"], row["upstream_status"]) == (phase, upstream)
    assert row["stream_state"] == stream
    assert row["proxy_detail"].startswith(way)
    assert ("ERR_" in row["proxy_detail"]) == ("ERR_" in more)


@pytest.mark.parametrize(
    ("status", "kind", "size", "phase", "upstream"),
    [
        ("503", "application/json", "430", "done", 503),
        ("503", "text/html", "3538", "connecting", None),
        ("502", "text/html", "3530", "sent", None),
        ("504", "text/html", "3567", "sent", None),
        ("500", "text/html", "3567", None, None),
        # The page of another program, or of none.
        ("503", "text/html", "412", None, None),
        ("503", "text/html", "9000", None, None),
        ("503", "-", "0", None, None),
    ],
)
def test_whose_5xx_it_is_where_errors_are_not_named(
    run, status, kind, size, phase, upstream
) -> None:
    row = read(run, line(f"TCP_MISS/{status}", kind=kind, size=size)).row
    assert (row["phase"], row["upstream_status"]) == (phase, upstream)


@pytest.mark.parametrize(
    ("result", "status", "phase"),
    [
        ("TCP_TUNNEL/200", 200, None),
        ("TCP_TUNNEL_ABORTED/200", 200, None),
        ("NONE_NONE/503", 503, "connecting"),
    ],
)
def test_tunnels_have_a_host_and_no_path(run, result, status, phase) -> None:
    row = read(run, line(result, verb="CONNECT", target="API.test:443")).row
    assert (row["method"], row["host"], row["path"]) == ("CONNECT", "api.test", None)
    assert (row["status"], row["upstream_status"]) == (status, None)
    assert (row["phase"], row["stream_state"]) == (phase, None)


def test_requests_that_squid_could_not_read(run) -> None:
    text = line("NONE/400", "HIER_NONE/-", "NONE", "error:invalid-request")
    row = read(run, text).row
    assert (row["method"], row["host"], row["path"]) == (None, None, None)
    assert (row["phase"], row["status"]) == ("not_sent", 400)


COMMON = [
    (common(), None),
    (common(behind=" 120"), None),
    (common('"-" "curl/8.5.0" TCP_MISS:HIER_DIRECT'), "curl/8.5.0"),
    (common(r'"http://a.test" "odd \"x\"" TCP_MISS:HIER_DIRECT'), 'odd "x"'),
]


@pytest.mark.parametrize(("text", "agent"), COMMON)
def test_common_and_combined(run, source, text, agent) -> None:
    got = read(run, text, headers=("req_header.user-agent",))
    assert got.problems == []
    row = got.row
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    wanted = {
        "method": "POST", "host": "api.test", "path": "/v1/messages", "status": 200,
        "upstream_status": 200, "response_bytes": 812, "proxy_flags": "TCP_MISS",
        "proxy_detail": "HIER_DIRECT", "phase": "done", "duration_ms": None,
        "time_precision_ms": 1000.0, "req_header.user-agent": agent,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert detect.detect(source((text + "\n").encode() * 3, "x.log")) is FORMAT


def test_common_states(run) -> None:
    denied, left = (
        common("TCP_DENIED:HIER_NONE", "403"),
        common("TCP_MISS_ABORTED:HIER_DIRECT", "0"),
    )
    rows = read(run, denied, left).frame
    assert rows["phase"].to_list() == ["not_sent", None]
    assert rows["status"].to_list() == [403, None]


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    keyed = line(target="http://api.test/v1?key=sk-test-query-1")
    assert read(run, keyed).row["key_tag"] == "key:sk-test-query-1"


def test_lines_of_no_request_are_notices(run) -> None:
    asked = line("UDP_MISS/000", "HIER_NONE/-", "ICP_QUERY")
    opened = line("NONE_NONE/000", "HIER_NONE/-", "-", "error:transaction-end-before-headers")
    other = common('"-" "-" NONE_NONE:HIER_NONE', "0")
    other = other.replace(
        f"POST {TARGET} HTTP/1.1", "- error:transaction-end-before-headers NONE/0.0"
    )
    got = read(run, line(), asked, opened, other)
    assert got.frame["record"].to_list() == [1]
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 3)]


def test_a_line_that_is_none_is_told_with_its_number(run) -> None:
    got = read(run, line(), "", "nonsense", line())
    ((kind, record, message),) = [(p.kind, p.record, p.message) for p in got.problems]
    assert (kind, record) == ("bad_line", 3)
    assert "RESULT/status" in message
    assert got.frame["record"].to_list() == [1, 4]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), at=st.integers(0, 130), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    usual = (line() + "\n").encode()
    got = run(usual + usual[:at] + data + usual[at + out :] + usual, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
    assert got.frame.height + counted == got.records


@pytest.mark.corpus
def test_lines_of_other_projects(corpus: Path) -> None:
    sources, _ = files.expand([str(corpus / "logs" / "squid")])
    ((log),) = [source for source in sources if source.name.endswith(".log")]
    assert detect.detect(log) is FORMAT
    cases = json.loads(log.path.with_suffix(".expected.json").read_text())["cases"]
    frame = capture.read_frame([str(log.path)], problems=[])
    assert frame.height == len(cases)
    ours = {
        "duration": "duration_ms", "cache_result": "proxy_flags", "status_code": "status",
        "request_method": "method", "bytes": "response_bytes", "server": "upstream_address",
        "content_type": "content_type",
    }  # fmt: skip
    compared = 0
    for row, case in zip(frame.iter_rows(named=True), cases, strict=True):
        for theirs, value in case["fields"].items():
            if theirs not in ours:
                continue
            got = row[ours[theirs]]
            expected = None if value in ("-", "000") else value
            assert (None if got is None else str(got).removesuffix(".0")) == expected, theirs
            compared += 1
    assert compared >= 14
