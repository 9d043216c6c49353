"""A mock model provider: OpenAI's chat and Anthropic's messages, with one fault for each port."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from http1 import Answer, CutError, Headers, Request, json_answer
from journal import TRACE, Journal, Truth

SENTENCE = "The lab answers in a few plain words so that a stream has several events ."
WORDS = SENTENCE.split()
CREATED = 1764000000
CUT_AFTER = 6
"""Events that a stream carries before the provider breaks it."""
SLOW_S = 8.0

FAULTS = ("healthy", "openai_503", "anthropic_529", "cut", "end_early", "slow", "error_event",
          "bad_key")  # fmt: skip

OVERLOAD_OPENAI = Truth(
    "the provider answered 503 overloaded", "upstream", "overloaded", "upstream"
)
OVERLOAD_ANTHROPIC = Truth(
    "the provider answered 529 overloaded", "upstream", "overloaded", "upstream"
)
BAD_KEY = Truth("the provider refused a wrong key", "client", "invalid_key", "upstream", "unbilled")
CUT_STREAM = Truth(
    f"the provider dropped the connection after {CUT_AFTER} events, without the last chunk",
    "network", "stream_interrupted", knowable=False, staged_layer="upstream",
)  # fmt: skip
EARLY_END = Truth(
    f"the provider ended the body properly after {CUT_AFTER} events, without the terminal event",
    "network", "stream_interrupted", knowable=False, staged_layer="upstream",
)  # fmt: skip
EVENT_OVERLOADED = Truth(
    "the provider sent an overloaded_error event inside its 200 stream",
    "upstream", "overloaded", "upstream",
)  # fmt: skip
EVENT_SERVER_ERROR = Truth(
    "the provider sent a server_error event inside its 200 stream",
    "upstream", "internal_error", "upstream",
)  # fmt: skip


class Provider:
    """One port of the provider. ``fault`` is what it does, to all requests or the next few."""

    def __init__(
        self, journal: Journal, fault: str = "healthy", ids: Iterator[int] | None = None
    ) -> None:
        self._journal = journal
        self._fault = fault
        self._left: int | None = None
        self._ids = ids or itertools.count(1)

    def stage(self, fault: str, requests: int) -> None:
        """Give the next requests this fault, then be healthy."""
        self._fault, self._left = fault, requests

    def _next_fault(self) -> str:
        if self._left is None:
            return self._fault
        self._left -= 1
        return self._fault if self._left >= 0 else "healthy"

    async def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        number = int(request.headers.get(TRACE, "-1"))
        messages = request.path.endswith("/messages")
        ids = self._id_headers(messages)
        fault = self._next_fault()
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
        if fault == "openai_503":
            self._journal.fail(number, OVERLOAD_OPENAI)
            return self._overloaded(ids)
        if fault == "anthropic_529":
            self._journal.fail(number, OVERLOAD_ANTHROPIC)
            return self._anthropic_error(529, "", "overloaded_error", "Overloaded", ids)
        if fault == "bad_key":
            self._journal.fail(number, BAD_KEY)
            return self._bad_key(request, messages, ids)
        if request.path.endswith("/models"):
            return json_answer(200, "OK", models(["gpt-5-mini", "gpt-5"], "openai"), ids)
        return self._completion(request, number, fault, ids)

    def _id_headers(self, messages: bool) -> Headers:
        number = next(self._ids)
        if messages:
            return [
                ("request-id", f"req_lab{number:020d}"),
                ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            ]
        return [
            ("x-request-id", f"req_lab{number:028d}"),
            ("openai-organization", "lab"),
            ("openai-version", "2020-10-01"),
            ("openai-processing-ms", "41"),
        ]

    def _overloaded(self, ids: Headers) -> Answer:
        message = "The engine is currently overloaded, please try again later"
        error = {"message": message, "type": "service_unavailable_error", "param": None}
        value = {"error": {**error, "code": "server_is_overloaded"}}
        return json_answer(503, "Service Unavailable", value, ids)

    def _anthropic_error(
        self, status: int, reason: str, kind: str, message: str, ids: Headers
    ) -> Answer:
        value = {"type": "error", "error": {"type": kind, "message": message}}
        extra = [("x-should-retry", "true")] if status == 529 else []
        value["request_id"] = ids[0][1]
        return json_answer(status, reason, value, [*ids, *extra])

    def _bad_key(self, request: Request, messages: bool, ids: Headers) -> Answer:
        if messages:
            text = "invalid x-api-key"
            return self._anthropic_error(401, "Unauthorized", "authentication_error", text, ids)
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        message = f"Incorrect API key provided: {key[:7]}{'*' * 8}{key[-4:]}."
        error = {"message": message, "type": "invalid_request_error", "param": None}
        value = {"error": {**error, "code": "invalid_api_key"}}
        return json_answer(401, "Unauthorized", value, ids)

    def _completion(self, request: Request, number: int, fault: str, ids: Headers) -> Answer:
        asked = request.json()
        model, serial = str(asked.get("model")), next(self._ids)
        messages = request.path.endswith("/messages")
        if not asked.get("stream"):
            make = message if messages else completion
            return json_answer(200, "OK", make(model, serial), ids)
        wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        events = message_events(model, serial) if messages else chunks(model, serial, wants_usage)
        failed = self._break(events, fault, messages, ids[0][1], number)
        headers = [("content-type", "text/event-stream; charset=utf-8"), *ids]
        return Answer(200, "OK", headers, _paced(failed, cut=fault == "cut"))

    def _break(
        self, events: list[bytes], fault: str, messages: bool, request_id: str, number: int
    ) -> list[bytes]:
        if fault == "cut":
            self._journal.fail(number, CUT_STREAM)
            return events[:CUT_AFTER]
        if fault == "end_early":
            self._journal.fail(number, EARLY_END)
            return events[:CUT_AFTER]
        if fault != "error_event":
            return events
        self._journal.fail(number, EVENT_OVERLOADED if messages else EVENT_SERVER_ERROR)
        if messages:
            error: dict[str, Any] = {"type": "overloaded_error", "message": "Overloaded"}
            value = {"type": "error", "error": error, "request_id": request_id}
            return [*events[:CUT_AFTER], sse(value, "error")]
        text = "The server had an error while processing your request. Sorry about that!"
        error = {"message": text, "type": "server_error", "param": None, "code": None}
        return [*events[:CUT_AFTER], sse({"error": error})]


async def _paced(events: list[bytes], cut: bool) -> AsyncIterator[bytes]:
    for event in events:
        yield event
        await asyncio.sleep(0.02)
    if cut:
        raise CutError


def sse(value: Any, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    data = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {data}\n\n".encode()


def models(ids: list[str], owner: str) -> dict[str, Any]:
    """Return a list of models in OpenAI's shape."""
    rows = [{"id": name, "object": "model", "created": CREATED, "owned_by": owner} for name in ids]
    return {"object": "list", "data": rows}


