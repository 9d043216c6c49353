"""Caddy: access entries and error entries in one JSON log, as its default logger writes them."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tests.lab.proxies.backend import LOOPBACK
from tests.lab.proxies.client import HOST
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    ALL_REFUSED,
    BODY_LIMIT,
    BREAKS,
    DOWN,
    FULL,
    MAIN,
    POOL,
    REFUSED,
    RETRY,
    TLS_PLAIN,
    TLS_UNTRUSTED,
)

TELLS = frozenset({
    "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage", "silent",
    "no-healthy", "no-route", "too-large", "abort-waiting", "tls-to-plain", "tls-untrusted", *BREAKS,
    "relayed-401", "relayed-429", "relayed-500", "relayed-503", "relayed-529",
})  # fmt: skip
"""What an access entry shows together with its twin, the entry of the error or the proxy logger."""
QUIET = r'"logger":"(?!http\.log|http\.handlers\.reverse_proxy")|^(?!.*"logger":)'

Json = dict[str, Any]


class Caddy(Proxy):
    """Caddy with a configuration in JSON and without its admin port."""

    name: ClassVar[str] = "caddy"
    program: ClassVar[str] = "caddy"
    version: ClassVar[tuple[str, ...]] = ("version",)
    cannot: ClassVar[dict[str, str]] = {
        "limited": "it has no rate limit without a plugin",
        "limited-503": "it has no rate limit without a plugin",
        "overflow": "its limit on requests to a server needs parallel requests",
    }

    def logs(self) -> tuple[Log, ...]:
        """Return the log."""
        pattern = r'"logger":"http\.log\.access'
        return (Log("json.log", TELLS, pattern=pattern, notice=QUIET),)

    @property
    def extent(self) -> str:
        """Show every fault once."""
        return "once"

    def start(self) -> None:
        """Start Caddy in the foreground."""
        path = self.write("caddy.json", json.dumps(self._config(), indent=1))
        home = {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        self.run(self.executable(), "run", "--config", str(path), environment=home)
        self.wait_for_port()

    def _config(self) -> Json:
        writer = {"output": "file", "filename": str(self.folder / "json.log")}
        routes = [self._route(name) for name in self._ports() if name != MAIN]
        routes.append(self._route(None))
        routes.append({"handle": [{"handler": "static_response", "status_code": 404}]})
        server = {
            "listen": [f"{LOOPBACK}:{self.port}"],
            "routes": routes,
            "automatic_https": {"disable": True},
            "logs": {},
        }
        return {
            "admin": {"disabled": True, "config": {"persist": False}},
            "logging": {"logs": {"default": {"writer": writer, "level": "INFO"}}},
            "apps": {"http": {"servers": {"api": server}}},
        }

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
            ALL_REFUSED: (here.closed_port, here.closed_port),
        }

    def _route(self, pool: str | None) -> Json:
        match: Json = {"host": [HOST], "path": ["/v1/*"]}
        if pool:
            match["header"] = {POOL: [pool]}
        limit = {"handler": "request_body", "max_size": BODY_LIMIT}
        return {"match": [match], "handle": [limit, self._proxy(pool or MAIN)], "terminal": True}

    def _proxy(self, pool: str) -> Json:
        transport: Json = {"protocol": "http", "dial_timeout": "1s", "read_timeout": "1s"}
        transport["response_header_timeout"] = "1s"
        if pool in (TLS_PLAIN, TLS_UNTRUSTED):
            transport["tls"] = {"server_name": "provider.example.test"}
        proxy: Json = {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": f"{LOOPBACK}:{port}"} for port in self._ports()[pool]],
            "transport": transport,
        }
        if pool == DOWN:
            active = {"uri": "/healthz", "interval": "20s", "timeout": "300ms"}
            proxy["health_checks"] = {"active": active}
        if pool in (RETRY, ALL_REFUSED):
            selection = {"policy": "first"}
            proxy["load_balancing"] = {"selection_policy": selection, "retries": 1}
            proxy["health_checks"] = {"passive": {"fail_duration": "500ms"}}
        return proxy
