from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.cloudfront import FORMAT

NAMES = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
]
HEAD = ("#Version: 1.0", "#Fields: " + " ".join(NAMES))
USUAL = {
    "date": "2026-11-22", "time": "10:00:05", "x-edge-location": "FRA56-P2", "sc-bytes": "703",
    "c-ip": "192.0.2.7", "cs-method": "POST", "cs(Host)": "d111111abcdef8.cloudfront.net",
    "cs-uri-stem": "/v1/chat/completions", "sc-status": "200", "cs(User-Agent)": "curl/8",
    "x-edge-result-type": "Miss", "x-edge-request-id": "Abc_-1==",
    "x-host-header": "api.gateway.test", "cs-protocol": "https", "cs-bytes": "62",
    "time-taken": "4.250", "x-edge-response-result-type": "Miss", "time-to-first-byte": "0.750",
    "x-edge-detailed-result-type": "Miss", "sc-content-type": "text/event-stream;%20charset=utf-8",
}  # fmt: skip


def line(names=NAMES, separator="\t", **changes) -> str:
    told = USUAL | {key.replace("_", "-"): value for key, value in changes.items()}
    return separator.join(told.get(name, "-") for name in names)


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="cf.log", **more)


def test_a_line(run) -> None:
    row = (got := read(run, *HEAD, line())).row
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 4.25
    assert (row["duration_ms"], row["ttfb_ms"]) == (4250.0, 750.0)
    assert (row["time_kind"], row["time_precision_ms"]) == ("end", 1000.0)
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "api.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["edge_status"], row["upstream_status"]) == (200, 200, 200)
    assert (row["request_bytes"], row["response_bytes"]) == (62, 703)
    assert (row["request_id"], row["content_type"]) == ("Abc_-1==", "text/event-stream")
    assert (row["proxy_flags"], row["proxy_detail"], row["phase"]) == ("Miss", "Miss", "done")
    assert (row["hop"], row["edge"], row["record"]) == ("edge", "cloudfront", 3)
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 2)]


ENDS = [
    # status, result, response result, detail -> upstream status, phase, stream state
    ("200", "Hit", "Hit", "Hit", None, "not_sent", None),
    ("200", "RefreshHit", "RefreshHit", "RefreshHit", None, "done", None),
    ("200", "Hit", "Hit", "OriginShieldHit", None, "not_sent", None),
    ("301", "Redirect", "Redirect", "Redirect", None, "not_sent", None),
    ("503", "LimitExceeded", "LimitExceeded", "LimitExceeded", None, "not_sent", None),
    ("503", "CapacityExceeded", "CapacityExceeded", "CapacityExceeded", None, "not_sent", None),
    ("429", "Error", "Error", "Error", 429, "done", None),
    ("502", "Error", "Error", "Error", 502, "done", None),
    ("403", "Error", "Error", "Error", None, None, None),
    ("403", "Error", "Error", "ClientGeoBlocked", None, "not_sent", None),
    ("400", "Error", "Error", "InvalidRequestBlocked", None, "not_sent", None),
    ("502", "Error", "Error", "OriginDnsError", None, "connecting", None),
    ("504", "Error", "Error", "OriginConnectError", None, "connecting", None),
    ("504", "Error", "Error", "OriginReadError", None, "sent", None),
    ("504", "Error", "Error", "OriginReadTimeout", None, "sent", None),
    ("504", "Error", "Error", "OriginCommError", None, None, None),
    ("502", "Error", "Error", "OriginInvalidResponseError", None, "headers", None),
    ("502", "Error", "Error", "OriginHeaderTooBigError", None, "headers", None),
    ("502", "Error", "Error", "AbortedOrigin", None, None, None),
    ("503", "Error", "Error", "LambdaLimitExceeded", None, None, None),
    ("200", "Error", "Error", "OriginReadError", 200, "body", "truncated"),
    ("200", "Error", "Miss", "ClientCommError", 200, "body", "truncated"),
    ("200", "Error", "Hit", "ClientCommError", None, "not_sent", "truncated"),
    ("000", "Error", "Error", "ClientCommError", None, None, None),
]


@pytest.mark.parametrize(("status", "result", "ready", "detail", "answer", "phase", "stream"), ENDS)
def test_who_answered(run, status, result, ready, detail, answer, phase, stream) -> None:
    row = read(
        run, *HEAD,
        line(sc_status=status, x_edge_result_type=result, x_edge_response_result_type=ready,
             x_edge_detailed_result_type=detail),
    ).row  # fmt: skip
    assert (row["status"], row["upstream_status"]) == (int(status) or None, answer)
    assert (row["phase"], row["stream_state"]) == (phase, stream)
    assert (row["proxy_flags"], row["proxy_detail"]) == (result, detail)


def test_without_a_detailed_type_an_error_may_be_anybodys(run) -> None:
    names = NAMES[:26]
    failed = {"x_edge_result_type": "Error", "x_edge_response_result_type": "Error"}
    row = read(run, line(names, sc_status="502", **failed)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (502, None, None)
    row = read(run, line(names)).row
    assert (row["upstream_status"], row["phase"], row["proxy_detail"]) == (200, "done", None)


@pytest.mark.parametrize(
    ("written", "agent"),
    [
        ("Mozilla/5.0%20(X11)", "Mozilla/5.0 (X11)"),
        ("OpenAI/Python%25201.0", "OpenAI/Python 1.0"),
        ("100%25", "100%"),
        ("-", None),
        ("a%ff", "a\ufffd"),
    ],
)
def test_user_agents_are_decoded(run, written, agent) -> None:
    text = line(**{"cs(User-Agent)": written})
    row = read(run, *HEAD, text, headers=("req_header.user-agent", "req_header.referer")).row
    assert (row["req_header.user-agent"], row["req_header.referer"]) == (agent, None)


def test_layouts_hold_until_the_next_one(run) -> None:
    few = ["date", "time", "sc-status", "x-edge-request-id", "cs-uri-stem"]
    got = read(
        run, line(sc_status="201"), *HEAD, line(sc_status="202"), "#Fields: " + " ".join(few),
        line(few, sc_status="203"), line(few, sc_status="204"), *HEAD, line(sc_status="205"),
    )  # fmt: skip
    assert got.frame["status"].to_list() == [201, 202, 203, 204, 205]
    assert got.frame["path"].unique().to_list() == ["/v1/chat/completions"]
    assert got.frame["record"].to_list() == [1, 4, 6, 7, 10]
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 5)]


