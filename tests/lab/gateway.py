"""A small LLM gateway: a stock load balancer in front of a router of the one-api/new-api kind.

It routes a model to a provider's port, refuses in its own words, has a time limit of its own, and
relays what the provider says without touching it.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

import pages
from http1 import Answer, CutError, Request, forward, json_answer
from journal import TRACE, Journal, Truth
from provider import models

KEY = "sk-lab-" + "0" * 24
BAD_KEY = "sk-lab-" + "9" * 24

PATHS = {
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/messages"),
}

NO_SERVER = Truth(
    "the load balancer had no healthy server, for every path",
    "gateway", "no_healthy_upstream", "gateway", "unbilled",
)  # fmt: skip
NO_CHANNEL = Truth(
    "the route of this one model was disabled in the gateway",
    "gateway", "no_route_for_model", "gateway", "unbilled",
)  # fmt: skip
WRONG_PATH = Truth(
    "the path is none of the API's; the gateway said so",
    "client", "wrong_path", "gateway", "unbilled",
)  # fmt: skip
REFUSED_KEY = Truth(
    "the gateway refused a key that it does not know",
    "client", "invalid_key", "gateway", "unbilled",
)  # fmt: skip
TIME_LIMIT = Truth(
    "the provider was slower than the gateway's limit; the gateway answered 504",
    "gateway", "upstream_timeout", "gateway",
)  # fmt: skip
BROKEN_BEHIND = Truth(
    "the provider closed the connection before an answer", "gateway", "bad_gateway", "gateway"
)


@dataclass(slots=True)
class Gateway:
    """The gateway's state; the recorder changes it between requests."""

    journal: Journal
    routes: dict[str, int]
    """Model -> port of the provider."""
    limit_s: float = 6.0
    healthy: bool = True
    disabled: set[str] = field(default_factory=set)
    first_id: int = 1
    _ids: itertools.count[int] = field(init=False)

    def __post_init__(self) -> None:
        self._ids = itertools.count(self.first_id)

    async def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        number = int(request.headers.get(TRACE, "-1"))
        if not self.healthy:
            self.journal.fail(number, NO_SERVER)
            return pages.haproxy(503)
        serial = f"20260101000000{next(self._ids):08d}"
        answer = await self._routed(request, number, serial)
        if answer.header("cache-control") == "no-cache":
            return answer  # the balancer's own page: the router behind it never saw the request
        return answer.with_headers([("x-oneapi-request-id", serial)])

    async def _routed(self, request: Request, number: int, serial: str) -> Answer:
        if (request.method, request.path) not in PATHS:
            self.journal.fail(number, WRONG_PATH)
            said = f"Invalid URL ({request.method} {request.path})"
            error = {"message": said, "type": "invalid_request_error", "param": "", "code": ""}
            return json_answer(404, "Not Found", {"error": error})
        if self._key(request) != KEY:
            self.journal.fail(number, REFUSED_KEY)
            return pages.one_api(401, "Unauthorized", "Invalid token", serial, "new_api_error", "")
        if request.path == "/v1/models":
            listed = [name for name in self.routes if name not in self.disabled]
            return json_answer(200, "OK", models(listed, "lab"))
        model = str(request.json().get("model"))
        if model in self.disabled or model not in self.routes:
            self.journal.fail(number, NO_CHANNEL)
            return self._no_channel(request, model, serial)
        return await self._relay(request, self.routes[model], number)

    @staticmethod
    def _key(request: Request) -> str:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return request.headers.get("x-api-key") or bearer

    @staticmethod
    def _no_channel(request: Request, model: str, serial: str) -> Answer:
        said = f"No available channel for model {model} under group default (distributor)"
        reason = "Service Unavailable"
        if request.path == "/v1/messages":
            return pages.one_api_messages(503, reason, said, serial, "new_api_error")
        return pages.one_api(503, reason, said, serial, "new_api_error", "model_not_found")

    async def _relay(self, request: Request, port: int, number: int) -> Answer:
        try:
            async with asyncio.timeout(self.limit_s):
                return await forward(request, port)
        except TimeoutError:
            self.journal.fail(number, TIME_LIMIT)
            return pages.haproxy(504)
        except CutError:
            self.journal.fail(number, BROKEN_BEHIND)
            error = {"message": "do request failed", "type": "new_api_error", "param": ""}
            value = {"error": {**error, "code": "do_request_failed"}}
            return json_answer(500, "Internal Server Error", value)
