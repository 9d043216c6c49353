"""What the provider of the proxy lab says: completions, streams and errors of two API families."""

from __future__ import annotations

import json
from typing import Any

CREATED = 1764000000
MODEL = "gpt-5-mini"
SENTENCE = "The lab answers in a few plain words so that a stream has several events ."
WORDS = SENTENCE.split()
CUT_AFTER = 6
"""Events that a stream carries before the provider breaks it."""

REASONS = {
    200: "OK", 401: "Unauthorized", 429: "Too Many Requests", 500: "Internal Server Error",
    503: "Service Unavailable", 529: "Overloaded",
}  # fmt: skip

OPENAI_ERRORS = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    429: ("Rate limit reached for gpt-5-mini.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", None),
    503: ("The engine is currently overloaded.", "service_unavailable_error", None),
}
ANTHROPIC_ERRORS = {529: ("Overloaded", "overloaded_error")}

Headers = list[tuple[str, str]]


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def head(status: int, headers: Headers) -> bytes:
    """Return the head of an answer; every connection serves one request."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}"]
    lines += [f"{name}: {value}" for name, value in [*headers, ("connection", "close")]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: int, body: bytes, headers: Headers) -> bytes:
    """Return a complete answer with a JSON body."""
    framing = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return head(status, [*framing, *headers]) + body


def error(status: int, request_id: str) -> bytes:
    """Return a provider's own error, in the envelope of its family."""
    if status in ANTHROPIC_ERRORS:
        message, kind = ANTHROPIC_ERRORS[status]
        value: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": message}}
        return whole(status, _dump(value), [("request-id", request_id)])
    message, kind, code = OPENAI_ERRORS[status]
    value = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    extra = [("retry-after", "7")] if status == 429 else []
    return whole(status, _dump(value), [("x-request-id", request_id), *extra])


def completion(request_id: str) -> bytes:
    """Return a chat completion."""
    said = {"role": "assistant", "content": " ".join(WORDS)}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    tokens = len(WORDS)
    usage = {"prompt_tokens": 12, "completion_tokens": tokens, "total_tokens": 12 + tokens}
    value = {"id": f"chatcmpl-{request_id}", "object": "chat.completion", "created": CREATED}
    value |= {"model": MODEL, "choices": [choice], "usage": usage}
    return whole(200, _dump(value), [("x-request-id", request_id)])


def message(request_id: str) -> bytes:
    """Return a message in Anthropic's shape."""
    value = {
        "id": f"msg_{request_id}", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": " ".join(WORDS)}],
        "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": len(WORDS)},
    }  # fmt: skip
    return whole(200, _dump(value), [("request-id", request_id)])


def models(request_id: str) -> bytes:
    """Return the list of models."""
    row = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "lab"}
    return whole(200, _dump({"object": "list", "data": [row]}), [("x-request-id", request_id)])


def stream_head(request_id: str) -> bytes:
    """Return the head of an event stream."""
    kind = ("content-type", "text/event-stream; charset=utf-8")
    return head(200, [kind, ("x-request-id", request_id), ("transfer-encoding", "chunked")])


def events(request_id: str) -> list[bytes]:
    """Return the events of a streamed completion, the last is ``[DONE]``."""
    frame = {"id": f"chatcmpl-{request_id}", "object": "chat.completion.chunk"}
    frame |= {"created": CREATED, "model": MODEL}
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word + " "}, None) for word in WORDS]
    deltas.append(({}, "stop"))
    values = [
        {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    return [*(b"data: " + _dump(value) + b"\n\n" for value in values), b"data: [DONE]\n\n"]


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; the empty one ends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
