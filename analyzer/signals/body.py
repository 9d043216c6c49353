"""Bodies: what a request asks for and what an answer says, read once per exchange at ingest.

Pure functions that never raise, whatever the bytes are: a body is written by a stranger. What a
body *is* is decided by its content first and by its content type second, because proxies strip and
error pages replace the type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from analyzer.signals import request, stream, usage
from analyzer.signals.completion import VISIBLE, delivery
from analyzer.signals.document import (
    ABSENT,
    Document,
    anything,
    document,
    mapping,
    without_surrogates,
    word,
)
from analyzer.signals.error_body import MESSAGE_CHARS, read_error
from analyzer.signals.facts import AnswerFacts
from analyzer.signals.frames import is_eventstream

BODY_CHARS = stream.WHOLE_CHARS
TEXT_CHARS = 512

read_request = request.read_request

_EVENTSTREAM = "application/vnd.amazon.eventstream"
_NDJSON_TYPES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/stream+json",
    }
)
_STREAM_TYPES = _NDJSON_TYPES | {"text/event-stream", _EVENTSTREAM}
_MEDIA = ("audio/", "image/", "video/")
_USUAL = ("data:", "event:")
_SSE_START = ("data:", "event:", "id:", "retry:", ":")
_HTML_START = re.compile(
    r"<(?:!doctype\s+html|html|head|body|title|meta|center|h1|div|p)\b", re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]{0,200}>(.{0,2000}?)</title", re.IGNORECASE | re.DOTALL)
_HIDDEN_HTML = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,1000}>")
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def read_answer(
    body: str | bytes | None,
    content_type: str | None,
    status: int | None,
    capture_cut: bool = False,
) -> AnswerFacts:
    """Return what an answer's body says.

    ``body`` is decoded and decompressed text, bytes for what is not text, ``None`` for not recorded
    (an empty string is a recorded, empty body). ``status`` is the HTTP status, ``None`` if unknown.
    ``capture_cut`` says that the recorder is known to have stopped before the answer did; it
    decides ``stream_state`` where the end is missing, for a JSON answer too.
    """
    return read_answers([body], [content_type], [status], [capture_cut])[0]


def read_answers(
    bodies: Sequence[str | bytes | None],
    content_types: Sequence[str | None],
    statuses: Sequence[int | None],
    captures_cut: Sequence[bool],
) -> list[AnswerFacts]:
    """Return what many answers say; see :func:`read_answer`.

    Streams are read together, step by step, because that is a good deal faster.
    """
    streams: list[stream.Reading] = []
    facts = [
        _read(body, _media_type(kind), status, streams, cut=cut)
        for body, kind, status, cut in zip(
            bodies, content_types, statuses, captures_cut, strict=True
        )
    ]
    stream.read_all(streams)
    return facts


def _read(
    body: str | bytes | None, media: str, status: int | None, streams: list[stream.Reading],
    *, cut: bool,
) -> AnswerFacts:  # fmt: skip
    """Return what a body says, except a stream, which is put on the list."""
    facts = AnswerFacts()
    if body is None:
        if media in _STREAM_TYPES:
            facts.stream_state = "not_recorded"
        return facts
    if (media == _EVENTSTREAM or type(body) is bytes) and _read_frames(body, media, facts, cut=cut):
        return facts
    text = body if isinstance(body, str) else _text_of(body, media)
    if text is None:
        facts.body_kind = "binary"
        facts.visible_output = media.startswith(_MEDIA) and _succeeded(status)
        return facts
    text = _clean(text)
    if media == "text/event-stream" and text.startswith(_USUAL):
        facts.body_kind = "sse"
        streams.append(stream.begin(text, facts, cut=cut))
    else:
        _read_text(text, media, status, facts, cut=cut)
    return facts


def _read_frames(body: str | bytes, media: str, facts: AnswerFacts, *, cut: bool) -> bool:
    """Read AWS's binary frames; whether they were it."""
    if type(body) is bytes and media != _EVENTSTREAM and not is_eventstream(body):
        return False
    from analyzer.signals.frames_bedrock import read_frames

    if read_frames(body, facts, cut=cut):
        return True
    if not body or body[:1] in ("{", "[", "<", b"{", b"[", b"<"):
        return False  # an error in plain text, or nothing at all
    # Frames that a recorder took for text cannot be told apart any more.
    facts.body_kind, facts.stream_state = "eventstream", "not_recorded"
    return True


