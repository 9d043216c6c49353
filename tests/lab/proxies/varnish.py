"""Varnish: varnishncsa's combined format and one with Varnish's own fields."""

from __future__ import annotations

from typing import ClassVar

from tests.lab.proxies.backend import LOOPBACK
from tests.lab.proxies.proxy import Log, Proxy, tool
from tests.lab.proxies.scenario import BODY_LIMIT, DOWN, FULL, MAIN, REFUSED, RETRY

FIELDS = (
    '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i" "%{Varnish:time_firstbyte}x" %D '
    "%{Varnish:handling}x %{Varnish:vxid}x"
)
HANDLING_TELLS = frozenset({
    "no-route", "limited", "too-large", "relayed-401", "relayed-429", "relayed-500", "relayed-529",
})  # fmt: skip
"""``synth`` is Varnish's own word; a passed error is the backend's unless it is 503."""


class Varnish(Proxy):
    """varnishd with a VCL that routes, limits and refuses as operators write it."""

    name: ClassVar[str] = "varnish"
    program: ClassVar[str] = "varnishd"
    version: ClassVar[tuple[str, ...]] = ("-V",)
    settle_s: ClassVar[float] = 0.3
    cannot: ClassVar[dict[str, str]] = {
        "limited-503": "the VCL answers 429",
        "overflow": "max_connections needs parallel requests",
        "tls-to-plain": "it speaks no TLS to its backends",
        "tls-untrusted": "it speaks no TLS to its backends",
        "all-refused": "the same as refused, since it does not try a second backend by itself",
    }

    def logs(self) -> tuple[Log, ...]:
        """Return the logs."""
        return Log("combined.log"), Log("handling.log", HANDLING_TELLS)

    @property
    def extent(self) -> str:
        """Show every fault once."""
        return "once"

    def start(self) -> None:
        """Start varnishd and one varnishncsa for each log."""
        vcl = self.write("lab.vcl", self._vcl())
        here = str(self.folder / "work")
        self.run(
            self.executable(), "-F", "-a", f"{LOOPBACK}:{self.port}", "-f", str(vcl), "-n", here,
            "-s", "malloc,16m", "-j", "none", "-p", "first_byte_timeout=1",
            "-p", "between_bytes_timeout=1", "-p", "connect_timeout=1",
        )  # fmt: skip
        self.wait_for_port()
        ncsa = tool("varnishncsa")
        assert ncsa
        kinds = {
            "combined.log": ["-c"],
            "handling.log": ["-c", "-F", FIELDS],
        }
        for name, flags in kinds.items():
            self.run(ncsa, "-n", here, "-w", str(self.folder / name), *flags)

    def _backends(self) -> tuple[str, str]:
        """Return the backends, and the lines of ``vcl_recv`` that choose one."""
        here = self.backend
        ports = {
            MAIN: here.port,
            REFUSED: here.closed_port,
            FULL: here.full_port,
            DOWN: here.closed_port,
        }
        probe = '.probe = { .url = "/healthz"; .interval = 20s; .timeout = 300ms; .initial = 0; }'
        backends, choices = "", ""
        for name, port in ports.items():
            word = name.replace("-", "_")
            check = probe if name == DOWN else ""
            backends += f'backend {word} {{ .host = "{LOOPBACK}"; .port = "{port}"; {check} }}\n'
            wanted = f'req.http.x-lab-pool == "{name}"'
            choices += f"  if ({wanted}) {{ set req.backend_hint = {word}; }}\n"
        return backends, choices

    def _vcl(self) -> str:
        backends, choices = self._backends()
        return f"""vcl 4.1;
import std;
import vsthrottle;
{backends}
sub vcl_recv {{
  set req.backend_hint = pool_a;
{choices}
  if (req.http.x-lab-pool == "{RETRY}") {{ set req.backend_hint = pool_b; }}
  if (req.url !~ "^/v1/") {{ return (synth(404, "Not found")); }}
  if (std.integer(req.http.content-length, 0) > {BODY_LIMIT}) {{
    return (synth(413, "Request Entity Too Large"));
  }}
  if (req.http.x-lab-key && vsthrottle.is_denied(req.http.x-lab-key, 1, 60s)) {{
    return (synth(429, "Too Many Requests"));
  }}
  std.cache_req_body({BODY_LIMIT}B);
  return (pass);
}}
sub vcl_backend_fetch {{
  if (bereq.http.x-lab-pool == "{RETRY}" && bereq.retries == 1) {{
    set bereq.backend = pool_a;
  }}
}}
sub vcl_backend_error {{
  if (bereq.http.x-lab-pool == "{RETRY}" && bereq.retries == 0) {{ return (retry); }}
}}
"""
