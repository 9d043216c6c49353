"""What the bodies of a block of exchanges say, read while they are Python strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, TypeVar

from analyzer.ingest.base import Limits
from analyzer.ingest.beside import Beside
from analyzer.ingest.formats.har_answer import cut_by_recorder
from analyzer.ingest.formats.har_bodies import Bodies
from analyzer.ingest.formats.har_entry import ABSENT, Content, Entry, PostData
from analyzer.ingest.formats.har_exchange import Asked, Exchanges, whole
from analyzer.ingest.formats.har_packed import Budget
from analyzer.ingest.formats.har_socket import event_stream, has_messages, read_messages
from analyzer.ingest.url import Address
from analyzer.signals.body import read_answers, read_request
from analyzer.signals.facts import AnswerFacts, RequestFacts

_NO_REQUEST, _NO_CONTENT = RequestFacts(), Content()
_SIZE_AS_SENT = frozenset({"mitmproxy", "polly"})
"""Dialects whose ``content.size`` counts the compressed bytes."""
_HELD = 4 << 20
"""Characters of bodies that are unpacked at a time."""
_CACHED = 4096
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods of which a request without a body is whole."""
_Body = TypeVar("_Body", str | None, str | bytes | None)


class BodyReader:
    """Reads the bodies of one capture, in groups that fit into memory."""

    def __init__(
        self, dialect: str, limits: Limits, beside: Beside | None, budget: Budget | None = None
    ) -> None:
        self.bodies = Bodies(dialect, limits, beside, budget)
        self._dialect = dialect
        self._digests: dict[tuple[str | None, str], Any] = {}

    def asked(self, block: Exchanges) -> Asked:
        """Return what the requests' bodies say."""
        asked = Asked()
        texts = (
            self.bodies.asked(request.post_data)
            if isinstance(request.post_data, PostData)
            else None
            for request in block.requests
        )
        for group in groups(texts):
            self._read_requests(block, group, asked)
            del group
        return asked

    def _read_requests(self, block: Exchanges, texts: list[str | None], asked: Asked) -> None:
        """Read the bodies of the requests that follow those in ``asked``."""
        part = slice(len(asked.facts), len(asked.facts) + len(texts))
        requests = block.requests[part]
        kinds = [
            head.get("content-type") or getattr(request.post_data, "mime_type", None)
            for request, head in zip(requests, block.sent[part], strict=True)
        ]
        asked.facts.extend(
            read_request(text, kind if isinstance(kind, str) else None) if text else _NO_REQUEST
            for text, kind in zip(texts, kinds, strict=True)
        )
        bodies = [text.encode("utf-8", "replace") if text else b"" for text in texts]
        asked.digests.extend(map(self._digest, block.methods[part], block.urls[part], bodies))
        # Firefox counts characters; the text itself is the better measure wherever it is.
        asked.sizes.extend(
            len(body) or whole(request.body_size)
            for body, request in zip(bodies, requests, strict=True)
        )

    def _digest(self, method: str | None, url: Address, body: bytes) -> str | None:
        """Return the fingerprint of a request: method, host and path are hashed once.

        Where the recorder left the body out, all requests to one path would look the same.
        """
        if not body and method not in _BODILESS:
            return None
        place = f"{url.host}\0{url.path}"
        begun = self._digests.get((method, place))
        if begun is None:
            head = f"{method}\0{place}\0".encode("utf-8", "replace")
            begun = blake2b(head, digest_size=8)
            if len(self._digests) >= _CACHED:
                self._digests.clear()
            self._digests[method, place] = begun
        made = begun.copy()
        made.update(body)
        return str(made.hexdigest())

    def answered(self, block: Exchanges) -> tuple[list[AnswerFacts], list[int | None]]:
        """Return what the answers' bodies say and their decoded sizes."""
        facts: list[AnswerFacts] = []
        sizes: list[int | None] = []
        contents = [
            answer.content if answer and isinstance(answer.content, Content) else _NO_CONTENT
            for answer in block.responses
        ]
        bodies = map(self._body, block.entries, contents, block.got, block.statuses)
        for group in groups(bodies):
            part = slice(len(facts), len(facts) + len(group))
            facts += self._read_answers(block, contents, group, part)
            sizes += map(self._size, contents[part], group, block.statuses[part])
            del group
        return facts, sizes

    def _body(
        self, entry: Entry, content: Content, got: dict[str, str], status: int | None
    ) -> str | bytes | None:
        if status is None:
            return None
        body = self.bodies.answer(content, got)
        if not body and entry.events is not ABSENT:
            body = event_stream(entry.events) or body
        return body

    def _read_answers(
        self, block: Exchanges, contents: list[Content], bodies: list[str | bytes | None],
        part: slice,
    ) -> list[AnswerFacts]:  # fmt: skip
        kinds = [
            head.get("content-type") or content.mime_type
            for head, content in zip(block.got[part], contents[part], strict=True)
        ]
        entries, statuses = block.entries[part], block.statuses[part]
        facts = read_answers(
            bodies,
            [kind if isinstance(kind, str) else None for kind in kinds],
            statuses,
            [
                entry.splash_state == "headers_received" or cut_by_recorder(body, self._dialect)
                for entry, body in zip(entries, bodies, strict=True)
            ],
        )
        for at, (entry, status) in enumerate(zip(entries, statuses, strict=True)):
            if status is not None and (has_messages(entry) or status == 101):
                read_messages(entry, self.bodies.messages(contents[part][at]), facts[at])
        return facts

    def _size(self, content: Content, body: str | bytes | None, status: int | None) -> int | None:
        if status is None:
            return None
        size = None if self._dialect in _SIZE_AS_SENT else whole(content.size)
        if size is None and body is not None:
            size = len(body if isinstance(body, bytes) else body.encode("utf-8", "replace"))
        return size


def groups(bodies: Iterable[_Body]) -> Iterator[list[_Body]]:
    """Put bodies together that are read together; they may be far larger than in the capture."""
    group: list[_Body] = []
    held = 0
    for body in bodies:
        group.append(body)
        held += len(body) if body else 0
        if held > _HELD:
            yield group
            group, held = [], 0
    if group:
        yield group
