from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs import caddy_pairs
from analyzer.ingest.formats.logs.caddy import FORMAT
from analyzer.ingest.formats.logs.traefik import FORMAT as TRAEFIK

START = 1_795_341_600.0
"""2026-11-22T10:00:00Z."""
MOMENT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def asked(**changes):
    made = {
        "remote_ip": "192.0.2.7", "remote_port": "40001", "client_ip": "192.0.2.7",
        "proto": "HTTP/1.1", "method": "POST", "host": "LLM.gateway.test:443",
        "uri": "/v1/chat/completions", "headers": {"User-Agent": ["OpenAI/Python 1.0"]},
    }  # fmt: skip
    return {**made, **changes}


def access(at: float = 0.0, status: int = 200, **changes):
    made = {
        "level": "info", "ts": START + at, "logger": "http.log.access.log0",
        "msg": "handled request", "request": asked(), "bytes_read": 31, "user_id": "",
        "duration": 0.25, "size": 120, "status": status,
        "resp_headers": {"Server": ["Caddy"], "Content-Type": ["application/json; charset=utf-8"]},
    }  # fmt: skip
    return {**made, **changes}


def error(at: float = 0.0, text: str = "EOF", status: int = 502, **changes):
    made = {
        "level": "error", "ts": START + at, "logger": "http.log.error.log0", "msg": text,
        "request": asked(), "duration": 0.2499, "status": status, "err_id": "e1",
        "err_trace": "reverseproxy.statusError (reverseproxy.go:1267)",
    }  # fmt: skip
    return {**made, **changes}


def abort(at: float = 0.0, text: str = "reading: unexpected EOF", **changes):
    made = {
        "level": "warn", "ts": START + at, "logger": "http.handlers.reverse_proxy",
        "msg": "aborting with incomplete response", "upstream": "10.0.0.9:8000", "duration": 0.01,
        "request": asked(host="10.0.0.9:8000"), "error": text,
    }  # fmt: skip
    return {**made, **changes}


def trip(at: float = 0.0, status: int | None = 200, text: str | None = None, **changes):
    made = {
        "level": "debug", "ts": START + at, "logger": "http.handlers.reverse_proxy",
        "msg": "upstream roundtrip", "upstream": "10.0.0.8:8000", "duration": 0.1,
        "request": asked(), **({"status": status} if status else {"error": text}),
    }  # fmt: skip
    return {**made, **changes}


def data(*lines) -> bytes:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return "\n".join([*texts, ""]).encode()


def read(run, *lines, **more):
    return run(data(*lines), FORMAT, name="caddy.log", **more)


