"""Amazon Bedrock's streams: frames that wrap another provider's events, or Converse's own.

``invoke-with-response-stream`` sends ``chunk`` frames whose payload holds one event of the model's
own protocol in base64; ``converse-stream`` names its events in a header. What goes wrong midway is
a frame with ``:message-type: exception`` inside an answer of status 200.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import msgspec

from analyzer.signals import usage
from analyzer.signals.completion import HIDDEN, NOTHING, VISIBLE, delivery, filled
from analyzer.signals.document import anything, document, items, mapping, word
from analyzer.signals.error_body import message_text
from analyzer.signals.facts import AnswerFacts
from analyzer.signals.frames import Frame, decode, is_eventstream
from analyzer.signals.stream import EVENT_CHARS, HEAD_CHARS, WHOLE_CHARS

_CUT = "\n…\n"
_METRICS = "amazon-bedrock-invocationMetrics"
_TERMINAL = frozenset({"message_stop", "message-end", "stream-end"})
_CONVERSE = ("contentBlockStart", "contentBlockDelta", "messageStop", "metadata")
_TEXT_KEYS = ("completion", "outputText", "generation")
"""Where Claude 2, Titan and Llama put their text."""
_FINISH_KEYS = ("stop_reason", "completionReason", "finish_reason")
_INPUT_KEYS = ("inputTextTokenCount", "prompt_token_count")
_OUTPUT_KEYS = ("totalOutputTextTokenCount", "generation_token_count")


class _Chunk(msgspec.Struct, gc=False):
    """Payload of a ``chunk`` frame."""

    data: Any = msgspec.field(default=None, name="bytes")


_CHUNK = msgspec.json.Decoder(_Chunk)


@dataclass(slots=True)
class _Reading:
    """What has been understood of one stream."""

    content: int = NOTHING
    finish: str | None = None
    terminal: bool = False
    speaks: bool = False
    """A frame of a protocol that is known."""
    error: str | None = None
    """Payload of the exception frame."""
    payloads: list[str] = field(default_factory=list)


def read_frames(body: str | bytes, facts: AnswerFacts, *, cut: bool) -> bool:
    """Fill ``facts`` from an event stream; whether ``body`` is one.

    A text is taken back to bytes where a recorder has written one character a byte. What was
    decoded as UTF-8 on the way is lost, and the stream counts as not recorded then.
    """
    data = body if isinstance(body, bytes) else _bytes_of(body)
    if not data or not is_eventstream(data):
        return False
    found = decode(data)
    facts.body_kind = "eventstream"
    reading = _Reading()
    for frame in found.frames:
        _read(frame, reading, facts)
    facts.stream_events = len(found.frames)
    facts.finish_reason = reading.finish
    facts.visible_output = reading.content == VISIBLE
    facts.stream_state = _state(reading, whole=found.whole, cut=cut)
    facts.body_text = _excerpt(reading)
    if not reading.speaks and facts.stream_state is None:
        facts.visible_output = None
    return True


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _read(frame: Frame, reading: _Reading, facts: AnswerFacts) -> None:
    kind = frame.headers.get(":message-type", "event")
    event = frame.headers.get(":exception-type") or frame.headers.get(":event-type", "")
    text = frame.payload.decode("utf-8", "replace")
    if kind in ("exception", "error") or event.endswith("Exception"):
        _exception(frame, event, text, reading, facts)
    elif event == "chunk":
        text = _unwrapped(frame.payload) or text
        _native(text, reading, facts)
    elif event in _CONVERSE or event in ("messageStart", "contentBlockStop"):
        reading.speaks = True
        _converse(event, mapping(anything(text)), reading, facts)
    reading.payloads.append(text)


def _unwrapped(payload: bytes) -> str | None:
    """Return the event in a ``chunk`` frame."""
    try:
        wrapped = _CHUNK.decode(payload)
        return base64.b64decode(wrapped.data, validate=True).decode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError, binascii.Error):
        return None


def _exception(frame: Frame, event: str, text: str, reading: _Reading, facts: AnswerFacts) -> None:
    """Take an exception frame; its type is written as AWS does in ``x-amzn-errortype``."""
    reading.speaks = True
    if reading.error is not None:
        return
    reading.error = text
    value = mapping(anything(text))
    kind = event or frame.headers.get(":error-code", "")
    said = value.get("message") or value.get("Message") or value.get("originalMessage")
    facts.error_shape = "flat"
    facts.error_type = word(kind[:1].upper() + kind[1:])
    facts.error_code = word(value.get("originalStatusCode"))
    facts.error_message = message_text(said or frame.headers.get(":error-message") or text.strip())


def _native(text: str, reading: _Reading, facts: AnswerFacts) -> None:
    """Take one event of the model's own protocol."""
    value = mapping(anything(text))
    found = document(text) if value else None
    if found is None:
        return
    reading.speaks = True
    said = delivery(found)
    reading.content = max(reading.content, said.content)
    finish = said.finish
    for key in _TEXT_KEYS:
        if filled(value.get(key)):
            reading.content = VISIBLE
    for output in items(value.get("outputs")):  # Mistral
        _see(reading, VISIBLE if filled(mapping(output).get("text")) else NOTHING)
        finish = finish or word(mapping(output).get("stop_reason"))
    for event in _CONVERSE:  # Nova
        if event in value:
            _converse(event, mapping(value[event]), reading, facts)
    finish = finish or next(
        (word(value[key]) for key in _FINISH_KEYS if word(value.get(key))), None
    )
    reading.finish = reading.finish or finish
    kind = value.get("type") or value.get("event_type")
    # Messages end with an event of their own; the other protocols with the reason to end.
    ends = finish is not None and not isinstance(value.get("type"), str)
    reading.terminal |= ends or kind in _TERMINAL or _METRICS in value
    _names(value, facts)
    _counts(value, facts)
    if value.get("type") == "message_start":
        usage.fill_start(facts, mapping(value.get("message")).get("usage"))
    else:
        usage.fill(facts, found)