def test_blanks_may_separate(run) -> None:
    row = read(run, *HEAD, line(separator=" ")).row
    assert (row["status"], row["host"]) == (200, "api.gateway.test")


def test_json_of_version_2(run) -> None:
    told = {"timestamp(ms)": "1795341605250", "sc-status": 200, "x-edge-result-type": "Miss",
            "x-edge-detailed-result-type": "Miss", "cs-uri-stem": "/v1/models", "origin-fbl": "0.5",
            "time-taken": 0.75}  # fmt: skip
    for data in (json.dumps(told) + "\n", json.dumps([told, told], indent=1)):
        got = run(data.encode(), FORMAT, name="cf.json")
        row = got.frame.row(0, named=True)
        assert (row["status"], row["path"], row["wait_ms"]) == (200, "/v1/models", 500.0)
        assert (row["time_precision_ms"], row["duration_ms"]) == (1.0, 750.0)
        assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 5, 250000, UTC)
        assert got.problems == []


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    got = read(run, *HEAD, line(cs_uri_query="alt=sse&key=sk-test-q-1"))
    assert (got.row["key_tag"], got.row["path"]) == ("key:sk-test-q-1", "/v1/chat/completions")
    assert "sk-test-q-1" in got.secrets.learnt


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("hello", "it lacks date and time"),
        ("\t".join(line().split("\t")[:7]), "it breaks off before sc-status"),
        ('{"a": 1}', "it lacks date and time"),
        ('{"a": ', "it is no JSON"),
    ],
)
def test_bad_lines_say_what_they_lack(run, bad, reason) -> None:
    got = read(run, *HEAD, line(), bad, line())
    assert got.frame.height == 2
    (told,) = [p for p in got.problems if p.kind == "bad_line"]
    assert told.record == 4
    assert reason in told.message


def test_a_hostile_number_of_layouts(run) -> None:
    lines = [text for n in range(100) for text in (f"#Fields: date time x-{n}", line())]
    got = read(run, *lines)
    assert got.frame.height == 64
    assert sum(p.count for p in got.problems if p.kind == "bad_line") == 36


def test_mixed_with_another_format(run) -> None:
    clf = '192.0.2.7 - - [22/Nov/2026:12:00:01 +0200] "GET /v1/models HTTP/1.1" 200 5 "-" "curl"'
    squid = (
        "1764000000.123    250 192.0.2.7 TCP_MISS/503 312 POST http://g.test/v1/x - "
        "HIER_DIRECT/192.0.2.1 text/html"
    )
    got = read(run, *HEAD, line(), squid, clf)
    assert got.frame["format"].to_list()[:2] == ["cloudfront", "squid"]


def test_it_is_detected_among_all(source) -> None:
    for data in ("\n".join(HEAD) + "\n", line() + "\n", "#Version: 1.0\n" + line() + "\n"):
        assert detect.detect(source(data.encode(), "x.log")) is FORMAT


@given(st.one_of(st.binary(max_size=200),
                 st.text(max_size=80).map(lambda t: f"#Fields: {t}\n{t}\t{t}\n{line()}\t{t}".encode()),
                 st.text(max_size=40).map(lambda t: line(cs_uri_query=t).encode())))  # fmt: skip
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_rows_or_located_problems(run, data) -> None:
    got = run(data, FORMAT, headers=("req_header.user-agent",), name="x.log")
    assert all(p.kind in ("bad_line", "truncated", "notice") for p in got.problems)
    assert got.frame.height <= got.records


@pytest.mark.corpus
def test_corpus(corpus: Path) -> None:
    folder = corpus / "logs" / "cloudfront_standard"
    (path,) = folder.glob("*.log")
    (source,), _ = files.expand([str(path)])
    assert detect.detect(source) is FORMAT
    problems: list[Problem] = []
    rows = capture.read_frame([str(path)], problems=problems)
    assert (rows.height, problems) == (2, [])
    (beside,) = folder.glob("*.json")
    told = json.loads(beside.read_text())["results"]["s01-parse"]["crowdsecurity/aws-cloudfront"]
    for case, row in zip(told, rows.iter_rows(named=True), strict=True):
        want = case["Parsed"]
        assert row["status"] == int(want["sc_status"])
        assert row["response_bytes"] == int(want["sc_bytes"])
        assert row["request_bytes"] == int(want["cs_bytes"])
        assert row["duration_ms"] == pytest.approx(float(want["time_taken"]) * 1000)
        assert row["ttfb_ms"] == pytest.approx(float(want["time_to_first_byte"]) * 1000)
        assert (row["method"], row["path"]) == (want["cs_method"], want["cs_uri_stem"])
        assert (row["host"], row["scheme"]) == (want["x_host_header"], want["cs_protocol"])
        assert row["request_id"] == want["x_edge_request_id"]
        assert row["ended_at"].strftime("%Y %m %d %H:%M:%S") == " ".join(
            want[name] for name in ("year", "month", "day", "time")
        )
