from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_corpus import expected
from log_corpus import read as read_corpus

from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs.nginx_error import FORMAT

MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
REFUSED = "connect() failed (111: Connection refused) while connecting to upstream"
NO_LIVE = "no live upstreams while connecting to upstream"


def line(
    message: str = REFUSED, server: str | None = "10.0.0.1:80", level: str = "error", cid: int = 5,
    path: str = "/v1/messages", time: str = "2026/11/22 10:00:01", more: str = "",
) -> str:  # fmt: skip
    upstream = f', upstream: "http://{server}{path}"' if server else ""
    return (
        f"{time} [{level}] 7#7: *{cid} {message}, client: 192.0.2.1, server: a.test, "
        f'request: "POST {path} HTTP/1.1"{upstream}, host: "A.test:443"{more}'
    )


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="error.log", **more)


def test_entry(run) -> None:
    row = read(run, line(), headers=("req_header.referer",)).row
    assert (row["ended_at"], row["started_at"], row["time_kind"]) == (MOMENT, MOMENT, "end")
    assert (row["method"], row["path"], row["host"]) == ("POST", "/v1/messages", "a.test")
    assert row["status"] is row["upstream_status"] is row["req_header.referer"] is None
    assert (row["proxy_flags"], row["proxy_detail"]) == ("error", REFUSED)
    assert (row["phase"], row["upstream_address"], row["upstream_tries"]) == (
        "connecting", "10.0.0.1:80", 1,
    )  # fmt: skip
    assert (row["hop"], row["format"], row["seen_in"]) == (
        "gateway",
        "nginx-error",
        ["error.log#1"],
    )


TIMED_OUT = "upstream timed out (110: Connection timed out) while "
CLOSED = "upstream prematurely closed connection while reading "
CASES = [
    ("connect() failed (113: No route to host) while connecting to upstream", "connecting", None),
    (TIMED_OUT + "connecting to upstream", "connecting", None),
    (TIMED_OUT + "reading response header from upstream", "sent", None),
    (TIMED_OUT + "SSL handshaking to upstream", "connecting", None),
    (TIMED_OUT + "reading upstream", "body", "truncated"),
    (CLOSED + "response header from upstream", "sent", None),
    (CLOSED + "upstream", "body", "truncated"),
    ("recv() failed (104: Connection reset by peer) while reading response header from upstream", "sent", None),
    ("upstream sent too big header while reading response header from upstream", "sent", None),
    ("SSL_do_handshake() failed (SSL: error:1408F10B) while SSL handshaking to upstream", "connecting", None),
    (NO_LIVE, "not_sent", None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "phase", "stream"), CASES)
def test_phase_behind(run, message, phase, stream) -> None:
    row = read(run, line(message)).row
    assert (row["phase"], row["stream_state"]) == (phase, stream)


OWN = [
    ('limiting requests, excess: 5.428 by zone "llm"', "not_sent"),
    ('limiting connections by zone "llm"', "not_sent"),
    ("client intended to send too large body: 99999999 bytes", "not_sent"),
    ("access forbidden by rule", "not_sent"),
    ('open() "/srv/x" failed (2: No such file or directory)', "not_sent"),
    ("api.openai.test could not be resolved (3: Host not found)", "not_sent"),
    ("no host in upstream \":443\"", "not_sent"),
    ("[lua] access.lua:10: key store is down", None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "phase"), OWN)
def test_phase_of_the_proxy_itself(run, message, phase) -> None:
    row = read(run, line(message, None)).row
    assert (row["phase"], row["upstream_address"], row["upstream_tries"]) == (phase, None, None)


NOTICES = [
    line(level="warn"),
    line(
        level="info",
        message="client prematurely closed connection, so upstream connection is closed too",
    ),
    line('delaying requests, excess: 0.4, by zone "z"', None),
    line('limiting requests, dry run, excess: 0.4 by zone "z"', None),
    line('FastCGI sent in stderr: "x" while reading response header from upstream'),
    "2026/11/22 10:00:01 [notice] 7#7: signal process started",
    "2026/11/22 10:00:01 [emerg] 7#7: bind() to 0.0.0.0:80 failed (98: Address already in use)",
    "2026/11/22 10:00:01 [error] 7#7: *9 SSL_do_handshake() failed while SSL handshaking, client: 192.0.2.1, server: a",
]


@pytest.mark.parametrize("text", NOTICES)
def test_notices(run, text) -> None:
    got = read(run, text)
    assert got.frame.height == 0
    assert [(p.kind, p.count) for p in got.problems if p.kind == "notice"] == [("notice", 1)]


def test_tries_of_one_request_are_one_row(run) -> None:
    got = read(
        run, line(), line(server="10.0.0.2:80"), line(NO_LIVE, "backend"), line(NO_LIVE, "backend")
    )
    assert got.frame["record"].to_list() == [1, 4]
    first, second = got.frame.to_dicts()
    assert first["seen_in"] == ["error.log#1", "error.log#2", "error.log#3"]
    assert first["proxy_detail"] == f"{REFUSED}; {NO_LIVE}"
    assert (first["upstream_tries"], first["phase"]) == (2, "connecting")
    assert (second["upstream_tries"], second["phase"]) == (0, "not_sent")


def test_requests_of_one_connection_stay_apart(run) -> None:
    limited = line('limiting requests, excess: 5.4 by zone "z"', None)
    later = line(server="10.0.0.2:80", time="2026/11/22 10:00:09")
    got = read(
        run, line(), line(), later, limited, limited, line(server="10.0.0.9:80", path="/v1/other"),
        line(server="10.0.0.9:80", cid=6),
    )  # fmt: skip
    assert got.frame.height == 7


