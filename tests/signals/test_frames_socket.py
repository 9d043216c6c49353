"""Realtime sockets: which answer was the last, how it ended, and who ended the socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer.signals.facts import AnswerFacts
from analyzer.signals.frames_socket import Close, Socket


def got(kind: str, **more: Any) -> tuple[bool, str]:
    return False, json.dumps({"type": kind, "event_id": "event_1", **more})


def sent(**value: Any) -> tuple[bool, str]:
    return True, json.dumps(value)


def done(status: str, reason: str | None = None, **more: Any) -> tuple[bool, str]:
    details = {"type": status, **({"reason": reason} if reason else {}), **more}
    usage = {"input_tokens": 10, "output_tokens": 4, "input_token_details": {"cached_tokens": 2}}
    output = [{"type": "message"}] if status != "failed" else []
    response = {"id": "resp_1", "status": status, "status_details": details, "output": output}
    return got("response.done", response={**response, "usage": usage})


def google(**value: Any) -> tuple[bool, str]:
    return False, json.dumps(value)


SESSION = got("session.created", session={"id": "sess_1", "model": "gpt-realtime"})
ASK = sent(type="response.create")
BEGUN = got("response.created", response={"id": "resp_1", "status": "in_progress"})
HI = got("response.output_audio_transcript.delta", delta="Hi")
FAILED = done("failed", error={"type": "server_error", "code": "oops", "message": "boom"})
ERROR = got("error", error={"type": "invalid_request_error", "code": "bad", "message": "no"})
SAID = google(serverContent={"modelTurn": {"parts": [{"text": "Hi"}]}})
TURN = google(
    serverContent={"turnComplete": True},
    usageMetadata={"promptTokenCount": 5, "responseTokenCount": 7},
)

SOCKETS: list[tuple[str, list[Any], Close | None, str | None, dict[str, Any]]] = [
    ("complete", [SESSION, ASK, BEGUN, HI, done("completed")], None, "complete",
     {"model_served": "gpt-realtime", "response_id": "sess_1", "finish_reason": "completed",
      "visible_output": True, "input_tokens": 10, "output_tokens": 4, "cached_tokens": 2,
      "stream_events": 4, "body_kind": "ndjson"}),
    ("usage of all answers", [SESSION, done("completed"), done("completed")], None, "complete",
     {"input_tokens": 20, "output_tokens": 8, "cached_tokens": 4}),
    ("failed", [SESSION, ASK, BEGUN, FAILED], None, "error",
     {"error_type": "server_error", "error_code": "oops", "error_message": "boom",
      "finish_reason": "failed"}),
    ("failed without a reason", [BEGUN, done("failed")], None, "error", {"error_shape": "openai"}),
    ("error event", [SESSION, ASK, ERROR], None, "error",
     {"error_type": "invalid_request_error", "error_code": "bad", "error_message": "no"}),
    ("an error that was recovered from", [SESSION, ERROR, ASK, BEGUN, HI, done("completed")], None,
     "complete", {"error_type": None, "error_shape": None, "error_message": None}),
    ("an answer after a failed one", [FAILED, ASK, BEGUN, HI, done("completed")], None, "complete",
     {"error_shape": None}),
    ("an answer, then an error", [BEGUN, HI, done("completed"), ERROR], None, "error",
     {"error_code": "bad"}),
    ("interrupted by speech", [BEGUN, HI, done("cancelled", "turn_detected")], None, "complete",
     {"finish_reason": "turn_detected"}),
    ("cancelled by the caller", [BEGUN, HI, done("cancelled")], None, "complete",
     {"finish_reason": "client_cancelled"}),
    ("length", [BEGUN, HI, done("incomplete", "max_output_tokens")], None, "complete",
     {"finish_reason": "max_output_tokens"}),
    ("filtered", [BEGUN, HI, done("incomplete", "content_filter")], None, "complete",
     {"finish_reason": "content_filter"}),
    ("export while an answer came", [SESSION, ASK, BEGUN, HI], None, "capture_cut",
     {"visible_output": True}),
    ("torn down while an answer came", [SESSION, ASK, BEGUN, HI], Close(aborted=True), "truncated",
     {}),
    ("closed while an answer came", [SESSION, ASK, BEGUN, HI], Close(1000), "truncated", {}),
    ("torn down before anything came", [SESSION, ASK], Close(aborted=True), "empty", {}),
    ("closed with a reason", [SESSION, ASK, BEGUN], Close(1011, "internal"), "error",
     {"error_code": "1011", "error_message": "internal", "error_shape": "text"}),
    ("closed without one", [SESSION, ASK], Close(1008), "error",
     {"error_code": "1008", "error_message": "WebSocket closed, code 1008"}),
    ("what the server said beats the code", [SESSION, ERROR], Close(1011, "x"), "error",
     {"error_code": "bad"}),
    ("a code after all was said", [BEGUN, HI, done("completed")], Close(1006), "complete",
     {"error_code": None}),
    ("nothing was asked", [SESSION], None, None, {"error_shape": None}),
    ("responses over a socket", [BEGUN, got("response.output_text.delta", delta="Hi"),
     got("response.completed", response={"status": "completed", "model": "gpt-5",
                                         "output": [{}], "usage": {"input_tokens": 1}})], None,
     "complete", {"model_served": "gpt-5", "input_tokens": 1, "visible_output": True}),
    ("responses, incomplete", [got("response.incomplete", response={
        "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}})], None,
     "complete", {"finish_reason": "max_output_tokens"}),
    ("responses, failed", [got("response.failed", response={
        "status": "failed", "error": {"code": "server_error", "message": "boom"}})], None,
     "error", {"error_code": "server_error"}),
    ("gemini", [sent(setup={"model": "m"}), google(setupComplete={}), SAID, TURN], None,
     "complete", {"visible_output": True, "input_tokens": 5, "output_tokens": 7}),
    ("gemini, a tool call", [google(toolCall={"functionCalls": [{}]})], None, "complete",
     {"visible_output": True}),
    ("gemini, interrupted", [SAID, google(serverContent={"interrupted": True})], None, "complete",
     {"finish_reason": "interrupted"}),
    ("gemini, midway", [SAID], Close(1006), "error", {"error_code": "1006"}),
    ("gemini closes instead of an error", [sent(setup={})], Close(1007, "API key not valid"),
     "error", {"error_message": "API key not valid"}),
    ("another application", [google(hello=1), sent(x=1), (False, "ping"), (False, None)], None,
     None, {"stream_events": 2, "visible_output": None, "error_shape": None}),
    ("another application, torn", [google(hello=1)], Close(aborted=True), None, {}),
    ("an error object", [google(error={"message": "Unauthorized"})], None, "error",
     {"error_message": "Unauthorized"}),
    ("no messages", [], Close(1000), None, {"stream_events": 0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "close", "state", "more"), [pytest.param(*row[1:], id=row[0]) for row in SOCKETS]
)
def test_sockets(
    messages: list[Any], close: Close | None, state: str | None, more: dict[str, Any]
) -> None:
    facts = AnswerFacts()
    socket = Socket(facts)
    socket.read(messages)
    socket.finish(close)
    assert facts.stream_state == state
    assert {name: getattr(facts, name) for name in more} == more


def test_body_text_is_short_whatever_came() -> None:
    facts = AnswerFacts()
    socket = Socket(facts)
    socket.read([SESSION, *[got("response.output_text.delta", delta="x" * 900)] * 50, ERROR, BEGUN])
    socket.finish(None)
    assert facts.body_text is not None
    assert facts.body_text.startswith('{"type": "session.created"')
    assert len(facts.body_text) < 6000
