"""Streams: did one end as its protocol says, what did it deliver, which error came in it.

Only the first events (until something visible came), the last ones and those that could hold an
error are decoded; the rest is counted. So a stream costs little more than splitting it into lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from analyzer.signals import usage
from analyzer.signals.completion import HIDDEN, NOTHING, VISIBLE, delivery
from analyzer.signals.document import Document, anything, document, mapping, word
from analyzer.signals.error_body import MESSAGE_CHARS, read_error
from analyzer.signals.facts import AnswerFacts
from analyzer.signals.lines import Events, Lines, Payloads

HEAD_CHARS = 1024
EVENT_CHARS = 2048
WHOLE_CHARS = 4096
_SHORT = 16
"""``[DONE]`` is shorter."""
_TAIL_EVENTS = 6
_SPLIT_CHARS = 65_536
_CUT = "\n…\n"

_TERMINAL = frozenset(
    {
        "message_stop",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "response.done",
        "image_generation.completed",
        "image_edit.completed",
        "speech.audio.done",
        "transcript.text.done",
        "message-end",
        "stream-end",
    }
)
_FAILED = frozenset({"error", "response.failed"})
_ANTHROPIC = frozenset(
    {
        "content_block_delta",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_start",
        "message_stop",
        "ping",
    }
)


class Reading(msgspec.Struct, gc=False):
    """What has been understood of one stream."""

    text: str
    facts: AnswerFacts
    events: Events
    cut: bool
    """The recorder stopped before the answer did."""
    quoted: bool
    """It has ``"error`` somewhere."""
    named_errors: frozenset[str] = frozenset()
    """Payloads of events whose ``event:`` line says error."""
    done: bool = False
    """``[DONE]`` was there."""
    terminal: bool = False
    finish: str | None = None
    finish_ends: bool = False
    """The finish reason itself ends this protocol: OpenAI chat, Gemini, Ollama."""
    content: int = NOTHING
    known: bool = False
    """An event belongs to a protocol that is known."""
    typed: bool = False
    """An event has a type that is none of Anthropic's."""
    error: str | None = None
    """Payload of the error event."""
    last: str | None = None
    """Payload of the last event that is not ``[DONE]``."""
    back: int = 0
    """How many events were looked at from the end."""
    counted: bool = False
    """The usage is known."""
    wants_usage: bool | None = None
    """Whether usage may stand far from the end; ``None`` while nobody asked."""

    def see_first(self, event: str) -> bool:
        """Take an event from the beginning; whether something visible came."""
        if len(event) < _SHORT and _is_done(event):
            self.done = True
            return False
        found = document(event)
        if found is None:
            return False
        _take_names(found, self.facts)
        self._take_end(found)
        return self.content == VISIBLE

    def see_last(self, event: str) -> bool:
        """Take an event from the end; whether how it ended and the usage are known."""
        back = self.back
        self.back = back + 1
        if len(event) < _SHORT and _is_done(event):
            self.done = True
            return False
        if self.last is None:
            self.last = event
        if back >= _TAIL_EVENTS:
            # Beyond the last few only usage or a finish reason can be missing, seldom both.
            if self.wants_usage is None:
                said = '"usage' in self.text or "_eval_count" in self.text
                self.wants_usage = said and not self.counted
            if not self.wants_usage and (self.finish is not None or self.terminal):
                return True
            if not self._worth(event):
                return False
        found = document(event)
        if found is None:
            return False
        self._take_end(found)
        self.counted = self.counted or _take_usage(found, self.facts)
        return self.counted and self.finish is not None and back >= 1

    def _worth(self, event: str) -> bool:
        """Whether decoding an event far from the end can still tell something."""
        if self.wants_usage and '"usage' in event and '"usage":null' not in event:
            return True
        return self.finish is None and "inish" in event and '_reason":null' not in event

    def _take_end(self, found: Document) -> None:
        said = delivery(found)
        if said.content > self.content:
            self.content = said.content
        if said.finish is not None:
            self.finish = self.finish or said.finish
            self.finish_ends = (
                self.finish_ends
                or found.choices is not None
                or found.candidates is not None
                or found.prompt_feedback is not None
                or found.done is True
                or found.delta_text is not None
            )
        kind = found.type if isinstance(found.type, str) else found.event_type
        if isinstance(kind, str):
            self.known = True
            self.typed = self.typed or kind not in _ANTHROPIC
            self.terminal = self.terminal or kind in _TERMINAL
        elif said.speaks or said.content or found.error or found.usage is not UNSET:
            self.known = True


