"""WebSocket messages of realtime APIs: OpenAI Realtime, Responses over a socket, Gemini Live.

A socket lives for many answers, so that its state is that of the last one: an error that a later
answer followed was recovered from. A protocol that is not known says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analyzer.signals import usage
from analyzer.signals.completion import HIDDEN, NOTHING, VISIBLE, filled
from analyzer.signals.document import anything, items, mapping, word
from analyzer.signals.error_body import read_error
from analyzer.signals.facts import AnswerFacts
from analyzer.signals.stream import EVENT_CHARS, HEAD_CHARS, WHOLE_CHARS

_CUT = "\n…\n"
_GOOD_CLOSE = frozenset({1000, 1001, 1005})
"""Normal, going away, and closed without a code."""
_ASKS = frozenset({"response.create", "input_audio_buffer.commit"})
_SHOWN = (
    "response.output_text.", "response.text.", "response.audio.", "response.output_audio.",
    "response.audio_transcript.", "response.output_audio_transcript.",
    "response.function_call_arguments.", "conversation.item.input_audio_transcription.",
)  # fmt: skip
_FAMILIES = ("session.", "response.", "conversation.", "input_audio_buffer.", "rate_limits.")
_ENDS = frozenset(
    {"response.done", "response.completed", "response.incomplete", "response.failed",
     "response.cancelled"}
)  # fmt: skip
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Close:
    """How a socket was closed, as far as the recorder says: a code, a reason, or torn down."""

    code: int | None = None
    reason: str | None = None
    aborted: bool = False

    @property
    def bad(self) -> bool:
        """Whether it did not end as either side wanted."""
        return self.aborted or (self.code is not None and self.code not in _GOOD_CLOSE)


class Socket:
    """Reads the messages of one socket in order; :meth:`finish` fills the facts."""

    def __init__(self, facts: AnswerFacts) -> None:
        self._facts = facts
        self._state: str | None = None
        self._content = NOTHING
        self._speaks = False
        self._waiting = False
        """An answer was asked for or has begun, and has not ended."""
        self._events = 0
        self._head: list[str] = []
        self._size = 0
        self._last = self._error = ""

    def read(self, messages: Iterable[tuple[bool, str | None]]) -> None:
        """Take messages: whether the client sent it, and its text (``None`` for bytes)."""
        for sent, text in messages:
            if text is None:
                continue
            value = mapping(anything(text)) if text.lstrip()[:1] == "{" else {}
            if sent:
                self._asked(value)
                continue
            self._events += 1
            self._keep(text)
            self._told(value, text)

    def finish(self, close: Close | None) -> None:
        """Fill the facts from all messages and from how the socket was closed."""
        facts = self._facts
        facts.body_kind = "ndjson"
        facts.stream_events = self._events
        facts.body_text = self._excerpt()
        if close is not None and close.bad and (self._state != "complete" or self._waiting):
            self._closed(close)
        if not self._speaks and self._state is None:
            return
        facts.visible_output = self._content == VISIBLE if self._content else None
        facts.stream_state = self._ended(close)
        if facts.stream_state != "error":
            self._recovered()

    def _ended(self, close: Close | None) -> str | None:
        if self._state == "error":
            return "error"
        if self._waiting:
            if close is None:
                return "capture_cut"  # few recorders say that a socket was closed
            return "truncated" if self._content >= HIDDEN else "empty"
        return self._state

    def _closed(self, close: Close) -> None:
        """Take a code or reason for closing as the error, unless a message has told it better."""
        if self._state == "error" or (close.code is None and not close.reason):
            return
        self._speaks = True
        self._state = "error"
        self._facts.error_shape = "text"
        self._facts.error_code = None if close.code is None else str(close.code)
        self._facts.error_message = word(close.reason) or f"WebSocket closed, code {close.code}"

    def _recovered(self) -> None:
        facts = self._facts
        facts.error_shape = facts.error_type = facts.error_code = None
        facts.error_param = facts.error_message = facts.error_provider = None

    def _asked(self, value: dict[str, Any]) -> None:
        kind = value.get("type")
        if kind in _ASKS:
            self._speaks, self._waiting = True, kind == "response.create" or self._waiting
        elif "setup" in value or "clientContent" in value:
            self._waiting |= mapping(value.get("clientContent")).get("turnComplete") is True

    def _told(self, value: dict[str, Any], text: str) -> None:
        kind = value.get("type")
        if kind == "error" or isinstance(value.get("error"), dict):
            self._failed(value, text)
        elif isinstance(kind, str) and kind.startswith(_FAMILIES):
            self._speaks = True
            self._event(kind, value, text)
        elif "serverContent" in value or "toolCall" in value or "setupComplete" in value:
            self._speaks = True
            self._gemini(value)

    def _failed(self, value: dict[str, Any], text: str) -> None:
        self._recovered()
        if read_error(value, self._facts, sure=value.get("type") == "error"):
            self._speaks = True
            self._state, self._waiting, self._error = "error", False, text

    def _event(self, kind: str, value: dict[str, Any], text: str) -> None:
        if kind in ("session.created", "session.updated"):
            session = mapping(value.get("session"))
            self._facts.model_served = word(session.get("model")) or self._facts.model_served
            self._facts.response_id = self._facts.response_id or word(session.get("id"))
        elif kind == "response.created":
            self._waiting = True
            if self._state == "error":
                self._state = None
        elif kind in _ENDS:
            self._done(kind, mapping(value.get("response")), text)
        elif kind.startswith(_SHOWN):
            self._content = VISIBLE

    def _done(self, kind: str, response: dict[str, Any], text: str) -> None:
        """Take the end of one answer: its outcome and its usage, which is added up."""
        self._waiting = False
        self._facts.model_served = word(response.get("model")) or self._facts.model_served
        details = mapping(response.get("status_details") or response.get("incomplete_details"))
        status = response.get("status")
        self._add_usage(response.get("usage"))
        if status == "failed" or kind == "response.failed":
            error = details.get("error") or response.get("error")
            self._recovered()
            self._state, self._error = "error", text
            if not (
                isinstance(error, dict) and read_error({"error": error}, self._facts, sure=True)
            ):
                self._facts.error_shape = "openai"
            self._facts.finish_reason = "failed"
            return
        self._state = "complete"
        # A caller who interrupts cancels: that is how people talk, and no failure.
        self._facts.finish_reason = word(details.get("reason")) or word(status)
        if status == "cancelled" and not details.get("reason"):
            self._facts.finish_reason = "client_cancelled"
        if items(response.get("output")):
            self._content = VISIBLE

    def _gemini(self, value: dict[str, Any]) -> None:
        content = mapping(value.get("serverContent"))
        for part in items(mapping(content.get("modelTurn")).get("parts")):
            shown = isinstance(part, dict) and part.get("thought") is not True
            self._content = max(self._content, VISIBLE if shown else HIDDEN)
        if value.get("toolCall") or filled(mapping(content.get("outputTranscription")).get("text")):
            self._content = VISIBLE
        if content:
            self._waiting = True
        if content.get("turnComplete") is True or value.get("toolCall"):
            self._state, self._waiting = "complete", False
            self._facts.finish_reason = "turn_complete"
        elif content.get("interrupted") is True:
            self._state, self._waiting = "complete", False
            self._facts.finish_reason = "interrupted"
        counts = mapping(value.get("usageMetadata"))
        self._add_usage(
            {
                "input_tokens": counts.get("promptTokenCount"),
                "output_tokens": counts.get("responseTokenCount"),
            }
            if counts
            else None
        )

    def _add_usage(self, stated: Any) -> None:
        one = AnswerFacts()
        details = mapping(mapping(stated).get("input_token_details"))
        if not usage.fill_value(one, stated):
            return
        if one.cached_tokens is None:
            usage.fill_value(one, {"cache_read_input_tokens": details.get("cached_tokens")})
        for name in _COUNTS:
            count = getattr(one, name)
            if count is not None:
                setattr(self._facts, name, (getattr(self._facts, name) or 0) + count)

    def _keep(self, text: str) -> None:
        self._last = text
        if self._size <= WHOLE_CHARS:
            self._head.append(text[: WHOLE_CHARS + 1])
            self._size += len(text) + 1

    def _excerpt(self) -> str:
        """Return what the server said: all of it if that is short, else head, error and end."""
        if self._size <= WHOLE_CHARS:
            return "\n".join(self._head)
        parts = ["\n".join(self._head)[:HEAD_CHARS]]
        if self._error and self._error != self._last:
            parts.append(self._error[:EVENT_CHARS])
        return _CUT.join([*parts, self._last[:EVENT_CHARS]])
