"""The least that any reader of a HAR must do: the yardstick that `analyze` is measured against.

    python bench/bare_reader.py FILE.har

Blocks of 8 MiB cut at entry boundaries, a typed msgspec decode, one pass over the headers, and both
bodies parsed: JSON typed, of a stream the first and the last ``data:`` line, base64 decoded. Gives
each entry a tuple of what these say; no frames, no rules, no redaction, no recovery of what is
broken. It is tied to files like those of har_gen.py and is no product.
"""

from __future__ import annotations

import base64
import gc
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

BLOCK = 8 << 20
ABSENT = Raw(b"")
WANTED = {
    name: name
    for name in (
        "authorization", "x-api-key", "content-type", "x-request-id", "request-id", "cf-ray",
        "retry-after", "server", "via", "user-agent", "x-stainless-retry-count",
    )
}  # fmt: skip
_ENTRIES = re.compile(rb'"entries"\s*:\s*\[')
_FIRST = re.compile(rb'\s*\{\s*"[^"\\]*"')


class Header(msgspec.Struct, gc=False):
    name: str = ""
    value: str = ""


class PostData(msgspec.Struct, gc=False):
    text: Raw = ABSENT


class Request(msgspec.Struct, gc=False, rename="camel"):
    method: str = ""
    url: str = ""
    headers: list[Header] = []
    post_data: PostData | None = None


class Content(msgspec.Struct, gc=False, rename="camel"):
    size: int = 0
    mime_type: str = ""
    text: Raw = ABSENT
    encoding: str = ""


class Response(msgspec.Struct, gc=False):
    status: int = 0
    headers: list[Header] = []
    content: Content | None = None
    error: str | None = msgspec.field(default=None, name="_error")


class Timings(msgspec.Struct, gc=False):
    blocked: float = -1
    dns: float = -1
    connect: float = -1
    ssl: float = -1
    send: float = -1
    wait: float = -1
    receive: float = -1


class Entry(msgspec.Struct, gc=False, rename="camel"):
    started_date_time: str = ""
    time: float = 0
    request: Request | None = None
    response: Response | None = None
    timings: Timings | None = None


class Asked(msgspec.Struct, gc=False):
    model: str | None = None
    stream: bool | None = None


class Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class Error(msgspec.Struct, gc=False):
    type: str | None = None
    code: Any = None
    message: str | None = None


class Message(msgspec.Struct, gc=False):
    model: str | None = None
    usage: Usage | None = None


class Answer(msgspec.Struct, gc=False):
    model: str | None = None
    usage: Usage | None = None
    error: Error | None = None
    message: Message | None = None


NOTHING = Answer()
_entries = msgspec.json.Decoder(list[Entry]).decode
_text = msgspec.json.Decoder(str).decode
_asked = msgspec.json.Decoder(Asked).decode
_answer = msgspec.json.Decoder(Answer).decode


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the elements of log.entries, a JSON array of some of them at a time."""
    with path.open("rb", buffering=0) as stream:
        data = stream.read(BLOCK)
        opened = _ENTRIES.search(data)
        if opened is None:
            sys.exit("no entries in the first block")
        data = data[opened.end() :]
        first = _FIRST.match(data)
        literal = b"}," + first[0] if first else b"},{"
        while True:
            piece = stream.read(BLOCK)
            if not piece:
                break
            data += piece
            cut = data.rfind(literal)
            if cut > 0:
                yield b"".join((b"[", memoryview(data)[: cut + 1], b"]"))
                data = data[cut + 2 :]
        yield b"[" + data[: data.rindex(b"]")] + b"]"


def answered(body: str | bytes) -> tuple[Answer, Answer]:
    """Return what the first and the last JSON of a body say."""
    head = body[:1]
    if head in ("{", b"{"):
        return _answer(body), NOTHING
    if isinstance(body, bytes):
        return NOTHING, NOTHING
    at = body.find("data:")
    if at < 0:
        return NOTHING, NOTHING
    first = _answer(body[at + 5 : body.find("\n", at)])
    last = body.rfind("data: {")
    return first, _answer(body[last + 5 : body.find("\n", last)]) if last > at else NOTHING


def row(entry: Entry) -> tuple[Any, ...]:
    """Return what an entry says."""
    request, response, timings = entry.request, entry.response, entry.timings
    assert request is not None
    assert response is not None
    found: dict[str, str] = {}
    for header in request.headers + response.headers:
        name = WANTED.get(header.name) or WANTED.get(header.name.lower())
        if name:
            found[name] = header.value
    post, content = request.post_data, response.content
    asked = _asked(_text(post.text)) if post is not None and post.text is not ABSENT else None
    first = last = NOTHING
    if content is not None and content.text is not ABSENT:
        body: str | bytes = _text(content.text)
        if content.encoding == "base64":
            body = base64.b64decode(body)
        first, last = answered(body)
    usage = last.usage or first.usage or (first.message.usage if first.message else None)
    return (
        entry.started_date_time, entry.time, request.method, request.url, response.status,
        response.error, asked, first.model or (first.message.model if first.message else None),
        usage, last.error or first.error, timings, *map(found.get, WANTED),
    )  # fmt: skip


def main() -> None:
    gc.disable()
    statuses: Counter[int] = Counter()
    errors = tokens = 0
    for block in blocks(Path(sys.argv[1])):
        rows = [row(entry) for entry in _entries(block)]
        statuses.update(made[4] for made in rows)
        errors += sum(made[9] is not None for made in rows)
        tokens += sum(
            (made[8].prompt_tokens or made[8].input_tokens or 0) for made in rows if made[8]
        )
    print(f"{statuses.total()} entries, {errors} errors, {tokens} input tokens, {dict(statuses)}")


if __name__ == "__main__":
    main()
