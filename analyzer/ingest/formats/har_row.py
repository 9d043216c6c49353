"""From an entry of a HAR to a row of the attempts table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar

import polars as pl
from msgspec import UNSET, Raw

from analyzer import columns
from analyzer.ingest.base import Wants
from analyzer.ingest.beside import Beside
from analyzer.ingest.formats.har_answer import (
    client_error,
    cut_by_recorder,
    is_benign_abort,
    phase_of,
    status_of,
)
from analyzer.ingest.formats.har_bodies import Bodies
from analyzer.ingest.formats.har_entry import (
    ABSENT,
    Content,
    Entry,
    Header,
    PostData,
    Request,
    Response,
    headers_of,
    is_blank,
)
from analyzer.ingest.formats.har_frame import Table
from analyzer.ingest.formats.har_head import (
    REQUEST_PREFIX,
    RESPONSE_PREFIX,
    SESSION_HEADERS,
    HeadReader,
    credential,
    first,
    ids,
    trace,
)
from analyzer.ingest.formats.har_socket import event_stream, has_messages, read_messages
from analyzer.ingest.formats.har_time import Times, number
from analyzer.ingest.url import Address, address, host_of
from analyzer.signals.body import read_answers, read_request
from analyzer.signals.facts import AnswerFacts, RequestFacts

_NO_REQUEST, _NO_CONTENT = RequestFacts(), Content()
_SIZE_AS_SENT = frozenset({"mitmproxy", "polly"})
"""Dialects whose ``content.size`` counts the compressed bytes."""
_CACHED_URLS = 4096
_HELD = 4 << 20
"""Characters of bodies that are unpacked at a time."""
_Body = TypeVar("_Body", str | None, str | bytes | None)
_MONEY_SCALE = 18


class UnreadableError(Exception):
    """An entry that parses but says too little to be an attempt."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def check(entry: Entry) -> None:
    """Raise UnreadableError if an entry has no request, or no response object at all."""
    request = entry.request
    if not isinstance(request, Request):
        said = "missing" if request is None else f"a {type(request).__name__}"
        raise UnreadableError("bad_entry", f"its request is {said}, expected an object")
    if entry.response is UNSET and entry.error is None:
        raise UnreadableError("no_response", "it has no response: only the request was kept")


