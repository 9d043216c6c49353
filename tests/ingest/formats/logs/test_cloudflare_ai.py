from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.cloudflare_ai import FORMAT

API = {
    "id": "01JD", "cached": False, "created_at": "2026-11-22T10:00:05.250Z", "duration": 5250,
    "model": "gpt-4o-mini", "path": "chat/completions", "provider": "openai", "success": True,
    "tokens_in": 12, "tokens_out": 34, "cost": 0.0000123, "custom_cost": False,
    "metadata": '{"user":"someone"}', "model_type": "chat", "request_content_type": "application/json",
    "request_type": "chat", "response_content_type": "text/event-stream", "status_code": 200,
    "step": 0,
}  # fmt: skip
ENCRYPTED = {"type": "encrypted", "key": "a2V5", "iv": "aXY=", "data": "ZGF0YQ=="}
PUSH = {
    "Cached": False, "Endpoint": "v1/messages", "Gateway": "prod", "Metadata": ENCRYPTED,
    "Model": "claude-x", "Provider": "anthropic", "RateLimited": False, "RequestBody": ENCRYPTED,
    "ResponseBody": ENCRYPTED, "StatusCode": 200,
}  # fmt: skip


def read(run, *items: dict, **more):
    data = "".join(json.dumps(item) + "\n" for item in items)
    return run(data.encode(), FORMAT, name="aig.json", **more)


def test_the_api(run) -> None:
    row = (got := read(run, API)).row
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 5, 250000, UTC)
    assert row["started_at"] == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert (row["duration_ms"], row["time_kind"], row["time_precision_ms"]) == (5250.0, "end", 1.0)
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["path"], row["model"], row["provider"]) == (
        "/chat/completions", "gpt-4o-mini", "openai",
    )  # fmt: skip
    assert (row["input_tokens"], row["output_tokens"]) == (12, 34)
    assert (row["cost"], row["currency"]) == (Decimal("0.0000123"), "USD")
    assert (row["request_id"], row["upstream_tries"], row["stream"]) == ("01JD", 1, True)
    assert (row["gateway"], row["hop"]) == ("cloudflare-ai-gateway", "gateway")
    assert got.problems == []
    assert "someone" not in repr(row)


def test_logpush(run) -> None:
    row = (got := read(run, PUSH)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["path"], row["model"], row["provider"]) == (
        "/v1/messages", "claude-x", "anthropic",
    )  # fmt: skip
    assert (row["started_at"], row["time_kind"], row["request_id"]) == (None, None, None)
    assert got.problems == []
    assert "ZGF0YQ" not in repr(row)


