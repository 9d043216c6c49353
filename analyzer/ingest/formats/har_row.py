"""From an entry of a HAR to a row of the attempts table."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import polars as pl
from msgspec import UNSET

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
    Content,
    Entry,
    Header,
    PostData,
    Request,
    Response,
    headers_of,
    is_blank,
)
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
from analyzer.ingest.formats.har_socket import has_messages, read_messages
from analyzer.ingest.formats.har_time import duration, micros, number, phases, wait_asked
from analyzer.ingest.url import Address, address, host_of
from analyzer.signals.body import read_answer, read_request
from analyzer.signals.facts import AnswerFacts, RequestFacts

_ANSWER_COLUMNS = (
    "body_kind", "html_title", "body_text", "error_type", "error_code", "error_param",
    "error_message", "error_shape", "error_provider", "stream_state", "stream_events",
    "finish_reason", "visible_output", "model_served", "input_tokens", "output_tokens",
    "cached_tokens", "reasoning_tokens", "currency",
)  # fmt: skip
_COLUMNS = (
    "record", "started_at", "duration_ms", "ttfb_ms", "blocked_ms", "dns_ms", "connect_ms",
    "tls_ms", "send_ms", "wait_ms", "receive_ms", "method", "scheme", "host", "path", "model",
    "stream", "llm", "key_tag", "session_id", "resend_count", "request_hash", "request_bytes",
    "status", "retry_after_s", "request_id", "upstream_request_id", "ray_id", "trace_id",
    "response_bytes", "content_type", "server", "via", "client_error", "phase", "cost",
    *_ANSWER_COLUMNS,
)  # fmt: skip
_told = attrgetter(*_ANSWER_COLUMNS)
_NO_REQUEST, _NO_CONTENT = RequestFacts(), Content()
_SIZE_AS_SENT = frozenset({"mitmproxy", "polly"})
"""Dialects whose ``content.size`` counts the compressed bytes."""
_CACHED_URLS = 4096
_MONEY_SCALE = 18


class UnreadableError(Exception):
    """An entry that parses but says too little to be an attempt."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


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
        self._header_columns = sorted(wants.headers)  # req_header.* come before resp_header.*
        self._wanted_sent, self._wanted_got = (
            [name.removeprefix(prefix) for name in self._header_columns if name.startswith(prefix)]
            for prefix in (REQUEST_PREFIX, RESPONSE_PREFIX)
        )
        self._addresses: dict[str, Address] = {}
        self._tags: dict[str, str] = {}
        self._rows: list[tuple[Any, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, entry: Entry, record: int) -> None:
        """Add the row of one entry.

        Raises:
            UnreadableError: it has no request, or no response object at all.
        """
        request, response = entry.request, entry.response
        if not isinstance(request, Request):
            said = "missing" if request is None else f"a {type(request).__name__}"
            raise UnreadableError("bad_entry", f"its request is {said}, expected an object")
        if response is UNSET and entry.error is None:
            raise UnreadableError("no_response", "it has no response: only the request was kept")
        answer = response if isinstance(response, Response) else None
        self._rows.append(self._row(entry, request, answer, record))

    def _row(
        self, entry: Entry, request: Request, response: Response | None, record: int
    ) -> tuple[Any, ...]:
        sent = self._requests.read(request.headers)
        got = self._responses.read(response.headers) if response else {}
        url = self._address(request.url)
        self._learn(url, request, response, sent)
        status = status_of(response)
        method = request.method.upper() if isinstance(request.method, str) else None
        asked, digest, request_bytes = self._asked(request, sent, url, method)
        facts, size = self._answered(entry, response, got, status)
        error = client_error(entry, response, status)
        if error and is_benign_abort(error, method, status, got, facts, size):
            error = None
        found = phases(entry.timings, self.dialect)
        started = micros(entry.started_date_time)
        self.without_time += started is None
        took = duration(entry.time, found, self.dialect)
        ended = started + int((took or 0) * 1000) if started is not None else None
        request_id, behind = ids(got)
        request_id = request_id or facts.body_request_id
        host = url.host or host_of(sent.get(":authority") or sent.get("host") or "")
        row = (
            record, started, took, found.until_answer() if status is not None else None,
            found.blocked, found.dns, found.connect, found.tls, found.send, found.wait,
            found.receive, method or None, url.scheme, host, url.path, asked.model,
            True if facts.stream_state is not None else asked.stream,
            True if asked.llm_body else None, self._tag(credential(sent, url)),
            asked.session_id or first(sent, SESSION_HEADERS),
            _whole(sent.get("x-stainless-retry-count")), digest, request_bytes, status,
            wait_asked(got, ended), request_id or facts.response_id,
            behind or (facts.response_id if request_id else None),
            got.get("cf-ray"), trace(sent) or trace(got), size, _media_type(response, got),
            _lower(got.get("server")), got.get("via"), error,
            phase_of(status, error, found, facts), self._money(facts.cost),
        )  # fmt: skip
        return row + _told(facts) + self._wanted(sent, got)

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

    def _learn(
        self, url: Address, request: Request, response: Response | None, sent: dict[str, str]
    ) -> None:
        for kind, value in url.secrets:
            self._requests.learn(kind, value)
        self.saw_head = self.saw_head or bool(request.headers)
        if "authorization" in sent or "cookie" in sent:
            self.saw_credential = True
        for raw in (request.cookies, response.cookies if response else None):
            if raw is None or is_blank(raw):
                continue
            cookies = headers_of(raw)
            for cookie in cookies if isinstance(cookies, list) else ():
                if isinstance(cookie, Header) and isinstance(cookie.value, str):
                    self.saw_credential = True
                    self._requests.learn("cookie", cookie.value)

    def _asked(
        self, request: Request, sent: dict[str, str], url: Address, method: str | None
    ) -> tuple[RequestFacts, str, int | None]:
        """Return what the request body says, the request's fingerprint, the body's size."""
        post = request.post_data
        text = self.bodies.asked(post) if isinstance(post, PostData) else None
        size = _whole(request.body_size)
        facts = _NO_REQUEST
        body = b""
        if text:
            kind = sent.get("content-type") or getattr(post, "mime_type", None)
            facts = read_request(text, kind if isinstance(kind, str) else None)
            for secret in facts.secrets:
                self._requests.learn("key", secret)
            body = text.encode("utf-8", "replace")
            # Firefox counts characters; the text itself is the better measure wherever it is.
            size = len(body)
        return facts, _digest(method, url, body), size

    def _answered(
        self, entry: Entry, response: Response | None, got: dict[str, str], status: int | None
    ) -> tuple[AnswerFacts, int | None]:
        """Return what the answer's body says and its decoded size."""
        content = response.content if response else None
        if not isinstance(content, Content):
            content = _NO_CONTENT
        body = self.bodies.answer(content, got) if status is not None else None
        kind = got.get("content-type") or content.mime_type
        facts = read_answer(
            body,
            kind if isinstance(kind, str) else None,
            status,
            entry.splash_state == "headers_received" or cut_by_recorder(body, self.dialect),
        )
        if status is not None and (has_messages(entry) or status == 101):
            read_messages(entry, self.bodies.messages(content), facts)
        size = None if self.dialect in _SIZE_AS_SENT else _whole(content.size)
        if size is None and body is not None:
            size = len(body if isinstance(body, bytes) else body.encode("utf-8", "replace"))
        return facts, size if status is not None else None

    def _tag(self, value: str | None) -> str | None:
        if not value:
            return None
        tag = self._tags.get(value)
        if tag is None:
            tag = self._tags[value] = self._secrets.tag(value)
        return tag

    def _money(self, text: str | None) -> Decimal | None:
        if text is None:
            return None
        try:
            value = Decimal(text)
            exact = value.is_finite() and round(value, _MONEY_SCALE) == value
        except (InvalidOperation, ValueError):
            exact = False
        if not exact:
            self.bad_money += 1
            return None
        return value

    def _wanted(self, sent: dict[str, str], got: dict[str, str]) -> tuple[str | None, ...]:
        return (*map(sent.get, self._wanted_sent), *map(got.get, self._wanted_got))

    def frame(self) -> pl.DataFrame:
        """Return the rows so far as a frame, and forget them."""
        names = (*_COLUMNS, *self._header_columns)
        dtypes = {name: columns.dtype_of(name) for name in names}
        dtypes["started_at"] = pl.Int64()
        values = list(zip(*self._rows, strict=True)) if self._rows else [()] * len(names)
        self._rows = []
        data = [
            pl.Series(name, column, dtype=dtypes[name], strict=False)
            for name, column in zip(names, values, strict=True)
        ]
        start = pl.col("started_at").cast(columns.TIME)
        took = pl.duration(microseconds=(pl.col("duration_ms") * 1000).round().cast(pl.Int64))
        return pl.DataFrame(data).with_columns(
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


def _digest(method: str | None, url: Address, body: bytes) -> str:
    made = blake2b(f"{method}\0{url.host}\0{url.path}\0".encode("utf-8", "replace"), digest_size=8)
    made.update(body)
    return made.hexdigest()


def _whole(value: Any) -> int | None:
    made = number(value)
    return int(made) if made is not None and 0 <= made < 1 << 62 else None


def _lower(value: str | None) -> str | None:
    return value.lower() if value else None


def _media_type(response: Response | None, got: dict[str, str]) -> str | None:
    kind = got.get("content-type")
    if not kind and response is not None and isinstance(response.content, Content):
        kind = response.content.mime_type
    if not isinstance(kind, str):
        return None
    media = kind.partition(";")[0].strip().lower()
    return None if media in ("", "x-unknown") else media
