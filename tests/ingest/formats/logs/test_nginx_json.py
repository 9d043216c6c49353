from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_corpus import format_of

from analyzer.ingest import detect
from analyzer.ingest.base import Source
from analyzer.ingest.formats.logs.nginx_json import FORMAT

END = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
BASE = {
    "time": "2026-11-22T12:00:01+02:00", "request": "POST /v1/chat/completions?a=b HTTP/1.1",
    "status": "200", "body_bytes_sent": "5", "request_time": "1.500", "http_host": "API.test:443",
}  # fmt: skip


def line(**changes) -> str:
    made = {**BASE, **changes}
    return json.dumps({key: value for key, value in made.items() if value is not None})


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="access.json", **more)


def name_of(data: bytes) -> str | None:
    found = detect.detect(Source("access.json", lambda: io.BytesIO(data), data, len(data)))
    return found.name if found else None


def test_line(run) -> None:
    row = read(run, line()).row
    assert (row["ended_at"], row["time_kind"], row["time_precision_ms"]) == (END, "end", 1000.0)
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 1.5
    assert (row["method"], row["path"], row["host"], row["status"]) == (
        "POST", "/v1/chat/completions", "api.test", 200,
    )  # fmt: skip
    assert (row["duration_ms"], row["response_bytes"]) == (1500.0, 5)
    assert row["phase"] is row["upstream_status"] is row["upstream_tries"] is None
    assert (row["hop"], row["format"]) == ("gateway", "nginx-json")


UPSTREAM = {
    "upstream_addr": "10.0.0.1:80", "upstream_status": "200", "upstream_response_time": "1.400",
    "upstream_connect_time": "0.001", "upstream_header_time": "0.900",
}  # fmt: skip


def test_upstream_fields(run) -> None:
    row = read(run, line(**UPSTREAM, proxy_upstream_name="ns-llm-80")).row
    assert (row["upstream_status"], row["phase"], row["upstream_tries"]) == (200, "done", 1)
    assert (row["connect_ms"], row["ttfb_ms"]) == (1.0, 900.0)
    assert row["upstream_address"] == "ns-llm-80/10.0.0.1:80"


@pytest.mark.parametrize("blank", ["", "-"])
def test_blank_upstream_fields_mean_that_it_was_not_sent(run, blank) -> None:
    row = read(run, line(status="429", **dict.fromkeys(UPSTREAM, blank))).row
    assert (row["phase"], row["upstream_status"], row["upstream_tries"]) == ("not_sent", None, 0)