def _names(value: dict[str, Any], facts: AnswerFacts) -> None:
    head = mapping(value.get("message"))
    facts.model_served = facts.model_served or word(head.get("model")) or word(value.get("model"))
    facts.response_id = facts.response_id or word(head.get("id")) or word(value.get("id"))


def _counts(value: dict[str, Any], facts: AnswerFacts) -> None:
    """Take the token counts that Titan, Llama and Bedrock's own metrics state."""
    metrics = mapping(value.get(_METRICS))
    sent = [value.get(key) for key in _INPUT_KEYS] + [metrics.get("inputTokenCount")]
    got = [value.get(key) for key in _OUTPUT_KEYS] + [metrics.get("outputTokenCount")]
    stated = {
        "input_tokens": next((count for count in sent if count is not None), None),
        "output_tokens": next((count for count in got if count is not None), None),
        "cache_read_input_tokens": metrics.get("cacheReadInputTokenCount"),
    }
    if any(count is not None for count in stated.values()):
        usage.fill_value(facts, stated)


def _converse(event: str, value: dict[str, Any], reading: _Reading, facts: AnswerFacts) -> None:
    if event == "contentBlockStart":
        _see(reading, VISIBLE if mapping(value.get("start")).get("toolUse") else NOTHING)
    elif event == "contentBlockDelta":
        delta = mapping(value.get("delta"))
        if filled(delta.get("text")) or "toolUse" in delta or filled(delta.get("image")):
            _see(reading, VISIBLE)
        elif delta.get("reasoningContent"):
            _see(reading, HIDDEN)
    elif event == "messageStop":
        reading.finish = reading.finish or word(value.get("stopReason"))
        reading.terminal = True
    elif event == "metadata":
        usage.fill_value(facts, value.get("usage"))


def _see(reading: _Reading, content: int) -> None:
    reading.content = max(reading.content, content)


def _state(reading: _Reading, *, whole: bool, cut: bool) -> str | None:
    if reading.error is not None:
        return "error"
    if reading.terminal:
        nothing = reading.content == NOTHING and reading.finish is None
        return "empty" if nothing else "complete"
    if cut:
        return "capture_cut"
    if not reading.speaks and whole and reading.payloads:
        return None  # another service's stream, whose end is not known
    return "truncated" if reading.content >= HIDDEN or not reading.speaks else "empty"


def _excerpt(reading: _Reading) -> str:
    """Return the events as lines if they are short, else the head, the error and the last event."""
    size = sum(map(len, reading.payloads)) + len(reading.payloads)
    if size <= WHOLE_CHARS:
        return "\n".join(reading.payloads)
    head = ""
    for payload in reading.payloads:
        head += payload[:HEAD_CHARS] + "\n"
        if len(head) >= HEAD_CHARS:
            break
    parts = [head[:HEAD_CHARS]]
    if reading.error is not None and reading.error != reading.payloads[-1]:
        parts.append(reading.error[:EVENT_CHARS])
    return _CUT.join([*parts, reading.payloads[-1][:EVENT_CHARS]])
