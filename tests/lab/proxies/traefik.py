"""Traefik: its CLF and its JSON access log, which are runs of their own."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

from tests.lab.proxies.backend import LOOPBACK
from tests.lab.proxies.client import HOST
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    ALL_REFUSED,
    BODY_LIMIT,
    BREAKS,
    BUSY,
    DOWN,
    FULL,
    LIMITED,
    MAIN,
    POOL,
    REFUSED,
    RELAYED,
    RETRY,
    SIZED,
    TLS_PLAIN,
    TLS_UNTRUSTED,
)

TELLS = frozenset({"no-healthy", "no-route", "limited", "too-large", "abort-waiting"})
OWN = frozenset({
    "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage", "silent",
    "tls-to-plain", "tls-untrusted",
})  # fmt: skip
"""Answers of Traefik's own, to be known by their size alone (11, 15 or 21 bytes)."""
DROPPED = (
    "ClientAddr", "ClientPort", "ClientUsername", "GzipRatio", "Overhead", "RequestAddr",
    "RequestPort", "RequestProtocol", "StartLocal",
)  # fmt: skip
"""Fields that say nothing here."""

Json = dict[str, Any]


class Traefik(Proxy):
    """Traefik with a file provider."""

    name: ClassVar[str] = "traefik"
    program: ClassVar[str] = "traefik"
    version: ClassVar[tuple[str, ...]] = ("version",)
    variants: ClassVar[tuple[str, ...]] = ("clf", "json")
    cannot: ClassVar[dict[str, str]] = {
        "limited-503": "its limiter answers 429",
        "stall": "it has no limit on pauses in an answer",
        "overflow": "its limit on requests in flight needs parallel requests",
    }

    def logs(self) -> tuple[Log, ...]:
        """Return the one log of this run."""
        if self.variant == "json":
            return (Log("json.log", TELLS | RELAYED, layers=OWN, broken=BREAKS),)
        return (Log("clf.log", TELLS, layers=OWN | RELAYED),)

    @property
    def extent(self) -> str:
        """Show every fault once in the long JSON lines."""
        return "once" if self.variant == "json" else "full"

    def start(self) -> None:
        """Start Traefik in the foreground."""
        dynamic = self.write("dynamic.json", json.dumps(self._dynamic(), indent=1))
        access = "--accesslog.format=" + ("json" if self.variant == "json" else "common")
        self.run(
            self.executable(), f"--entrypoints.web.address={LOOPBACK}:{self.port}",
            f"--providers.file.filename={dynamic}", "--providers.file.watch=false",
            "--global.checknewversion=false", "--global.sendanonymoususage=false",
            "--accesslog=true", f"--accesslog.filepath={self.folder}/{self.variant}.log", access,
            "--accesslog.fields.headers.names.User-Agent=keep",
            "--accesslog.fields.headers.names.X-Request-Id=keep",
            *(f"--accesslog.fields.names.{name}=drop" for name in DROPPED),
            "--log.level=ERROR",
        )  # fmt: skip
        self.wait_for_port()
        time.sleep(2.0)  # it listens before it has read its routes

    def _dynamic(self) -> Json:
        short = {"dialTimeout": "1s", "responseHeaderTimeout": "1s"}
        transports = {
            "short": {"forwardingTimeouts": short},
            "strict": {"forwardingTimeouts": short, "rootCAs": [str(self.backend.other_ca)]},
        }
        http = {"routers": self._routers(), "middlewares": _middlewares()}
        return {"http": {**http, "services": self._services(), "serversTransports": transports}}

    def _routers(self) -> Json:
        rule = f"Host(`{HOST}`) && PathPrefix(`/v1/`)"

        def router(more: str, service: str, *middlewares: str) -> Json:
            text = rule + (f" && {more}" if more else "")
            router = {"rule": text, "service": service, "entryPoints": ["web"]}
            return router | ({"middlewares": list(middlewares)} if middlewares else {})

        routers = {"api": router("", MAIN)}
        routers["api-limited"] = router(f"HeaderRegexp(`{LIMITED}`, `.`)", MAIN, "limit")
        # Its body limit comes with a buffer for whole answers, which no stream should go through.
        routers["api-sized"] = router(f"HeaderRegexp(`{SIZED}`, `.`)", MAIN, "size")
        for name in self._ports():
            middlewares = ("again",) if name in (RETRY, ALL_REFUSED) else ()
            routers[f"api-{name[-1]}"] = router(f"Header(`{POOL}`, `{name}`)", name, *middlewares)
        return routers

    def _ports(self) -> dict[str, tuple[int, ...]]:
        here = self.backend
        return {
            MAIN: (here.port,),
            REFUSED: (here.closed_port,),
            FULL: (here.full_port,),
            DOWN: (here.closed_port,),
            TLS_PLAIN: (here.port,),
            RETRY: (here.closed_port, here.port),
            TLS_UNTRUSTED: (here.tls_port,),
            ALL_REFUSED: (here.closed_port,),
            BUSY: (here.port,),
        }

    def _services(self) -> Json:
        services = {}
        for name, ports in self._ports().items():
            secure = name in (TLS_PLAIN, TLS_UNTRUSTED)
            scheme = "https" if secure else "http"
            balancer: Json = {
                "servers": [{"url": f"{scheme}://{LOOPBACK}:{port}"} for port in ports]
            }
            balancer["serversTransport"] = "strict" if secure else "short"
            if name == DOWN:
                balancer["healthCheck"] = {"path": "/healthz", "interval": "1s", "timeout": "500ms"}
            services[name] = {"loadBalancer": balancer}
        return services


def _middlewares() -> Json:
    criterion = {"requestHeaderName": LIMITED}
    limit = {"average": 1, "period": "1m", "burst": 1, "sourceCriterion": criterion}
    return {
        "limit": {"rateLimit": limit},
        "size": {"buffering": {"maxRequestBodyBytes": BODY_LIMIT}},
        "again": {"retry": {"attempts": 3, "initialInterval": "50ms"}},
    }
