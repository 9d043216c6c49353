"""The two model providers behind the hop lab: one that is asked first, one for when it refuses."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from http1 import Answer, Headers, Request, ResetError, json_answer, serve
from journal import Journal, Truth
from provider import CUT_STREAM, OVERLOAD_ANTHROPIC, Provider

# Logs of several hops say more than the capture alone: who closed the connection, and where.
CUT = replace(CUT_STREAM, layer="upstream", knowable=True, staged_layer=None)
RESET = Truth(
    "the provider reset the connection before any answer; nginx answered 502",
    "gateway", "bad_gateway", "gateway", accept_causes=("connection_reset",),
)  # fmt: skip
SILENT = Truth(
    "the provider said nothing; HAProxy's `timeout server` ended it with a 504, nginx noted 499",
    "gateway", "upstream_timeout", "gateway",
)  # fmt: skip
LIMITED = Truth("the provider answered 429", "upstream", "rate_limited", "upstream", "unbilled")
OVERLOADED = replace(OVERLOAD_ANTHROPIC, billing_expected="unbilled")
SILENCE_S = 60.0
Result = TypeVar("Result")


class Staged(Provider):
    """A provider with what only shows behind real proxies; healthy but for the next request."""

    def __init__(self, journal: Journal, ids: Iterator[int], slow_s: float) -> None:
        super().__init__(journal, "healthy", ids)
        self._next: str | None = None
        self._slow_s = slow_s

    def once(self, fault: str) -> None:
        """Give the next request this fault: one of ours or one of :class:`Provider`."""
        self._next = fault

    async def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        fault, self._next = self._next, None
        if fault == "reset":
            self._journal.fail_last(RESET)
            raise ResetError
        if fault == "silent":
            self._journal.fail_last(SILENT)
            await asyncio.sleep(SILENCE_S)
        if fault == "limited":
            self._journal.fail_last(LIMITED)
            return _limited(self._id_headers(messages=False))
        if fault == "slow":
            await asyncio.sleep(self._slow_s)
        elif fault:
            self.stage(fault, 1)
        answer = await super().__call__(request)
        if fault == "cut":
            self._journal.fail_last(CUT)
        if fault == "anthropic_529":
            self._journal.fail_last(OVERLOADED)
        return answer


def _limited(ids: Headers) -> Answer:
    message = "Rate limit reached for gpt-5-mini in organization lab on requests per min."
    error = {"message": message, "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    headers = [*ids, ("retry-after", "7"), ("x-ratelimit-remaining-requests", "0")]
    return json_answer(429, "Too Many Requests", {"error": error}, headers)


class Providers:
    """Both providers on ports of their own, in a thread; use it as a context manager."""

    def __init__(self, journal: Journal, first: int, second: int, slow_s: float) -> None:
        ids = itertools.count(1)
        self.first = Staged(journal, ids, slow_s)
        self._second = Staged(journal, ids, slow_s)
        self._ports = (first, second)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Providers:
        """Start listening."""
        self._thread.start()
        for handler, port in zip((self.first, self._second), self._ports, strict=True):
            self._servers.append(self._run(serve(handler, port)))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and the thread."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def refuse(self) -> None:
        """Close the first provider's port: nobody listens there any more."""
        self._run(self._closed(self._servers[0]))

    def listen(self) -> None:
        """Open the first provider's port again."""
        self._servers[0] = self._run(serve(self.first, self._ports[0]))

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _closed(self, server: asyncio.Server) -> None:
        server.close()

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
