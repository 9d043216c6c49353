"""Squid as accelerator and as forward proxy: native, native with error codes, and combined."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import ClassVar

from tests.lab.proxies.backend import LOOPBACK, free_port
from tests.lab.proxies.client import HOST, Ask, Seen, ask
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    ALL_REFUSED,
    BODY_LIMIT,
    DOWN,
    FULL,
    GOOD,
    MAIN,
    POOL,
    REFUSED,
    RELAYED,
    RETRY,
    TLS_PLAIN,
    TLS_UNTRUSTED,
    Fault,
    Truth,
)

ERRORS = r"%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt %err_code/%err_detail"
FORWARD = "forward"
NO_NAME, FORBIDDEN = "nowhere.example.test", "forbidden.example.test"
_TOWARDS = "x-lab-host"

FLAG_TELLS = frozenset({
    "no-healthy", "no-route", "too-large", "abort-waiting", "abort-streaming", "denied",
    "tunnel-denied", "tunnel-refused",
})  # fmt: skip
"""What the result code and the hierarchy word show."""
OWN = frozenset(
    {"refused", "connect-timeout", "all-refused", "silent", "reset", "closed", "garbage"}
)
"""Squid's own error pages are text/html, a provider's errors are JSON: the native format says so."""
TLS = frozenset({"tls-to-plain", "tls-untrusted"})
ERROR_TELLS = FLAG_TELLS | OWN | RELAYED | {"cut-reset", "stall", "tls-to-plain"}
"""The error code stands on every page of Squid's own and on some broken answers."""
LOGS = {
    "native": Log("native.log", FLAG_TELLS | OWN, layers=RELAYED | TLS),
    "errors": Log("errors.log", ERROR_TELLS),
    "combined": Log("combined.log", FLAG_TELLS),
}

_BLOCKED = Truth(False, "network", "blocked_locally", "not_sent")
_PROXY_FAILED = Truth(
    False, "network", "proxy_connect_failure", "connecting", ("connection_refused",)
)  # fmt: skip
EXTRA = (
    Fault("dns-failure", Truth(False, "network", "dns_failure", "not_sent",
                               ("proxy_connect_failure",)),
          Ask(headers={_TOWARDS: NO_NAME}), (502, 503)),
    Fault("denied", _BLOCKED, Ask(headers={_TOWARDS: FORBIDDEN}), (403,)),
    Fault("tunnel", GOOD, Ask(tunnel=f"{HOST}:main"), (200,)),
    Fault("tunnel-denied", _BLOCKED, Ask(tunnel=f"{FORBIDDEN}:main"), (403,)),
    Fault("tunnel-refused", _PROXY_FAILED, Ask(tunnel=f"{HOST}:closed"), (503,)),
)  # fmt: skip
BOTH = {
    "limited": "delay pools limit bandwidth, not requests",
    "limited-503": "delay pools limit bandwidth, not requests",
    "overflow": "it has no such limit",
}