def read_sse(text: str, facts: AnswerFacts, *, cut: bool) -> None:
    """Fill ``facts`` from a server-sent event stream."""
    read_all([begin(text, facts, cut=cut)])


def begin(text: str, facts: AnswerFacts, *, cut: bool) -> Reading:
    """Return a server-sent event stream that :func:`read_all` will read."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = Lines(text)
    quoted, named = _errors_in(text)
    if lines.plausible() and not named:
        return Reading(text, facts, lines, cut, quoted)
    events, errors = _general_events(text.split("\n"))
    return Reading(text, facts, Payloads(events), cut, quoted, errors)


def _errors_in(text: str) -> tuple[bool, bool]:
    """Return whether ``text`` has ``"error`` somewhere, and whether ``event: error``."""
    if len(text) > _SPLIT_CHARS:
        return '"error' in text, "event: error" in text or "event:error" in text
    if "error" not in text:
        return False, False
    # One search instead of three, and few hits as a rule.
    pieces = text.split("error")
    pieces.pop()
    quoted = named = False
    for piece in pieces:
        before = piece[-1:]
        if before == '"':
            quoted = True
        elif before in (" ", ":") and piece.endswith(("event: ", "event:")):
            named = True
    return quoted, named


def read_documents(text: str, payloads: list[str], facts: AnswerFacts, *, cut: bool) -> None:
    """Fill ``facts`` from NDJSON lines or from the elements of Gemini's JSON array."""
    read_all([Reading(text, facts, Payloads(payloads), cut, '"error' in text)])


def read_all(readings: Sequence[Reading]) -> None:
    """Fill the facts of streams: one step after the other, each for all of them."""
    for reading in readings:
        reading.events.walk(reading.see_first)
    for reading in readings:
        reading.events.walk_back(reading.see_last)
    for reading in readings:
        if reading.quoted or reading.named_errors or _failed(reading):
            _read_error(reading)
    for reading in readings:
        _tell(reading)


def _tell(reading: Reading) -> None:
    facts, text = reading.facts, reading.text
    if not (reading.done or reading.terminal):
        # Sourcegraph's gateway ends with an event that has a name and nothing in it.
        reading.terminal = text[-60:].rstrip().endswith("event: done\ndata: {}")
    facts.stream_events = len(reading.events) - reading.done
    facts.finish_reason = reading.finish
    facts.visible_output = reading.content == VISIBLE
    facts.stream_state = _state(reading)
    facts.body_text = _excerpt(reading)


def _is_done(event: str) -> bool:
    return len(event) < _SHORT and event.strip() == "[DONE]"


def _failed(reading: Reading) -> bool:
    """Whether an event says ``response.failed``; chat and Anthropic never fail like that."""
    if not reading.typed or "response.failed" not in reading.text:
        return False
    return (reading.terminal and reading.finish == "failed") or "error" in reading.text


def _general_events(lines: list[str]) -> tuple[list[str], frozenset[str]]:
    """Split as the specification says: data lines joined, a blank line ends an event."""
    events: list[str] = []
    errors: set[str] = set()
    data: list[str] = []
    name = ""
    for line in (*lines, ""):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif not line:
            if data:
                events.extend(_joined(data))
                if name == "error":
                    errors.add(events[-1])
            name, data = "", []
    return events, frozenset(errors)


