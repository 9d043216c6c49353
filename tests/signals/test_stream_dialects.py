"""Streams that are not server-sent events of the large three: Cohere, Ollama, Sourcegraph, others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer.signals.body import read_answer

SSE, COHERE, NDJSON = "text/event-stream", "application/stream+json", "application/x-ndjson"


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def events(*values: Any) -> str:
    return "".join(f"event: {v['type']}\ndata: {json.dumps(v)}\n\n" for v in values)


def cody(*values: Any, end: str = "event: done\ndata: {}\n\n") -> str:
    return "".join(f"event: completion\ndata: {json.dumps(v)}\n\n" for v in values) + end


COHERE_START = {"is_finished": False, "event_type": "stream-start", "generation_id": "g"}
COHERE_TEXT = {"is_finished": False, "event_type": "text-generation", "text": "Hi"}
COHERE_TOKENS = {"meta": {"tokens": {"input_tokens": 5, "output_tokens": 2}}}
V2_START = {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant"}}}
V2_TEXT = {"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}}
V2_END = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {
    "tokens": {"input_tokens": 5, "output_tokens": 2}}}}  # fmt: skip
OLLAMA = {"model": "llama", "message": {"role": "assistant", "content": "Hi"}, "done": False}


def cohere_end(reason: str) -> dict[str, Any]:
    return {"is_finished": True, "event_type": "stream-end", "finish_reason": reason,
            "response": COHERE_TOKENS}  # fmt: skip


STREAMS: list[tuple[str, str | None, str, str | None, dict[str, Any]]] = [
    ("cohere", lines(COHERE_START, COHERE_TEXT, cohere_end("COMPLETE")), COHERE, "complete",
     {"finish_reason": "COMPLETE", "visible_output": True, "body_kind": "ndjson"}),
    ("cohere, cut", lines(COHERE_START, COHERE_TEXT), COHERE, "truncated",
     {"visible_output": True}),
    ("cohere, toxic", lines(COHERE_START, cohere_end("ERROR_TOXIC")), COHERE, "complete",
     {"finish_reason": "ERROR_TOXIC", "visible_output": False}),
    ("cohere, nothing", lines(COHERE_START), COHERE, "empty", {"visible_output": False}),
    ("cohere, not recorded", None, COHERE, "not_recorded", {"body_kind": "absent"}),
    ("cohere v2", events(V2_START, V2_TEXT, V2_END), SSE, "complete",
     {"finish_reason": "COMPLETE", "input_tokens": 5, "output_tokens": 2}),
    ("cohere v2, cut", events(V2_START, V2_TEXT), SSE, "truncated", {"visible_output": True}),
    ("ollama", lines(OLLAMA, {**OLLAMA, "done": True, "done_reason": "stop"}), NDJSON, "complete",
     {"finish_reason": "stop"}),
    ("ollama, cut", lines(OLLAMA, OLLAMA), NDJSON, "truncated", {}),
    ("ollama, error", lines(OLLAMA, {"error": "model runner has unexpectedly stopped"}), NDJSON,
     "error", {"error_message": "model runner has unexpectedly stopped"}),
    ("sourcegraph", cody({"deltaText": "Hi", "stopReason": "end_turn"}), SSE, "complete",
     {"finish_reason": "end_turn", "visible_output": True}),
    ("sourcegraph without a reason", cody({"deltaText": "Hi"}), SSE, "complete", {}),
    ("sourcegraph, cut", cody({"deltaText": "Hi"}, end=""), SSE, "truncated", {}),
    ("another application", 'data: {"unread": 4}\n\ndata: {"unread": 5}\n\n', SSE, None,
     {"stream_events": 2}),
    ("another application, words", "data: hello\n\n", SSE, None, {}),
    ("another application, lines", lines({"level": "info"}, {"level": "warn"}), NDJSON, None, {}),
    ("cut inside its first event", 'data: {"id":"1","choices":[{"del', SSE, "empty", {}),
    ("only the role", 'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n', SSE, "empty", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind", "state", "more"), [pytest.param(*row[1:], id=row[0]) for row in STREAMS]
)
def test_streams(body: str | None, kind: str, state: str | None, more: dict[str, Any]) -> None:
    facts = read_answer(body, kind, 200)
    assert facts.stream_state == state
    assert {name: getattr(facts, name) for name in more} == more


@pytest.mark.parametrize("row", STREAMS, ids=[row[0] for row in STREAMS])
def test_a_recorder_that_stopped_is_not_the_server_that_stopped(row: Any) -> None:
    _, body, kind, state, _ = row
    cut = read_answer(body, kind, 200, capture_cut=True).stream_state
    assert cut == (state if state in ("complete", "error", "not_recorded") else "capture_cut")
