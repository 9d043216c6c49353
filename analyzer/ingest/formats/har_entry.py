"""The entries of a HAR as typed records, as tolerant as producers are careless.

Every field may be missing, null or of another type than HAR 1.2 says: what a producer may mistype
is ``Any`` or a union, and the fields that can be large stay raw bytes until somebody looks at them.
Keys that are not listed are skipped by the decoder.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

ABSENT = Raw(b"")
_Junk = str | int | float | bool | list[Any] | None
"""What may stand where an object is expected."""


class Header(msgspec.Struct, gc=False, rename="camel"):
    """A header, cookie or parameter."""

    name: Any = None
    value: Any = None


Headers = list[Header | _Junk] | dict[str, Any] | str | int | float | bool | None


class PostData(msgspec.Struct, gc=False, rename="camel"):
    """``request.postData``."""

    mime_type: Any = None
    text: Raw = ABSENT
    encoding: Any = None
    params: Raw = ABSENT
    file: Any = field(default=None, name="_file")
    sha1: Any = field(default=None, name="_sha1")


class Request(msgspec.Struct, gc=False, rename="camel"):
    """``entry.request``."""

    method: Any = None
    url: Any = None
    headers: Headers = None
    cookies: Raw = ABSENT
    body_size: Any = None
    post_data: PostData | _Junk = None


class Content(msgspec.Struct, gc=False, rename="camel"):
    """``response.content``."""

    size: Any = None
    mime_type: Any = None
    text: Raw = ABSENT
    encoding: Any = None
    is_binary: Any = field(default=None, name="_isBinary")
    file: Any = field(default=None, name="_file")
    sha1: Any = field(default=None, name="_sha1")


class Response(msgspec.Struct, gc=False, rename="camel"):
    """``entry.response``."""

    status: Any = None
    status_text: Any = None
    headers: Headers = None
    cookies: Raw = ABSENT
    content: Content | _Junk = None
    body_size: Any = None
    transfer_size: Any = field(default=None, name="_transferSize")
    error: Any = field(default=None, name="_error")
    failure_text: Any = field(default=None, name="_failureText")
    charles_status: Any = field(default=None, name="_charlesStatus")


class Timings(msgspec.Struct, gc=False, rename="camel"):
    """``entry.timings``, milliseconds; -1 and null say that a phase does not apply."""

    blocked: Any = None
    dns: Any = None
    connect: Any = None
    ssl: Any = None
    send: Any = None
    wait: Any = None
    receive: Any = None


class Entry(msgspec.Struct, gc=False, rename="camel"):
    """One element of ``log.entries``."""

    started_date_time: Any = None
    time: Any = None
    request: Request | _Junk = None
    response: Response | _Junk | UnsetType = UNSET
    timings: Timings | _Junk = None
    error: Any = field(default=None, name="_error")
    was_aborted: Any = field(default=None, name="_wasAborted")
    security_state: Any = field(default=None, name="_securityState")
    resource_type: Any = field(default=None, name="_resourceType")
    messages: Raw = field(default=ABSENT, name="_webSocketMessages")
    closed: Any = field(default=None, name="_webSocketClose")
    events: Raw = field(default=ABSENT, name="_eventSourceMessages")
    splash_state: Any = field(default=None, name="_splash_processing_state")


# What nearly every entry is, decoded in one go, texts included. Where a block holds something else
# it is decoded again as above.


class _Header(Header, gc=False):
    name: str | None = None
    value: str | None = None


class _PostData(PostData, gc=False):
    text: str | None = None  # type: ignore[assignment]  # text_of takes both


class _Request(Request, gc=False):
    headers: list[_Header] | None = None  # type: ignore[assignment]  # nobody adds to it
    post_data: _PostData | None = None


class _Content(Content, gc=False):
    text: str | None = None  # type: ignore[assignment]  # text_of takes both


class _Response(Response, gc=False):
    headers: list[_Header] | None = None  # type: ignore[assignment]  # nobody adds to it
    content: _Content | None = None


class UsualTimings(Timings, gc=False):
    """Timings that hold numbers only."""

    blocked: float | None = None
    dns: float | None = None
    connect: float | None = None
    ssl: float | None = None
    send: float | None = None
    wait: float | None = None
    receive: float | None = None


class _Entry(Entry, gc=False):
    request: _Request | None = None
    response: _Response | UnsetType | None = UNSET
    timings: UsualTimings | None = None


class Log(msgspec.Struct, gc=False):
    """What the log says of its producer."""

    creator: Any = None


class Root(msgspec.Struct, gc=False):
    """The document without its entries; some tools leave the log around them out."""

    log: Log | _Junk = None
    creator: Any = None


_CREATOR = re.compile(rb'"creator"\s*+:\s*+(\{[^{}]{0,1000}+\}|"[^"\\]{0,200}+")')
_ENTRY = msgspec.json.Decoder(Entry | _Junk)
_ENTRIES = msgspec.json.Decoder(list[Entry | _Junk])
_USUAL = msgspec.json.Decoder(list[_Entry])
_HEADERS = msgspec.json.Decoder(Headers)
_TEXT = msgspec.json.Decoder(str)
_ROOT = msgspec.json.Decoder(Root | _Junk)


def decode_entries(data: bytes | memoryview) -> list[Entry] | None:
    """Return the entries of a JSON array; ``None`` if an element is no object.

    Raises:
        ValueError: the block does not parse.
        RecursionError: something in it is nested too deeply.
    """
    try:
        return _USUAL.decode(data)  # type: ignore[return-value]  # a list of a kind of Entry
    except (ValueError, RecursionError):
        entries = _ENTRIES.decode(data)
    for entry in entries:
        if type(entry) is not Entry:
            return None
    return entries  # type: ignore[return-value]  # checked just now


def decode_entry(data: bytes) -> Entry | None:
    """Return one entry; ``None`` if it is no object. Raises as :func:`decode_entries`."""
    entry = _ENTRY.decode(data)
    return entry if isinstance(entry, Entry) else None


def repaired(data: bytes) -> Entry | None:
    """Return one entry from JSON that is slightly wrong.

    Invalid UTF-8, control characters in strings, lone surrogates, NaN and Infinity are put right.
    Raises as :func:`decode_entries`.
    """
    value = json.loads(
        data.decode("utf-8", "replace"),
        strict=False,
        parse_constant=_no_number,
        parse_int=_bounded,
    )
    return decode_entry(msgspec.json.encode(_scrubbed(value)))


def _no_number(_: str) -> None:
    return None


def _bounded(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {scrub(key): _scrubbed(item) for key, item in value.items()}
    return value


def scrub(text: str) -> str:
    """Return ``text`` with lone surrogates replaced by U+FFFD, which no UTF-8 can carry."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def text_of(raw: Raw | str | None) -> str | None:
    """Return the text that ``raw`` is or stands for; ``None`` if it is missing or null.

    An object or array where a text belongs is that text's JSON.
    """
    if raw is None or type(raw) is str:
        return raw
    assert isinstance(raw, Raw)
    try:
        return _TEXT.decode(raw)
    except (ValueError, RecursionError):
        pass
    data = bytes(raw)
    if not data or data == b"null":
        return None
    loose = data.decode("utf-8", "replace")
    if data[:1] != b'"':
        return loose
    try:
        return scrub(json.loads(loose, strict=False))
    except (ValueError, RecursionError):
        return None