@dataclass(frozen=True, slots=True)
class _Exchanges:
    """Exchanges side by side: the parts of all of them, each in a list."""

    entries: Sequence[Entry]
    requests: list[Request]
    responses: list[Response | None]
    sent: list[dict[str, str]]
    got: list[dict[str, str]]
    urls: list[Address]
    methods: list[str | None]
    statuses: list[int | None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What request bodies say, the requests' fingerprints, the bodies' sizes."""

    facts: list[RequestFacts] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)


class RowBuilder:
    """Collects rows of one capture; :meth:`frame` hands them out as a frame.

    Bodies are read here, while they are Python strings, so that large ones never become columns.
    """

    def __init__(self, name: str, wants: Wants, dialect: str, beside: Beside | None = None) -> None:
        self.dialect = dialect
        self.bodies = Bodies(dialect, wants.limits, beside)
        self.without_time = 0
        self.bad_money = 0
        self.saw_credential = self.saw_head = False
        self._name = name
        self._secrets = wants.secrets
        self._requests = HeadReader(REQUEST_PREFIX, wants.headers, wants.secrets)
        self._responses = HeadReader(RESPONSE_PREFIX, wants.headers, wants.secrets)
        self._table = Table(sorted(wants.headers))
        self._addresses: dict[str, Address] = {}
        self._digests: dict[tuple[str | None, str], Any] = {}
        self._tags: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._table)

    def add(self, entries: Sequence[Entry], records: Sequence[int]) -> None:
        """Add the rows of entries that passed :func:`check`; ``records`` are their numbers.

        All of them go through one step before any goes through the next: the processor runs the
        same few instructions over and over then, which saves a third of the time.
        """
        block = self._exchanges(entries)
        self._learn(block)
        asked = self._asked(block)
        facts, sizes = self._answered(block)
        times = Times(entries, self.dialect)
        self.without_time += times.started.count(None)
        self._table.add(
            {"record": list(records)}
            | times.columns(block.statuses)
            | self._request_columns(block, asked, facts)
            | self._answer_columns(block, facts, sizes, times)
            | self._requests.columns(block.sent)
            | self._responses.columns(block.got),
            facts,
        )

    def _exchanges(self, entries: Sequence[Entry]) -> _Exchanges:
        requests = [e.request for e in entries if isinstance(e.request, Request)]
        responses = [e.response if isinstance(e.response, Response) else None for e in entries]
        read = self._responses.read
        return _Exchanges(
            entries,
            requests,
            responses,
            sent=[self._requests.read(request.headers) for request in requests],
            got=[read(answer.headers) if answer is not None else {} for answer in responses],
            urls=[self._address(request.url) for request in requests],
            methods=[r.method.upper() if isinstance(r.method, str) else None for r in requests],
            statuses=list(map(status_of, responses)),
        )

    def _request_columns(
        self, block: _Exchanges, asked: _Asked, facts: list[AnswerFacts]
    ) -> dict[str, list[Any]]:
        sent, urls = block.sent, block.urls
        resends = [head.get("x-stainless-retry-count") for head in sent]
        return {
            "method": [method or None for method in block.methods],
            "scheme": [url.scheme for url in urls],
            "host": [
                url.host or host_of(head.get(":authority") or head.get("host") or "")
                for url, head in zip(urls, sent, strict=True)
            ],
            "path": [url.path for url in urls],
            "model": [said.model for said in asked.facts],
            "stream": [
                True if told.stream_state is not None else said.stream
                for told, said in zip(facts, asked.facts, strict=True)
            ],
            "llm": [True if said.llm_body else None for said in asked.facts],
            "key_tag": list(map(self._tag, map(credential, sent, urls))),
            "session_id": [
                said.session_id or first(head, SESSION_HEADERS)
                for said, head in zip(asked.facts, sent, strict=True)
            ],
            "resend_count": [_whole(text) if text is not None else None for text in resends],
            "request_hash": asked.digests,
            "request_bytes": asked.sizes,
        }

    def _answer_columns(
        self, block: _Exchanges, facts: list[AnswerFacts], sizes: list[int | None], times: Times
    ) -> dict[str, list[Any]]:
        got, statuses = block.got, block.statuses
        errors = self._errors(block, facts, sizes)
        named = [
            (plain or told.body_request_id, behind, told.response_id)
            for (plain, behind), told in zip(map(ids, got), facts, strict=True)
        ]
        return {
            "status": statuses,
            "retry_after_s": list(map(times.wait_asked, got, range(len(got)))),
            "request_id": [plain or own for plain, _, own in named],
            "upstream_request_id": [
                behind or (own if plain else None) for plain, behind, own in named
            ],
            "ray_id": [head.get("cf-ray") for head in got],
            "trace_id": [
                trace(head) or trace(answer) for head, answer in zip(block.sent, got, strict=True)
            ],
            "response_bytes": sizes,
            "content_type": list(map(_media_type, block.responses, got)),
            "server": [(head.get("server") or "").lower() or None for head in got],
            "via": [head.get("via") for head in got],
            "client_error": errors,
            "phase": list(map(phase_of, statuses, errors, times.phases, facts)),
            "cost": [None if told.cost is None else self._money(told.cost) for told in facts],
        }

    def _errors(
        self, block: _Exchanges, facts: list[AnswerFacts], sizes: list[int | None]
    ) -> list[str | None]:
        """Return what the client itself reported, without what means nothing."""
        errors = list(map(client_error, block.entries, block.responses, block.statuses))
        for at, error in enumerate(errors):
            if error and is_benign_abort(
                error, block.methods[at], block.statuses[at], block.got[at],
                facts[at], sizes[at],
            ):  # fmt: skip
                errors[at] = None
        return errors

    def _address(self, url: Any) -> Address:
        if not isinstance(url, str):
            return Address()
        known = self._addresses.get(url)
        if known is None:
            known = address(url)
            if len(self._addresses) >= _CACHED_URLS:
                self._addresses.clear()
            self._addresses[url] = known
        return known

    def _learn(self, block: _Exchanges) -> None:
        for request, answer, url, sent in zip(
            block.requests, block.responses, block.urls, block.sent, strict=True
        ):
            for kind, value in url.secrets:
                self._requests.learn(kind, value)
            self.saw_head = self.saw_head or bool(request.headers)
            if "authorization" in sent or "cookie" in sent:
                self.saw_credential = True
            if not is_blank(request.cookies):
                self._learn_cookies(request.cookies)
            if answer is not None and not is_blank(answer.cookies):
                self._learn_cookies(answer.cookies)

    def _learn_cookies(self, raw: Raw) -> None:
        cookies = headers_of(raw)
        for cookie in cookies if isinstance(cookies, list) else ():
            if isinstance(cookie, Header) and isinstance(cookie.value, str):
                self.saw_credential = True
                self._requests.learn("cookie", cookie.value)

    def _asked(self, block: _Exchanges) -> _Asked:
        asked = _Asked()
        texts = (
            self.bodies.asked(request.post_data)
            if isinstance(request.post_data, PostData)
            else None
            for request in block.requests
        )
        for group in _groups(texts):
            self._read_requests(block, group, asked)
            del group
        return asked

    def _read_requests(self, block: _Exchanges, texts: list[str | None], asked: _Asked) -> None:
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
        for facts in asked.facts[part]:
            for secret in facts.secrets:
                self._requests.learn("key", secret)
        bodies = [text.encode("utf-8", "replace") if text else b"" for text in texts]
        asked.digests.extend(map(self._digest, block.methods[part], block.urls[part], bodies))
        # Firefox counts characters; the text itself is the better measure wherever it is.
        asked.sizes.extend(
            len(body) or _whole(request.body_size)
            for body, request in zip(bodies, requests, strict=True)
        )

    def _digest(self, method: str | None, url: Address, body: bytes) -> str:
        """Return the fingerprint of a request: method, host and path are hashed once."""
        place = f"{url.host}\0{url.path}"
        begun = self._digests.get((method, place))
        if begun is None:
            head = f"{method}\0{place}\0".encode("utf-8", "replace")
            begun = blake2b(head, digest_size=8)
            if len(self._digests) >= _CACHED_URLS:
                self._digests.clear()
            self._digests[method, place] = begun
        made = begun.copy()
        made.update(body)
        return str(made.hexdigest())

    def _answered(self, block: _Exchanges) -> tuple[list[AnswerFacts], list[int | None]]:
        """Return what the answers' bodies say and their decoded sizes."""
        facts: list[AnswerFacts] = []
        sizes: list[int | None] = []
        contents = [
            answer.content if answer and isinstance(answer.content, Content) else _NO_CONTENT
            for answer in block.responses
        ]
        bodies = map(self._body, block.entries, contents, block.got, block.statuses)
        for group in _groups(bodies):
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
        self, block: _Exchanges, contents: list[Content], bodies: list[str | bytes | None],
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
                entry.splash_state == "headers_received" or cut_by_recorder(body, self.dialect)
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
        size = None if self.dialect in _SIZE_AS_SENT else _whole(content.size)
        if size is None and body is not None:
            size = len(body if isinstance(body, bytes) else body.encode("utf-8", "replace"))
        return size

    def _tag(self, value: str | None) -> str | None:
        if not value:
            return None
        tag = self._tags.get(value)
        if tag is None:
            tag = self._tags[value] = self._secrets.tag(value)
        return tag

    def _money(self, text: str) -> Decimal | None:
        try:
            value = Decimal(text)
            exact = value.is_finite() and round(value, _MONEY_SCALE) == value
        except (InvalidOperation, ValueError):
            exact = False
        if not exact:
            self.bad_money += 1
            return None
        return value

    def frame(self) -> pl.DataFrame:
        """Return the rows so far as a frame, and forget them."""
        frame = self._table.take()
        start = pl.col("started_at").cast(columns.TIME)
        took = pl.duration(microseconds=(pl.col("duration_ms") * 1000).round().cast(pl.Int64))
        return frame.with_columns(
            started_at=start,
            ended_at=start + took.fill_null(pl.duration(microseconds=0)),
            input=pl.lit(self._name),
            seen_in=pl.concat_list(pl.format("{}#{}", pl.lit(self._name), pl.col("record"))),
            time_kind=pl.lit("start"),
            time_precision_ms=pl.lit(1.0),
            sanitized=pl.lit(self._sanitized(), dtype=pl.Boolean),
        )

    def _sanitized(self) -> bool | None:
        """Whether Chrome's sanitised export is likely, by all that was read so far.

        It removes credentials without leaving a mark, so that only their absence can tell.
        """
        if self.dialect != "chrome" or not self.saw_head:
            return None
        return not self.saw_credential


def _groups(bodies: Iterable[_Body]) -> Iterator[list[_Body]]:
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


def _whole(value: Any) -> int | None:
    if type(value) is int:
        return value if 0 <= value < 1 << 62 else None
    made = number(value)
    return int(made) if made is not None and 0 <= made < 1 << 62 else None


def _media_type(response: Response | None, got: dict[str, str]) -> str | None:
    kind = got.get("content-type")
    if not kind and response is not None and isinstance(response.content, Content):
        kind = response.content.mime_type
    return _media(kind) if isinstance(kind, str) else None


@lru_cache(maxsize=256)
def _media(kind: str) -> str | None:
    media = kind.partition(";")[0].strip().lower()
    return None if media in ("", "x-unknown") else media