def test_a_time_out_comes_long_after_the_try_before(run) -> None:
    late = line(TIMED_OUT + "connecting to upstream", "10.0.0.2:80", time="2026/11/22 10:01:01")
    (row,) = read(run, line(), late).frame.to_dicts()
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 60
    assert row["upstream_tries"] == 2


TRICKS = [
    line('open() "/srv/a, client: 198.51.100.7, request: "x"" failed (2: No such file or directory)', None),
    line("access forbidden by rule", None, more=', referrer: "x, client: 198.51.100.7, server: s, request: "GET /fake HTTP/1.1"'),
    line("[lua] a.lua:3: 5\" wide", None),
    line("access forbidden by rule", None, more=', referrer: "http://cut.off/he'),
]  # fmt: skip


@pytest.mark.parametrize("text", TRICKS)
def test_context_is_not_taken_from_what_clients_send(run, text) -> None:
    row = read(run, text).row
    assert (row["method"], row["path"], row["host"]) == ("POST", "/v1/messages", "a.test")


def test_request_without_protocol_and_with_a_whole_url(run) -> None:
    text = line(None, None).replace("POST /v1/messages HTTP/1.1", "POST https://b.test/x")
    row = read(run, text.replace(', host: "A.test:443"', "")).row
    assert (row["scheme"], row["host"], row["path"]) == ("https", "b.test", "/x")


def test_secrets_and_persons(run) -> None:
    got = read(
        run, line(path="/v1/m?key=hunter2hunter2", more=', referrer: "https://r/?api_key=swordfish99"'),
        line('user "bob" was not found in "/etc/keys"', None),
    )  # fmt: skip
    assert {"hunter2hunter2", "swordfish99"} <= set(got.secrets.learnt)
    assert got.frame["path"][0] == "/v1/m"
    shown = str(got.frame.drop("key_tag").to_dicts())
    assert not any(word in shown for word in ("bob", "192.0.2.1", "hunter2", "swordfish"))


def test_unix_sockets(run) -> None:
    assert (
        read(run, line(server="unix:/run/app.sock:")).row["upstream_address"]
        == "unix:/run/app.sock"
    )


def test_zone(run) -> None:
    got = read(run, line())
    assert got.kinds == ["assumed_zone"]
    got = read(run, line(), reading=Reading(zone=ZoneInfo("Europe/Berlin")))
    assert got.problems == []
    assert got.row["ended_at"] == MOMENT.replace(hour=9)


def test_bad_lines_and_another_format(run) -> None:
    access = '192.0.2.1 - - [22/Nov/2026:10:00:01 +0000] "POST /v1/messages HTTP/1.1" 502 5 "-" "x"'
    got = read(run, line(), "#0 {main}", access, line(cid=9))
    assert got.frame["record"].to_list() == [1, 3, 4]
    assert got.frame["format"][1] in ("combined", "nginx")
    bad = [problem for problem in got.problems if problem.kind == "bad_line"]
    assert [problem.record for problem in bad] == [2]
    assert "it lacks 'YYYY/MM/DD" in bad[0].message


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 260))
def test_any_bytes(run, data, cut) -> None:
    whole = line().encode()
    got = run(whole[:cut] + data + b"\n" + whole + b"\n", FORMAT, name="x.log")
    assert got.frame.height >= 1


@pytest.mark.corpus
def test_corpus_of_an_agent(run, corpus) -> None:
    name = "GoogleCloudPlatform+ops-agent__logging_processor-nginx-error.log"
    path = corpus / "logs/nginx_error" / name
    got = read_corpus(run, path, "nginx-error")
    told = yaml.safe_load(path.with_suffix(".expected.yaml").read_text("utf-8"))[0]["entries"]
    checked = 0
    for number, entry in enumerate(told, 1):
        want = entry["jsonPayload"]
        rows = got.frame.filter(record=number)
        # What has no request is a notice.
        assert rows.height == ("request" in want)
        if not rows.height:
            continue
        row = rows.row(0, named=True)
        assert row["proxy_detail"] == want["message"]
        assert row["proxy_flags"] == want["level"]
        assert row["host"] == want["host"]
        assert f"{row['method']} {row['path']} HTTP/1.1" == want["request"]
        assert (want.get("upstream") or "None").startswith(
            f"http://{row['upstream_address']}" if row["upstream_address"] else "None"
        )
        assert row["ended_at"] == datetime.fromisoformat(str(entry["timestamp"])).astimezone(UTC)
        checked += 1
    assert checked == 5


@pytest.mark.corpus
def test_corpus_of_limits(run, corpus) -> None:
    path = corpus / "logs/nginx_error/crowdsecurity+hub__hub-nginx_req_limit_exceeded.log"
    got = read_corpus(run, path, "nginx-error")
    told = expected(path)["results"]["s01-parse"]["crowdsecurity/nginx-logs"]
    assert got.frame.height == len(told) == 9
    for row, event in zip(got.frame.sort("record").to_dicts(), told, strict=True):
        want = event["Parsed"]
        assert row["proxy_detail"] == want["message"]
        assert row["method"] == want["verb"]
        assert want["request"].endswith(row["path"])
        assert f"{row['ended_at']:%Y/%m/%d %H:%M:%S}" == want["time"]
        assert row["phase"] == "not_sent"


@pytest.mark.corpus
def test_corpus_behind_syslog(run, corpus) -> None:
    path = corpus / "logs/nginx_combined/crowdsecurity+hub__hub-pfsense-rfc5424-nginx.log"
    got = read_corpus(run, path, "nginx-error")
    assert got.row["host"] == "firewall.lan"
