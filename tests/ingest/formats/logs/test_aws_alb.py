from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.aws_alb import FORMAT

TAIL = 'TID_0a1b2c "-" "-" "-"'


def line(
    *, kind="https", time="2026-11-22T10:00:12.345678Z", client="192.0.2.7:41000",
    target="10.0.0.1:8080", timers="0.002 1.500 0.001", codes="200 200", sizes="512 2048",
    request="POST https://api.gateway.test:443/v1/chat/completions HTTP/1.1",
    agent="OpenAI/Python 1.0", trace="Root=1-0123abcd-0123456789abcdef01234567",
    created="2026-11-22T10:00:00.345000Z", actions="forward", error="-",
    lists='"10.0.0.1:8080" "200"', reasons='"-" "-"', more=" " + TAIL,
) -> str:  # fmt: skip
    return (
        f"{kind} {time} app/lb/50dc6c49 {client} {target} {timers} {codes} {sizes} "
        f'"{request}" "{agent}" ECDHE TLSv1.3 arn:aws:tg/x "{trace}" "api.gateway.test" '
        f'"session-reused" 1 {created} "{actions}" "-" "{error}" {lists} {reasons}{more}'
    )


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="alb.log", **more)


def test_a_line(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent",))
    row = got.row
    assert got.problems == []
    assert (row["started_at"], row["ended_at"]) == (
        datetime(2026, 11, 22, 10, 0, 0, 345000, UTC), datetime(2026, 11, 22, 10, 0, 12, 345678, UTC),
    )  # fmt: skip
    assert (row["duration_ms"], row["ttfb_ms"], row["wait_ms"]) == (12000.678, 1503.0, 1500.0)
    assert (row["time_kind"], row["time_precision_ms"]) == ("end", 0.001)
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "api.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["request_bytes"], row["response_bytes"]) == (512, 2048)
    assert (row["upstream_address"], row["upstream_tries"]) == ("10.0.0.1:8080", 1)
    assert row["request_id"] == "1-0123abcd-0123456789abcdef01234567"
    assert (row["proxy_flags"], row["proxy_detail"], row["trace_id"]) == ("forward", None, None)
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert (row["hop"], row["format"]) == ("gateway", "aws-alb")


SILENT = "0.002 -1 -1"
NOT_DISPATCHED = "-1 -1 -1"
ENDS = [
    # codes, target, timers, actions, error -> upstream status, phase
    ("503 -", "-", NOT_DISPATCHED, "forward", "-", None, "not_sent"),
    ("403 -", "-", NOT_DISPATCHED, "waf", "-", None, "not_sent"),
    ("401 -", "-", NOT_DISPATCHED, "authenticate", "AuthInvalidCookie", None, "not_sent"),
    ("561 -", "-", NOT_DISPATCHED, "authenticate", "AuthTokenEpRequestFailed", None, "not_sent"),
    ("463 -", "-", NOT_DISPATCHED, "-", "-", None, "not_sent"),
    ("464 -", "-", NOT_DISPATCHED, "forward", "-", None, "not_sent"),
    ("404 -", "-", NOT_DISPATCHED, "waf,fixed-response", "-", None, "not_sent"),
    ("502 -", "10.0.0.1:80", NOT_DISPATCHED, "forward", "-", None, None),
    ("504 -", "10.0.0.1:80", NOT_DISPATCHED, "forward", "-", None, None),
    ("502 -", "10.0.0.1:80", SILENT, "forward", "-", None, "sent"),
    ("504 -", "10.0.0.1:80", SILENT, "forward", "-", None, "sent"),
    ("460 -", "10.0.0.1:80", SILENT, "forward", "-", None, "sent"),
    ("460 -", "-", NOT_DISPATCHED, "forward", "-", None, "not_sent"),
    ("460 200", "10.0.0.1:80", "0.002 0.100 0.000", "forward", "-", 200, "body"),
    ("502 200", "10.0.0.1:80", "0.002 0.100 0.000", "forward", "-", 200, "headers"),
    ("503 503", "10.0.0.1:80", "0.002 0.100 0.000", "forward", "-", 503, "done"),
    ("000 -", "-", NOT_DISPATCHED, "-", "-", None, "not_sent"),
    ("502 -", "-", "0.000 0.001 0.000", "forward", "LambdaInvalidResponse", None, None),
    ("502 -", "-", "0.000 0.001 0.000", "forward", "LambdaConnectionTimeout", None, "connecting"),
    ("200 200", "-", "0.000 0.001 0.000", "forward", "-", 200, "done"),
]


@pytest.mark.parametrize(("codes", "target", "timers", "actions", "error", "answer", "phase"), ENDS)
def test_how_far_it_came(run, codes, target, timers, actions, error, answer, phase) -> None:
    row = read(
        run, line(codes=codes, target=target, timers=timers, actions=actions, error=error)
    ).row
    status = int(codes[:3]) or None
    assert (row["status"], row["upstream_status"], row["phase"]) == (status, answer, phase)
    assert row["proxy_flags"] == (None if actions == "-" else actions)
    assert row["proxy_detail"] == (None if error == "-" else error)
    assert (row["upstream_address"] is None) == (target == "-")
    if "-1" in timers:
        assert row["ttfb_ms"] is row["wait_ms"] is None


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("2001:db8::46:80", "[2001:db8::46]:80"),
        ("[2001:db8::46]:80", "[2001:db8::46]:80"),
        ("192.0.2.9:443", "192.0.2.9:443"),
    ],
)
def test_ipv6_gets_its_brackets(run, target, address) -> None:
    got = read(run, line(target=target, client="2001:db8:1:2:3:4:5:6:50599"))
    assert (got.row["upstream_address"], got.problems) == (address, [])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"request": "- http://host.test:80- -", "kind": "http"},
         {"method": None, "path": None, "scheme": "http"}),
        ({"kind": "wss"}, {"scheme": "wss"}),
        ({"kind": "h2", "request": "GET https://[2001:db8::1]:443/a?b=1 HTTP/2.0"},
         {"scheme": "https", "path": "/a"}),
        ({"trace": "Self=1-6789-aa;Root=1-0123abcd-99"}, {"request_id": "1-0123abcd-99"}),
        ({"trace": "Root=0123456789abcdef0123456789abcdef"},
         {"trace_id": "0123456789abcdef0123456789abcdef"}),
        ({"trace": "-"}, {"request_id": None}),
        ({"agent": 'a \\"quoted\\" name'}, {"status": 200, "proxy_flags": "forward"}),
        ({"lists": "10.0.0.1:80 200"}, {"upstream_tries": 1}),
        ({"lists": '"10.0.0.1:80 10.0.0.2:80" "502 200"'}, {"upstream_tries": 2}),
        ({"reasons": '"Ambiguous" "SpaceInUri"'}, {"proxy_detail": "Ambiguous; SpaceInUri"}),
        ({"more": ' TID_1 "h" "u" "TransformSuccess" new "field"'}, {"status": 200}),
        ({"more": ""}, {"status": 200}),
    ],
)  # fmt: skip
def test_variants(run, changes, expected) -> None:
    got = read(run, line(**changes))
    assert {name: got.row[name] for name in expected} == expected
    assert got.problems == []