@pytest.mark.parametrize(
    ("base", "changes", "status", "answer", "phase", "flags"),
    [
        (API, {"status_code": 503, "success": False}, 503, 503, "done", None),
        (API, {"status_code": 429, "success": False}, 429, 429, "done", None),
        (API, {"status_code": None, "success": False}, None, None, "not_sent", None),
        (API, {"status_code": None, "success": None}, None, None, None, None),
        (API, {"cached": True}, 200, None, "not_sent", "Cached"),
        (PUSH, {"RateLimited": True, "StatusCode": 429}, 429, None, "not_sent", "RateLimited"),
        (PUSH, {"RateLimited": True, "StatusCode": None}, 429, None, "not_sent", "RateLimited"),
        (PUSH, {"Cached": True}, 200, None, "not_sent", "Cached"),
        (PUSH, {"StatusCode": "502"}, 502, 502, "done", None),
        (PUSH, {"StatusCode": 0}, None, None, None, None),
    ],
)
def test_who_answered(run, base, changes, status, answer, phase, flags) -> None:
    row = read(run, base | changes).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (status, answer, phase)
    assert row["proxy_flags"] == flags


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"provider": "google-ai-studio"}, {"provider": "google"}),
        ({"provider": "azure-openai"}, {"provider": "azure"}),
        ({"provider": "workers-ai", "path": "@cf/meta/llama-3"},
         {"provider": "workers-ai", "path": "/@cf/meta/llama-3", "llm": True}),
        ({"path": "https://gateway.ai.cloudflare.com/v1/a/b/openai/chat/completions"},
         {"path": "/v1/a/b/openai/chat/completions"}),
        ({"step": 2}, {"upstream_tries": 3}),
        ({"step": None}, {"upstream_tries": None}),
        ({"response_content_type": "application/json; charset=utf-8"},
         {"content_type": "application/json", "stream": None}),
        ({"cost": 1.5e-05}, {"cost": Decimal("0.000015")}),
        ({"cost": None}, {"cost": None, "currency": None}),
        ({"cost": "a lot"}, {"cost": None, "currency": None}),
        ({"started_at": "2026-11-22T10:00:00Z"},
         {"time_kind": "start", "ended_at": datetime(2026, 11, 22, 10, 0, 5, 250000, UTC)}),
        ({"created_at": None}, {"started_at": None, "duration_ms": 5250.0}),
    ],
)  # fmt: skip
def test_variants(run, changes, expected) -> None:
    row = read(run, API | changes).row
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("first", ["result", "success"])
def test_pages_of_the_api(run, source, first) -> None:
    said = {"success": True, "errors": [], "messages": []}
    info = {"result_info": {"count": 2, "page": 1}}

    def page(*ids):
        items = {"result": [API | {"id": name} for name in ids]}
        return items | info | said if first == "result" else said | items | info

    for text in (
        json.dumps(page("a", "b", "c")),
        json.dumps(page("a", "b", "c"), indent=2),
        json.dumps(page("a", "b")) + "\n" + json.dumps(page("c")) + "\n",
    ):
        assert detect.detect(source(text.encode(), "logs.json")) is FORMAT
        got = run(text.encode(), FORMAT, name="logs.json")
        assert got.frame["request_id"].to_list() == ["a", "b", "c"]
        assert got.problems == []


def test_a_page_that_breaks_off(run) -> None:
    text = json.dumps({"result": [API | {"id": name} for name in "ab"]})[:-40]
    got = run(text.encode(), FORMAT, name="logs.json")
    assert got.frame["request_id"].to_list() == ["a"]


def test_bad_lines_say_what_they_lack(run) -> None:
    got = run((json.dumps(PUSH) + '\n{"a": 1}\nhello\n').encode(), FORMAT, name="aig.json")
    assert got.frame.height == 1
    first = got.problems[0]
    assert first.record == 2
    assert first.message.endswith(": it names neither provider nor model nor gateway.")
    assert got.kinds == ["bad_line", "bad_line"]


def test_it_is_detected_among_all(source) -> None:
    for item in (API, PUSH):
        assert detect.detect(source((json.dumps(item) + "\n").encode(), "x.log")) is FORMAT


def test_mixed_with_another_dataset(run) -> None:
    other = {"EdgeStartTimestamp": 1795341600250000000, "EdgeResponseStatus": 200, "RayID": "a"}
    got = read(run, PUSH, other)
    assert sorted(got.frame["format"].to_list()) == ["cloudflare", "cloudflare-ai-gateway"]


@given(st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(sorted(API | PUSH)),
                    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
                              st.lists(st.integers(), max_size=2),
                              st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
                    max_size=6).map(lambda d: json.dumps(API | d).encode()),
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
    path = corpus / "usage" / "cloudflare_ai_gateway_log.json"
    (source,), _ = files.expand([str(path)])
    assert detect.detect(source) is FORMAT
    problems: list[Problem] = []
    rows = capture.read_frame([str(path)], problems=problems)
    told = json.loads(path.read_text())["result"]
    assert (rows.height, problems) == (len(told), [])
    for want, row in zip(told, rows.iter_rows(named=True), strict=True):
        assert (row["status"], row["model"]) == (want["status_code"], want["model"])
        assert (row["path"], row["request_id"]) == (want["path"], want["id"])
        assert (row["input_tokens"], row["output_tokens"]) == (
            want["tokens_in"],
            want["tokens_out"],
        )
        assert (row["duration_ms"], float(row["cost"])) == (want["duration"], want["cost"])
        assert row["ended_at"] == datetime.fromisoformat(want["created_at"])