def test_an_access_line(run) -> None:
    heads = {
        "User-Agent": ["OpenAI/Python 1.0"], "X-Api-Key": ["sk-ant-0123456789"],
        "Traceparent": ["00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"],
        "X-Stainless-Retry-Count": ["2"], "Cookie": ["REDACTED"],
    }  # fmt: skip
    answer = {
        "X-Request-Id": ["req_1"], "Retry-After": ["7"], "Content-Type": ["Text/Event-Stream; x=y"],
        "Cf-Ray": ["8f0-FRA"],
    }  # fmt: skip
    line = access(
        status=429, request=asked(headers=heads, uri="/v1/x?key=AIzaSecret0001&a=b",
                                  tls={"version": 772}), resp_headers=answer,
    )  # fmt: skip
    got = read(run, line, headers=("req_header.user-agent", "resp_header.retry-after"))
    row = got.row
    assert (row["ended_at"], row["started_at"]) == (MOMENT, MOMENT - timedelta(seconds=0.25))
    assert (row["duration_ms"], row["time_kind"], row["time_precision_ms"]) == (
        250.0,
        "end",
        1000.0,
    )
    assert (row["method"], row["scheme"], row["host"], row["path"], row["status"]) == (
        "POST", "https", "llm.gateway.test", "/v1/x", 429,
    )  # fmt: skip
    assert (row["request_bytes"], row["response_bytes"]) == (31, 120)
    assert (row["request_id"], row["ray_id"], row["retry_after_s"]) == ("req_1", "8f0-FRA", 7.0)
    assert row["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (row["resend_count"], row["content_type"]) == (2, "text/event-stream")
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["resp_header.retry-after"] == "7"
    assert row["key_tag"] == "key:sk-ant-0123456789"
    assert {"sk-ant-0123456789", "AIzaSecret0001"} <= set(got.secrets.learnt)
    assert row["phase"] is row["upstream_status"] is row["proxy_flags"] is None
    assert (row["format"], row["hop"], row["seen_in"]) == ("caddy", "gateway", ["caddy.log#1"])
    assert got.problems == []


def test_redacted_headers_are_no_keys(run) -> None:
    heads = {"Authorization": ["REDACTED"], "X-Api-Key": []}
    got = read(run, access(request=asked(headers=heads)))
    assert got.row["key_tag"] is None
    assert got.secrets.learnt == {}


TIMES = [
    (START + 0.125, 125, 0.001),
    (1_795_341_600_125.0, 125, 1.0),
    (1_795_341_600_125_000_000, 125, 0.001),
    ("2026-11-22T10:00:00.125Z", 125, 1.0),
    ("2026-11-22T12:00:00.125+0200", 125, 1.0),
    ("2026-11-22T10:00:00.125000000Z", 125, 0.001),
    ("2026-11-22T12:00:00+02:00", 0, 1000.0),
    ("2026/11/22 10:00:00", 0, 1000.0),
    ("2026/11/22 10:00:00.125", 125, 1.0),
    ("2026/11/22 10:00:00.125000000", 125, 0.001),
    ("22/Nov/2026:12:00:00 +0200", 0, 1000.0),
]


@pytest.mark.parametrize(("stamp", "millis", "precision"), TIMES)
def test_time_formats(run, stamp, millis, precision) -> None:
    row = read(run, access(ts=stamp)).row
    assert row["ended_at"] == MOMENT + timedelta(milliseconds=millis)
    if stamp != START + 0.125:
        assert row["time_precision_ms"] == precision


@pytest.mark.parametrize(
    ("durations", "wanted"),
    [
        ([0.000002701, 1.5], [0.002701, 1500.0]),
        ([2, 1.5], [2000.0, 1500.0]),
        ([0, 250, 31_000], [0.0, 250.0, 31_000.0]),
        ([2_500_000, 90_000_000_000], [2.5, 90_000.0]),
        (["250ms", "1m2.5s", "357.1µs", "4.7s"], [250.0, 62_500.0, 0.3571, 4700.0]),
        ([0], [0.0]),
    ],
)
def test_duration_formats(run, durations, wanted) -> None:
    lines = [access(at, duration=value) for at, value in enumerate(durations)]
    assert read(run, *lines).frame["duration_ms"].to_list() == pytest.approx(wanted)


PHASES = [
    ("dial tcp 10.0.0.9:8000: connect: connection refused", "connecting", "10.0.0.9:8000"),
    ("dial tcp [2001:db8::1]:80: i/o timeout", "connecting", "[2001:db8::1]:80"),
    ("dial tcp: lookup api.test on 127.0.0.11:53: no such host", "connecting", None),
    ("dial unix /run/llm.sock: connect: no such file or directory", "connecting", "/run/llm.sock"),
    ("tls: failed to verify certificate: x509: certificate has expired", "connecting", None),
    ("net/http: TLS handshake timeout", "connecting", None),
    ("EOF", "sent", None),
    ("unexpected EOF", "sent", None),
    ("read tcp 10.0.0.1:5->10.0.0.9:8000: read: connection reset by peer", "sent", "10.0.0.9:8000"),
    ("net/http: timeout awaiting response headers", "sent", None),
    ("context deadline exceeded", "sent", None),
    ("no upstreams available", "not_sent", None),
    ("context canceled", None, None),
]


@pytest.mark.parametrize(("text", "phase", "address"), PHASES)
def test_an_error_line_beside_its_access_line(run, text, phase, address) -> None:
    got = read(run, error(text=text), access(0.001, 502))
    row = got.row
    assert (row["proxy_detail"], row["phase"], row["upstream_address"]) == (text, phase, address)
    assert (row["status"], row["upstream_status"]) == (502, None)
    assert row["proxy_flags"] == "reverseproxy.statusError"
    assert (row["record"], row["seen_in"]) == (2, ["caddy.log#2", "caddy.log#1"])
    assert got.problems == []


def test_an_error_line_may_follow_in_a_merged_stream(run) -> None:
    row = read(run, access(0.001, 504), error(status=504, text="context deadline exceeded")).row
    assert (row["record"], row["phase"], row["upstream_status"]) == (1, "sent", None)


def test_retries_on_one_connection_keep_their_own_errors(run) -> None:
    refused = "dial tcp 10.0.0.9:8000: connect: connection refused"
    got = read(
        run, error(0.0, refused), access(0.001, 502), error(0.6, "EOF"), access(0.601, 502),
        access(1.9, 200),
    )  # fmt: skip
    assert got.frame["proxy_detail"].to_list() == [refused, "EOF", None]
    assert got.frame["status"].to_list() == [502, 502, 200]


def test_equal_requests_in_flight_share_no_error(run) -> None:
    got = read(run, error(0.0, "EOF"), error(0.001, "EOF"), access(0.002, 502), access(0.003, 502))
    assert got.frame["phase"].to_list() == ["sent", "sent"]


def test_an_error_route_may_change_the_status(run) -> None:
    row = read(run, error(text="EOF", level="debug"), access(0.01, 503)).row
    assert (row["status"], row["phase"], row["proxy_detail"]) == (503, "sent", "EOF")


def test_another_request_is_no_partner(run) -> None:
    others = [
        access(0.001, 502, request=asked(remote_port="40002")),
        access(0.001, 502, request=asked(uri="/v1/models")),
        access(60.0, 502),
    ]
    got = read(run, error(), *others)
    assert got.frame.height == 4
    alone = got.frame.filter(record=1).row(0, named=True)
    assert (alone["status"], alone["proxy_detail"], alone["phase"]) == (502, "EOF", "sent")
    assert alone["upstream_status"] is None


@pytest.mark.parametrize("status", [502, 504])
def test_without_twin_it_is_the_upstreams_if_errors_are_logged_here(run, status) -> None:
    bare = access(30.0, status)
    row = read(run, bare).row
    assert (row["upstream_status"], row["phase"]) == (None, None)
    other = error(0.0, request=asked(remote_port="1"))
    for lines in ([other, bare], [bare, {**other, "ts": START + 60}]):
        got = read(run, *lines)
        row = got.frame.filter(pl.col("proxy_detail").is_null()).row(0, named=True)
        assert (row["status"], row["upstream_status"], row["phase"]) == (status, status, "done")


@pytest.mark.parametrize("status", [200, 401, 429, 500, 503])
def test_other_statuses_do_not_tell_who_answered(run, status) -> None:
    other = error(0.0, request=asked(remote_port="1"))
    got = read(run, other, access(30.0, status))
    row = got.frame.filter(record=2).row(0, named=True)
    assert (row["upstream_status"], row["phase"]) == (None, None)


def test_errors_of_other_handlers_were_not_sent(run) -> None:
    refusal = error(text="{id=ab1} caddyauth.Authentication: not authenticated", status=401,
                    err_trace="caddyauth.Authentication.ServeHTTP (caddyauth.go:90)")  # fmt: skip
    row = read(run, refusal, access(0.001, 401)).row
    assert (row["phase"], row["proxy_flags"]) == ("not_sent", "caddyauth.Authentication.ServeHTTP")


def test_an_error_in_the_error_route(run) -> None:
    first = {"msg": "EOF", "status": 502, "err_trace": "reverseproxy.statusError (x.go:1)"}
    line = error(text="error handling handler error", first_error=first)
    del line["status"], line["err_trace"]
    row = read(run, line, access(0.001, 502)).row
    assert (row["proxy_detail"], row["proxy_flags"]) == ("EOF", "reverseproxy.statusError")


def test_an_answer_that_broke_off(run) -> None:
    row = read(run, abort(), access(0.001, 200)).row
    assert (row["stream_state"], row["phase"]) == ("truncated", "body")
    assert (row["status"], row["upstream_status"]) == (200, 200)
    assert row["proxy_detail"] == "aborting with incomplete response; reading: unexpected EOF"
    assert row["upstream_address"] == "10.0.0.9:8000"


def test_tries_fold_into_their_request(run) -> None:
    failed = trip(0.05, None, "dial tcp 10.0.0.8:8000: connect: connection refused")
    came = trip(0.25, 200, upstream="10.0.0.9:8000")
    # The stream goes on for minutes behind the head.
    got = read(run, failed, came, access(300.0, 200, duration=300.0))
    row = got.row
    assert (row["upstream_tries"], row["upstream_address"]) == (2, "10.0.0.9:8000")
    assert (row["upstream_status"], row["phase"], row["proxy_detail"]) == (200, "done", None)
    assert (row["ttfb_ms"], row["wait_ms"]) == (pytest.approx(250.0, abs=0.1), 100.0)
    assert got.problems == []


def test_a_try_of_a_rewritten_path(run) -> None:
    row = read(run, trip(0.0, 429, request=asked(uri="/chat")), access(0.1, 429)).row
    assert (row["upstream_status"], row["phase"], row["path"]) == (
        429, "done", "/v1/chat/completions",
    )  # fmt: skip


def test_a_failed_try_and_its_error_line(run) -> None:
    text = "dial tcp 10.0.0.8:8000: i/o timeout"
    row = read(run, trip(0.0, None, text), error(0.0, text, 504), access(0.001, 504)).row
    assert (row["phase"], row["upstream_tries"], row["upstream_status"]) == ("connecting", 1, None)


def test_tries_of_no_request_are_notices(run) -> None:
    got = read(run, trip(0.0, request=asked(remote_port="9")), access(1.0))
    assert got.frame.height == 1
    assert got.problems[0].message.startswith("1 lines are notices")


def test_no_route_and_no_answer(run) -> None:
    got = read(run, access(0.0, 0, msg="NOP"), access(1.0, 0), access(2.0, 499))
    assert got.frame["status"].to_list() == [None, None, 499]
    assert got.frame["phase"].to_list() == ["not_sent", None, None]
    assert got.frame["proxy_flags"].to_list() == ["NOP", None, None]


def test_other_parts_of_the_program_are_notices(run) -> None:
    others = [
        {"level": "info", "ts": START, "logger": "tls", "msg": "cleaning storage unit"},
        {"level": "info", "ts": START, "msg": "serving initial configuration"},
        {"level": "info", "ts": START, "logger": "http.log", "msg": "server running"},
        {"level": "debug", "ts": START, "logger": "http.handlers.reverse_proxy",
         "msg": "selected upstream", "dial": "a:1"},
    ]  # fmt: skip
    got = read(run, *others, access())
    assert got.frame.height == 1
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 4)]


