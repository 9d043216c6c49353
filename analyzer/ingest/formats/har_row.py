"""From an entry of a HAR to a row of the attempts table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl
from msgspec import Raw

from analyzer import columns
from analyzer.ingest.base import Wants
from analyzer.ingest.beside import Beside
from analyzer.ingest.formats.har_answer import (
    client_error,
    is_benign_abort,
    phase_of,
    status_of,
)
from analyzer.ingest.formats.har_entry import (
    Content,
    Entry,
    Header,
    Request,
    Response,
    headers_of,
    is_blank,
)
from analyzer.ingest.formats.har_exchange import Asked, Exchanges, whole
from analyzer.ingest.formats.har_frame import Table
from analyzer.ingest.formats.har_head import (
    REQUEST_PREFIX,
    RESPONSE_PREFIX,
    HeadReader,
    credential,
    ids,
    session,
    trace,
)
from analyzer.ingest.formats.har_packed import Budget
from analyzer.ingest.formats.har_payload import BodyReader
from analyzer.ingest.formats.har_time import Times
from analyzer.ingest.url import Address, address, host_of
from analyzer.signals.facts import AnswerFacts

if TYPE_CHECKING:
    from analyzer.ingest.formats.har_ahead import Part

_BLOCKS_PER_BATCH = 64
"""Blocks whose rows go into one frame: fewer frames, and still no more text than fits."""
_CACHED_URLS = 4096
_MONEY_SCALE = 18


class RowBuilder:
    """Collects rows of one capture; :meth:`frame` hands them out as a frame.

    Bodies are read here, while they are Python strings, so that large ones never become columns.
    """

    def __init__(
        self, name: str, wants: Wants, dialect: str, beside: Beside | None = None,
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.dialect = dialect
        self._reader = BodyReader(dialect, wants.limits, beside, budget)
        self.bodies = self._reader.bodies
        self.without_time = 0
        self.bad_money = 0
        self.saw_credential = self.saw_head = False
        self._most = wants.rows_per_batch
        self._blocks = 0
        self._name = name
        self._secrets = wants.secrets
        self._requests = HeadReader(REQUEST_PREFIX, wants.headers, wants.secrets)
        self._responses = HeadReader(RESPONSE_PREFIX, wants.headers, wants.secrets)
        self._table = Table()
        self._headers = sorted(wants.headers)
        self._addresses: dict[str, Address] = {}
        self._tags: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._table)

    @property
    def enough(self) -> bool:
        """Whether the rows so far should become a frame."""
        return len(self) >= self._most or self._blocks >= _BLOCKS_PER_BATCH

    def add(self, entries: Sequence[Entry], records: Sequence[int]) -> None:
        """Add the rows of entries that passed :func:`check`; ``records`` are their numbers.

        All of them go through one step before any goes through the next: the processor runs the
        same few instructions over and over then, which saves a third of the time.
        """
        self._blocks += 1
        block = self._exchanges(entries)
        self._learn(block)
        asked = self._reader.asked(block)
        for said in asked.facts:
            for secret in said.secrets:
                self._requests.learn("key", secret)
        facts, sizes = self._reader.answered(block)
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

    def _exchanges(self, entries: Sequence[Entry]) -> Exchanges:
        requests = [e.request for e in entries if isinstance(e.request, Request)]
        responses = [e.response if isinstance(e.response, Response) else None for e in entries]
        read = self._responses.read
        return Exchanges(
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
        self, block: Exchanges, asked: Asked, facts: list[AnswerFacts]
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
                said.session_id or session(head)
                for said, head in zip(asked.facts, sent, strict=True)
            ],
            "resend_count": [whole(text) if text is not None else None for text in resends],
            "request_hash": asked.digests,
            "request_bytes": asked.sizes,
        }

    def _answer_columns(
        self, block: Exchanges, facts: list[AnswerFacts], sizes: list[int | None], times: Times
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
        self, block: Exchanges, facts: list[AnswerFacts], sizes: list[int | None]
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

    def _learn(self, block: Exchanges) -> None:
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
        self._blocks = 0
        return self._finished(self._table.take())

    def raw(self) -> pl.DataFrame:
        """Return the rows so far for :meth:`adopted` of another builder, and forget them."""
        self._blocks = 0
        return self._table.take()

    def adopted(
        self, raw: pl.DataFrame | None, before: int, part: Part, tags: list[str]
    ) -> pl.DataFrame | None:
        """Take what another builder has read behind the first ``before`` entries; return its rows.

        Their tags are numbers of credentials: ``tags``, to which those of this part are added,
        holds the pseudonyms.
        """
        for kind, value in part.learnt:
            if kind is None:
                tags.append(self._secrets.tag(value))
            else:
                self._requests.learn(kind, value)
        self.saw_head = self.saw_head or part.saw_head
        self.saw_credential = self.saw_credential or part.saw_credential
        if raw is None:
            return None
        rows = raw.with_columns(pl.col("record") + before)
        if tags:
            number = pl.col("key_tag").cast(pl.UInt32)
            rows = rows.with_columns(key_tag=pl.lit(pl.Series(tags)).gather(number))
        return self._finished(rows)

    def counts(self) -> dict[str, int]:
        """Return what is counted over all entries and told at the end."""
        return self.bodies.counts() | {
            "without_time": self.without_time, "bad_money": self.bad_money,
        }  # fmt: skip

    def count(self, more: dict[str, int]) -> None:
        """Add what another builder has counted."""
        self.without_time += more["without_time"]
        self.bad_money += more["bad_money"]
        self.bodies.count(more)

    def _finished(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add what follows from the columns, what is the same for all rows, and empty headers."""
        start = pl.col("started_at").cast(columns.TIME)
        took = pl.duration(microseconds=(pl.col("duration_ms") * 1000).round().cast(pl.Int64))
        made = {
            "started_at": start,
            "ended_at": start + took.fill_null(pl.duration(microseconds=0)),
            "input": pl.lit(self._name),
            "seen_in": pl.concat_list(pl.format("{}#{}", pl.lit(self._name), pl.col("record"))),
            "time_kind": pl.lit("start"),
            "time_precision_ms": pl.lit(1.0),
            "sanitized": pl.lit(self._sanitized(), dtype=pl.Boolean),
        }
        # In one order, whatever headers these rows happen to have.
        for name in self._headers:
            made[name] = pl.col(name) if name in rows.columns else pl.lit(None, dtype=pl.String)
        return rows.select(*(name for name in rows.columns if name not in made), **made)

    def _sanitized(self) -> bool | None:
        """Whether Chrome's sanitised export is likely, by all that was read so far.

        It removes credentials without leaving a mark, so that only their absence can tell.
        """
        if self.dialect != "chrome" or not self.saw_head:
            return None
        return not self.saw_credential


def _media_type(response: Response | None, got: dict[str, str]) -> str | None:
    kind = got.get("content-type")
    if not kind and response is not None and isinstance(response.content, Content):
        kind = response.content.mime_type
    return _media(kind) if isinstance(kind, str) else None


@lru_cache(maxsize=256)
def _media(kind: str) -> str | None:
    media = kind.partition(";")[0].strip().lower()
    return None if media in ("", "x-unknown") else media
