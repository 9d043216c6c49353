"""The lab's front door: it knows the hosts, and imitates a CDN for those that have one.

The imitation adds the CDN's two headers, passes a JSON 503 through intact, and answers 522 or 524
with a page of ours. It is not Cloudflare and nothing of it was recorded there.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate

import pages
from http1 import Answer, CutError, Headers, Request, ResetError, forward
from journal import TRACE, Exchange, Journal, Truth

CONNECT_WAIT_S = 1.9
"""Documented: 19 s and more. Shortened; no verdict hangs on it."""
ORIGIN_LIMIT_S = 4.0
"""Documented: 100 s or 120 s. Shortened likewise."""

CONNECT_TIMEOUT = Truth(
    "the edge imitation got no connection to the gateway within its limit and answered 522",
    "gateway", "connect_timeout", "edge",
    accept_causes=("upstream_connect_failure",),
)  # fmt: skip
ORIGIN_TIMEOUT = Truth(
    "the gateway was slower than the edge imitation's limit, which answered 524",
    "gateway", "origin_timeout", "edge",
)  # fmt: skip
PROVIDER_TIMEOUT = Truth(
    "the provider was slower than the limit of its own edge imitation, which answered 524 as JSON",
    "upstream", "origin_timeout", "edge",
)  # fmt: skip
RESET = Truth("the server reset the connection before any answer", "network", "connection_reset")
WRONG_HOST = Truth(
    "the base URL names a web site of the gateway's operator that serves no API",
    "client", "wrong_path", billing_expected="unbilled",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """What stands behind a host name: the next hop's port, or a page of its own."""

    port: int | None = None
    page: Callable[[Request], Answer] | None = None
    edge: bool = False
    provider: bool = False


@dataclass(slots=True)
class Edge:
    """The front door's state; the recorder stages faults between requests."""

    journal: Journal
    sites: dict[str, Site]
    first_ray: int = 1
    _faults: list[str] = field(default_factory=list)
    _rays: itertools.count[int] = field(init=False)

    def __post_init__(self) -> None:
        self._rays = itertools.count(self.first_ray)

    def stage(self, fault: str, requests: int = 1) -> None:
        """Give the next requests a fault: ``522``, ``524`` or ``reset``."""
        self._faults += [fault] * requests

    async def __call__(self, request: Request) -> Answer:
        """Answer one request of a client."""
        origin = request.headers.get("origin")
        if request.method == "OPTIONS":
            return Answer(204, "No Content", _cors(origin, preflight=True))
        site = self.sites[request.host.partition(":")[0]]
        model = request.json().get("model")
        exchange = Exchange(request.method, request.host, request.path, model)
        number = self.journal.open(exchange)
        try:
            answer = await self._answer(request, site, number)
        except asyncio.CancelledError:
            self.journal.event(number, "the client closed the connection while it waited")
            raise
        self.journal.answered(number, answer.status)
        return answer.with_headers(_cors(origin, preflight=False))

    async def _answer(self, request: Request, site: Site, number: int) -> Answer:
        ray = f"{0x9A00000000000000 + next(self._rays) * 0x10001:016x}-LAB"
        fault = self._faults.pop(0) if self._faults else None
        marks: Headers = [("date", formatdate(usegmt=True))]
        if fault == "reset":
            self.journal.fail(number, RESET)
            raise ResetError
        if fault == "522":
            await asyncio.sleep(CONNECT_WAIT_S)
            self.journal.fail(number, CONNECT_TIMEOUT)
            answer = pages.edge_page(522, request.host, ray)
        elif fault == "524":
            answer = await self._limited(request, site, number, ray)
        else:
            answer = await self._origin(request, site, number)
            if site.edge:
                marks.append(("cf-cache-status", "DYNAMIC"))
        if not site.edge:
            return answer.with_headers(marks)
        marks += [("server", "cloudflare"), ("cf-ray", ray)]
        return answer.with_headers(marks, without=("server",))

    async def _limited(self, request: Request, site: Site, number: int, ray: str) -> Answer:
        try:
            async with asyncio.timeout(ORIGIN_LIMIT_S):
                return await self._origin(request, site, number)
        except TimeoutError:
            truth = PROVIDER_TIMEOUT if site.provider else ORIGIN_TIMEOUT
            self.journal.fail(number, truth)
            if site.provider:
                return pages.edge_json_timeout()
            return pages.edge_page(524, request.host, ray)

    async def _origin(self, request: Request, site: Site, number: int) -> Answer:
        if site.page:
            self.journal.fail(number, WRONG_HOST)
            return site.page(request)
        assert site.port is not None
        try:
            return await forward(request.with_headers(**{TRACE: str(number)}), site.port)
        except CutError as error:
            self.journal.fail(number, RESET)
            raise ResetError from error


def _cors(origin: str | None, preflight: bool) -> Headers:
    if origin is None:
        return []
    headers: Headers = [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "*"),
    ]
    if preflight:
        # Closed, so that a browser opens a fresh connection for the request itself and does not
        # quietly repeat one that was reset.
        headers += [
            ("access-control-allow-methods", "GET, POST"),
            ("access-control-allow-headers", "authorization, content-type, x-api-key"),
            ("connection", "close"),
        ]
    return headers


def dashboard(_: Request) -> Answer:
    """Return the single page that a dashboard's host serves for every path."""
    text = '<div id="root"></div><noscript>This page needs JavaScript.</noscript>'
    return pages.html(200, "OK", "Dashboard", text, "nginx")


def marketing(_: Request) -> Answer:
    """Return the 503 of a web site's origin that serves no API."""
    text = "<h1>503 Service Temporarily Unavailable</h1>"
    title = "503 Service Temporarily Unavailable"
    return pages.html(503, "Service Temporarily Unavailable", title, text, "nginx")
