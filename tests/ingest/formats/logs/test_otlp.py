from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect, lines
from analyzer.ingest.formats.logs.otlp import FORMAT

START = 1_760_000_000_000_000_000
TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"


def attributes(named):
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue", bool: "boolValue"}
    made = []
    for key, value in named.items():
        if isinstance(value, list):
            told = {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
        else:
            told = {kinds[type(value)]: str(value) if isinstance(value, int) else value}
        made.append({"key": key, "value": told})
    return made


def span(id_: str, kind, named, parent="", after=0, millis=100, error=None, **more):
    made = {
        "traceId": TRACE, "spanId": id_, "parentSpanId": parent, "name": "x", "kind": kind,
        "startTimeUnixNano": str(START + after * 1_000_000),
        "endTimeUnixNano": str(START + (after + millis) * 1_000_000),
        "attributes": attributes(named), **more,
    }  # fmt: skip
    if error is not None:
        made["status"] = {"code": 2, "message": error}
    return made


def document(*spans):
    scope = {"scope": {"name": "s"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}


def read(run, *spans, **more):
    return run((json.dumps(document(*spans)) + "\n").encode(), FORMAT, name="t.json", **more)


URL = "https://api.openai.com/v1/chat/completions?key=sk-0123456789abcdef0123"
GENAI = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "az.ai.openai",
         "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-1",
         "gen_ai.usage.input_tokens": 5, "gen_ai.response.finish_reasons": ["stop"],
         "gen_ai.response.id": "chatcmpl-1", "server.address": "api.openai.com"}  # fmt: skip
HTTP = {"http.request.method": "POST", "url.full": URL, "server.address": "api.openai.com"}


def test_an_http_client_span(run) -> None:
    got = read(run, span("aa", 3, {**HTTP, "http.response.status_code": 429, "error.type": "429"}))
    row = got.row
    assert row["started_at"] == datetime.fromtimestamp(START / 1e9, UTC)
    assert (row["duration_ms"], row["time_kind"]) == (100.0, "start")
    assert (row["status"], row["method"], row["host"], row["path"]) == (
        429, "POST", "api.openai.com", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["hop"], row["trace_id"], row["phase"]) == ("client", TRACE, "done")
    assert row["error_type"] is row["client_error"] is None
    assert row["key_tag"] == "key:sk-0123456789abcdef0123"


def test_old_names_of_attributes(run) -> None:
    named = {"http.method": "POST", "http.url": URL, "http.status_code": 200,
             "net.peer.name": "api.openai.com", "net.peer.port": 8443}  # fmt: skip
    row = read(run, span("aa", "SPAN_KIND_CLIENT", named)).row
    assert (row["status"], row["host"]) == (200, "api.openai.com")


OUTCOMES = [
    # error.type, error text -> status, ok, client_error
    ("", None, None, True, None),
    ("429", "slow", 429, None, None),
    ("timeout", "timed out", None, None, "timeout: timed out"),
    ("ConnectError", "", None, None, "ConnectError"),
]


@pytest.mark.parametrize(("kind", "error", "status", "ok", "told"), OUTCOMES)
def test_a_genai_span_alone(run, kind, error, status, ok, told) -> None:
    named = GENAI | ({"error.type": kind} if kind else {})
    row = read(run, span("aa", 3, named, error=error)).row
    assert (row["status"], row["ok"], row["client_error"]) == (status, ok, told)
    assert (row["endpoint"], row["llm"], row["provider"]) == ("chat", True, "azure")
    assert (row["model"], row["model_served"]) == ("gpt-4o", "gpt-4o-1")
    assert (row["input_tokens"], row["finish_reason"]) == (5, "stop")


def test_exceptions_are_events(run) -> None:
    event = {"name": "exception", "attributes": attributes(
        {"exception.type": "ReadTimeout", "exception.message": "too late"})}  # fmt: skip
    row = read(run, span("aa", 3, GENAI, error="x", events=[event])).row
    assert (row["error_type"], row["error_message"]) == ("ReadTimeout", "too late")


def test_a_genai_span_over_http_spans_is_not_counted(run) -> None:
    first = span("b1", 3, {**HTTP, "http.response.status_code": 429}, parent="aa")
    second = span("b2", 3, {**HTTP, "http.response.status_code": 200}, parent="aa", after=500)
    got = read(run, first, second, span("aa", 1, GENAI, millis=1000)).frame
    assert got["status"].to_list() == [429, 200]
    assert got["model"].to_list() == ["gpt-4o", "gpt-4o"]
    assert got["input_tokens"].to_list() == [None, 5]
    assert got["seen_in"].to_list() == [["t.json#1", "t.json#3"], ["t.json#2", "t.json#3"]]


def test_a_gateway_and_its_tries(run) -> None:
    served = {"http.request.method": "POST", "url.path": "/v1/chat/completions",
              "http.response.status_code": 502, "server.address": "gw.test"}  # fmt: skip
    tries = [span(f"b{n}", 3, {**HTTP, "http.response.status_code": 500 + n}, "aa", n * 10)
             for n in range(2)]  # fmt: skip
    row = read(run, *tries, span("aa", 2, served)).row
    assert (row["hop"], row["status"], row["upstream_status"]) == ("gateway", 502, 501)
    assert (row["upstream_tries"], row["upstream_address"]) == (2, "api.openai.com")
    web = {**served, "url.path": "/ask"}
    assert read(run, *tries, span("aa", 2, web)).frame.height == 3


def test_parents_that_come_in_another_block(run, monkeypatch) -> None:
    whole = lines.line_blocks

    def small(stream, longest, **told):
        return whole(stream, longest, block=64, **told)

    child = span("b1", 3, {**HTTP, "http.response.status_code": 200}, parent="aa")
    documents = [document(child), document(span("aa", 1, GENAI)), document(), document()]
    data = "".join(f"{json.dumps(item)}\n" for item in documents).encode()
    monkeypatch.setattr("analyzer.ingest.textlog.line_blocks", small)
    row = run(data, FORMAT).row
    assert (row["status"], row["model"]) == (200, "gpt-4o")


def test_other_spans_headers_and_documents(run, source) -> None:
    named = {**HTTP, "http.response.status_code": 200, "user_agent.original": "SDK/1",
             "http.response.header.retry-after": ["3"]}  # fmt: skip
    tool = span("cc", 1, {"gen_ai.operation.name": "execute_tool", "gen_ai.system": "openai"})
    database = span("dd", 3, {"db.system": "x"})
    data = json.dumps(document(tool, database, span("aa", 3, named)), indent=1).encode()
    assert detect.detect(source(data, "t.json")) is FORMAT
    wanted = ("req_header.user-agent", "resp_header.retry-after")
    row = run(data, FORMAT, headers=wanted).row
    assert (row["record"], row[wanted[0]], row[wanted[1]]) == (3, "SDK/1", "3")


def test_bad_lines(run) -> None:
    got = run(b'{"resourceSpans":[]}\nnonsense\n{"resourceSpans":[null]}\n', FORMAT)
    assert [(p.kind, p.record) for p in got.problems] == [("bad_line", 2)]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=100), at=st.integers(0, 400))
def test_any_bytes(run, data, at) -> None:
    good = json.dumps(document(span("aa", 3, GENAI))).encode()
    run(good[:at] + data + b"\n" + good + b"\n", FORMAT)


@pytest.mark.corpus
def test_logs_of_a_collector_are_refused_with_a_reason(corpus: Path, source, run) -> None:
    data = next((corpus / "logs/otel_collector").glob("*.log")).read_bytes()
    assert detect.detect(source(data, "x.log")) is FORMAT
    got = run(data, FORMAT)
    assert got.frame.height == 0
    refused = [problem for problem in got.problems if problem.kind == "no_spans"]
    assert sum(problem.count for problem in refused) == got.records
    assert "no spans" in refused[0].message
