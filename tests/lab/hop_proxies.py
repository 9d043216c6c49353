"""The two real proxies of the hop lab: HAProxy as the outer gateway, nginx as the inner one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.lab.proxies.backend import LOOPBACK, Backend
from tests.lab.proxies.haproxy import Haproxy
from tests.lab.proxies.nginx import Nginx

HOST = "llm.example.test"
CHECK_S = 1
"""Interval of HAProxy's health checks; after four failed ones the server counts as down."""
ID_CAPTURES = f"""
  unique-id-format %[uuid()]
  http-request set-header x-request-id %[unique-id]
  http-after-response set-header x-request-id %[unique-id]
  http-request capture req.hdr(host) len {len(HOST)}
  http-request capture req.hdr(x-request-id) len 40
"""
"""HAProxy gives every request an id, hands it on, tells the client, and logs it."""
KEYS = (
    'rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" '
    'urt="$upstream_response_time" ua="$upstream_addr" us="$upstream_status"'
)
ID_KEYS = ' rid="$http_x_request_id" urid="$upstream_http_x_request_id" host="$host"'
COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lab chat</title>'
    '<link rel="icon" href="data:,"></head><body><p>Calls the API of its own host.</p></body></html>'
)


@dataclass(frozen=True, slots=True)
class Setup:
    """How a sample differs from another one."""

    ids: bool
    """Whether the hops hand on and log an id of the request."""
    limit_s: float
    """HAProxy's ``timeout server``."""
    zone: str = "UTC0"
    """POSIX name of the zone in which nginx writes its times."""
    skew_s: int = 0
    """By how much nginx's clock is ahead; written into its log when the sample is stored."""


@dataclass
class Outer(Haproxy):
    """HAProxy before nginx: short time-outs, a bare 503, no ``abortonclose``."""

    backend: Backend | None = None  # what stands behind is nginx
    setup: Setup = field(kw_only=True)
    inner: int = field(kw_only=True)
    """Port of nginx."""

    def _config(self, log_port: int) -> str:
        ids = ID_CAPTURES if self.setup.ids else ""
        return f"""global
  log {LOOPBACK}:{log_port} len 4096 format rfc3164 local0
  log-send-hostname lb1
defaults
  mode http
  log global
  timeout connect 1s
  timeout client 30s
  timeout server {self.setup.limit_s:g}s
  timeout queue 1s
  retries 1
  http-error status 503
frontend api
  bind {LOOPBACK}:{self.port}
  option httplog{ids}
  default_backend llm
backend llm
  server nginx {LOOPBACK}:{self.inner} check inter {CHECK_S}s fall 4 rise 1
"""


@dataclass
class Inner(Nginx):
    """nginx before the providers: finishes chats whose caller has left, drops messages."""

    backend: Backend | None = None  # the providers have ports that open and close
    setup: Setup = field(kw_only=True)
    providers: tuple[int, int] = field(kw_only=True)

    def start(self) -> None:
        """Start nginx in the foreground."""
        path = self.write("nginx.conf", self._config())
        command = (self.executable(), "-p", str(self.folder), "-c", str(path))
        error = str(self.folder / "error.log")
        self.run(*command, "-e", error, environment={"TZ": self.setup.zone})
        self.wait_for_port()

    def _config(self) -> str:
        folder = self.folder
        form = f"{COMBINED} {KEYS}{ID_KEYS if self.setup.ids else ''}"
        temporary = "\n".join(
            f"  {kind}_temp_path {folder}/temp;"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        first, second = self.providers
        return f"""user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; env TZ;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
{temporary}
  log_format keys '{form}';
  access_log {folder}/access.log keys;
  upstream providers {{
    server {LOOPBACK}:{first} max_fails=0;
    server {LOOPBACK}:{second} backup;
  }}
  server {{
    listen {LOOPBACK}:{self.port};
    server_name {HOST};
    proxy_connect_timeout 2s; proxy_read_timeout 60s; proxy_http_version 1.1; proxy_buffering off;
    proxy_set_header Host $host; proxy_set_header Connection "";
    location = / {{ default_type "text/html; charset=utf-8"; return 200 '{PAGE}'; }}
    location /v1/ {{ proxy_ignore_client_abort on; proxy_pass http://providers; }}
    location = /v1/messages {{ proxy_pass http://providers; }}
  }}
}}
"""
