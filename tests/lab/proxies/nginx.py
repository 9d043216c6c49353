"""nginx: combined, main, combined with upstream fields, JSON, and the error log."""

from __future__ import annotations

from typing import ClassVar

from tests.lab.proxies.backend import LOOPBACK
from tests.lab.proxies.client import HOST
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

MAIN_FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" "$http_x_forwarded_for"'
)
UPSTREAM_FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" '
    'uht="$upstream_header_time" urt="$upstream_response_time" ua="$upstream_addr" '
    'us="$upstream_status" rid=$request_id'
)
JSON_FIELDS = (
    "time_iso8601", "request_id", "request_method", "request_uri",
    "status", "body_bytes_sent", "request_time", "request_completion", "upstream_addr",
    "upstream_status", "upstream_connect_time", "upstream_header_time", "upstream_response_time",
    "limit_req_status",
)  # fmt: skip
JSON_FORMAT = "{" + ",".join(f'"{name}":"${name}"' for name in JSON_FIELDS) + "}"
FORMATS = {"main": MAIN_FORMAT, "upstream": UPSTREAM_FORMAT}

STATUS_TELLS = frozenset({"abort-waiting", "too-large"})
UPSTREAM_TELLS = frozenset({
    *STATUS_TELLS, "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage",
    "silent", "no-healthy", "no-route", "limited", "tls-to-plain", "tls-untrusted",
    "relayed-401", "relayed-429", "relayed-500", "relayed-503", "relayed-529",
})  # fmt: skip
JSON_TELLS = UPSTREAM_TELLS | {"limited-503"}
LEFT = frozenset({"abort-streaming"})
"""``request_completion`` is empty for a caller that left, before or after the end of the answer."""
ERROR_TELLS = frozenset({
    "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage", "silent",
    "no-healthy", "limited", "limited-503", "too-large", "abort-waiting", "abort-streaming",
    "tls-to-plain", "tls-untrusted", "cut-reset", "cut-closed", "short-body", "stall",
})  # fmt: skip
QUIET = r" \[notice\] "
KEEP = r"^(?!.*(?:closed keepalive connection|while waiting for request))"
"""Idle connections that a caller closed are left out of the stored error log."""


class Nginx(Proxy):
    """nginx with one ``access_log`` for each format."""

    name: ClassVar[str] = "nginx"
    program: ClassVar[str] = "nginx"
    version: ClassVar[tuple[str, ...]] = ("-v",)
    cannot: ClassVar[dict[str, str]] = {
        "overflow": "nginx has no such limit without its plus edition"
    }

    def logs(self) -> tuple[Log, ...]:
        """Return the logs."""
        return (
            Log("combined.log", STATUS_TELLS),
            Log("main.log", STATUS_TELLS),
            Log("upstream.log", UPSTREAM_TELLS, layers=frozenset({"limited-503"})),
            Log("json.log", JSON_TELLS, broken=LEFT),
            Log("error.log", ERROR_TELLS, access=False, notice=QUIET, keep=KEEP),
        )

    def start(self) -> None:
        """Start nginx in the foreground."""
        path = self.write("nginx.conf", self._config())
        error = str(self.folder / "error.log")
        self.run(self.executable(), "-p", str(self.folder), "-c", str(path), "-e", error)
        self.wait_for_port()

    def _config(self) -> str:
        folder = self.folder
        formats = "\n".join(f"  log_format {name} '{text}';" for name, text in FORMATS.items())
        names = ["combined", *FORMATS]
        logs = "\n".join(f"  access_log {folder}/{name}.log {name};" for name in names)
        temporary = "\n".join(
            f"  {kind}_temp_path {folder}/temp;"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""user root; daemon off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
{temporary}
{formats}
  log_format json escape=json '{JSON_FORMAT}';
{logs}
  access_log {folder}/json.log json;
  client_max_body_size {BODY_LIMIT};
  limit_req_zone $http_x_lab_key zone=keys:1m rate=1r/m;
  limit_req_zone $http_x_lab_key zone=others:1m rate=1r/m;
{self._upstreams()}
  map $http_x_lab_pool $pool {{ default {MAIN}; ~^(?<named>pool-[a-h])$ $named; }}
  map $http_x_lab_pool $speaks {{ default http; {TLS_PLAIN} https; {TLS_UNTRUSTED} https; }}
  server {{
    listen {LOOPBACK}:{self.port};
    server_name {HOST};
    proxy_connect_timeout 1s; proxy_read_timeout 1s; proxy_http_version 1.1; proxy_buffering off;
    proxy_set_header Host $host; proxy_set_header Connection "";
    proxy_ssl_verify on; proxy_ssl_trusted_certificate {self.backend.other_ca};
    location /v1/ {{
      limit_req zone=keys; limit_req_status 429;
      proxy_pass $speaks://$pool;
    }}
    location = /v1/embeddings {{ limit_req zone=others; proxy_pass http://{MAIN}; }}
    location / {{ return 404; }}
  }}
}}
"""

    def _upstreams(self) -> str:
        here = self.backend
        good, closed = f"{LOOPBACK}:{here.port}", f"{LOOPBACK}:{here.closed_port}"
        servers = {
            MAIN: f"server {good};",
            REFUSED: f"server {closed};",
            FULL: f"server {LOOPBACK}:{here.full_port};",
            DOWN: f"server {good} down; server {closed} down;",
            TLS_PLAIN: f"server {good};",
            RETRY: f"server {closed} max_fails=0; server {good} backup;",
            TLS_UNTRUSTED: f"server {LOOPBACK}:{here.tls_port};",
            ALL_REFUSED: f"server {closed} max_fails=0; server {closed} max_fails=0;",
        }
        return "\n".join(f"  upstream {name} {{ {text} }}" for name, text in servers.items())