@lru_cache(maxsize=256)
def _media_type(content_type: str | None) -> str:
    return content_type.partition(";")[0].strip().lower() if content_type else ""


def _succeeded(status: int | None) -> bool:
    return status is None or status < 400


def _text_of(body: bytes, media: str) -> str | None:
    """Decode bytes; ``None`` if they are no text."""
    if media.startswith(_MEDIA) or b"\x00" in body[:1024]:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        if media.startswith("text/") or "json" in media or body[:1] in (b"{", b"["):
            return body.decode("utf-8", "replace")
        return None


def _clean(text: str) -> str:
    text = text.removeprefix("\ufeff")
    return text if text.isascii() else without_surrogates(text)


def _read_text(text: str, media: str, status: int | None, facts: AnswerFacts, *, cut: bool) -> None:
    start = text[:256].lstrip() or text[256:].lstrip()[:256]
    facts.body_text = text if len(text) <= BODY_CHARS else text[:BODY_CHARS]
    if not start:
        _read_empty(text, media, facts, cut=cut)
    elif start[0] in "{[" and _read_json(text, media, status, facts, cut=cut):
        pass
    elif _is_sse(start, media, text):
        facts.body_kind = "sse"
        stream.read_sse(text, facts, cut=cut)
    elif start[0] == "<" and _HTML_START.search(text[:4096]):
        _read_html(text, status, facts)
    elif "json" in media and start[0] not in "{[" and anything(text) is not ...:
        facts.body_kind = "json"  # a bare string, number or null
        _read_plain(text, status, facts)
    else:
        facts.body_kind = "text"
        _read_plain(text, status, facts)
        _note_cut(media, status, facts, cut=cut)


def _read_empty(text: str, media: str, facts: AnswerFacts, *, cut: bool) -> None:
    """Read nothing or white space: DeepSeek keeps waiting clients busy with blank lines."""
    facts.body_kind = "empty"
    facts.visible_output = False
    if media in _STREAM_TYPES:
        facts.body_kind = "sse" if text and media == "text/event-stream" else "empty"
        facts.stream_state = "capture_cut" if cut else "empty"
        facts.stream_events = 0
    elif cut:
        facts.stream_state = "capture_cut"


def _is_sse(start: str, media: str, text: str) -> bool:
    if not start.startswith(_SSE_START):
        return False
    return media == "text/event-stream" or start[0] != ":" or "\ndata:" in text


def _note_cut(media: str, status: int | None, facts: AnswerFacts, *, cut: bool) -> None:
    """Mark JSON that does not parse because the recorder stopped."""
    if cut and _succeeded(status) and ("json" in media or media == ""):
        facts.stream_state = "capture_cut"


# JSON


def _read_json(text: str, media: str, status: int | None, facts: AnswerFacts, *, cut: bool) -> bool:
    """Read a JSON object, array or lines of JSON; whether it was one of them."""
    found = document(text)
    if found is not None:
        facts.body_kind = "json"
        if media in _NDJSON_TYPES and (found.done is not None or found.event_type is not None):
            facts.body_kind = "ndjson"
            stream.read_documents(text, [text], facts, cut=cut)
        else:
            _read_object(text, found, status, facts)
        return True
    if text.lstrip()[:1] == "[":
        return _read_array(text, status, facts, cut=cut)
    return _read_lines(text, media, facts, cut=cut)


def _read_object(text: str, found: Document, status: int | None, facts: AnswerFacts) -> None:
    if not _succeeded(status):
        facts.visible_output = False
        read_error(anything(text), facts, sure=True)
        return
    facts.model_served = word(found.model) or word(found.model_version)
    facts.response_id = word(found.id) or word(found.response_id)
    said = delivery(found)
    facts.finish_reason = said.finish
    usage.fill(facts, found)
    if said.speaks:
        facts.visible_output = said.content == VISIBLE
    elif _has_data(found):
        facts.visible_output = True
    if _may_be_error(found) and _read_error_in_success(text, found, facts):
        facts.visible_output = bool(facts.visible_output)