ALIASES = [
    ({"time": None, "time_local": "22/Nov/2026:12:00:01 +0200"}, "ended_at", END),
    ({"time": "[22/Nov/2026:12:00:01 +0200]"}, "ended_at", END),
    ({"time": None, "@timestamp": "2026-11-22T10:00:01Z"}, "ended_at", END),
    ({"msec": "1795341601.250"}, "ended_at", END.replace(microsecond=250000)),
    ({"msec": 1795341601.25}, "time_precision_ms", 1.0),
    ({"time": None, "ts": 1795341601}, "ended_at", END),
    ({"status": 502}, "status", 502),
    ({"status": None, "response_code": 502}, "status", 502),
    ({"status": None, "http_status": "000"}, "status", None),
    ({"request": None, "method": "GET", "uri": "/v1/models"}, "path", "/v1/models"),
    ({"request": None, "request_method": "GET", "request_uri": "/v1/models?x=1"}, "path", "/v1/models"),
    ({"request": "/v1/models", "verb": "GET"}, "method", "GET"),
    ({"request": "/v1/models", "verb": "GET"}, "path", "/v1/models"),
    ({"request_uri": "/raw", "uri": "/rewritten"}, "path", "/raw"),
    ({"request_time": None, "rt": 0.25}, "duration_ms", 250.0),
    ({"request_time": None, "duration": "0.250"}, "duration_ms", 250.0),
    ({"urt": "0.2", "us": "503"}, "upstream_status", 503),
    ({"http_host": None, "vhost": "v.test"}, "host", "v.test"),
    ({"http_host": "", "server_name": "s.test"}, "host", "s.test"),
    ({"http_host": "h.test", "host": "10.0.0.9"}, "host", "h.test"),
    ({"scheme": "https"}, "scheme", "https"),
    ({"req_id": "r-1"}, "request_id", "r-1"),
    ({"http_cf_ray": "8f-FRA"}, "ray_id", "8f-FRA"),
    ({"traceparent": "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "trace_id", "0af7651916cd43dd8448eb211c80319c"),
    ({"trace_id": "0af7651916cd43dd8448eb211c80319c"}, "trace_id", "0af7651916cd43dd8448eb211c80319c"),
    ({"model": "gpt-x"}, "model", "gpt-x"),
    ({"upstream_cache_status": "HIT"}, "proxy_flags", "HIT"),
    ({"sent_http_content_type": "Text/HTML; charset=x"}, "content_type", "text/html"),
    ({"body_bytes_sent": None, "bytes_sent": 700}, "response_bytes", 700),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "column", "value"), ALIASES)
def test_aliases(run, changes, column, value) -> None:
    got = read(run, line(**changes))
    assert got.problems == []
    assert got.row[column] == value


BROKEN = [
    ('"urt":0.100, 1.400,"us":502, 200', "upstream_status", 200),
    ('"urt":0.100 : 1.400,"us":"502 : 200"', "upstream_tries", 2),
    ('"urt":-, 1.400,"us":"502, 200"', "upstream_tries", 2),
    ('"urt":,"us":', "phase", "not_sent"),
    ('"urt":-,"us":-', "phase", "not_sent"),
    ('"urt": - , "us": -', "phase", "not_sent"),
    (r'"http_user_agent":"a\x22b\x5Cx"', "req_header.user-agent", 'a"b\\x'),
]


@pytest.mark.parametrize(("text", "column", "value"), BROKEN)
def test_what_a_careless_log_format_writes(run, text, column, value) -> None:
    broken = line()[:-1] + f",{text}}}"
    got = read(run, broken, headers=("req_header.user-agent",))
    assert got.problems == []
    assert got.row[column] == value
    assert name_of(broken.encode() + b"\n") == "nginx-json"


def test_a_bare_status_of_none(run) -> None:
    got = read(run, line().replace('"status": "200"', '"status": 000'))
    assert got.problems == []
    assert got.row["status"] is None


def test_sound_lines_beside_broken_ones_stay_as_they_are(run) -> None:
    got = read(run, line(http_user_agent=r"\x22"), line()[:-1] + ',"urt":}',
               headers=("req_header.user-agent",))  # fmt: skip
    assert got.problems == []
    assert got.frame["req_header.user-agent"].to_list() == [r"\x22", None]


def test_invalid_utf8(run) -> None:
    got = run(
        line(http_user_agent="ä").encode("utf-8").replace(b"\\u00e4", b"\xe4") + b"\n", FORMAT
    )
    assert got.frame.height == 1


def test_secrets(run) -> None:
    got = read(
        run,
        line(request="POST /v1beta/m?key=hunter2hunter2 HTTP/1.1"),
        line(request_uri="/v1/m?api_key=swordfish99"),
        line(args="key=trustno1trustno1"),
        line(http_authorization="Bearer sk-abcdefghijk"),
    )
    assert {"hunter2hunter2", "swordfish99", "trustno1trustno1", "sk-abcdefghijk"} <= set(
        got.secrets.learnt
    )
    assert None not in got.frame["key_tag"].to_list()


BAD = [
    ('{"time":"2026-11-22T10:00:01Z","status":200}', "neither request nor method nor URI"),
    ('{"time":"2026-11-22T10:00:01Z","status":"ok","uri":"/"}', "no HTTP status"),
    ('{"status":200,"uri":"/x"}', "no time"),
    ('{"time":"x","status":200,"uri":', "no JSON"),
    ("plain text", "no JSON"),
    ('{"time":"2026-11-22T10:00:01Z","status":200,"uri":"/","logger":"app"}', "another program"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_bad_lines(run, text, reason) -> None:
    got = read(run, line(), text, line())
    assert got.frame["record"].to_list() == [1, 3]
    (problem,) = got.problems
    assert (problem.kind, problem.record) == ("bad_line", 2)
    assert reason in problem.message


def test_lines_of_another_format(run) -> None:
    squid = "1795341601.123    456 192.0.2.1 TCP_MISS/200 5 GET http://a.test/ - HIER_DIRECT/192.0.2.9 text/html"
    got = read(run, line(), squid, line())
    assert got.frame["format"].to_list() == ["nginx-json", "squid", "nginx-json"]


def test_array(run) -> None:
    data = b"[" + line().encode() + b",\n" + line(status=503).encode() + b"]"
    assert run(data, FORMAT).frame["status"].to_list() == [200, 503]


FOREIGN = [
    {"status": "success", "model": "m", "startTime": "2026-11-22T10:00:01Z", "request_id": "x"},
    {"time": "2026-11-22T10:00:01Z", "level": "info", "msg": "listening"},
    {**BASE, "logger": "http.log.access"},
    {**BASE, "request": {"method": "GET", "uri": "/"}},
]


@pytest.mark.parametrize("item", FOREIGN)
def test_is_not_claimed(item) -> None:
    assert FORMAT.sniff(json.dumps(item).encode() + b"\n", "x.json") == 0.0


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.integers(0, 150))
def test_any_bytes(run, data, cut) -> None:
    whole = line(**UPSTREAM).encode()
    got = run(whole[:cut] + data + b"\n" + whole + b"\n", FORMAT, name="x.log")
    assert got.frame.height >= 1


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
                   st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2))  # fmt: skip


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(sorted(BASE | UPSTREAM)), VALUES))
def test_any_values(run, changes) -> None:
    got = read(run, line(), json.dumps({**BASE, **changes}))
    assert got.frame.height + len(got.problems) == 2


@pytest.mark.corpus
def test_other_products_keep_their_lines(corpus) -> None:
    folders = (
        "traefik_json",
        "caddy_json",
        "cloudflare_logpush",
        "kong_file_log",
        "envoy",
        "gcp_http_lb",
    )
    for folder in folders:
        for path in (corpus / "logs" / folder).glob("*.log"):
            found = format_of(path)
            assert found is None or found.name != "nginx-json"
