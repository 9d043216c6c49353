"""Envoy's text logs: default and Istio's three forms, flags and details, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.envoy import FORMAT

ID = "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2"
MESH = " outbound|443||api.test 10.0.0.5:35068 10.0.0.9:443 10.0.0.5:58156 api.test default"


def line(
    code: str = "200",
    flags: str = "-",
    said: str = "",
    *,
    request: str = "POST /v1/chat/completions?api-version=1 HTTP/1.1",
    numbers: str = "154 812 1500 400",
    agent: str = "OpenAI/Python 1.0",
    authority: str = "API.test:443",
    upstream: str = "192.0.2.12:443",
    tail: str = "",
    start: str = "2026-11-22T10:00:00.250Z",
) -> str:
    head = f'[{start}] "{request}" {code} {flags} {said + " " if said else ""}{numbers}'
    return f'{head} "198.51.100.7" "{agent}" "{ID}" "{authority}" "{upstream}"{tail}'


def read(run, *lines, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="envoy.log", **more)


def test_a_request_that_went_well(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent",))
    assert got.problems == []
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 1, 750_000, UTC)
    wanted = {
        "format": "envoy", "hop": "gateway", "time_kind": "start", "time_precision_ms": 1.0,
        "duration_ms": 1500.0, "ttfb_ms": 400.0, "wait_ms": 400.0, "method": "POST",
        "host": "api.test", "path": "/v1/chat/completions", "status": 200,
        "upstream_status": 200, "request_bytes": 154, "response_bytes": 812, "request_id": ID,
        "proxy_flags": None, "proxy_detail": None, "upstream_address": "192.0.2.12:443",
        "phase": "done", "stream_state": None, "req_header.user-agent": "OpenAI/Python 1.0",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


RESET = "upstream_reset_before_response_started"
FORMS = [
    # what stands between flags and numbers, behind the host, detail
    ("", "", None),
    ('"-"', MESH, None),
    ('"UNAVAILABLE:x"', MESH, "UNAVAILABLE:x"),
    ('"-" "-"', MESH, None),
    ('"-" "TLS error: 1"', MESH, "TLS error: 1"),
    (RESET + "{overflow}", "", RESET + "{overflow}"),
    (RESET + '{overflow} - "-"', MESH, RESET + "{overflow}"),
    (RESET + '{overflow} - "TLS error: 1"', MESH, RESET + "{overflow}; TLS error: 1"),
    (RESET + '{connection failure,TLS error: 1} - "a b"', MESH,
     RESET + "{connection failure,TLS error: 1}; a b"),
    ('- rbac_access_denied_matched_policy[none] "-"', MESH,
     "rbac_access_denied_matched_policy[none]"),
]  # fmt: skip


@pytest.mark.parametrize("agent", ["x/1", 'odd "quoted" x', '"', ""])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0])
def test_forms(run, form, agent) -> None:
    said, tail, detail = form
    text = line("503", "UF,URX", said, tail=tail, agent=agent)
    got = read(run, text, headers=("req_header.user-agent",))
    assert got.problems == []
    row = got.row
    assert (row["proxy_flags"], row["proxy_detail"]) == ("UF,URX", detail)
    assert (row["phase"], row["status"], row["upstream_status"]) == ("connecting", 503, None)
    assert (row["request_id"], row["host"]) == (ID, "api.test")
    assert row["req_header.user-agent"] == (agent or None)
    assert row["duration_ms"] == 1500.0


VIA = 'via_upstream - "-"'
STATES = [
    # code, flags, details, upstream host, service time; phase, upstream status, stream state
    ("429", "-", VIA, "h:1", "9", "done", 429, None),
    ("503", "-", VIA, "h:1", "-", "done", 503, None),
    ("503", "URX", VIA, "h:1", "9", "done", 503, None),
    ("429", "RL", 'local_rate_limited - "-"', "-", "-", "not_sent", None, None),
    ("404", "NR", 'route_not_found - "-"', "-", "-", "not_sent", None, None),
    ("503", "UH", 'no_healthy_upstream - "-"', "-", "-", "not_sent", None, None),
    ("503", "UO", RESET + '{overflow} - "-"', "-", "-", "not_sent", None, None),
    ("403", "UAEX", 'ext_authz_denied - "-"', "-", "-", "not_sent", None, None),
    ("301", "-", 'direct_response - "-"', "-", "-", "not_sent", None, None),
    ("503", "DF", 'dns_resolution_failure - "-"', "-", "-", "not_sent", None, None),
    ("503", "UF,URX", RESET + '{x} - "-"', "h:1", "-", "connecting", None, None),
    ("503", "UC", RESET + '{connection_termination} - "-"', "h:1", "-", "sent", None, None),
    ("503", "UR", RESET + '{remote_reset} - "-"', "h:1", "-", "sent", None, None),
    ("502", "UPE", RESET + '{protocol_error} - "-"', "h:1", "-", "sent", None, None),
    ("504", "UT", 'response_timeout - "-"', "h:1", "-", "sent", None, None),
    ("504", "UT", 'response_timeout - "-"', "-", "-", None, None, None),
    ("200", "UC", VIA, "h:1", "9", "body", 200, "truncated"),
    ("200", "UR", RESET + '{remote_reset} - "-"', "h:1", "-", "body", 200, "truncated"),
    ("200", "UPE", 'upstream_reset_after_response_started{x} - "-"', "h:1", "0", "body", 200,
     "truncated"),
    ("500", "UC", 'upstream_reset_after_response_started{x} - "-"', "h:1", "0", "body", 500, None),
    ("200", "SI", 'stream_idle_timeout - "-"', "h:1", "9", "body", 200, "truncated"),
    ("200", "DC", 'downstream_remote_disconnect - "-"', "h:1", "9", "body", 200, None),
    ("200", "DC", 'downstream_remote_disconnect - "-"', "-", "-", None, None, None),
    ("0", "DC", 'downstream_remote_disconnect - "-"', "h:1", "-", "sent", None, None),
    ("0", "DC", 'downstream_remote_disconnect - "-"', "-", "-", None, None, None),
    # Formats without details.
    ("503", "-", "", "h:1", "9", "done", 503, None),
    ("503", "-", "", "h:1", "-", None, None, None),
    ("403", "-", "", "-", "-", "not_sent", None, None),
    ("503", "UF,URX", "", "h:1", "-", "connecting", None, None),
    ("200", "UT", "", "h:1", "9", "body", 200, "truncated"),
    ("0", "DC", "", "h:1", "-", "sent", None, None),
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: " ".join(state[:4]))
def test_states(run, state) -> None:
    code, flags, said, upstream, service, phase, answered, stream = state
    text = line(code, flags, said, upstream=upstream, numbers=f"1 2 30 {service}")
    row = read(run, text).row
    assert row["status"] == (int(code) or None)
    assert row["proxy_flags"] == (None if flags == "-" else flags)
    assert (row["phase"], row["upstream_status"]) == (phase, answered)
    assert row["stream_state"] == stream


@pytest.mark.parametrize(
    ("text", "method", "path", "host"),
    [
        ("GET /v1/models HTTP/2", "GET", "/v1/models", "api.test"),
        ("GET /v1/models -", "GET", "/v1/models", "api.test"),
        ("GET /a b HTTP/1.1", "GET", "/a b", "api.test"),
        ('GET /a"b HTTP/1.1', "GET", '/a"b', "api.test"),
        ("- - HTTP/1.1", None, None, "api.test"),
        ("CONNECT api.test:443 HTTP/1.1", "CONNECT", None, "api.test"),
    ],
)
def test_requests(run, text, method, path, host) -> None:
    row = read(run, line(request=text)).row
    assert (row["method"], row["path"], row["host"]) == (method, path, host)


def test_upstream_hosts(run) -> None:
    hosts = ["tcp://192.0.2.12:80", "[2001:db8::18]:8080", "-", "/run/app.sock"]
    rows = read(run, *(line(upstream=host) for host in hosts)).frame
    assert rows["upstream_address"].to_list() == [
        "192.0.2.12:80", "[2001:db8::18]:8080", None, "/run/app.sock",
    ]  # fmt: skip


def bare(flags: str, numbers: str, upstream: str, tail: str) -> str:
    text = line("0", flags, '- - "-"', request="- - -", numbers=numbers, tail=tail)
    text = text.replace('"198.51.100.7" "OpenAI/Python 1.0"', '"-" "-"')
    return text.replace(f'"{ID}" "API.test:443" "192.0.2.12:443"', f'"-" "-" "{upstream}"')


def test_connections_that_are_passed_on(run) -> None:
    cluster = " outbound|443||api.test"
    went = bare("-", "844 5214 95 -", "192.0.2.12:443", f"{cluster} a b c api.test -")
    failed = bare("UF,URX", "0 0 1001 -", "192.0.2.12:443", f"{cluster} - b c - -")
    nowhere = bare("UH", "0 0 0 -", "-", " BlackHoleCluster - b c - -")
    rows = read(run, went, failed, nowhere).frame
    # One to a TLS port that failed is a failed attempt; one that went well says nothing of its own.
    assert rows["scheme"].to_list() == ["tcp", "https", "tcp"]
    assert rows["host"].to_list() == ["api.test", "api.test", None]
    assert rows["phase"].to_list() == ["done", "connecting", "not_sent"]
    assert rows["status"].to_list() == [None] * 3


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    got = read(run, line(request="POST /v1/models?key=sk-test-query-1 HTTP/1.1"))
    assert got.row["key_tag"] == "key:sk-test-query-1"
    assert "sk-test-query-1" not in got.frame.drop("key_tag").write_json()


@pytest.mark.parametrize(
    ("start", "precision", "zoned"),
    [
        ("2026-11-22T10:00:00.000Z", 1.0, True),
        ("2026-11-22T11:00:00.000000+0100", 1.0, True),
        ("2026-11-22T10:00:00", 1000.0, False),
        ("1795341600.000", 1.0, True),
    ],
)
def test_start_times(run, start, precision, zoned) -> None:
    got = read(run, line(start=start))
    assert got.row["started_at"] == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert got.row["time_precision_ms"] == precision
    assert got.kinds == ([] if zoned else ["assumed_zone"])


@pytest.mark.parametrize(
    ("text", "lack"),
    [
        ("nonsense", "start time"),
        ("[2026-11-22T10:00:00.250Z] GET / 200", "METHOD path"),
        ('[2026-11-22T10:00:00.250Z] "GET / HTTP/1.1" 200 12 x', "flags"),
        ('[2026-11-22T10:00:00.250Z] "GET / HTTP/1.1" 200 - 1 2 3', "duration"),
        ('[2026-11-22T10:00:00.250Z] "GET / HTTP/1.1" 200 - 1 2 3 - "-" "x"', "upstream host"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_number_and_what_it_lacks(run, text, lack) -> None:
    got = read(run, line(), "", text, line())
    ((kind, record, message),) = [(p.kind, p.record, p.message) for p in got.problems]
    assert (kind, record) == ("bad_line", 3)
    assert lack in message
    assert got.frame["record"].to_list() == [1, 4]


def test_lines_of_another_format_in_the_same_file(run) -> None:
    squid = "1795341600.250    100 192.0.2.7 TCP_MISS/200 99 GET http://a.test/x - HIER_DIRECT/b -"
    got = read(run, line(), squid, line())
    assert got.frame["format"].to_list() == ["envoy", "squid", "envoy"]


@pytest.mark.parametrize(
    "text", [line(), "ACCESS " + line(), line("0", "DC", '- - "-"', tail=MESH)]
)
def test_sniffing(source, text) -> None:
    assert detect.detect(source((text + "\n").encode() * 3, "x.log")) is FORMAT


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=80), at=st.integers(0, 330), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_located_problems(run, data, at, out) -> None:
    usual = (line("503", "UF", 'x{a b} - "t"', tail=MESH) + "\n").encode()
    got = run(usual + usual[:at] + data + usual[at + out :] + usual, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    assert got.frame["record"].is_sorted()
    counted = sum(p.count for p in got.problems if p.kind != "assumed_zone")
    assert got.frame.height + counted == got.records


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["envoy", "envoy_istio"])
def test_lines_of_other_projects(corpus: Path, folder: str) -> None:
    sources, _ = files.expand([str(corpus / "logs" / folder)])
    logs = [source for source in sources if source.name.endswith(".log")]
    assert logs
    for source in logs:
        found = detect.detect(source)
        assert found is not None
        assert found.name in ("envoy", "envoy-json"), source.name
        problems: list = []
        frame = capture.read_frame([str(source.path)], problems=problems)
        lines = [text for text in source.path.read_bytes().split(b"\n") if text.strip()]
        assert (frame.height, problems) == (len(lines), []), source.name


@pytest.mark.corpus
def test_fields_that_other_projects_read(corpus: Path) -> None:
    folder = corpus / "logs" / "envoy"
    told = json.loads((folder / "crowdsecurity+hub__hub-envoy-logs.expected.json").read_text())
    ((_, events),) = told["results"]["s01-parse"].items()
    frame = capture.read_frame([str(folder / "crowdsecurity+hub__hub-envoy-logs.log")], problems=[])
    pairs = list(zip(frame.iter_rows(named=True), events, strict=False))
    assert len(pairs) >= 9
    for row, event in pairs:
        if not event["Success"]:
            continue
        parsed = event["Parsed"]
        time = datetime.fromisoformat(parsed["time"]) if "time" in parsed else row["started_at"]
        assert row["started_at"] == time
        assert (str(row["status"]), row["method"]) == (parsed["status"], parsed["verb"])
        assert (row["path"], row["host"]) == (parsed["request"], parsed["target_fqdn"])


@pytest.mark.corpus
def test_fields_of_istio(corpus: Path) -> None:
    folder = corpus / "logs" / "envoy_istio"
    base = "DataDog+integrations-core__envoy_tests"
    cases = json.loads((folder / f"{base}.expected.json").read_text())["cases"]
    frame = capture.read_frame([str(folder / f"{base}.log")], problems=[])
    ours = {
        "status_code": "status", "bytes_read": "request_bytes", "bytes_written": "response_bytes",
        "duration_ms": "duration_ms", "x_envoy_upstream_service_time": "wait_ms",
        "request_id": "request_id", "authority": "host", "upstream_host": "upstream_address",
    }  # fmt: skip
    for row, case in zip(frame.iter_rows(named=True), cases, strict=True):
        assert row["started_at"].timestamp() * 1000 == pytest.approx(case["date"])
        assert row["proxy_flags"] is None
        for theirs, name in ours.items():
            if theirs in case:
                assert row[name] == case[theirs], theirs
