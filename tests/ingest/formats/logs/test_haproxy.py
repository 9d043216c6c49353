"""HAProxy's text logs: line kinds, timers and termination states, captures, notices, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs.haproxy import FORMAT

STAMP = "[22/Nov/2026:10:00:00.250]"
POST = '"POST /v1/chat/completions HTTP/1.1"'


def line(
    timers: str = "1/2/3/400/1500",
    status: str = "200",
    flags: str = "----",
    *,
    where: str = "web~ llm/node1",
    stamp: str = STAMP,
    size: str = "812",
    retries: str = "0",
    tail: str = POST,
) -> str:
    load = f"7/7/3/2/{retries} 0/0"
    return f"192.0.2.7:41402 {stamp} {where} {timers} {status} {size} - - {flags} {load} {tail}"


def read(run, *lines, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="haproxy.log", **more)


def test_a_request_that_went_well(run) -> None:
    got = read(run, line(retries="1"))
    assert set(got.kinds) == {"assumed_zone"}
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 1, 750_000, UTC)
    wanted = {
        "format": "haproxy", "hop": "gateway", "time_kind": "start", "time_precision_ms": 1.0,
        "duration_ms": 1500.0, "ttfb_ms": 406.0, "connect_ms": 3.0, "wait_ms": 400.0,
        "receive_ms": 1094.0, "method": "POST", "path": "/v1/chat/completions",
        "scheme": "https", "status": 200, "upstream_status": 200, "response_bytes": 812,
        "proxy_flags": "----", "proxy_detail": None, "upstream_address": "llm/node1",
        "upstream_tries": 2, "phase": "done", "stream_state": None,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


STATES = [
    # timers, status, flags, where, phase, upstream status, stream state
    ("1/2/3/400/1500", "502", "----", "llm/node1", "done", 502, None),
    ("1/2/3/400/1500", "429", "--NI", "llm/node1", "done", 429, None),
    ("0/0/3/-1/60003", "504", "sH--", "llm/node1", "sent", None, None),
    ("0/0/3/-1/700", "502", "SH--", "llm/node1", "sent", None, None),
    ("0/0/3/20/24", "502", "PH--", "llm/node1", "headers", None, None),
    ("0/0/-1/-1/3003", "503", "SC--", "llm/node1", "connecting", None, None),
    ("0/0/-1/-1/5001", "504", "sCNN", "llm/node1", "connecting", None, None),
    ("0/-1/-1/-1/0", "503", "SC--", "llm/<NOSRV>", "not_sent", None, None),
    ("0/-1/-1/-1/0", "403", "PR--", "web/<NOSRV>", "not_sent", None, None),
    ("0/5000/-1/-1/5000", "500", "PT--", "web/<NOSRV>", "not_sent", None, None),
    ("0/5000/-1/-1/5000", "503", "sQ--", "llm/node1", "not_sent", None, None),
    ("0/0/-1/-1/0", "503", "PC--", "llm/node1", "not_sent", None, None),
    ("0/0/-1/-1/0", "503", "RC--", "llm/node1", "not_sent", None, None),
    ("0/0/0/0/0", "302", "LR--", "web/<NOSRV>", "not_sent", None, None),
    ("0/0/0/0/0", "200", "LR--", "stats/<STATS>", "not_sent", None, None),
    ("0/0/1/30/31", "404", "LH--", "llm/node1", "not_sent", None, None),
    ("0/0/3/400/9000", "200", "SD--", "llm/node1", "body", 200, "truncated"),
    ("0/0/3/400/9000", "200", "sDNN", "llm/node1", "body", 200, "truncated"),
    ("0/0/3/400/9000", "200", "PD--", "llm/node1", "body", 200, "truncated"),
    ("0/0/3/400/9000", "200", "KD--", "llm/node1", "body", 200, "truncated"),
    ("0/0/3/400/9000", "500", "SD--", "llm/node1", "body", 500, None),
    # A client that leaves: the answer had begun or not.
    ("0/0/3/400/9000", "200", "CD--", "llm/node1", "body", 200, None),
    ("0/0/3/400/9000", "200", "CL--", "llm/node1", "done", 200, None),
    ("0/0/3/-1/700", "-1", "CH--", "llm/node1", "sent", None, None),
    ("0/0/-1/-1/700", "-1", "CC--", "llm/node1", "connecting", None, None),
    ("0/0/-1/-1/700", "503", "CC--", "llm/node1", "connecting", None, None),
    ("0/700/-1/-1/700", "-1", "CQ--", "llm/node1", "not_sent", None, None),
    ("-1/-1/-1/-1/6001", "408", "cR--", "web/<NOSRV>", "not_sent", None, None),
    ("-1/-1/-1/-1/10", "400", "CR--", "web/<NOSRV>", "not_sent", None, None),
    # HAProxy's own 400 after the client reset its HTTP/2 stream, beside the server's name.
    ("0/0/0/-1/10", "400", "CD--", "llm/node1", "sent", None, None),
    ("0/0/0/-1/10", "400", "----", "llm/node1", "sent", None, None),
    ("0/0/-1/-1/10", "503", "----", "llm/node1", "connecting", None, None),
    ("0/-1/-1/-1/10", "503", "----", "llm/node1", "not_sent", None, None),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state[2]} {state[1]} {state[3]}")
def test_states(run, state) -> None:
    timers, status, flags, where, phase, upstream, stream = state
    row = read(run, line(timers, status, flags, where=f"web~ {where}")).row
    assert row["status"] == (int(status) if status != "-1" else None)
    assert (row["phase"], row["upstream_status"], row["stream_state"]) == (phase, upstream, stream)
    assert row["proxy_flags"] == flags
    assert row["upstream_address"] == where
    assert (row["upstream_tries"] is None) == (phase == "not_sent")


def test_a_redispatch_before_the_queue_was_a_try(run) -> None:
    row = read(run, line("0/9/-1/-1/9", "503", "sQ--", retries="+3")).row
    assert (row["phase"], row["upstream_tries"]) == ("connecting", 4)


def test_a_line_from_before_the_end_knows_no_duration(run) -> None:
    row = read(run, line("1/2/3/400/+406", size="+192")).row
    assert (row["duration_ms"], row["ended_at"], row["phase"]) == (None, None, "headers")
    assert (row["ttfb_ms"], row["response_bytes"], row["upstream_status"]) == (406.0, 192, 200)


def test_websockets_over_http2_are_no_broken_answers(run) -> None:
    tail = '"CONNECT api.test:443 HTTP/2.0"'
    row = read(run, line(flags="SD--", tail=tail)).row
    assert (row["stream_state"], row["method"]) == (None, "CONNECT")
    assert (row["host"], row["path"]) == ("api.test", None)


TAILS = [
    # tail, method, host, path
    (POST, "POST", None, "/v1/chat/completions"),
    ('"<BADREQ>"', None, None, None),
    ('""', None, None, None),
    ('"GET /', "GET", None, "/"),
    ('"GET /v1/mod', "GET", None, "/v1/mod"),
    ("", None, None, None),
    ('"GET http://api.test:80/v1/models?x=1 HTTP/1.1"', "GET", "api.test", "/v1/models"),
    ('"GET /a#22b#23c HTTP/1.1"', "GET", None, '/a"b#c'),
    (r"\"GET /v1/models HTTP/1.1\"", "GET", None, "/v1/models"),
    ("GET /v1/models HTTP/1.1", "GET", None, "/v1/models"),
    ("{api.test|x} GET /v1/models HTTP/1.1", "GET", "api.test", "/v1/models"),
    ('{api.test} "GET /v1/models HTTP/1.1"', "GET", "api.test", "/v1/models"),
    ('{|10.0.0.9} {nginx} "GET /v1/models HTTP/1.1"', "GET", None, "/v1/models"),
    ('{Mozilla/5.0 (X11; a) b|api.test:8443} {} "GET / HTTP/1.1"', "GET", "api.test:8443", "/"),
    ('"GET / HTTP/1.1" 0/0000000000000000/0/0/0 api.test/TLSv1.3/TLS_A', "GET", "api.test", "/"),
]


@pytest.mark.parametrize("tail", TAILS, ids=lambda tail: tail[0])
def test_requests_and_captures(run, tail) -> None:
    text, method, host, path = tail
    got = read(run, line(tail=text))
    assert "bad_line" not in got.kinds
    assert (got.row["method"], got.row["host"], got.row["path"]) == (method, host, path)


def test_captures_are_known_by_their_form(run) -> None:
    uuid = "0a1b2c3d-1111-2222-3333-0123456789ab"
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    tail = f"{{api.test|OpenAI/Python 1.0|{uuid}|{trace}}} {{text/event-stream; x=1}} {POST}"
    row = read(run, line(tail=tail), headers=("req_header.user-agent",)).row
    assert row["host"] == "api.test"
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["request_id"] == uuid
    assert row["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert row["content_type"] == "text/event-stream"


def test_what_a_tls_line_says_of_its_connection(run) -> None:
    tail = POST + " 30/000000000A0000C1/0/0/0 -/TLSv1.2/ECDHE"
    row = read(run, line(where="web llm/node1", tail=tail)).row
    assert (row["proxy_detail"], row["scheme"]) == ("30/000000000A0000C1/0/0/0", "https")
    assert row["host"] is None


def test_a_field_that_users_insert(run) -> None:
    rows = read(run, line(where="web~ llm/node1 api.test"), line(where="web~ llm/node1 a b")).frame
    assert rows["host"].to_list() == ["api.test", None]
    assert rows["duration_ms"].to_list() == [1500.0, 1500.0]


def test_credentials_are_learnt_and_stand_nowhere(run) -> None:
    tail = f'{{Bearer sk-test-captured-1}} "{POST[1:-10]}?key=sk-test-query-1 HTTP/1.1"'
    captured = line(tail=f"{{Bearer sk-test-captured-1}} {POST}")
    cookie = line().replace(" - - ----", " SID=cookie-value-1 - ----")
    got = read(run, line(tail=tail), captured, cookie)
    assert got.frame["key_tag"].to_list() == ["key:sk-test-query-1", "key:sk-test-captured-1", None]
    assert {"sk-test-query-1", "sk-test-captured-1", "cookie-value-1"} <= set(got.secrets.learnt)
    shown = got.frame.drop("key_tag").write_json()
    assert "sk-test" not in shown
    assert "cookie-value" not in shown


STAMPS = [
    ("[22/Nov/2026:10:00:00.250]", None, datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC), 1.0),
    ("[22/Nov/2026:10:00:00]", None, datetime(2026, 11, 22, 10, tzinfo=UTC), 1000.0),
    ("[22/Nov/2026:10:00:00.250]", "Europe/Berlin",
     datetime(2026, 11, 22, 9, 0, 0, 250_000, UTC), 1.0),
    ("[22/Nov/2026:10:00:00 +0200]", None, datetime(2026, 11, 22, 8, tzinfo=UTC), 1000.0),
    ("[]", None, None, 1000.0),
]  # fmt: skip


@pytest.mark.parametrize(("stamp", "zone", "start", "precision"), STAMPS)
def test_times(run, stamp, zone, start, precision) -> None:
    reading = Reading(zone=ZoneInfo(zone)) if zone else None
    got = read(run, line(stamp=stamp), reading=reading)
    assert got.row["started_at"] == start
    assert got.row["time_precision_ms"] == precision
    assert ("assumed_zone" in got.kinds) == (zone is None)


def test_a_syslog_stamp_stands_in_for_a_lost_time(run) -> None:
    head = "2026-11-22T10:00:05.500Z lb1 haproxy[7]: "
    rows = read(run, head + line(stamp="[]"), head + line()).frame
    assert rows["started_at"].to_list() == [
        datetime(2026, 11, 22, 10, 0, 4, tzinfo=UTC),
        datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC),
    ]
    assert rows["time_kind"].to_list() == ["end", "start"]


def test_connections_are_no_http_exchanges(run) -> None:
    passed = f"192.0.2.7:41402 {STAMP} tls llm/node1 0/3/861 1485 -- 2/1/0/0/0 0/0"
    failed = f"192.0.2.7:41402 {STAMP} tls llm/node1 0/-1/3003 0 SC 2/1/0/0/3 0/0"
    nobody = f"192.0.2.7:41402 {STAMP} tls llm/<NOSRV> -1/-1/1 0 SC 2/1/0/0/0 0/0"
    rows = read(run, passed, failed, nobody).frame
    assert rows["scheme"].to_list() == ["tcp"] * 3
    assert rows["phase"].to_list() == ["done", "connecting", "not_sent"]
    assert rows["status"].to_list() == [None] * 3
    assert rows["duration_ms"].to_list() == [861.0, 3003.0, 1.0]
    assert rows["upstream_tries"].to_list() == [1, 4, None]


def test_error_lines_are_clients_that_never_asked(run) -> None:
    text = f"192.0.2.7:41402 {STAMP} web/bind1: SSL handshake failure (error:0A0000C1:x)"
    row = read(run, text).row
    assert row["proxy_detail"] == "SSL handshake failure (error:0A0000C1:x)"
    assert (row["phase"], row["status"], row["scheme"]) == ("not_sent", None, "https")
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)


def test_notices_are_counted(run) -> None:
    notices = [
        "Proxy web started.",
        "Stopping frontend web in 0 ms.",
        "Proxy web stopped (FE: 847876 conns, BE: 0 conns).",
        "Connect from 192.0.2.7:33312 to 192.0.2.1:8012 (web/HTTP)",
        "Server llm/node1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.",
        "backend llm has no server available!",
        "[WARNING]  (31) : Server llm/node1 is DOWN, reason: Layer4 connection problem",
    ]
    got = read(run, line(), *notices)
    assert got.frame.height == 1
    (notice,) = [problem for problem in got.problems if problem.kind == "notice"]
    assert (notice.count, notice.lost) == (len(notices), False)


@pytest.mark.parametrize(
    ("text", "lack"),
    [
        ("nonsense", "client:port"),
        ("192.0.2.7:41402 web llm/node1 1/2/3", "no [date]"),
        (f"192.0.2.7:41402 {STAMP} web", "frontend backend/server"),
        (f"192.0.2.7:41402 {STAMP} web llm/node1 200 812", "timers"),
        (line().replace("----", "--"), "order of httplog"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_number_and_what_it_lacks(run, text, lack) -> None:
    got = read(run, line(), "", text, line())
    ((record, message),) = [(p.record, p.message) for p in got.problems if p.kind == "bad_line"]
    assert record == 3
    assert lack in message
    assert got.frame["record"].to_list() == [1, 4]


def test_lines_of_another_format_in_the_same_file(run) -> None:
    squid = "1795341600.250    100 192.0.2.7 TCP_MISS/200 99 GET http://a.test/x - HIER_DIRECT/b -"
    got = read(run, line(), squid, line())
    assert got.frame["format"].to_list() == ["haproxy", "squid", "haproxy"]
    assert got.frame["record"].to_list() == [1, 2, 3]


def test_syslog_heads_of_two_kinds(run) -> None:
    heads = ["Nov 22 10:00:01 lb1 haproxy[7]: "] * 3 + ["2026-11-22T10:00:01Z lb1 haproxy[7]: ", ""]
    got = read(run, *(head + line() for head in heads))
    assert got.frame["duration_ms"].to_list() == [1500.0] * 5


def test_the_two_ways_of_taking_a_line_apart_agree(run) -> None:
    usual = [line(), line("0/0/-1/-1/+9", "-1", "CC--", retries="+2"), line(tail="{a.test} {} x")]
    # A field more sends the same lines through the grammar.
    other = [text.replace("node1 ", "node1 x ") for text in usual]
    first, second = read(run, *usual).frame, read(run, *other).frame
    assert first.drop("seen_in").equals(second.drop("seen_in"))


@pytest.mark.parametrize(
    ("lines", "name"),
    [([line()] * 3, "haproxy"), (["Proxy web started.", line()], "haproxy"), (["x"] * 3, None)],
)
def test_sniffing(source, lines, name) -> None:
    found = detect.detect(source("\n".join([*lines, ""]).encode(), "x.log"))
    assert (found.name if found else None) == name


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=80), at=st.integers(0, 170), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    usual = (line(tail="{a.test|b} {} " + POST) + "\n").encode()
    got = run(usual + usual[:at] + data + usual[at + out :] + usual, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    assert got.frame["record"].is_sorted()
    counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
    assert got.frame.height + counted == got.records


FIELDS = {
    "http_status_code": "status", "http_verb": "method", "bytes_read": "response_bytes",
    "time_duration": "duration_ms", "time_backend_connect": "connect_ms",
    "time_backend_response": "wait_ms", "termination_state": "proxy_flags",
}  # fmt: skip


@pytest.mark.corpus
def test_lines_of_other_projects(corpus: Path) -> None:
    sources, _ = files.expand([str(corpus / "logs" / name) for name in ("haproxy_http",
                                                                        "haproxy_custom")])  # fmt: skip
    logs = [source for source in sources if source.name.endswith(".log")]
    assert len(logs) == 5
    for source in logs:
        found = detect.detect(source)
        assert found is not None
        assert found.name == "haproxy", source.name
        problems: list = []
        frame = capture.read_frame([str(source.path)], problems=problems)
        lost = sum(p.count for p in problems if p.kind in ("notice", "bad_line"))
        lines = [text for text in source.path.read_bytes().split(b"\n") if text.strip()]
        assert frame.height + lost == len(lines), source.name
        assert "bad_line" not in {problem.kind for problem in problems}


@pytest.mark.corpus
def test_fields_that_other_projects_read(corpus: Path) -> None:
    base = "logstash-plugins+logstash-patterns-core__haproxy_spec"
    folder = corpus / "logs" / "haproxy_http"
    cases = json.loads((folder / f"{base}.expected.json").read_text())["cases"]
    frame = capture.read_frame([str(folder / f"{base}.log")], problems=[])
    assert frame.height == len(cases)
    compared = 0
    for row, case in zip(frame.iter_rows(named=True), cases, strict=True):
        for theirs, value in case["fields"].items():
            if theirs not in FIELDS:
                continue
            got = row[FIELDS[theirs]]
            if value.startswith(("-1", "+")):
                assert got is None, (theirs, value)
            else:
                assert str(got).removesuffix(".0") == value, theirs
            compared += 1
        request = case["fields"].get("http_request")
        if request is not None:
            assert row["path"] == request
        assert (
            row["upstream_address"].endswith("/" + case["fields"].get("server_name", ""))
            if ("server_name" in case["fields"])
            else True
        )
    assert compared >= 14
