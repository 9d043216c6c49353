"""AWS event streams: the frames themselves, and what Bedrock sends in them."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import pytest
from eventstream import chunk, event, exception, frame
from hypothesis import given
from hypothesis import strategies as st

from analyzer.signals.body import read_answer
from analyzer.signals.frames import decode, is_eventstream

TYPE = "application/vnd.amazon.eventstream"
METRICS = {
    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 16, "outputTokenCount": 63},
}  # fmt: skip

# Converse
START = event("messageStart", {"role": "assistant"})
HI = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
TOOL = event("contentBlockStart", {"start": {"toolUse": {"name": "f", "toolUseId": "t"}}})
HIDDEN = event("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm"}}})
STOP = event("messageStop", {"stopReason": "end_turn"})
USAGE = event("metadata", {"usage": {"inputTokens": 4, "outputTokens": 2, "totalTokens": 6}})

# Anthropic's events in chunks
MESSAGE = chunk({"type": "message_start", "message": {
    "id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 9, "output_tokens": 1}}})  # fmt: skip
TEXT = chunk({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}})
DELTA = chunk(
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
)
END = chunk({"type": "message_stop", **METRICS})
THROTTLED = exception("throttlingException", {"message": "Too many requests"})

STREAMS: list[tuple[str, bytes, str | None, str | None, bool | None, dict[str, Any]]] = [
    ("converse", START + HI + STOP + USAGE, "complete", "end_turn", True,
     {"input_tokens": 4, "output_tokens": 2, "stream_events": 4, "error_shape": None}),
    ("converse without metadata", START + HI + STOP, "complete", "end_turn", True, {}),
    ("converse, a tool call", START + TOOL + STOP, "complete", "end_turn", True, {}),
    ("converse, reasoning only", START + HIDDEN + STOP, "complete", "end_turn", False, {}),
    ("converse, cut between frames", START + HI, "truncated", None, True, {"error_shape": None}),
    ("converse, cut inside a frame", (START + HI + STOP)[:-9], "truncated", None, True, {}),
    ("converse, nothing came", START, "empty", None, False, {}),
    ("converse, nothing said", START + event("messageStop", {}), "empty", None, False, {}),
    ("converse, exception", START + HI + THROTTLED, "error", None, True,
     {"error_type": "ThrottlingException", "error_message": "Too many requests",
      "error_shape": "flat"}),
    ("exception alone", exception("validationException", {"message": "bad"}), "error", None, False,
     {"error_type": "ValidationException"}),
    ("the model's own failure",
     exception("modelStreamErrorException", {"originalStatusCode": 424, "originalMessage": "boom"}),
     "error", None, False,
     {"error_type": "ModelStreamErrorException", "error_code": "424", "error_message": "boom"}),
    ("unmodelled error",
     frame(b"", _message_type="error", _error_code="InternalFailure", _error_message="oops"),
     "error", None, False, {"error_type": "InternalFailure", "error_message": "oops"}),
    ("anthropic", MESSAGE + TEXT + DELTA + END, "complete", "end_turn", True,
     {"model_served": "claude-x", "response_id": "msg_1", "input_tokens": 9, "output_tokens": 5}),
    ("anthropic, cut", MESSAGE + TEXT, "truncated", None, True, {"output_tokens": None}),
    ("anthropic, finished but for its end", MESSAGE + TEXT + DELTA, "truncated", "end_turn", True,
     {}),
    ("claude 2", chunk({"completion": " The", "stop_reason": None})
     + chunk({"completion": "", "stop_reason": "stop_sequence", **METRICS}), "complete",
     "stop_sequence", True, {"input_tokens": 16, "output_tokens": 63}),
    ("titan", chunk({"outputText": "Hi", "completionReason": "FINISH", "inputTextTokenCount": 8,
                     "totalOutputTextTokenCount": 17}), "complete", "FINISH", True,
     {"input_tokens": 8, "output_tokens": 17}),
    ("llama", chunk({"generation": "Hi", "stop_reason": None})
     + chunk({"generation": "", "stop_reason": "length", "prompt_token_count": 3,
              "generation_token_count": 9}), "complete", "length", True, {"output_tokens": 9}),
    ("llama, cut", chunk({"generation": "Hi", "stop_reason": None}), "truncated", None, True, {}),
    ("mistral", chunk({"outputs": [{"text": "Hi", "stop_reason": "stop"}]}), "complete", "stop",
     True, {}),
    ("cohere", chunk({"is_finished": False, "event_type": "text-generation", "text": "Hi"})
     + chunk({"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE"}),
     "complete", "COMPLETE", True, {}),
    ("nova", chunk({"contentBlockDelta": {"delta": {"text": "Hi"}}})
     + chunk({"messageStop": {"stopReason": "end_turn"}})
     + chunk({"metadata": {"usage": {"inputTokens": 2, "outputTokens": 3}}}), "complete",
     "end_turn", True, {"input_tokens": 2, "output_tokens": 3}),
    ("openai on bedrock", chunk({"choices": [{"delta": {"content": "Hi"}}]})
     + chunk({"choices": [{"delta": {}, "finish_reason": "stop"}]}), "complete", "stop", True, {}),
    ("another service, whole", event("assistantResponseEvent", {"content": "x"}), None, None, None,
     {"stream_events": 1}),
    ("another service, cut", event("records", {"a": 1}) + event("records", {})[:-3], "truncated",
     None, False, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "state", "finish", "visible", "more"),
    [pytest.param(*row[1:], id=row[0]) for row in STREAMS],
)
def test_streams(
    body: bytes, state: str | None, finish: str | None, visible: bool | None, more: dict[str, Any]
) -> None:
    facts = read_answer(body, TYPE, 200)
    assert facts.body_kind == "eventstream"
    assert (facts.stream_state, facts.finish_reason, facts.visible_output) == (
        state,
        finish,
        visible,
    )
    assert {name: getattr(facts, name) for name in more} == more
    # The recorder may drop the content type, or write one character a byte.
    for other in (
        read_answer(body, None, 200),
        read_answer(body.decode("latin-1"), TYPE, 200),
    ):
        assert other == facts


def test_a_recorder_that_stopped_is_not_the_server_that_stopped() -> None:
    assert read_answer(START + HI, TYPE, 200, capture_cut=True).stream_state == "capture_cut"
    assert read_answer(START + HI + STOP, TYPE, 200, capture_cut=True).stream_state == "complete"


def test_what_was_decoded_as_utf_8_is_lost_and_nobody_is_blamed() -> None:
    lossy = (START + HI + STOP).decode("utf-8", "replace")
    facts = read_answer(lossy, TYPE, 200)
    assert (facts.body_kind, facts.stream_state) == ("eventstream", "not_recorded")
    assert facts.visible_output is None


@pytest.mark.parametrize(
    ("body", "kind", "state"),
    [
        (None, "absent", "not_recorded"),
        ("", "empty", "empty"),
        (b"", "empty", "empty"),
        ('{"message":"Too many tokens"}', "json", None),
        (b'{"message":"Too many tokens"}', "json", None),
    ],
)
def test_a_body_that_holds_no_frames(body: Any, kind: str, state: str | None) -> None:
    facts = read_answer(body, TYPE, 429)
    assert (facts.body_kind, facts.stream_state) == (kind, state)
    assert facts.error_message == ("Too many tokens" if body and len(body) > 2 else None)


def test_body_text_of_a_long_stream_keeps_head_error_and_end() -> None:
    long = event("contentBlockDelta", {"delta": {"text": "x" * 400}})
    facts = read_answer(START + long * 40 + THROTTLED + USAGE, TYPE, 200)
    assert facts.body_text is not None
    assert facts.body_text.startswith('{"role": "assistant"}')
    assert "Too many requests" in facts.body_text
    assert facts.body_text.endswith("}}")
    assert len(facts.body_text) < 6000


def test_headers_of_every_kind_are_stepped_over() -> None:
    head = b"".join(
        bytes([1]) + name + bytes([kind]) + value
        for name, kind, value in (
            (b"a", 0, b""), (b"b", 1, b""), (b"c", 2, b"x"), (b"d", 3, b"xx"), (b"e", 4, b"x" * 4),
            (b"f", 5, b"x" * 8), (b"g", 6, b"\0\2xx"), (b"h", 8, b"x" * 8), (b"i", 9, b"x" * 16),
            (b"j", 7, b"\0\2ok"), (b"k", 77, b"")
        )
    )  # fmt: skip
    prelude = struct.pack(">II", 16 + len(head) + 2, len(head))
    made = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + b"{}" + b"\0\0\0\0"
    found = decode(made)
    assert [item.headers for item in found.frames] == [{"j": "ok"}]
    assert (found.whole, found.damaged) == (True, 1)


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(data: bytes) -> None:
    found = decode(data)
    assert sum(16 + len(item.payload) for item in found.frames) <= len(data)
    assert read_answer(data, TYPE, 200).body_kind != "absent"


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_one_wrong_byte_is_survived(at: int, value: int) -> None:
    body = bytearray(MESSAGE + TEXT + DELTA + END)
    body[at % len(body)] = value
    facts = read_answer(bytes(body), TYPE, 200)
    assert facts.body_kind in ("eventstream", "empty", "text", "binary")
    assert decode(bytes(body)).frames or not is_eventstream(bytes(body))


def test_only_a_prelude_with_its_checksum_is_a_frame() -> None:
    assert is_eventstream(HI)
    assert not is_eventstream(b"\0\0\0\x20" + HI[4:])
    assert not is_eventstream(json.dumps({"a": 1}).encode() * 9)
    assert not is_eventstream(b"")
