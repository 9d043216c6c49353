"""HAProxy's ``httplog clf``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.haproxy_clf import FORMAT


def line(
    status: str = "200",
    server: str = "node1",
    timers: str = "1 2 3 400 1500",
    flags: str = "----",
    request: str = "POST /v1/messages?beta=true HTTP/1.1",
) -> str:
    return (
        f'192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] "{request}" {status} 812 "" "" 41402 250 '
        f'"web~" "llm" "{server}" {timers} "{flags}" 7 7 3 2 1 0 0 "" "" "" ""'
    )


def read(run, *lines):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="haproxy.log")


def test_a_request_that_went_well(run) -> None:
    got = read(run, line())
    assert got.problems == []
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 1, 750_000, UTC)
    wanted = {
        "format": "haproxy-clf", "time_kind": "start", "time_precision_ms": 1.0,
        "duration_ms": 1500.0, "ttfb_ms": 406.0, "connect_ms": 3.0, "method": "POST",
        "path": "/v1/messages", "scheme": "https", "status": 200, "upstream_status": 200,
        "response_bytes": 812, "proxy_flags": "----", "upstream_address": "llm/node1",
        "upstream_tries": 2, "phase": "done",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "phase", "status", "upstream", "stream"),
    [
        (line("503", "<NOSRV>", "0 -1 -1 -1 0", "SC--"), "not_sent", 503, None, None),
        (line("504", "node1", "0 0 1 -1 60001", "sH--"), "sent", 504, None, None),
        (line("200", "node1", "0 0 1 20 900", "SD--"), "body", 200, 200, "truncated"),
        (line("-1", "node1", "0 0 1 -1 900", "CH--"), "sent", None, None, None),
    ],
)
def test_states(run, text, phase, status, upstream, stream) -> None:
    row = read(run, text).row
    assert (row["phase"], row["status"]) == (phase, status)
    assert (row["upstream_status"], row["stream_state"]) == (upstream, stream)


def test_names_without_quotes(run) -> None:
    text = line().replace('"web~" "llm" "node1"', "web~ llm node1").replace('"----"', "----")
    assert read(run, text).row["upstream_address"] == "llm/node1"


def test_a_common_line_is_none_of_haproxy(run, source) -> None:
    other = '192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8.5.0"'
    found = detect.detect(source("\n".join([line()] * 3 + [""]).encode(), "x.log"))
    assert found is FORMAT
    assert not FORMAT.claims(other.encode())
    got = read(run, line(), "nonsense")
    ((record, message),) = [(p.record, p.message) for p in got.problems]
    assert record == 2
    assert "HAProxy's fields" in message


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), at=st.integers(0, 170), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    usual = (line() + "\n").encode()
    got = run(usual + usual[:at] + data + usual[at + out :] + usual, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
    assert got.frame.height + counted == got.records