def is_text(raw: Raw | str | None) -> bool:
    """Whether ``raw`` holds something, be it readable or not."""
    # null, the longest text that says nothing, has 4 bytes; quotes do not count.
    return raw is not None and len(raw) > (2 if type(raw) is str else 4)


def is_blank(raw: Raw) -> bool:
    """Whether ``raw`` is missing or an empty list or object."""
    return len(raw) <= 2


def headers_of(raw: Raw) -> Headers:
    """Return the list of names and values (cookies, parameters) that ``raw`` stands for."""
    if is_blank(raw):
        return None
    try:
        found: Headers = _HEADERS.decode(raw)
    except (ValueError, RecursionError):
        return None
    return found


def producer(preamble: bytes, tail: bytes) -> str:
    """Return ``log.creator.name``, looked for before the entries, then behind them; or ''."""
    start = preamble.find(b"{")
    before = preamble[max(start, 0) :]
    after = tail.rstrip(b" \t\r\n;)")
    for text in (before + b"]}}", before + b"]}", b'{"log":{"x":[]' + after, b'{"x":[]' + after):
        name = _creator(text)
        if name:
            return name
    return _last_creator(tail)


def _creator(text: bytes) -> str:
    try:
        root = _ROOT.decode(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(root, Root):
        return ""
    creator = root.log.creator if isinstance(root.log, Log) else root.creator
    if isinstance(creator, dict):
        creator = creator.get("name")
    return creator if isinstance(creator, str) else ""


def _last_creator(tail: bytes) -> str:
    """Find the creator in the last bytes of a file, which begin anywhere."""
    found = _CREATOR.findall(tail)
    return _creator(b'{"creator":' + found[-1] + b"}") if found else ""