class Squid(Proxy):
    """Squid; the forward proxy is a run of its own."""

    name: ClassVar[str] = "squid"
    program: ClassVar[str] = "squid"
    version: ClassVar[tuple[str, ...]] = ("-v",)
    variants: ClassVar[tuple[str, ...]] = ("accel", FORWARD)
    settle_s: ClassVar[float] = 0.25

    @property
    def cannot(self) -> dict[str, str]:  # type: ignore[override]
        """What this run cannot show, with the reason."""
        if self.variant == FORWARD:
            lone = "a forward proxy asks the one server of the URL"
            names = ("no-healthy", "no-route", "all-refused", "retried")
            secure = "a forward proxy leaves TLS to the caller"
            both = dict.fromkeys(("tls-to-plain", "tls-untrusted"), secure)
            return {**BOTH, **dict.fromkeys(names, lone), **both}
        return BOTH

    @property
    def extra(self) -> tuple[Fault, ...]:  # type: ignore[override]
        """Faults that only a forward proxy has."""
        return EXTRA if self.variant == FORWARD else ()

    def logs(self) -> tuple[Log, ...]:
        """Return the logs."""
        quiet = "error:transaction-end-before-headers"
        return tuple(
            replace(LOGS[kind], name=f"{self.variant}-{kind}.log", notice=quiet)
            for kind in self._kinds()
        )

    def _kinds(self) -> tuple[str, ...]:
        return ("errors",) if self.variant == FORWARD else ("native", "combined")

    def truth(self, fault: Fault) -> Truth:
        """Return the truth with the forward proxy's layer, which is the network."""
        truth = fault.truth
        if truth.layer != "gateway":
            return truth
        if self.variant != FORWARD:  # a line does not show in which of its roles Squid wrote it
            return replace(truth, accept_layers=("network",))
        accept = (*truth.accept, truth.cause or "", "proxy_connect_failure")
        if truth.cause == "upstream_connect_failure":
            return replace(truth, layer="network", cause="proxy_connect_failure", accept=accept)
        return replace(truth, layer="network", accept=accept)

    @property
    def extent(self) -> str:
        """Show every fault once."""
        return "once"

    def start(self) -> None:
        """Start Squid in the foreground."""
        doors = [_open_door(backlog) for backlog in (16, 0)]
        self._doors = doors
        self._refusing, self._full = (door.getsockname()[1] for door in doors)
        self.write("hosts", "".join(f"{LOOPBACK} {name}\n" for name in (HOST, FORBIDDEN)))
        path = self.write("squid.conf", self._config())
        self.run(self.executable(), "-N", "-n", f"lab{self.port}", "-f", str(path))
        self.wait_for_port()
        time.sleep(1.0)
        doors[0].close()  # the other one stays, with a queue that the probe has filled

    def send(self, what: Ask) -> Seen:
        """Send one request, in a forward proxy's form where it is one."""
        if self.variant != FORWARD:
            return ask(what, self.port)
        ports = {"main": self.backend.port, "closed": self.backend.closed_port}
        if what.tunnel:
            name, _, word = what.tunnel.partition(":")
            return ask(replace(what, tunnel=f"{name}:{ports[word]}"), self.port)
        by_pool = {REFUSED: self.backend.closed_port, FULL: self.backend.full_port}
        port = by_pool.get(what.headers.get(POOL, ""), self.backend.port)
        return ask(what, self.port, f"http://{what.headers.get(_TOWARDS, HOST)}:{port}")

    def _config(self) -> str:
        folder = self.folder
        logs = "\n".join(
            f"access_log stdio:{folder}/{self.variant}-{kind}.log "
            f"logformat={'squid' if kind == 'native' else kind}"
            for kind in self._kinds()
        )
        role = self._forward() if self.variant == FORWARD else self._accelerator()
        return f"""logformat errors {ERRORS}
{logs}
cache_effective_user proxy
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
coredump_dir {folder}
visible_hostname squid.example.test
hosts_file {folder}/hosts
pinger_enable off
cache deny all
shutdown_lifetime 0 seconds
connect_timeout 1 second
read_timeout 1 second
dns_timeout 1 second
dns_nameservers {LOOPBACK}
forward_timeout 3 seconds
quick_abort_min 0 KB
quick_abort_max 0 KB
half_closed_clients off
request_body_max_size {BODY_LIMIT // 1024} KB
{role}
"""

    def _forward(self) -> str:
        return f"""http_port {LOOPBACK}:{self.port}
acl forbidden dstdomain {FORBIDDEN}
http_access deny forbidden
http_access allow all
"""

    def _accelerator(self) -> str:
        here = self.backend
        trust = f" tls tls-cafile={here.other_ca} tls-default-ca=off"
        peers = {
            MAIN: (f"{here.port}",),
            REFUSED: (f"{self._refusing}",),
            FULL: (f"{self._full}",),
            DOWN: (f"{here.closed_port}",),
            TLS_PLAIN: (f"{here.port}{trust}",),
            RETRY: (f"{self._refusing}", f"{here.port}"),
            TLS_UNTRUSTED: (f"{here.tls_port}{trust}",),
            ALL_REFUSED: (f"{self._refusing}", f"{self._refusing}"),
        }
        text = f"http_port {LOOPBACK}:{self.port} accel vhost\n"
        text += "acl api urlpath_regex ^/v1/\ndeny_info 404:ERR_ACCESS_DENIED api\n"
        text += "http_access deny !api\nhttp_access allow all\nnever_direct allow all\n"
        text += "acl pooled req_header x-lab-pool .\n"
        for name, ports in peers.items():
            text += f"acl {name} req_header x-lab-pool ^{name}$\n"
            for number, rest in enumerate(ports, start=1):
                port, _, options = rest.partition(" ")
                peer = f"{name}-{number}"
                text += f"cache_peer {LOOPBACK} parent {port} 0 no-query no-digest originserver "
                text += f"name={peer} {options}\n"
                if name == MAIN:
                    text += f"cache_peer_access {peer} deny pooled\ncache_peer_access {peer} allow all\n"
                elif name != DOWN:
                    text += f"cache_peer_access {peer} allow {name}\n"
                text += f"cache_peer_access {peer} deny all\n"
        return text


def _open_door(backlog: int) -> socket.socket:
    """Listen on a port for as long as Squid starts: it probes its peers then.

    A peer that does not answer the probe is never tried, so a failed connection would not be seen.
    """
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((LOOPBACK, free_port()))
    door.listen(backlog)
    return door
