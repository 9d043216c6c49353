"""Streams: did one end as its protocol says, what did it deliver, which error came in it.

Only the first events (until something visible came), the last ones and those that could hold an
error are decoded; the rest is counted. So a stream costs little more than splitting it into lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from analyzer.signals import usage
from analyzer.signals.completion import HIDDEN, NOTHING, VISIBLE, delivery
from analyzer.signals.document import ABSENT, Document, anything, document, mapping, word
from analyzer.signals.error_body import MESSAGE_CHARS, read_error
from analyzer.signals.facts import AnswerFacts

HEAD_CHARS = 1024
EVENT_CHARS = 2048
WHOLE_CHARS = 4096
_SHORT = 16
"""``[DONE]`` is shorter."""
_TAIL_EVENTS = 6
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
_OPENS = (" {", "{", " [", "[")


class _Lines(Sequence[str]):
    """The payloads of a stream with one ``data:`` line per event, found when asked for."""

    __slots__ = ("_first", "_leads", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._leads = text.startswith("data:")
        self._first = 0 if self._leads else text.find("\ndata:") + 1

    def plausible(self) -> bool:
        """Whether one line is one event: the first and the last begin like whole payloads."""
        first = self._first
        if not (first or self._leads):
            return True
        last = self._text.rfind("\ndata:", first) + 1 or first
        return self._begins(first + 5) and self._begins(last + 5)

    def _begins(self, at: int) -> bool:
        if self._text.startswith(_OPENS, at):
            return True
        end = self._text.find("\n", at)
        payload = self._text[at:] if end < 0 else self._text[at:end]
        return payload.lstrip()[:1] in ("{", "[", "")

    def __len__(self) -> int:
        return self._text.count("\ndata:") + self._leads

    def __iter__(self) -> Iterator[str]:
        start = self._first if self._first or self._leads else -1
        return _Forwards(self._text, start)

    def __reversed__(self) -> Iterator[str]:
        return _Backwards(self._text, len(self._text))

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


class _Forwards(Iterator[str]):
    """Payload after payload; a generator that is left in the middle costs more than it gives."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._at = start

    def __next__(self) -> str:
        text, at = self._text, self._at
        if at < 0:
            raise StopIteration
        end = text.find("\n", at)
        if end < 0:
            self._at = -1
            return text[at + 5 :]
        self._at = text.find("\ndata:", end) + 1 or -1
        return text[at + 5 : end]


class _Backwards(Iterator[str]):
    """Payload after payload from the end."""

    __slots__ = ("_end", "_text")

    def __init__(self, text: str, end: int) -> None:
        self._text = text
        self._end = end

    def __next__(self) -> str:
        text, before = self._text, self._end
        at = text.rfind("\ndata:", 0, before) if before >= 0 else -1
        if at < 0 and (before < 0 or not text.startswith("data:")):
            raise StopIteration
        self._end = at
        end = text.find("\n", at + 1)
        return text[at + 6 :] if end < 0 else text[at + 6 : end]


class _Reading(msgspec.Struct):
    """What has been understood of one stream."""

    events: Sequence[str]
    """Payload of each event, ``[DONE]`` included."""
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
    named_errors: frozenset[str] = frozenset()
    """Payloads of events whose ``event:`` line says error."""


def read_sse(text: str, facts: AnswerFacts, *, cut: bool) -> None:
    """Fill ``facts`` from a server-sent event stream."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = _Lines(text)
    reading = _Reading(lines)
    suspect = "error" in text
    if (suspect and _names_error(text)) or not lines.plausible():
        reading.events, reading.named_errors = _general_events(text.split("\n"))
    _read(reading, text, facts, suspect=suspect)
    # Sourcegraph's gateway ends with an event that has a name and nothing in it.
    reading.terminal |= text[-60:].rstrip().endswith("event: done\ndata: {}")
    facts.stream_state = _state(reading, cut=cut)
    facts.body_text = _excerpt(text, reading)


def read_documents(text: str, payloads: list[str], facts: AnswerFacts, *, cut: bool) -> None:
    """Fill ``facts`` from NDJSON lines or from the elements of Gemini's JSON array."""
    reading = _Reading(payloads)
    _read(reading, text, facts, suspect="error" in text)
    facts.stream_state = _state(reading, cut=cut)
    facts.body_text = _excerpt(text, reading)


def _is_done(event: str) -> bool:
    return len(event) < _SHORT and event.strip() == "[DONE]"


def _names_error(text: str) -> bool:
    return "event:" in text and ("event: error" in text or "event:error" in text)


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


def _read(reading: _Reading, text: str, facts: AnswerFacts, *, suspect: bool) -> None:
    _read_head(reading, facts)
    _read_tail(reading, text, facts)
    if suspect or (reading.terminal and reading.finish == "failed"):
        _read_error(reading, text, facts)
    facts.stream_events = len(reading.events) - reading.done
    facts.finish_reason = reading.finish
    facts.visible_output = reading.content == VISIBLE


