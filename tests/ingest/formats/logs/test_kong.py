from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.kong import FORMAT

MOMENT = datetime(2026, 11, 22, 10, tzinfo=UTC)
TRY = {"balancer_start": 1_795_341_600_001, "balancer_start_ns": 1.7953416e18,
       "balancer_latency": 0, "ip": "10.0.0.1", "port": 443}  # fmt: skip


def record(**changes):
    made = {
        "request": {
            "id": "kong-1", "uri": "/v1/chat/completions", "method": "POST", "size": 323,
            "url": "https://llm.gateway.test:8443/v1/chat/completions", "querystring": {},
            "headers": {"host": "LLM.gateway.test", "user-agent": "OpenAI/Python 1.0",
                        "authorization": "REDACTED"},
        },
        "response": {
            "status": 200, "size": 990,
            "headers": {"content-type": "application/json; x=y", "x-request-id": "req_9",
                        "set-cookie": ["a=1", "b=2"], "x-kong-request-id": "kong-1"},
        },
        "latencies": {"kong": 5, "proxy": 800, "request": 1500, "receive": 690},
        "tries": [TRY], "upstream_status": "200", "upstream_uri": "/v1", "source": "upstream",
        "service": {"read_timeout": 60000, "name": "openai"}, "started_at": 1_795_341_600_000,
        "client_ip": "192.0.2.1", "consumer": {"username": "someone"},
    }  # fmt: skip
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def data(*lines) -> bytes:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return "\n".join([*texts, ""]).encode()


def read(run, *lines, **more):
    return run(data(*lines), FORMAT, name="kong.log", **more)


def test_a_record(run) -> None:
    got = read(run, record(), headers=("req_header.user-agent", "resp_header.x-request-id"))
    row = got.row
    assert (row["started_at"], row["ended_at"]) == (MOMENT, MOMENT + timedelta(seconds=1.5))
    assert (row["duration_ms"], row["ttfb_ms"], row["wait_ms"], row["receive_ms"]) == (
        1500.0, 805.0, 800.0, 690.0,
    )  # fmt: skip
    assert (row["time_kind"], row["time_precision_ms"]) == ("start", 1.0)
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "llm.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["request_bytes"], row["response_bytes"]) == (323, 990)
    assert (row["request_id"], row["upstream_request_id"]) == ("kong-1", "req_9")
    assert (row["upstream_address"], row["upstream_tries"]) == ("10.0.0.1:443", 1)
    assert (row["hop_limit_ms"], row["proxy_flags"]) == (60_000.0, "upstream")
    assert row["content_type"] == "application/json"
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["resp_header.x-request-id"] == "req_9"
    assert row["key_tag"] is row["proxy_detail"] is row["model"] is None
    assert (row["format"], row["hop"]) == ("kong", "gateway")
    assert got.problems == []


NO_HEAD = {"kong": 3, "proxy": -1, "request": 60_003}
WHO = [
    # A plugin or the router.
    ({"source": "kong", "tries": [], "upstream_status": "", "latencies": NO_HEAD}, None, "not_sent"),
    ({"source": "kong", "tries": None, "upstream_status": None, "latencies": NO_HEAD}, None,
     "not_sent"),
    ({"source": "kong", "tries": {}, "upstream_status": "", "latencies": NO_HEAD}, None, "not_sent"),
    # Tried in vain: nginx puts a status of its own.
    ({"source": "kong", "upstream_status": "502", "latencies": NO_HEAD}, None, None),
    ({"source": "kong", "upstream_status": "502, 504", "tries": [TRY, TRY], "latencies": NO_HEAD},
     None, None),
    # A plugin replaced the answer.
    ({"source": "kong", "upstream_status": "429"}, 429, "done"),
    # The second try answered.
    ({"upstream_status": "502, 200", "tries": [TRY, TRY]}, 200, "done"),
    ({"upstream_status": 503}, 503, "done"),
    # Old versions have no source.
    ({"source": None, "upstream_status": "500"}, 500, "done"),
    ({"source": None, "upstream_status": "502", "latencies": NO_HEAD}, None, None),
    ({"source": None, "upstream_status": "", "tries": [], "latencies": NO_HEAD}, None, "not_sent"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "behind", "phase"), WHO)
def test_who_answered(run, changes, behind, phase) -> None:
    row = read(run, record(**changes)).row
    assert (row["upstream_status"], row["phase"]) == (behind, phase)
    several = changes.get("upstream_status")
    assert row["proxy_detail"] == (several if "," in str(several) else None)
    tried = changes.get("tries", [TRY])
    assert (row["upstream_tries"] or 0) == len(tried or ())
    assert (row["hop_limit_ms"] is None) == (not tried)