def console(entry, colour: bool = False) -> str:
    made = dict(entry)
    level, logger, text = (made.pop(key) for key in ("level", "logger", "msg"))
    moment = datetime.fromtimestamp(made.pop("ts"), UTC)
    shown = f"\x1b[34m{level.upper()}\x1b[0m" if colour else level.upper()
    stamp = moment.strftime("%Y/%m/%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    return "\t".join((stamp, shown, logger, text, json.dumps(made)))


@pytest.mark.parametrize("colour", [False, True])
def test_console_lines(run, colour) -> None:
    notice = "2026/11/22 09:59:59.000\tINFO\tserving initial configuration"
    text = "dial tcp 10.0.0.9:8000: connect: connection refused"
    got = read(run, notice, console(error(0.0, text), colour), console(access(0.5, 502), colour))
    row = got.row
    assert (row["ended_at"], row["status"]) == (MOMENT + timedelta(milliseconds=500), 502)
    assert (row["phase"], row["proxy_detail"]) == ("connecting", text)
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 1)]


def test_errors_of_version_1(run) -> None:
    line = (
        "22/Nov/2026:11:00:00 +0100 [ERROR 502 /v1/chat?key=AIzaSecret0001] "
        "dial tcp 127.0.0.1:9000: connect: connection refused"
    )
    got = read(run, line)
    row = got.row
    assert (row["ended_at"], row["status"], row["path"]) == (MOMENT, 502, "/v1/chat")
    assert (row["phase"], row["upstream_address"]) == ("connecting", "127.0.0.1:9000")
    assert row["seen_in"] == ["caddy.log#1"]
    assert "AIzaSecret0001" in got.secrets.learnt