def _has_data(found: Document) -> bool:
    """Whether ``data`` holds something: embeddings, images. The list of models delivers nothing."""
    if found.data is ABSENT or bytes(memoryview(found.data)[:1]) != b"[":
        return False
    head = bytes(memoryview(found.data)[:200])
    return b'"embedding"' in head or b"b64_json" in head or b'"url"' in head


def _may_be_error(found: Document) -> bool:
    return bool(
        found.error
        or found.error_code
        or found.errors
        or found.success is False
        or found.object == "error"
        or found.type == "error"
        or (isinstance(found.choices, list) and found.choices and _has_choice_error(found.choices))
    )


def _has_choice_error(choices: list[Any]) -> bool:
    return any(isinstance(c, dict) and c.get("error") for c in choices)


def _read_error_in_success(text: str, found: Document, facts: AnswerFacts) -> bool:
    value = mapping(anything(text))
    if found.choices and _has_choice_error(found.choices):
        value = {"error": next(c["error"] for c in found.choices if mapping(c).get("error"))}
    return read_error(value, facts, sure=False)


def _read_array(text: str, status: int | None, facts: AnswerFacts, *, cut: bool) -> bool:
    """Read an array: Gemini's stream without ``alt=sse``, or its error in an array."""
    try:
        elements = [bytes(raw).decode("utf-8", "replace") for raw in _RAW_LIST.decode(text)]
    except (ValueError, RecursionError):
        value = anything(text)
        if value is not ...:
            facts.body_kind = "json"
            read_error(value, facts, sure=not _succeeded(status))
            return True
        return _read_open_array(text, facts, cut=cut)
    facts.body_kind = "json"
    if not _succeeded(status):
        facts.visible_output = False
        read_error(anything(text), facts, sure=True)
        return True
    first = document(elements[0]) if elements else None
    if first is not None and _is_gemini(first):
        stream.read_documents(text, elements, facts, cut=cut)
    return True


def _is_gemini(found: Document) -> bool:
    return bool(found.candidates or found.prompt_feedback or isinstance(found.error, dict))


def _read_open_array(text: str, facts: AnswerFacts, *, cut: bool) -> bool:
    """Read Gemini's array whose closing bracket never came."""
    if '"candidates"' not in text[:2000]:
        return False
    elements = re.split(r"\n,\r?\n|(?<=\})\s*,\s*(?=\{\s*\"candidates\")", text.lstrip()[1:])
    if document(elements[0]) is None:
        return False
    facts.body_kind = "json"
    stream.read_documents(text, elements, facts, cut=cut)
    if facts.stream_state == "complete" and document(elements[-1]) is None:
        facts.stream_state = "capture_cut" if cut else "truncated"
    return True


def _read_lines(text: str, media: str, facts: AnswerFacts, *, cut: bool) -> bool:
    """Read lines of JSON: Ollama, Cohere."""
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    if document(lines[0]) is None or (len(lines) < 2 and media not in _NDJSON_TYPES):
        return False
    facts.body_kind = "ndjson"
    stream.read_documents(text, lines, facts, cut=cut)
    return True


# Pages and plain text


def _read_html(text: str, status: int | None, facts: AnswerFacts) -> None:
    facts.body_kind = "html"
    facts.visible_output = False
    found = _TITLE.search(text[:65_536])
    if found:
        facts.html_title = _folded(found.group(1)) or None
    if _succeeded(status):
        return
    facts.error_shape = "html"
    facts.error_message = facts.html_title or _page_text(text) or None


def _folded(markup: str) -> str:
    import html

    return without_surrogates(" ".join(html.unescape(markup).split()))[:TEXT_CHARS]


def _page_text(text: str) -> str:
    """Return the words of a page without a title, such as HAProxy's stock pages."""
    return _folded(_TAG.sub(" ", _HIDDEN_HTML.sub(" ", text[:16_384])))


def _read_plain(text: str, status: int | None, facts: AnswerFacts) -> None:
    if _succeeded(status):
        return
    facts.visible_output = False
    facts.error_shape = "text"
    facts.error_message = word(text.strip()[:MESSAGE_CHARS], TEXT_CHARS)