@pytest.mark.parametrize("plugin", ["proxy", "ai-proxy", "ai-proxy-advanced"])
def test_the_ai_plugins(run, plugin) -> None:
    meta = {"provider_name": "gemini", "request_model": "m-1", "response_model": "m-1-0613",
            "request_mode": "stream", "llm_latency": 900}  # fmt: skip
    usage = {"prompt_tokens": 49, "completion_tokens": 7, "total_tokens": 56, "cost": 0.0038,
             "time_to_first_token": 250, "prompt_tokens_details": {"cached_tokens": 40},
             "completion_tokens_details": {"reasoning_tokens": 3}}  # fmt: skip
    row = read(run, record(ai={plugin: {"meta": meta, "usage": usage}})).row
    assert (row["provider"], row["model"], row["model_served"]) == ("google", "m-1", "m-1-0613")
    assert (row["input_tokens"], row["output_tokens"]) == (49, 7)
    assert (row["cached_tokens"], row["reasoning_tokens"]) == (40, 3)
    assert (row["stream"], row["ttft_ms"], row["cost"]) == (True, 250.0, None)


def test_older_names_of_tokens(run) -> None:
    usage = {"prompt_token": 4, "completion_token": 5}
    row = read(run, record(ai={"proxy": {"meta": {}, "usage": usage}})).row
    assert (row["input_tokens"], row["output_tokens"], row["stream"]) == (4, 5, None)


def test_credentials_are_learnt(run) -> None:
    asked = {**record()["request"], "url": "https://h.test/v1?apikey=kq-0123456789",
             "headers": {"x-api-key": "sk-0123456789", "apikey": "kk-0123456789"}}  # fmt: skip
    got = read(run, record(request=asked))
    assert got.row["key_tag"] == "key:sk-0123456789"
    assert {"kq-0123456789", "sk-0123456789", "kk-0123456789"} <= set(got.secrets.learnt)
    assert (got.row["path"], got.row["host"]) == ("/v1", "h.test")


def test_a_batch_is_an_array(run) -> None:
    got = run(json.dumps([record(), record(source="kong")]).encode(), FORMAT)
    assert got.frame["proxy_flags"].to_list() == ["upstream", "kong"]
    assert got.frame["record"].to_list() == [1, 2]


def test_bad_lines_and_a_line_of_another_format(run) -> None:
    nginx = "2026/11/22 10:00:00 [error] 7#0: *1 x, client: 192.0.2.1"
    traefik = json.dumps({"DownstreamStatus": 200, "RequestPath": "/x", "level": "info"})
    got = read(run, record(), json.dumps(record())[:50], {"latencies": {"kong": 1}}, "text",
               traefik, record())  # fmt: skip
    assert got.frame["format"].to_list() == ["kong", "traefik-json", "kong"]
    bad = {problem.record: problem.message for problem in got.problems}
    assert sorted(bad) == [2, 3, 4]
    assert "neither latencies nor a status" in bad[3]
    assert read(run, record(), nginx).frame.height >= 1


def test_sniffing() -> None:
    assert FORMAT.sniff(data(record(), record()), "kong.log") == 0.97
    assert FORMAT.sniff(json.dumps([record()]).encode(), "kong.json") == 0.97
    assert FORMAT.sniff(data({"latencies": 5}), "x.log") == 0.0


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=80), at=st.integers(0, 1500), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, noise, at, out) -> None:
    usual = data(record())
    got = run(usual + usual[:at] + noise + usual[at + out :], FORMAT)
    assert got.frame.height + sum(problem.count for problem in got.problems) == got.records


@pytest.mark.corpus
def test_corpus(corpus) -> None:
    path = corpus / "logs" / "kong_file_log" / "Kong+developer.konghq.com__file-log-sample.log"
    sources, _ = files.expand([str(path)])
    found = detect.detect(sources[0])
    assert found is not None
    assert found.name == "kong"
    problems: list = []
    row = capture.read_frame([str(path)], problems=problems).row(0, named=True)
    told = json.loads(path.read_text())
    assert problems == []
    assert row["status"] == told["response"]["status"]
    assert str(row["upstream_status"]) == told["upstream_status"]
    assert row["duration_ms"] == told["latencies"]["request"]
    assert row["request_id"] == told["request"]["id"]
    assert (row["phase"], row["host"]) == ("done", "localhost:8000")
