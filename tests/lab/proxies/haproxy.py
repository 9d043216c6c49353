"""HAProxy: httplog, httplog with captures, clf, httpslog over TLS, and a JSON log-format."""

from __future__ import annotations

import socket
import ssl
from typing import ClassVar

from tests.lab.proxies.backend import LOOPBACK, free_port
from tests.lab.proxies.client import HOST, Ask, Seen, ask
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    ALL_REFUSED,
    BODY_LIMIT,
    DOWN,
    FULL,
    MAIN,
    REFUSED,
    RETRY,
    TLS_PLAIN,
    TLS_UNTRUSTED,
)
from tests.lab.proxies.syslog import Syslog

JSON_FIELDS = {
    "time": "%tr", "client_ip": "%ci", "client_port": "%cp", "frontend_name": "%ft",
    "backend_name": "%b", "server_name": "%s", "time_request": "%TR", "time_queue": "%Tw",
    "time_connect": "%Tc", "time_response": "%Tr", "time_active": "%Ta", "status_code": "%ST",
    "bytes_read": "%B", "termination_state": "%tsc", "retries": "%rc", "srv_queue": "%sq",
    "backend_queue": "%bq", "http_method": "%HM", "http_path": "%HP",
}  # fmt: skip
NUMBERS = ("client_port", "time_", "status_code", "bytes_read", "retries", "queue")

TELLS = frozenset({
    "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage", "silent",
    "no-healthy", "no-route", "limited", "too-large", "abort-waiting", "abort-streaming",
    "tls-to-plain", "tls-untrusted", "cut-reset", "cut-closed", "short-body", "stall",
    "relayed-401", "relayed-429", "relayed-500", "relayed-503", "relayed-529",
})  # fmt: skip
QUIET = r" is (?:DOWN|UP)|has no server available|Proxy \S+ (?:started|stopped)|Server \S+ was"
FORMATS = {
    "httplog": "option httplog",
    "captures": "capture request header host len 40\n  capture request header user-agent len 40\n"
    "  capture response header x-request-id len 40\n  option httplog",
    "clf": "option httplog clf",
    "httpslog": "option httpslog",
}


def json_format() -> str:
    """Return a log-format that writes a JSON object."""
    parts = []
    for name, sample in JSON_FIELDS.items():
        number = any(word in name for word in NUMBERS)
        parts.append(f'"{name}":{sample}' if number else f'"{name}":"{sample}"')
    text = ("{" + ",".join(parts) + "}").replace('"', r"\"")
    return f'log-format "{text}"'


class Haproxy(Proxy):
    """HAProxy, which writes one format for each frontend: every format is a run of its own."""

    name: ClassVar[str] = "haproxy"
    program: ClassVar[str] = "haproxy"
    version: ClassVar[tuple[str, ...]] = ("-v",)
    variants: ClassVar[tuple[str, ...]] = (*FORMATS, "json")
    cannot: ClassVar[dict[str, str]] = {
        "limited-503": "denies with the status that is configured, here 429",
        "overflow": "its queue needs parallel requests",
    }

    def logs(self) -> tuple[Log, ...]:
        """Return the one log of this run."""
        return (Log(f"{self.variant}.log", TELLS, notice=QUIET, pattern=r"haproxy\[\d+\]"),)

    @property
    def extent(self) -> str:
        """Show all in one format; the fields of the others are the same."""
        return "full" if self.variant == "httplog" else "brief"

    def start(self) -> None:
        """Start the listener and HAProxy in the foreground."""
        log_port = free_port()
        self._syslog = Syslog(log_port, self.folder / f"{self.variant}.log")
        path = self.write("haproxy.cfg", self._config(log_port))
        self.run(self.executable(), "-db", "-f", str(path))
        self.wait_for_port()

    def stop(self) -> None:
        """End HAProxy, then the listener."""
        super().stop()
        self._syslog.close()

    def send(self, what: Ask) -> Seen:
        """Send one request, over TLS for ``httpslog``."""
        return ask(what, self.port, wrap=_tls if self.variant == "httpslog" else None)

    def _config(self, log_port: int) -> str:
        secure = f" ssl crt {self.backend.certificate}" if self.variant == "httpslog" else ""
        text = FORMATS.get(self.variant) or json_format()
        pools = " ".join(self._servers())
        return f"""global
  log {LOOPBACK}:{log_port} len 4096 format rfc3164 local0
  log-send-hostname lab
defaults
  mode http
  log global
  option abortonclose
  timeout connect 1s
  timeout client 5s
  timeout server 1s
  timeout queue 1s
  retries 1
frontend api
  bind {LOOPBACK}:{self.port}{secure}
  {text}
  stick-table type string len 32 size 1k expire 60s store http_req_rate(60s)
  http-request track-sc0 req.hdr(x-lab-key) if {{ req.hdr(x-lab-key) -m found }}
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 1 }}
  http-request deny deny_status 413 if {{ req.hdr(content-length) -m int gt {BODY_LIMIT} }}
  http-request return status 404 content-type text/plain string "no such route" \
unless {{ path_beg /v1/ }}
  use_backend %[req.hdr(x-lab-pool)] if {{ req.hdr(x-lab-pool) -m str {pools} }}
  default_backend {MAIN}
{self._backends()}
"""

    def _servers(self) -> dict[str, tuple[str, ...]]:
        here = self.backend
        good, closed = f"{LOOPBACK}:{here.port}", f"{LOOPBACK}:{here.closed_port}"
        trust = f"ssl verify required ca-file {here.other_ca}"
        return {
            MAIN: (f"provider {good}",),
            REFUSED: (f"provider {closed}",),
            FULL: (f"provider {LOOPBACK}:{here.full_port}",),
            DOWN: (f"provider {closed} check inter 200ms fall 1",),
            TLS_PLAIN: (f"provider {good} {trust}",),
            RETRY: (f"first {closed}", f"second {good}"),
            TLS_UNTRUSTED: (f"provider {LOOPBACK}:{here.tls_port} {trust}",),
            ALL_REFUSED: (f"first {closed}", f"second {closed}"),
        }

    def _backends(self) -> str:
        text = ""
        for name, servers in self._servers().items():
            text += f"backend {name}\n"
            if name == RETRY:
                text += "  option redispatch 1\n  balance roundrobin\n"
            text += "".join(f"  server {server}\n" for server in servers)
        return text


def _tls(sock: socket.socket) -> socket.socket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the lab's own certificate of the day
    return context.wrap_socket(sock, server_hostname=HOST)
