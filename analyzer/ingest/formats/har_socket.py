"""WebSocket messages of an entry, as Chrome, Playwright, mitmproxy and HTTP Toolkit keep them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from analyzer.ingest.formats.har_entry import ABSENT, Entry, text_of
from analyzer.signals.facts import AnswerFacts
from analyzer.signals.frames_socket import Close, Socket

_TEXT, _BINARY = 1, 2
_Junk = str | int | float | bool | list[Any] | None


class _Message(msgspec.Struct, gc=False):
    """One message; ``type`` is ``send``, ``receive`` or, in Chrome, ``error``."""

    type: Any = None
    opcode: Any = None
    data: Raw = ABSENT


class _Event(msgspec.Struct, gc=False):
    """One server-sent event."""

    name: Any = msgspec.field(default=None, name="eventName")
    data: Raw = ABSENT


_EVENTS = msgspec.json.Decoder(list[_Event | _Junk])
_MESSAGES = msgspec.json.Decoder(list[_Message | _Junk])
_MESSAGE = msgspec.json.Decoder(_Message | _Junk)


def read_messages(entry: Entry, kept_apart: bytes | None, facts: AnswerFacts) -> None:
    """Fill ``facts`` from the messages of ``entry``, or of a file that has one on each line.

    Messages that cannot be read are skipped; without any nothing is filled.
    """
    found = _lines(kept_apart) if kept_apart is not None else _listed(entry.messages)
    if not found:
        return
    socket = Socket(facts)
    socket.read(_told(found))
    torn = next((text_of(m.data) for m in found if m.type == "error"), None)
    socket.finish(_close(entry.closed, torn))


def has_messages(entry: Entry) -> bool:
    """Whether the entry holds a list of messages that is not empty."""
    return memoryview(entry.messages).nbytes > 4


def event_stream(raw: Raw) -> str | None:
    """Return the server-sent events that cypress-har-generator lists apart from the body."""
    try:
        found = [item for item in _EVENTS.decode(raw) if isinstance(item, _Event)]
    except (ValueError, RecursionError):
        return None
    made = []
    for item in found:
        text = text_of(item.data)
        name = f"event: {item.name}\n" if isinstance(item.name, str) and item.name else ""
        lines = "\ndata: ".join((text or "").splitlines())
        made.append(f"{name}data: {lines}\n\n")
    return "".join(made) or None


def _listed(raw: Raw) -> list[_Message]:
    try:
        return [item for item in _MESSAGES.decode(raw) if isinstance(item, _Message)]
    except (ValueError, RecursionError):
        return []


def _lines(data: bytes) -> list[_Message]:
    found = []
    for line in data.splitlines():
        try:
            item = _MESSAGE.decode(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(item, _Message):
            found.append(item)
    return found


def _told(found: list[_Message]) -> Iterator[tuple[bool, str | None]]:
    for message in found:
        if message.type == "error" or message.opcode not in (_TEXT, _BINARY, None):
            continue
        text = text_of(message.data)
        if text is not None and message.opcode == _BINARY:
            text = _decoded(text)  # Gemini sends its JSON in binary frames
        yield message.type == "send", text


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _close(closed: Any, torn: str | None) -> Close | None:
    """Return how the socket was closed; ``None`` if the recorder does not say."""
    if closed == "aborted":
        return Close(aborted=True)
    if isinstance(closed, dict):
        code, reason = closed.get("code"), closed.get("reason")
        return Close(
            code if type(code) is int else None,
            reason if isinstance(reason, str) and reason else None,
        )
    return Close(reason=torn, aborted=True) if torn is not None else None
