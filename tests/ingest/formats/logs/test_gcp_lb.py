from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.gcp_lb import FORMAT

REQUEST = {
    "requestMethod": "POST", "requestUrl": "https://api.gateway.test/v1/chat/completions?x=1",
    "requestSize": "512", "status": 200, "responseSize": "2048", "userAgent": "OpenAI/Python 1.0",
    "remoteIp": "192.0.2.7:41000", "serverIp": "10.0.0.9", "latency": "4.250192s",
}  # fmt: skip
KIND = "type.googleapis.com/google.cloud.loadbalancing.type.LoadBalancerLogEntry"
TRACE = "0123456789abcdef0123456789abcdef"


def entry(request=None, payload=None, **more) -> dict:
    return {
        "httpRequest": REQUEST | (request or {}), "insertId": "ins-1",
        "jsonPayload": {"@type": KIND} | (
            {"statusDetails": "response_sent_by_backend"} if payload is None else payload
        ),
        "resource": {"type": "http_load_balancer", "labels": {"backend_service_name": "api"}},
        "timestamp": "2026-11-22T10:00:00.250123Z", "receiveTimestamp": "2026-11-22T10:00:09Z",
        "trace": f"projects/p/traces/{TRACE}", "severity": "INFO", **more,
    }  # fmt: skip


def read(run, *items, **more):
    data = "".join(json.dumps(item) + "\n" for item in items)
    return run(data.encode(), FORMAT, name="lb.json", **more)


def test_an_entry(run) -> None:
    got = read(run, entry(), headers=("req_header.user-agent", "req_header.referer"))
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250123, UTC)
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 4.250192
    assert (row["duration_ms"], row["ttfb_ms"]) == (4250.192, None)
    assert (row["time_kind"], row["time_precision_ms"]) == ("start", 0.001)
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "api.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["request_bytes"], row["response_bytes"]) == (512, 2048)
    assert (row["request_id"], row["trace_id"]) == ("ins-1", TRACE)
    assert (row["upstream_address"], row["hop"]) == ("10.0.0.9", "gateway")
    assert (row["proxy_flags"], row["proxy_detail"]) == (None, "response_sent_by_backend")
    assert (row["req_header.user-agent"], row["req_header.referer"]) == ("OpenAI/Python 1.0", None)
    assert got.problems == []


DETAILS = [
    # statusDetails, status -> upstream status, phase, stream state
    ("response_sent_by_backend", 503, 503, "done", None),
    ("response_from_cache", 200, None, "not_sent", None),
    ("response_from_cache_validated", 200, None, "done", None),
    ("failed_to_pick_backend", 502, None, "not_sent", None),
    ("failed_to_connect_to_backend", 502, None, "connecting", None),
    ("failed_to_negotiate_alpn", 502, None, "connecting", None),
    ("ssl_certificate_chain_verification_failed", 502, None, "connecting", None),
    ("server_cert_validation_timed_out", 503, None, "connecting", None),
    ("client_cert_not_provided", 0, None, "not_sent", None),
    ("backend_timeout", 504, None, "sent", None),
    ("backend_connection_closed_before_data_sent_to_client", 502, None, "sent", None),
    ("backend_connection_closed_before_data_sent_to_client", 101, None, None, None),
    ("backend_response_headers_too_long", 502, None, "headers", None),
    ("backend_early_response_with_non_error_status", 502, None, "headers", None),
    ("aborted_request_due_to_backend_early_response", 413, 413, "done", None),
    ("backend_connection_closed_after_partial_response_sent", 200, 200, "body", "truncated"),
    ("backend_connection_closed_after_partial_response_sent", 0, None, "sent", None),
    ("client_disconnected_after_partial_response", 200, 200, "body", "truncated"),
    ("client_disconnected_before_any_response", 0, None, None, None),
    ("client_timed_out", 408, None, None, None),
    ("denied_by_security_policy", 403, None, "not_sent", None),
    ("throttled_by_security_policy", 429, None, "not_sent", None),
    ("handled_by_identity_aware_proxy", 401, None, "not_sent", None),
    ("internal_error", 502, None, None, None),
    ("a_new_word", 502, None, None, None),
]


