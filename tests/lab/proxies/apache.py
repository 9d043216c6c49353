"""Apache httpd: common, combined, vhost_combined, and the error log."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.lab.proxies.backend import LOOPBACK
from tests.lab.proxies.client import HOST
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    ALL_REFUSED,
    DOWN,
    FULL,
    MAIN,
    REFUSED,
    RETRY,
    TLS_PLAIN,
    TLS_UNTRUSTED,
)

MODULES = Path("/usr/lib/apache2/modules")
WANTED = (
    "mpm_event", "authn_core", "authz_core", "setenvif", "headers", "rewrite",
    "slotmem_shm", "proxy", "proxy_http", "proxy_balancer", "lbmethod_byrequests",
    "socache_shmcb", "ssl",
)  # fmt: skip
FORMATS = {
    "common": r"%h %l %u %t \"%r\" %>s %O",
    "combined": r"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"",
    "vhost_combined": r"%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"",
}
"""As Debian's package defines them."""
ERROR_TELLS = frozenset({
    "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage", "silent",
    "no-healthy", "tls-to-plain", "tls-untrusted", "cut-reset", "cut-closed",
    "short-body", "stall",
})  # fmt: skip
QUIET = r"\[(?:mpm_event|core):notice\]|AH00558|AH01873|AH01882"


class Apache(Proxy):
    """httpd with mod_proxy_balancer."""

    name: ClassVar[str] = "apache"
    program: ClassVar[str] = "apache2"
    version: ClassVar[tuple[str, ...]] = ("-v",)
    cannot: ClassVar[dict[str, str]] = {
        "limited": "mod_ratelimit limits bandwidth, not requests",
        "limited-503": "mod_ratelimit limits bandwidth, not requests",
        "too-large": "LimitRequestBody does not hold for requests that are proxied",
        "overflow": "a worker's max= needs parallel requests",
    }

    def logs(self) -> tuple[Log, ...]:
        """Return the logs."""
        access = tuple(Log(f"{name}.log") for name in FORMATS)
        return (*access, Log("error.log", ERROR_TELLS, access=False, notice=QUIET))

    @property
    def extent(self) -> str:
        """Show every fault once."""
        return "once"

    def start(self) -> None:
        """Start httpd in the foreground."""
        path = self.write("httpd.conf", self._config())
        self.run(self.executable(), "-d", str(self.folder), "-f", str(path), "-DFOREGROUND")
        self.wait_for_port()

    def _config(self) -> str:
        modules = "\n".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so"
            for name in WANTED
            if (MODULES / f"mod_{name}.so").exists()
        )
        logs = "\n".join(
            f'LogFormat "{text}" {name}\nCustomLog {self.folder}/{name}.log {name}'
            for name, text in FORMATS.items()
        )
        return f"""ServerName {HOST}
Listen {LOOPBACK}:{self.port}
PidFile {self.folder}/httpd.pid
DefaultRuntimeDir {self.folder}
Mutex file:{self.folder}
User nobody
Group nogroup
ErrorLog {self.folder}/error.log
LogLevel warn
{modules}
<VirtualHost {LOOPBACK}:{self.port}>
{logs}
ServerName {HOST}
ProxyTimeout 1
SSLProxyEngine on
SSLProxyVerify require
SSLProxyCheckPeerName off
SSLProxyCACertificateFile {self.backend.other_ca}
ProxyPreserveHost on
{self._balancers()}
RewriteEngine on
RewriteCond %{{HTTP:x-lab-pool}} ^(pool-[a-h])$
RewriteRule ^/v1/(.*)$ balancer://%1/v1/$1 [P,L]
RewriteRule ^/v1/(.*)$ balancer://{MAIN}/v1/$1 [P,L]
RewriteRule ^ - [R=404,L]
</VirtualHost>
"""

    def _balancers(self) -> str:
        here = self.backend
        good, closed = f"http://{LOOPBACK}:{here.port}", f"http://{LOOPBACK}:{here.closed_port}"
        other = f"http://localhost:{here.closed_port}"
        members = {
            MAIN: (good,),
            REFUSED: (closed,),
            FULL: (f"http://{LOOPBACK}:{here.full_port}",),
            DOWN: (f"{other} status=+D",),
            TLS_PLAIN: (f"https://{LOOPBACK}:{here.port}",),
            RETRY: (f"http://127.0.0.2:{here.closed_port} retry=60", f"{good} status=+H"),
            TLS_UNTRUSTED: (f"https://{LOOPBACK}:{here.tls_port}",),
            ALL_REFUSED: (closed, f"http://127.0.0.3:{here.closed_port}"),
        }
        limits = "connectiontimeout=1 timeout=1 disablereuse=on"
        text = ""
        for name, urls in members.items():
            text += f"<Proxy balancer://{name}>\n"
            again = "" if name == RETRY else " retry=0"
            text += "".join(f"  BalancerMember {url} {limits}{again}\n" for url in urls)
            text += "</Proxy>\n"
        return text
