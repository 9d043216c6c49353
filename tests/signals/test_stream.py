"""Streams: the rows of section 6 of the catalogue, and what a parser trips over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer.signals.body import read_answer

SSE = "text/event-stream; charset=utf-8"
DONE = "data: [DONE]\n\n"


def data(value: Any, event: str | None = None) -> str:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value, separators=(',', ':'))}\n\n"


def chat(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return data({"id": "chatcmpl-1", "model": "m-2", "choices": [choice], **more})


def typed(kind: str, **more: Any) -> str:
    return data({"type": kind, **more}, kind)


ROLE = chat({"role": "assistant", "content": ""})
HI = chat({"content": "Hi"})
STOP = chat({}, "stop")
USAGE = data({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}})
ERROR = data({"error": {"message": "boom", "type": "server_error", "code": None}})

START = typed(
    "message_start",
    message={"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 9, "output_tokens": 3}},
)
BLOCK = typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
THINK = typed("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm"})
PING = typed("ping")
END = typed("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
MESSAGE_STOP = typed("message_stop")
OVERLOADED = data(
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error"
)

CREATED = typed("response.created", response={"id": "resp_1", "model": "m", "error": None})
DELTA = typed("response.output_text.delta", delta="Hi")
COMPLETED = typed(
    "response.completed",
    response={
        "id": "resp_1",
        "status": "completed",
        "error": None,
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
        "usage": {
            "input_tokens": 4,
            "output_tokens": 6,
            "output_tokens_details": {"reasoning_tokens": 2},
        },
    },
)
INCOMPLETE = typed(
    "response.incomplete",
    response={"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
)
FAILED = typed(
    "response.failed",
    response={"status": "failed", "error": {"code": "server_error", "message": "gone"}},
)


def gemini(text: str | None, finish: str | None = None, **part: Any) -> str:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text, **part}] if text else []}}
    if finish:
        candidate["finishReason"] = finish
    return data(
        {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3}, "modelVersion": "g"}
    )


# row of the catalogue, body, state, finish reason, visible output, other fields
ROWS: list[tuple[str, str, str, str | None, bool, dict[str, Any]]] = [
    (
        "1 chat, healthy",
        ROLE + HI + STOP + USAGE + DONE,
        "complete",
        "stop",
        True,
        {"input_tokens": 7, "output_tokens": 2, "model_served": "m-2", "stream_events": 4},
    ),
    ("1 chat, cut", ROLE + HI, "truncated", None, True, {"error_shape": None}),
    ("2 finish without [DONE]", ROLE + HI + STOP, "complete", "stop", True, {}),
    ("3 [DONE] of a dead upstream", ROLE + DONE, "empty", None, False, {"stream_events": 1}),
    ("3 [DONE] alone", DONE, "empty", None, False, {"stream_events": 0}),
    (
        "4 error event",
        ROLE + HI + ERROR,
        "error",
        None,
        True,
        {"error_type": "server_error", "error_message": "boom", "error_shape": "openai"},
    ),
    ("4 error event, then [DONE]", ROLE + ERROR + DONE, "error", None, False, {}),
    ("4 error event in the middle", ROLE + ERROR + HI * 20 + DONE, "error", None, True, {}),
    (
        "5 openrouter",
        HI
        + chat(
            {"content": ""},
            "error",
            provider="X",
            error={"code": 502, "message": "died", "metadata": {"error_type": "unavailable"}},
        ),
        "error",
        "error",
        True,
        {"error_code": "502", "error_type": "unavailable", "error_shape": "openrouter"},
    ),
    ("5 finish reason error alone", HI + chat({}, "error") + DONE, "error", "error", True, {}),
    ("6 vllm abort", HI + chat({}, "abort") + DONE, "complete", "abort", True, {}),
    ("7 length", HI + chat({}, "length") + DONE, "complete", "length", True, {}),
    (
        "8 messages, healthy",
        START + BLOCK + PING + TEXT + END + MESSAGE_STOP,
        "complete",
        "end_turn",
        True,
        {"input_tokens": 9, "output_tokens": 5, "model_served": "claude-x", "response_id": "msg_1"},
    ),
    ("8 no message_stop", START + BLOCK + TEXT, "truncated", None, True, {}),
    (
        "9 error in messages",
        START + BLOCK + TEXT + OVERLOADED,
        "error",
        None,
        True,
        {"error_type": "overloaded_error", "error_shape": "anthropic"},
    ),
    ("10 only pings", START + PING + PING, "empty", None, False, {}),
    (
        "11 placeholder usage",
        START + BLOCK + TEXT,
        "truncated",
        None,
        True,
        {"input_tokens": 9, "output_tokens": None},
    ),
    ("12 responses, cut", CREATED + DELTA, "truncated", None, True, {"error_shape": None}),
    (
        "12 responses, healthy",
        CREATED + DELTA + COMPLETED,
        "complete",
        "completed",
        True,
        {"input_tokens": 4, "output_tokens": 6, "reasoning_tokens": 2, "response_id": "resp_1"},
    ),
    (
        "13 responses, incomplete",
        CREATED + DELTA + INCOMPLETE,
        "complete",
        "max_output_tokens",
        True,
        {},
    ),
    (
        "14 responses, failed",
        CREATED + DELTA + FAILED,
        "error",
        "failed",
        True,
        {"error_code": "server_error", "error_message": "gone"},
    ),
    (
        "14 responses, error event",
        CREATED + typed("error", code="rate_limit_exceeded", message="slow", param=None),
        "error",
        None,
        False,
        {"error_code": "rate_limit_exceeded", "error_message": "slow"},
    ),
    (
        "15 gemini, healthy",
        gemini("Hi") + gemini("!", "STOP"),
        "complete",
        "STOP",
        True,
        {"model_served": "g", "input_tokens": 3},
    ),
    ("15 gemini, no finish", gemini("Hi"), "truncated", None, True, {}),
    ("15 gemini, no text", gemini(None, "SAFETY"), "complete", "SAFETY", False, {}),
    ("15 gemini, thought only", gemini("Hm", "STOP", thought=True), "complete", "STOP", False, {}),
    (
        "15 gemini, blocked prompt",
        data({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        "complete",
        "PROHIBITED_CONTENT",
        False,
        {},
    ),
    ("18 deepseek keep-alive", ": keep-alive\n\n" * 9, "empty", None, False, {"stream_events": 0}),
    ("19 openrouter comments", ": OPENROUTER PROCESSING\n\n" * 3, "empty", None, False, {}),
    (
        "23 reasoning only",
        chat({"reasoning_content": "Hm"}) + chat({}, "length") + DONE,
        "complete",
        "length",
        False,
        {},
    ),
    ("23 thinking, then cut", START + THINK, "truncated", None, False, {}),
]


@pytest.mark.parametrize(
    ("body", "state", "finish", "visible", "more"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_catalogue_row(
    body: str, state: str, finish: str | None, visible: bool, more: dict[str, Any]
) -> None:
    facts = read_answer(body, SSE, 200)
    assert facts.body_kind == "sse"
    assert (facts.stream_state, facts.finish_reason) == (state, finish)
    assert facts.visible_output is visible
    assert {name: getattr(facts, name) for name in more} == more


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_line_ends_do_not_matter(row: tuple[Any, ...], newline: str) -> None:
    plain = read_answer(row[1], SSE, 200)
    other = read_answer(row[1].replace("\n", newline), SSE, 200)
    plain.body_text = other.body_text = None
    assert other == plain


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_content_type_may_be_missing(row: tuple[Any, ...]) -> None:
    if row[1].startswith(":"):
        pytest.skip("comments alone are only a stream by their content type")
    assert read_answer(row[1], None, 200) == read_answer(row[1], SSE, 200)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_cut_capture_is_never_blamed_on_the_server(row: tuple[Any, ...]) -> None:
    facts = read_answer(row[1], SSE, 200, capture_cut=True)
    ended = row[2] in ("complete", "error") or DONE in row[1]
    assert facts.stream_state == (row[2] if ended else "capture_cut")


def test_an_event_over_several_lines() -> None:
    pretty = "\n".join("data: " + line for line in json.dumps({"a": 1}, indent=1).split("\n"))
    choice = json.dumps({"choices": [{"delta": {"content": "Hi"}}]}, indent=1).split("\n")
    body = pretty + "\n\n" + "\n".join("data: " + line for line in choice) + "\n\n"
    facts = read_answer(body, SSE, 200)
    assert facts.stream_events == 2
    assert facts.visible_output is True


def test_the_word_error_in_a_text_is_no_error() -> None:
    words = chat({"content": 'print("error") event: error {"error": 1} data: [DONE]'})
    assert read_answer(words + STOP + DONE, SSE, 200).stream_state == "complete"


def test_null_errors_in_every_chunk_are_no_error() -> None:
    body = chat({"content": "Hi"}, error=None) + chat({}, "stop", error=None) + DONE
    facts = read_answer(body, SSE, 200)
    assert (facts.stream_state, facts.error_shape) == ("complete", None)


def test_a_named_error_that_cannot_be_read() -> None:
    facts = read_answer(HI + "event: error\ndata: upstream exploded\n\n", SSE, 200)
    assert facts.stream_state == "error"
    assert (facts.error_shape, facts.error_message) == ("text", "upstream exploded")


def test_a_tool_call_is_visible() -> None:
    call = chat({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]})
    facts = read_answer(call + chat({}, "tool_calls") + DONE, SSE, 200)
    assert (facts.visible_output, facts.finish_reason) == (True, "tool_calls")


def test_usage_far_from_the_end_is_found() -> None:
    body = HI + USAGE + chat({"content": ""}) * 30 + STOP + DONE
    assert read_answer(body, SSE, 200).output_tokens == 2


def test_finish_far_from_the_end_is_found() -> None:
    body = HI + STOP + data({"choices": [], "note": "x"}) * 30
    facts = read_answer(body, SSE, 200)
    assert (facts.finish_reason, facts.stream_state) == ("stop", "complete")


def test_cost_is_taken_as_text() -> None:
    usage = '{"prompt_tokens":1,"completion_tokens":2,"cost":0.000123456789012345}'
    body = HI + STOP + 'data: {"choices":[],"usage":' + usage + "}\n\n" + DONE
    facts = read_answer(body, SSE, 200)
    assert (facts.cost, facts.currency) == ("0.000123456789012345", "USD")


def test_body_text_of_a_long_stream_keeps_head_error_and_end() -> None:
    body = ROLE + HI * 200 + ERROR + HI * 200 + STOP + DONE
    facts = read_answer(body, SSE, 200)
    assert facts.body_text is not None
    head, error, last = facts.body_text.split("\n…\n")
    assert body.startswith(head)
    assert len(head) == 1024
    assert "boom" in error
    assert '"finish_reason":"stop"' in last
    assert len(facts.body_text) <= 4096 + 1100


def test_a_failed_status_with_a_stream() -> None:
    facts = read_answer(OVERLOADED, SSE, 529)
    assert (facts.body_kind, facts.stream_state) == ("sse", "error")
    assert facts.error_type == "overloaded_error"


class TestLines:
    """NDJSON and the JSON array of Gemini."""

    def test_ollama(self) -> None:
        body = '{"model":"l","message":{"content":"Hi"},"done":false}\n' * 3
        end = (
            '{"model":"l","done":true,"done_reason":"stop","prompt_eval_count":4,"eval_count":3}\n'
        )
        facts = read_answer(body + end, "application/x-ndjson", 200)
        assert (facts.body_kind, facts.stream_state, facts.finish_reason) == (
            "ndjson",
            "complete",
            "stop",
        )
        assert (facts.input_tokens, facts.output_tokens) == (4, 3)
        cut = read_answer(body, "application/x-ndjson", 200)
        assert cut.stream_state == "truncated"

    def test_ollama_error(self) -> None:
        body = '{"response":"Hi","done":false}\n{"error":"runner crashed"}\n'
        facts = read_answer(body, "application/x-ndjson", 200)
        assert (facts.stream_state, facts.error_message) == ("error", "runner crashed")

    def test_gemini_array(self) -> None:
        first = '{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}'
        last = '{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}'
        whole = read_answer(f"[{first},\n{last}]", "application/json", 200)
        assert (whole.body_kind, whole.stream_state) == ("json", "complete")
        assert read_answer(f"[{first}]", "application/json", 200).stream_state == "truncated"
        opened = read_answer(f"[{first}\n,\n{first}", "application/json", 200)
        assert (opened.stream_state, opened.visible_output) == ("truncated", True)
        error = '{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}'
        broke = read_answer(f"[{first},{error}]", "application/json", 200)
        assert (broke.stream_state, broke.error_type) == ("error", "UNAVAILABLE")