@pytest.mark.parametrize(("details", "status", "answer", "phase", "stream"), DETAILS)
@pytest.mark.parametrize("regional", [False, True])
def test_who_answered(run, details, status, answer, phase, stream, regional) -> None:
    proxy = f'details="{details}"'
    payload = {"proxyStatus": proxy} if regional else {"statusDetails": details}
    row = read(run, entry({"status": status}, payload)).row
    assert (row["status"], row["upstream_status"]) == (status or None, answer)
    assert (row["phase"], row["stream_state"]) == (phase, stream)
    assert row["proxy_detail"] == (proxy if regional else details)


@pytest.mark.parametrize(
    ("proxy", "status", "answer", "phase"),
    [
        (
            'error="destination_unavailable"; details="failed_to_pick_backend"',
            503,
            None,
            "not_sent",
        ),
        ('error="connection_terminated"; details="backend_connection_closed"', 503, None, "sent"),
        ('error="connection_terminated"; details="backend_connection_closed"', 200, 200, "body"),
        ('error="connection_refused"', 503, None, "connecting"),
        ('error="dns_error"; rcode="NXDOMAIN"', 502, None, "connecting"),
        ("error=tls_certificate_error", 502, None, "connecting"),
        ('error="http_response_timeout"', 504, None, "sent"),
        ('error="http_response_incomplete"', 502, None, "headers"),
        ('error="http_response_header_size"', 502, None, "headers"),
        ('error="http_request_denied"', 403, None, "not_sent"),
        ('error="proxy_internal_error"', 500, None, None),
        ('details="response_sent_by_backend"', 500, 500, "done"),
    ],
)
def test_proxy_status_of_rfc_9209(run, proxy, status, answer, phase) -> None:
    row = read(run, entry({"status": status}, {"proxyStatus": proxy})).row
    assert (row["upstream_status"], row["phase"], row["proxy_detail"]) == (answer, phase, proxy)


def lowered(value):
    if isinstance(value, dict):
        return {
            key.lower().replace("@type", "at_sign_type"): lowered(v) for key, v in value.items()
        }
    return value


@pytest.mark.parametrize(
    "change", [lambda e: e, lowered, lambda e: {k.lower(): v for k, v in e.items()}]
)
def test_exports_change_the_case_of_keys(run, source, change) -> None:
    denied = {"statusDetails": "denied_by_security_policy",
              "enforcedSecurityPolicy": {"outcome": "DENY", "name": "p", "priority": 1}}  # fmt: skip
    item = change(entry({"status": 403}, denied))
    assert detect.detect(source((json.dumps(item) + "\n").encode(), "x.json")) is FORMAT
    row = read(run, item).row
    assert (row["status"], row["method"], row["proxy_flags"]) == (403, "POST", "DENY")
    assert (row["proxy_detail"], row["phase"]) == ("denied_by_security_policy", "not_sent")
    assert row["duration_ms"] == 4250.192