def _joined(data: list[str]) -> list[str]:
    """Return one event, or several where a relay forgot the blank lines between them."""
    whole = "\n".join(data)
    if len(data) > 1 and document(whole) is None and document(data[0]) is not None:
        return data
    return [whole]


def _take_names(found: Document, facts: AnswerFacts) -> None:
    """Take model and id from whichever event names them first."""
    # The start event of Anthropic and of Responses wraps the answer's head.
    head = mapping(found.message or found.response)
    if facts.model_served is None:
        facts.model_served = word(found.model or found.model_version or head.get("model"))
    if facts.response_id is None:
        facts.response_id = word(head.get("id") or found.id or found.response_id)
    if found.type == "message_start":
        usage.fill_start(facts, mapping(found.message).get("usage"))


def _take_usage(found: Document, facts: AnswerFacts) -> bool:
    if found.type == "message_start":
        return False
    if usage.fill(facts, found):
        return True
    response = found.response
    if isinstance(response, dict) and isinstance(response.get("usage"), dict):
        return usage.fill_value(facts, response["usage"])
    if found.type == "message-end":  # Cohere
        return usage.fill_value(facts, mapping(found.delta).get("usage"))
    return False


def _read_error(reading: Reading) -> None:
    """Look for an error event anywhere, decoding only events that could be one."""
    for event in reading.events:
        named = event in reading.named_errors
        if named or '"error' in event or '"response.failed"' in event:
            value = anything(event)
            if _error_event(value, event, reading.facts, named=named):
                reading.error = event
                return


def _error_event(value: Any, event: str, facts: AnswerFacts, *, named: bool) -> bool:
    """Fill the error columns if the event is an error; whether it is."""
    if not isinstance(value, dict):
        if named:
            facts.error_shape, facts.error_message = "text", word(event.strip(), MESSAGE_CHARS)
        return named
    kind = value.get("type") or value.get("event_type")
    if kind == "response.failed":
        error = mapping(value.get("response")).get("error")
        if not (isinstance(error, dict) and read_error({"error": error}, facts, sure=True)):
            facts.error_shape = "openai"
        return True
    if isinstance(value.get("choices"), list) and not value.get("error"):
        return _choice_error(value["choices"], facts)
    if read_error(value, facts, sure=named or kind == "error"):
        return True
    if named or kind == "error":
        facts.error_shape, facts.error_message = "text", word(event.strip(), MESSAGE_CHARS)
        return True
    return False


def _choice_error(choices: list[Any], facts: AnswerFacts) -> bool:
    """Read OpenRouter's error inside a choice, or its finish reason ``error``."""
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        error = choice.get("error")
        if error and read_error({"error": error}, facts, sure=True):
            return True
        if choice.get("finish_reason") == "error":
            return True
    return False


def _state(reading: Reading) -> str | None:
    if reading.error is not None or reading.finish == "error":
        return "error"
    ended = reading.done or reading.terminal or (reading.finish is not None and reading.finish_ends)
    if ended:
        nothing = reading.content == NOTHING and reading.finish is None
        return "empty" if nothing else "complete"
    if reading.cut:
        return "capture_cut"
    if _is_foreign(reading):
        return None
    return "truncated" if reading.content >= HIDDEN else "empty"


def _is_foreign(reading: Reading) -> bool:
    """Whether these are whole events of another application, whose end is not known."""
    if reading.known or reading.last is None:
        return False
    return reading.last.lstrip()[:1] not in ("{", "[") or anything(reading.last) is not ...


def _excerpt(reading: Reading) -> str:
    """Return the whole stream if it is short, else its head, the error event and its last event."""
    text = reading.text
    if len(text) <= WHOLE_CHARS:
        return text
    parts = [text[:HEAD_CHARS]]
    if reading.error is not None and reading.error != reading.last:
        parts.append(reading.error.strip()[:EVENT_CHARS])
    last = text[-EVENT_CHARS:] if reading.last is None else reading.last.strip()[:EVENT_CHARS]
    parts.append(last)
    return _CUT.join(parts)
