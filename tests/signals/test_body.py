"""Bodies in general: kinds, completions that are no streams, requests, and that nothing raises."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from analyzer import columns, vocabulary
from analyzer.signals.body import read_answer, read_request
from analyzer.signals.facts import AnswerFacts

JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (None, JSON, "absent"),
        ("", JSON, "empty"),
        (b"", None, "empty"),
        (" \n\n ", JSON, "empty"),
        ("{}", "text/html", "json"),
        ("null", JSON, "json"),
        ("[1]", None, "json"),
        ('{"a": NaN}', JSON, "json"),
        ("\ufeff{}", JSON, "json"),
        ('{"a": ', JSON, "text"),
        ("plain", None, "text"),
        ("data: {}\n\n", None, "sse"),
        ("<html></html>", "text/event-stream", "html"),
        ("<?xml version='1.0'?><Error/>", "application/xml", "text"),
        (b"\x00\x01\xff", None, "binary"),
        (b"\xff\xfe\x80", "audio/mpeg", "binary"),
        (b"\x00\x00\x00\x10", "application/vnd.amazon.eventstream", "eventstream"),
        ('{"a":1}\n{"b":2}\n', None, "ndjson"),
        ("h\ufeffi".encode(), "text/plain", "text"),
        (b"caf\xe9", "text/plain", "text"),
    ],
)
def test_kind(body: Any, content_type: str | None, kind: str) -> None:
    assert read_answer(body, content_type, 200).body_kind == kind


@pytest.mark.parametrize(
    ("content_type", "state"),
    [("text/event-stream", "not_recorded"), ("application/x-ndjson", "not_recorded"), (JSON, None)],
)
def test_a_body_that_was_not_recorded(content_type: str, state: str | None) -> None:
    assert read_answer(None, content_type, 200) == AnswerFacts(stream_state=state)


def test_json_cut_by_the_recorder() -> None:
    assert read_answer('{"choices": [', JSON, 200, capture_cut=True).stream_state == "capture_cut"
    assert read_answer('{"choices": [', JSON, 200).stream_state is None


CHAT = {
    "id": "chatcmpl-1",
    "model": "m",
    "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            CHAT,
            {
                "visible_output": True,
                "finish_reason": "stop",
                "input_tokens": 5,
                "output_tokens": 2,
                "cached_tokens": 1,
                "reasoning_tokens": 0,
                "model_served": "m",
                "response_id": "chatcmpl-1",
                "error_shape": None,
            },
        ),
        # catalogue section 6, row 20
        ({"choices": []}, {"visible_output": False, "finish_reason": None}),
        (
            {"choices": [{"message": {"content": None}, "finish_reason": None}]},
            {"visible_output": False},
        ),
        (
            {"choices": [{"text": "Hi", "finish_reason": "length"}]},
            {"visible_output": True, "finish_reason": "length"},
        ),
        # row 21
        (
            {"error": {"code": 502, "message": "late"}},
            {"error_code": "502", "error_shape": "openrouter", "visible_output": False},
        ),
        (
            {
                "choices": [
                    {
                        "message": {"content": "Hi"},
                        "finish_reason": "error",
                        "error": {"code": 502, "message": "late"},
                    }
                ]
            },
            {"error_code": "502", "finish_reason": "error", "visible_output": True},
        ),
        (
            {
                "type": "message",
                "id": "msg_1",
                "content": [{"type": "text", "text": "Hi"}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 2},
            },
            {
                "visible_output": True,
                "finish_reason": "end_turn",
                "input_tokens": 3,
                "cached_tokens": 2,
            },
        ),
        (
            {"type": "message", "content": [], "stop_reason": "refusal"},
            {"visible_output": False, "finish_reason": "refusal"},
        ),
        (
            {
                "type": "message",
                "content": [{"type": "thinking", "thinking": "Hm"}],
                "stop_reason": "max_tokens",
            },
            {"visible_output": False, "finish_reason": "max_tokens"},
        ),
        (
            {
                "object": "response",
                "status": "completed",
                "error": None,
                "output": [{"type": "reasoning"}, {"type": "function_call", "name": "f"}],
                "usage": {"input_tokens": 1, "output_tokens": 2},
            },
            {"visible_output": True, "finish_reason": "completed", "error_shape": None},
        ),
        (
            {"object": "response", "status": "queued", "output": []},
            {"visible_output": None, "finish_reason": None},
        ),
        (
            {
                "candidates": [
                    {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "MAX_TOKENS"}
                ],
                "usageMetadata": {"promptTokenCount": 1, "thoughtsTokenCount": 9},
            },
            {
                "visible_output": True,
                "finish_reason": "MAX_TOKENS",
                "reasoning_tokens": 9,
                "stream_state": None,
            },
        ),
        (
            {
                "output": {"message": {"content": [{"text": "Hi"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 1, "outputTokens": 2},
            },
            {"visible_output": True, "finish_reason": "end_turn", "output_tokens": 2},
        ),
        (
            {"finish_reason": "COMPLETE", "message": {"content": [{"type": "text", "text": "Hi"}]}},
            {"visible_output": True, "finish_reason": "COMPLETE"},
        ),
        ({"object": "list", "data": [{"id": "m"}]}, {"visible_output": None}),
        ({"data": [{"embedding": [0.1]}], "model": "e"}, {"visible_output": True}),
        ({"input_tokens": 12}, {"visible_output": None, "finish_reason": None}),
        (
            {
                "choices": [{"message": {"content": "x"}}],
                "usage": {"prompt_tokens": 1.0, "completion_tokens": -1, "cost": "0.10"},
            },
            {"input_tokens": 1, "output_tokens": None, "cost": "0.10", "currency": "USD"},
        ),
    ],
)
def test_completion(body: Any, expected: dict[str, Any]) -> None:
    facts = asdict(read_answer(json.dumps(body), JSON, 200))
    assert {name: facts[name] for name in expected} == expected


def test_deep_json_is_survived() -> None:
    for deep in ('{"error":' * 60_000, "[" * 100_000, '{"a":' * 900 + "1" + "}" * 900):
        assert read_answer(deep, JSON, 500).body_kind in ("text", "json")
        read_request(deep, JSON)


def test_half_surrogates_are_replaced() -> None:
    for body in ("\ud83d", '{"error":{"message":"\ud83d"}}', '{"error":{"message":"\\ud83d"}}'):
        facts = read_answer(body, JSON, 500)
        assert facts.error_message == "\ufffd"


KEYS = [
    *("error", "errors", "choices", "message", "type", "delta", "content", "usage", "candidates"),
    *("response", "output", "data", "finish_reason", "code", "metadata", "detail", "details"),
    *("success", "done", "model", "status", "object", "parts", "text", "tokens", "cost", "item"),
    *("stop_reason", "promptFeedback", "usageMetadata"),
]
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=200),
    st.text(st.characters(), max_size=200),
    st.text(alphabet='{}[]",:\n \r<>dataev1', max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(json.dumps),
)
TYPES = st.sampled_from(
    [None, "", JSON, "text/event-stream", "text/html", "application/x-ndjson", "audio/mp3"]
)


@settings(deadline=None)
@given(
    body=BODIES,
    content_type=TYPES | st.text(max_size=20),
    status=st.sampled_from([None, 200, 404, 503]),
    wrap=st.sampled_from(["{}", "data: {}\n\n", "event: error\ndata: {}\n\n", "[{}]", "{}\n{}"]),
    cut=st.booleans(),
)
@example(body="[DONE]", content_type=None, status=200, wrap="data: {}", cut=False)
@example(body='{"choices":[{"delta":5}]}', content_type=None, status=200, wrap="{}", cut=False)
def test_any_answer_gives_facts_that_fit_the_columns(
    body: Any, content_type: str | None, status: int | None, wrap: str, cut: bool
) -> None:
    if isinstance(body, str):
        body = wrap.replace("{}", body)
    facts = read_answer(body, content_type, status, cut)
    assert facts.body_kind in vocabulary.words(vocabulary.BODY_KINDS)
    assert facts.stream_state in (None, *vocabulary.words(vocabulary.STREAM_STATES))
    assert facts.error_shape in (None, *vocabulary.words(vocabulary.ERROR_SHAPES))
    values = {k: v for k, v in asdict(facts).items() if k in columns.BY_NAME and k != "cost"}
    schema = {name: columns.BY_NAME[name].dtype for name in values}
    assert pl.DataFrame([values], schema=schema, strict=True).height == 1


@settings(deadline=None)
@given(text=st.none() | st.text(max_size=200) | BODIES.filter(lambda b: isinstance(b, str)))
def test_any_request_gives_facts(text: str | None) -> None:
    facts = read_request(text, "multipart/form-data")
    assert facts == read_request(text, "multipart/form-data")
    for value in (facts.model, facts.session_id):
        assert value is None or value.encode()


class TestRequest:
    def test_chat(self) -> None:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        facts = read_request(json.dumps(body), JSON)
        assert (facts.model, facts.stream, facts.llm_body) == ("m", True, True)

    @pytest.mark.parametrize("key", ["messages", "input", "prompt", "contents"])
    def test_llm_body(self, key: str) -> None:
        assert read_request(json.dumps({"model": "m", key: "x"}), JSON).llm_body
        assert not read_request(json.dumps({key: "x"}), JSON).llm_body

    @pytest.mark.parametrize(
        ("body", "session"),
        [
            (
                {"metadata": {"user_id": "user_ab_account__session_0f8fad5b-d9cb-469f-a165"}},
                "0f8fad5b-d9cb-469f-a165",
            ),
            ({"metadata": {"user_id": '{"session_id":"s-1"}'}}, "s-1"),
            ({"conversation": {"id": "conv_1"}}, "conv_1"),
            ({"prompt_cache_key": "p-1"}, "p-1"),
            ({"session_id": "s-2", "prompt_cache_key": "p-1"}, "s-2"),
            ({"metadata": {"user_id": "somebody"}}, None),
        ],
    )
    def test_session(self, body: dict[str, Any], session: str | None) -> None:
        assert read_request(
            json.dumps({"model": "m", "messages": [], **body}), JSON
        ).session_id == (session)

    @pytest.mark.parametrize(
        ("body", "secret"),
        [
            ({"api_key": "sk-test-0123456789"}, "sk-test-0123456789"),
            ({"config": {"apiKey": "sk-test-0123456789"}}, "sk-test-0123456789"),
            (
                {
                    "model": "m",
                    "messages": [],
                    "mcp_servers": [{"authorization_token": "Bearer tok-test-0123"}],
                },
                "tok-test-0123",
            ),
        ],
    )
    def test_secrets(self, body: dict[str, Any], secret: str) -> None:
        assert read_request(json.dumps(body), JSON).secrets == (secret,)

    def test_a_prompt_is_not_searched(self) -> None:
        body = {"model": "m", "messages": [{"content": {"api_key": "sk-test-0123456789"}}]}
        assert read_request(json.dumps(body), JSON).secrets == ()

    def test_form(self) -> None:
        facts = read_request("grant_type=refresh_token&refresh_token=rt-test-012345", None)
        assert facts.secrets == ("rt-test-012345",)

    def test_multipart(self) -> None:
        text = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--'
        assert read_request(text, "multipart/form-data; boundary=b").model == "whisper-1"

    @pytest.mark.parametrize("text", [None, "", "hello", "[1,2]", '{"model": ', "{}"])
    def test_nothing_to_read(self, text: str | None) -> None:
        facts = read_request(text, JSON)
        assert (facts.model, facts.llm_body) == (None, False)
