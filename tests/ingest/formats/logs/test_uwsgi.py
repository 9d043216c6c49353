from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_corpus import read as read_corpus

from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs.uwsgi import FORMAT

MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
KILLED = "HARAKIRI [core 0] 192.0.2.1 - POST /v1/messages?key=hunter2hunter2 since 1795341601"


def line(
    asked: str = "POST /v1/messages", took: str = "129 msecs ", code: str = "HTTP/1.1 200",
    before: str = "", app: str = "app: 0|req: 1/7", user: str = "", stamp: str = "Sun Nov 22 10:00:01 2026",
) -> str:  # fmt: skip
    return (
        f"{before}[pid: 7|{app}] 192.0.2.1 ({user}) {{38 vars in 696 bytes}} [{stamp}] {asked} "
        f"=> generated 47 bytes in {took}({code}) 9 headers in 378 bytes (1 switches on core 3)"
    )


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="uwsgi.log", **more)


def test_line(run) -> None:
    row = read(run, line()).row
    assert (row["started_at"], row["time_kind"], row["duration_ms"]) == (MOMENT, "start", 129.0)
    assert (row["ended_at"] - MOMENT).total_seconds() == 0.129
    assert (row["method"], row["path"], row["status"], row["response_bytes"]) == (
        "POST", "/v1/messages", 200, 47,
    )  # fmt: skip
    assert (row["hop"], row["format"], row["time_precision_ms"]) == ("upstream", "uwsgi", 1000.0)
    assert row["proxy_flags"] is row["phase"] is None


USAGE = "{address space usage: 1 bytes/1MB} {rss usage: 1 bytes/1MB} "
CASES = [
    ({"took": "68 micros "}, "duration_ms", 0.068),
    ({"took": "5 msecs via sendfile() "}, "duration_ms", 5.0),
    ({"code": "HTTP/1.1 503"}, "status", 503),
    ({"code": "- 500", "asked": "- -", "app": "app: -1|req: -1/2"}, "status", 500),
    ({"asked": "- -"}, "path", None),
    ({"before": f"A.test:443 {USAGE}"}, "host", "a.test"),
    ({"before": "a.test "}, "host", "a.test"),
    ({"before": USAGE}, "host", None),
    ({"asked": "GET /a b => c"}, "path", "/a b => c"),
    ({"stamp": "Mon Nov  2 10:00:01 2026"}, "started_at", MOMENT.replace(day=2)),
]


@pytest.mark.parametrize(("changes", "column", "value"), CASES)
def test_variants(run, changes, column, value) -> None:
    got = read(run, line(**changes))
    assert "bad_line" not in got.kinds
    assert got.row[column] == value


def test_killed_requests(run) -> None:
    again = f"Sun Nov 22 10:01:01 2026 - {KILLED}"
    got = read(run, KILLED, again, line(), reading=Reading(zone=UTC))
    assert got.frame["record"].to_list() == [1, 3]
    row = got.frame.row(0, named=True)
    assert (row["started_at"], row["method"], row["path"]) == (MOMENT, "POST", "/v1/messages")
    assert (row["proxy_flags"], row["proxy_detail"]) == ("HARAKIRI", "HARAKIRI [core 0]")
    assert row["status"] is row["phase"] is row["ended_at"] is None
    assert "hunter2hunter2" in got.secrets.learnt
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 1)]


def test_end_of_killed_requests_needs_the_zone(run) -> None:
    text = f"Sun Nov 22 11:01:01 2026 - {KILLED}".replace("192.0.2.1 ", "")
    assert read(run, text).row["ended_at"] is None
    got = read(run, text, reading=Reading(zone=ZoneInfo("Europe/Berlin")))
    assert (got.row["ended_at"] - got.row["started_at"]).total_seconds() == 60


NOTICES = [
    "*** Starting uWSGI 2.0.21 (64bit) on [Sun Nov 22 09:00:00 2026] ***",
    "spawned uWSGI worker 1 (pid: 7, cores: 1)",
    "Sun Nov 22 10:00:01 2026 - *** HARAKIRI ON WORKER 1 (pid: 7, try: 1) ***",
    "uwsgi_response_write_body_do(): Broken pipe [core/writer.c line 341] during GET /x (192.0.2.1)",
    "DAMN ! worker 1 (pid: 7) died, killed by signal 9 :( trying respawn ...",
]


@pytest.mark.parametrize("text", NOTICES)
def test_notices(run, text) -> None:
    got = read(run, text)
    assert got.frame.height == 0
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 1)]


def test_a_fresh_log_is_told_by_its_notices() -> None:
    assert FORMAT.sniff("\n".join([*NOTICES, ""]).encode(), "uwsgi.log") > 0.9
    assert FORMAT.sniff(b"Python 3.13\nmapped memory\nyour server\n", "x.log") == 0.0


def test_persons_and_addresses(run) -> None:
    row = read(run, line(user="bob")).row
    assert "bob" not in str(row)
    assert "192.0.2.1" not in str(row)


def test_bad_lines_and_another_format(run) -> None:
    access = '192.0.2.1 - - [22/Nov/2026:10:00:01 +0000] "POST /v1/messages HTTP/1.1" 502 5 "-" "x"'
    got = read(run, line(), "Traceback (most recent call last):", access, line())
    assert got.frame["record"].to_list() == [1, 3, 4]
    bad = [problem for problem in got.problems if problem.kind == "bad_line"]
    assert [problem.record for problem in bad] == [2]
    assert "it lacks '[pid:" in bad[0].message


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 220))
def test_any_bytes(run, data, cut) -> None:
    whole = line().encode()
    got = run(whole[:cut] + data + b"\n" + whole + b"\n", FORMAT, name="x.log")
    assert got.frame.height >= 1


@pytest.mark.corpus
def test_corpus(run, corpus) -> None:
    for path in (corpus / "logs" / "uwsgi").glob("*.log"):
        got = read_corpus(run, path, "uwsgi")
        assert "bad_line" not in got.kinds
        assert got.frame["status"].to_list() == [200] * got.frame.height
        assert got.frame["duration_ms"].to_list()[:3] == [129.0, 35.0, 0.068]