def test_old_versions_name_the_client_otherwise(run) -> None:
    old = asked(remote_addr="192.0.2.7:40001")
    del old["remote_ip"], old["remote_port"]
    row = read(run, error(request=old), access(0.001, 502, request=old)).row
    assert row["proxy_detail"] == "EOF"


def test_a_type_that_does_not_fit_costs_no_other_line(run) -> None:
    odd = access(1.0, size={"x": 1}, status="503")
    got = read(run, access(), odd, access(2.0))
    assert got.frame["status"].to_list() == [200, 503, 200]
    assert got.frame["response_bytes"].to_list() == [120, None, 120]


def test_bad_lines_and_a_line_of_another_format(run) -> None:
    torn = json.dumps(access())[:90]
    clf = (
        '192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "GET /v1/models HTTP/1.1" 200 5 "-" "x" '
        '1 "api@docker" "http://10.0.0.1:80" 2ms'
    )
    got = read(run, access(), torn, clf, "goroutine 1 [running]:", access(1.0))
    assert [(p.kind, p.record) for p in got.problems] == [("bad_line", 2), ("bad_line", 4)]
    assert "no whole JSON object" in got.problems[0].message
    assert sorted(got.frame["format"].to_list()) == ["caddy", "caddy", "traefik"]
    assert TRAEFIK.name == "traefik"