def _read_head(reading: _Reading, facts: AnswerFacts) -> None:
    """Decode events until something visible came."""
    for event in reading.events:
        if len(event) < _SHORT and _is_done(event):
            reading.done = True
            continue
        found = document(event)
        if found is None:
            continue
        _take_names(found, facts)
        _take_end(found, reading)
        if reading.content == VISIBLE:
            return


def _read_tail(reading: _Reading, text: str, facts: AnswerFacts) -> None:
    """Decode the last events for the end and the usage."""
    counted = False
    wants_usage: bool | None = None
    for back, event in enumerate(reversed(reading.events)):
        if len(event) < _SHORT and _is_done(event):
            reading.done = True
            continue
        if reading.last is None:
            reading.last = event
        if back >= _TAIL_EVENTS:
            # Beyond the last few only usage or a finish reason can be missing, seldom both.
            if wants_usage is None:
                wants_usage = not counted and ('"usage' in text or "_eval_count" in text)
            if not wants_usage and (reading.finish is not None or reading.terminal):
                break
            if not _worth(event, wants_usage=wants_usage, reading=reading):
                continue
        found = document(event)
        if found is None:
            continue
        _take_end(found, reading)
        counted = counted or _take_usage(found, facts)
        if counted and reading.finish is not None and back >= 1:
            break


def _worth(event: str, *, wants_usage: bool, reading: _Reading) -> bool:
    """Whether decoding an event far from the end can still tell something."""
    if wants_usage and '"usage' in event and '"usage":null' not in event:
        return True
    return reading.finish is None and "inish" in event and '_reason":null' not in event


def _take_names(found: Document, facts: AnswerFacts) -> None:
    """Take model and id from whichever event names them first."""
    # The start event of Anthropic and of Responses wraps the answer's head.
    wrapped = found.message or found.response
    head = wrapped if isinstance(wrapped, dict) else {}
    if facts.model_served is None:
        facts.model_served = word(found.model or found.model_version or head.get("model"))
    if facts.response_id is None:
        facts.response_id = word(head.get("id") or found.id or found.response_id)
    if found.type == "message_start":
        usage.fill_start(facts, mapping(found.message).get("usage"))


def _take_end(found: Document, reading: _Reading) -> None:
    said = delivery(found)
    if said.content > reading.content:
        reading.content = said.content
    if said.finish is not None:
        reading.finish = reading.finish or said.finish
        reading.finish_ends |= found.choices is not None or found.candidates is not None
        reading.finish_ends |= found.prompt_feedback is not None or found.done is True
        reading.finish_ends |= found.delta_text is not None
    kind = found.type if isinstance(found.type, str) else found.event_type
    if isinstance(kind, str):
        reading.known = True
        reading.typed = reading.typed or kind not in _ANTHROPIC
        reading.terminal |= kind in _TERMINAL
    elif said.speaks or said.content or found.error or found.usage is not ABSENT:
        reading.known = True


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


def _read_error(reading: _Reading, text: str, facts: AnswerFacts) -> None:
    """Look for an error event anywhere, decoding only events that could be one."""
    if not (reading.named_errors or '"error' in text):
        # Streams of chat completions and of Anthropic fail in no other way.
        if not reading.typed or "response.failed" not in text:
            return
    for event in reading.events:
        named = event in reading.named_errors
        if named or '"error' in event or '"response.failed"' in event:
            value = anything(event)
            if _error_event(value, event, facts, named=named):
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


def _state(reading: _Reading, *, cut: bool) -> str | None:
    if reading.error is not None or reading.finish == "error":
        return "error"
    ended = reading.done or reading.terminal or (reading.finish is not None and reading.finish_ends)
    if ended:
        nothing = reading.content == NOTHING and reading.finish is None
        return "empty" if nothing else "complete"
    if cut:
        return "capture_cut"
    if _is_foreign(reading):
        return None
    return "truncated" if reading.content >= HIDDEN else "empty"


def _is_foreign(reading: _Reading) -> bool:
    """Whether these are whole events of another application, whose end is not known."""
    if reading.known or reading.last is None:
        return False
    return reading.last.lstrip()[:1] not in ("{", "[") or anything(reading.last) is not ...


def _excerpt(text: str, reading: _Reading) -> str:
    """Return the whole stream if it is short, else its head, the error event and its last event."""
    if len(text) <= WHOLE_CHARS:
        return text
    parts = [text[:HEAD_CHARS]]
    if reading.error is not None and reading.error != reading.last:
        parts.append(reading.error.strip()[:EVENT_CHARS])
    last = text[-EVENT_CHARS:] if reading.last is None else reading.last.strip()[:EVENT_CHARS]
    parts.append(last)
    return _CUT.join(parts)