def _usage() -> dict[str, Any]:
    tokens = len(WORDS)
    return {"prompt_tokens": 12, "completion_tokens": tokens, "total_tokens": 12 + tokens}


def completion(model: str, serial: int) -> dict[str, Any]:
    """Return a whole chat completion."""
    said = {"role": "assistant", "content": " ".join(WORDS)}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    head = {"id": f"chatcmpl-lab{serial:06d}", "object": "chat.completion", "created": CREATED}
    return {**head, "model": model, "choices": [choice], "usage": _usage()}


def chunks(model: str, serial: int, usage: bool) -> list[bytes]:
    """Return the events of a streamed chat completion."""
    head = {"id": f"chatcmpl-lab{serial:06d}", "object": "chat.completion.chunk"}
    head |= {"created": CREATED, "model": model}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        return sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": word + " "}) for word in WORDS]
    events.append(chunk({}, "stop"))
    if usage:
        events.append(sse({**head, "choices": [], "usage": _usage()}))
    return [*events, sse("[DONE]")]


def message(model: str, serial: int) -> dict[str, Any]:
    """Return a whole message in Anthropic's shape."""
    return {
        "id": f"msg_lab{serial:06d}", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": " ".join(WORDS)}],
        "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": len(WORDS)},
    }  # fmt: skip


def message_events(model: str, serial: int) -> list[bytes]:
    """Return the events of a streamed message."""
    begun = message(model, serial) | {"content": [], "stop_reason": None}
    begun["usage"] = {"input_tokens": 12, "output_tokens": 3}
    block = {"type": "text", "text": ""}
    values: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
    ]
    for word in WORDS:
        delta = {"type": "text_delta", "text": word + " "}
        values.append({"type": "content_block_delta", "index": 0, "delta": delta})
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    values += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": len(WORDS)}},
        {"type": "message_stop"},
    ]
    return [sse(value, value["type"]) for value in values]