def blocks(size: int):
    from analyzer.ingest import lines

    return lambda stream, longest, **told: lines.line_blocks(stream, longest, size, **told)


@pytest.mark.parametrize("size", [200, 700, 1500, 5000])
def test_partners_in_other_blocks(run, monkeypatch, size) -> None:
    monkeypatch.setattr("analyzer.ingest.textlog.line_blocks", blocks(size))
    text = "dial tcp 10.0.0.9:8000: connect: connection refused"
    got = read(
        run, trip(0.0, None, text), error(0.1, text), *(access(0.1 + i / 1000) for i in range(9)),
        access(0.2, 502), *(access(20.0 + i) for i in range(20)), access(50.0, 502),
    )  # fmt: skip
    assert got.frame.height == 31
    failed = got.frame.filter(status=502).sort("record")
    assert failed["phase"].to_list() == ["connecting", "done"]
    assert failed["upstream_status"].to_list() == [None, 502]
    assert got.records == 33


def test_what_waits_is_bounded(run, monkeypatch) -> None:
    monkeypatch.setattr("analyzer.ingest.textlog.line_blocks", blocks(700))
    monkeypatch.setattr(caddy_pairs, "_MOST", 3)
    got = read(run, *(access(20.0 * i, 502) for i in range(12)))
    assert got.frame.sort("record")["record"].to_list() == list(range(1, 13))
    assert got.frame["phase"].null_count() == 12


@pytest.mark.parametrize(
    ("lines", "least"),
    [
        ([access()], 0.97),
        ([{"level": "info", "ts": 1.0, "msg": "x"}] * 9 + [access()], 0.97),
        ([console(access())], 0.97),
        (["22/Nov/2026:11:00:00 +0100 [ERROR 502 /x] EOF"], 0.97),
        ([{"level": "info", "ts": 1.0, "msg": "x"}], 0.0),
        ([{"level": "info", "DownstreamStatus": 1}], 0.0),
        ([], 0.0),
    ],
)
def test_sniffing(lines, least) -> None:
    assert FORMAT.sniff(data(*lines), "caddy.log") == least


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=80), at=st.integers(0, 1500), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, noise, at, out) -> None:
    usual = data(access(), error(1.0), access(1.001, 502))
    damaged = usual[:at] + noise + usual[at + out :]
    got = run(damaged, FORMAT)
    told = sum(problem.count for problem in got.problems)
    # An error line and its access line are one row.
    assert got.frame.height + told <= got.records <= got.frame.height + told + 1


@pytest.mark.corpus
def test_corpus(corpus) -> None:
    wanted = {
        "crowdsecurity+hub__hub-caddy-logs.log": (10, 1),
        "tstack+lnav__test_logfile_caddy_log.0.log": (4, 35),
        "tstack+lnav__test_logfile_caddy_log.1.log": (4, 0),
    }
    for name, (height, notices) in wanted.items():
        path = str(corpus / "logs" / "caddy_json" / name)
        sources, _ = files.expand([path])
        found = detect.detect(sources[0])
        assert found is not None
        assert found.name == "caddy"
        problems: list = []
        frame = capture.read_frame([path], problems=problems)
        assert frame.height == height
        assert sum(problem.count for problem in problems) == notices


@pytest.mark.corpus
def test_corpus_fields(corpus) -> None:
    name = "crowdsecurity+hub__hub-caddy-logs"
    folder = corpus / "logs" / "caddy_json"
    agent = "req_header.user-agent"
    frame = capture.read_frame([str(folder / f"{name}.log")], [agent], problems=[])
    events = json.loads((folder / f"{name}.expected.json").read_text())["results"]["s01-parse"]
    told = [item for item in events["crowdsecurity/caddy-logs"] if item["Success"]]
    assert len(told) >= frame.height
    shown = [item["Meta"] for item in told if "http_path" in item["Meta"]]
    pairs = zip(frame.iter_rows(named=True), shown, strict=False)
    for row, meta in pairs:
        assert row["path"] == meta["http_path"]
        assert row["method"] == meta["http_verb"]
        assert (row["status"] or 0) == int(meta["http_status"])
        assert row["host"] == meta["target_fqdn"]
        assert row[agent] == meta["http_user_agent"]