def test_both_words(run) -> None:
    both = {"statusDetails": "backend_timeout", "proxyStatus": 'error="http_response_timeout"'}
    row = read(run, entry({"status": 504}, both)).row
    assert row["proxy_detail"] == 'backend_timeout; error="http_response_timeout"'


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"request": {"latency": None}}, {"duration_ms": None, "ended_at": None}),
        ({"request": {"status": None}}, {"status": None}),
        ({"request": {"requestSize": 77}}, {"request_bytes": 77}),
        ({"timestamp": "2026-11-22 10:00:00.250"},
         {"started_at": datetime(2026, 11, 22, 10, 0, 0, 250000, UTC), "time_precision_ms": 1.0}),
        ({"timestamp": None}, {"started_at": datetime(2026, 11, 22, 10, 0, 9, tzinfo=UTC)}),
        ({"timestamp": None, "receiveTimestamp": None}, {"started_at": None, "time_kind": None}),
        ({"request": {"requestUrl": None}}, {"host": None, "path": None}),
        ({"trace": "projects/p/traces/x"}, {"trace_id": None}),
        ({"payload": {}}, {"phase": None, "proxy_detail": None, "upstream_status": None}),
    ],
)  # fmt: skip
def test_variants(run, changes, expected) -> None:
    row = read(run, entry(**changes)).row
    assert {name: row[name] for name in expected} == expected


def test_the_array_of_gcloud(run, source) -> None:
    data = json.dumps(
        [entry(), entry({"status": 502}, {"statusDetails": "backend_timeout"})], indent=2
    )
    assert detect.detect(source(data.encode(), "x.json")) is FORMAT
    got = run(data.encode(), FORMAT, name="x.json")
    assert got.frame["status"].to_list() == [200, 502]
    assert got.frame["record"].to_list() == [1, 2]


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    got = read(run, entry({"requestUrl": "https://g.test/v1/x?key=sk-test-q-1"}))
    assert (got.row["key_tag"], got.row["path"]) == ("key:sk-test-q-1", "/v1/x")


def test_other_entries_of_an_export_are_told(run) -> None:
    other = {"insertId": "x", "textPayload": "hello", "timestamp": "2026-11-22T10:00:00Z"}
    got = read(run, entry(), other)
    assert [(p.record, p.message.partition(": ")[2]) for p in got.problems] == [
        (2, "it has no httpRequest.")
    ]


def test_mixed_with_another_format(run) -> None:
    cloudflare = {"EdgeStartTimestamp": 1795341600250000000, "EdgeResponseStatus": 200}
    got = read(run, entry(), cloudflare)
    assert got.frame["format"].to_list() == ["gcp-lb", "cloudflare"]


@given(st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(["httpRequest", "jsonPayload", "trace", "timestamp", "insertId"]),
                    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
                              st.dictionaries(st.sampled_from(["status", "latency", "proxyStatus"]),
                                              st.one_of(st.text(max_size=4), st.integers()))),
                    max_size=4).map(lambda d: json.dumps(entry() | d).encode()),
))  # fmt: skip
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_rows_or_located_problems(run, data) -> None:
    got = run(data, FORMAT, name="x.log")
    assert all(p.kind in ("bad_line", "truncated", "notice", "bad_json") for p in got.problems)
    assert got.frame.height <= got.records


@pytest.mark.corpus
def test_corpus(corpus: Path) -> None:
    (path,) = (corpus / "logs" / "gcp_http_lb").glob("*.log")
    (source,), _ = files.expand([str(path)])
    assert detect.detect(source) is FORMAT
    problems: list[Problem] = []
    rows = capture.read_frame([str(path)], problems=problems)
    told = [json.loads(text) for text in path.read_text().splitlines() if text.strip()]
    assert (rows.height, problems) == (len(told), [])
    for want, row in zip(told, rows.iter_rows(named=True), strict=True):
        request = want.get("httpRequest") or want["httprequest"]
        payload = want.get("jsonPayload") or want["jsonpayload"]
        assert (row["status"], row["method"]) == (request["status"], request["requestMethod"])
        assert row["proxy_detail"] == payload["statusDetails"]
        assert row["proxy_flags"] == payload.get("enforcedSecurityPolicy", {}).get("outcome")
        assert row["response_bytes"] == request.get("responseSize")
        sent_on = payload["statusDetails"] == "response_sent_by_backend"
        assert row["phase"] == ("done" if sent_on else "not_sent")
        if "latency" in request:
            assert row["duration_ms"] == float(request["latency"][:-1]) * 1000