def test_a_line_of_2016_ends_earlier(run) -> None:
    old = line(trace="Root=1-5-6").partition(' "api.gateway.test"')[0]
    row = read(run, old).row
    assert (row["duration_ms"], row["ttfb_ms"], row["proxy_flags"]) == (None, 1503.0, None)
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 1.503


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    got = read(run, line(request="POST https://g.test:443/v1/x?key=sk-test-q-1 HTTP/1.1"))
    assert (got.row["key_tag"], got.row["path"]) == ("key:sk-test-q-1", "/v1/x")
    assert "sk-test-q-1" in got.secrets.learnt


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("hello", "it lacks 'type time' at its beginning"),
        (line(time="yesterday"), "it lacks 'type time' at its beginning"),
        (line(timers="0.1 a 0.2"), "it lacks the three processing times"),
        (line(codes="200 ok"), "it lacks the status codes of load balancer and target"),
        (line().partition(' "POST')[0], "it breaks off before the request"),
    ],
)
def test_bad_lines_say_what_they_lack(run, bad, reason) -> None:
    got = read(run, line(), bad, line())
    assert got.frame["record"].to_list() == [1, 3]
    assert [(p.kind, p.record, p.message.partition(": ")[2]) for p in got.problems] == [
        ("bad_line", 2, reason + ".")
    ]


def test_mixed_with_another_format(run) -> None:
    squid = (
        "1764000000.123    250 192.0.2.7 TCP_MISS/503 312 POST http://g.test/v1/x - "
        "HIER_DIRECT/192.0.2.1 text/html"
    )
    got = read(run, line(), squid, line())
    assert got.frame["format"].to_list() == ["aws-alb", "squid", "aws-alb"]
    assert got.problems == []


def test_it_is_detected_among_all(source) -> None:
    assert detect.detect(source((line() + "\n").encode(), "x.log")) is FORMAT


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda t: line(agent=t).encode()))
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_rows_or_located_problems(run, data) -> None:
    got = run(data, FORMAT, name="x.log")
    assert got.frame.height + sum(p.count for p in got.problems) <= got.records + 1
    assert all(p.kind in ("bad_line", "truncated", "notice") for p in got.problems)


@pytest.mark.corpus
def test_corpus(corpus: Path) -> None:
    folder = corpus / "logs" / "aws_alb"
    for path in sorted(folder.glob("*.log")):
        (source,), _ = files.expand([str(path)])
        assert detect.detect(source) is FORMAT
        problems: list[Problem] = []
        rows = capture.read_frame([str(path)], problems=problems)
        written = [text for text in path.read_text().splitlines() if text.strip()]
        assert rows.height + sum(p.count for p in problems) == len(written)
        assert problems == []
    told = json.loads((folder / "vectordotdev+vrl__parse_aws_alb_log.expected.json").read_text())
    rows = capture.read_frame([str(folder / "vectordotdev+vrl__parse_aws_alb_log.log")])
    for case, row in zip(told["cases"], rows.iter_rows(named=True), strict=True):
        agrees(case["want"], row)


def agrees(want, row) -> None:
    def code(text):
        return int(text) if text else None

    assert row["status"] == code(want["elb_status_code"])
    assert row["upstream_status"] == code(want["target_status_code"])
    assert row["ended_at"] == datetime.fromisoformat(want["timestamp"])
    assert row["started_at"] == datetime.fromisoformat(want["request_creation_time"])
    assert row["request_bytes"] == want["received_bytes"]
    assert row["response_bytes"] == want["sent_bytes"]
    waited = want["target_processing_time"]
    assert row["wait_ms"] == (pytest.approx(waited * 1000) if waited >= 0 else None)
    assert row["request_id"] == ((want["trace_id"] or "").removeprefix("Root=") or None)
    assert row["proxy_flags"] == want["actions_executed"]
    method = want["request_method"]
    assert row["method"] == (None if method == "-" else method)
    if row["method"]:
        assert want["request_url"].partition("://")[2].partition("/")[2].startswith(row["path"][1:])
