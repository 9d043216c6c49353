"""All hops of the lab in one process, on fixed ports of the loopback, with one journal."""

from __future__ import annotations

import asyncio
import itertools
import threading
import zlib
from types import TracebackType

from edge import Edge, Site, dashboard, marketing
from gateway import Gateway
from http1 import Answer, Handler, Request, serve
from journal import Journal
from provider import FAULTS, Provider

FRONT, GATEWAY, PAGE, PROXY = 18420, 18421, 18422, 18423
NOBODY = 18429
"""A port on which nothing listens."""
PROVIDERS = {name: 18430 + number for number, name in enumerate((*FAULTS, "anthropic", "other"))}
"""Each fault has its port; ``anthropic`` and ``other`` are healthy until a scenario stages them."""

RELAY = "api.rutaapi.com"
"""Host of the gateway profile that ships as the worked example. Here it leads to the loopback."""
DASHBOARD, MARKETING = "app.rutaapi.com", "rutaapi.com"
PLAIN = "gateway.example"
"""The same gateway without an edge before it."""
OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"
CHAT_PAGE = "chat.example"
HOSTS = (RELAY, DASHBOARD, MARKETING, PLAIN, OPENAI, ANTHROPIC)

GPT, CLAUDE, DEEPSEEK, GEMINI = "gpt-5-mini", "claude-sonnet-4-5", "deepseek-chat", "gemini-2.5-pro"

PAGE_HTML = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Lab chat</title><link rel="icon" href="data:,">
</head><body><p>A page that calls an LLM API with fetch().</p></body></html>
"""


class Lab:
    """A started lab; use it as a context manager."""

    def __init__(self, scenario: str) -> None:
        # Ids differ between scenarios, so that two captures never look like one exchange.
        first = zlib.crc32(scenario.encode()) % 9000 * 1000 + 1
        self.journal = Journal()
        ids = itertools.count(first)
        self.providers = {
            name: Provider(self.journal, name if name in FAULTS else "healthy", ids)
            for name in PROVIDERS
        }
        routes = {
            GPT: PROVIDERS["healthy"],
            CLAUDE: PROVIDERS["anthropic"],
            DEEPSEEK: PROVIDERS["other"],
            GEMINI: PROVIDERS["other"],
        }
        self.gateway = Gateway(self.journal, routes, first_id=first)
        sites = {
            RELAY: Site(GATEWAY, edge=True),
            PLAIN: Site(GATEWAY),
            DASHBOARD: Site(page=dashboard, edge=True),
            MARKETING: Site(page=marketing, edge=True),
            OPENAI: Site(PROVIDERS["healthy"], edge=True, provider=True),
            ANTHROPIC: Site(PROVIDERS["anthropic"], edge=True, provider=True),
        }
        self.edge = Edge(self.journal, sites, first_ray=first)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []

    def direct(self, host: str, provider: str) -> None:
        """Let a provider's own host lead to the port with that fault."""
        self.edge.sites[host] = Site(PROVIDERS[provider], edge=True, provider=True)

    def route(self, model: str, provider: str) -> None:
        """Let the gateway send a model to the port with that fault."""
        self.gateway.routes[model] = PROVIDERS[provider]

    def __enter__(self) -> Lab:
        """Start every server."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    async def _start(self) -> None:
        handlers: list[tuple[Handler, int]] = [
            (self.edge, FRONT), (self.gateway, GATEWAY), (_page, PAGE),
        ]  # fmt: skip
        handlers += [(self.providers[name], port) for name, port in PROVIDERS.items()]
        self._servers = [await serve(handler, port) for handler, port in handlers]

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop every server and the loop."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _page(request: Request) -> Answer:
    return Answer(200, "OK", [("content-type", "text/html; charset=utf-8")], PAGE_HTML)
