"""Record what real proxies log of staged faults, with what is true of every line.

    python -m tests.lab.proxies.record [PROXY...]   record these proxies, or all that are installed
    python -m tests.lab.proxies.record --check      check what is stored; needs nothing but Python

Run it from the checkout's root. Traffic stays on the loopback, on ports from 18440 on.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.lab.proxies import store
from tests.lab.proxies.apache import Apache
from tests.lab.proxies.backend import Backend
from tests.lab.proxies.caddy import Caddy
from tests.lab.proxies.envoy import Envoy
from tests.lab.proxies.haproxy import Haproxy
from tests.lab.proxies.litellm import Litellm
from tests.lab.proxies.nginx import Nginx
from tests.lab.proxies.proxy import Log, Proxy, Tail, tool
from tests.lab.proxies.scenario import Fault, steps
from tests.lab.proxies.squid import Squid
from tests.lab.proxies.traefik import Traefik
from tests.lab.proxies.varnish import Varnish

PROXIES: dict[str, type[Proxy]] = {
    one.name: one
    for one in (Nginx, Haproxy, Envoy, Traefik, Caddy, Apache, Varnish, Squid, Litellm)
}
WAIT_S = 8.0


def version(kind: type[Proxy]) -> str:
    """Return the first line of what the program says of its version."""
    path = tool(kind.program)
    assert path
    done = subprocess.run([path, *kind.version], capture_output=True, text=True, check=False)
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return next((line.replace(path, kind.program) for line in said), "?")


class Recording:
    """One run of a proxy: its logs line by line, each with the request that caused it."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._logs = proxy.logs()
        self._tails = {log: Tail(proxy.folder / log.name) for log in self._logs}
        self.lines: dict[Log, list[store.Line]] = {log: [] for log in self._logs}
        self.problems: list[str] = []

    def stage(self) -> None:
        """Send everything, one request after another."""
        time.sleep(0.5)
        self._take(None, 0)
        for number, fault in enumerate(self._steps(), start=1):
            seen = self._proxy.send(fault.ask)
            if fault.statuses and seen.status not in fault.statuses:
                self.problems.append(f"#{number} {fault.name}: the caller saw {seen.status}")
            self._settle(number, fault)

    def _steps(self) -> Iterator[Fault]:
        return steps(self._proxy.cannot, self._proxy.extra, self._proxy.extent)

    def _settle(self, number: int, fault: Fault) -> None:
        missing = {log for log in self._logs if log.access}
        deadline = time.monotonic() + WAIT_S
        while missing and time.monotonic() < deadline:
            missing -= self._take(fault, number)
            time.sleep(0.02)
        time.sleep(self._proxy.settle_s)
        self._take(fault, number)
        self.problems += [f"#{number} {fault.name}: no line in {log.name}" for log in missing]

    def _take(self, fault: Fault | None, number: int) -> set[Log]:
        found = set()
        for log, tail in self._tails.items():
            lines = [text for text in tail.take() if text.strip()]
            lines = [text for text in lines if re.search(log.keep, text)]
            if fault:
                truth = self._proxy.truth(fault)
                new = [store.Line(text, number, fault.name, truth) for text in lines]
            else:
                new = [store.Line(text, number) for text in lines]
            self.lines[log] += new
            if any(_of_request(line.text, log) for line in new):
                found.add(log)
        return found


def _of_request(text: str, log: Log) -> bool:
    return bool(re.search(log.pattern, text)) and not re.search(log.notice, text)


def record(kind: type[Proxy]) -> None:
    """Record one proxy in all its variants, and store the result."""
    recorded: list[tuple[Proxy, Recording]] = []
    with tempfile.TemporaryDirectory(prefix="proxylab") as name, Backend(Path(name)) as backend:
        Path(name).chmod(0o755)  # Squid gives up its rights and must still reach its folder
        for variant in kind.variants:
            folder = Path(name) / f"{kind.name}-{variant}"
            (folder / "temp").mkdir(parents=True)
            folder.chmod(0o777)
            proxy = kind(folder, backend, variant)
            try:
                proxy.start()
                recording = Recording(proxy)
                recording.stage()
            finally:
                proxy.stop()
            recorded.append((proxy, recording))
    store.forget(kind.name)
    for proxy, recording in recorded:
        for log, lines in recording.lines.items():
            store.write(kind.name, log, lines, scrub=proxy.scrubs())
        for text in recording.problems:
            print(f"  {kind.name} {proxy.variant} {text}")
    store.write_faults()
    print(f"{kind.name}: {version(kind)}")


def vocabulary() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the layers and causes of the checkout, without importing the package."""
    path = Path(__file__).resolve().parents[3] / "analyzer" / "vocabulary.py"
    spec = importlib.util.spec_from_file_location("lab_vocabulary", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.LAYER_WORDS, module.CAUSE_WORDS


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("proxy", nargs="*", help="names: " + ", ".join(PROXIES))
    parser.add_argument("--check", action="store_true", help="check the stored logs")
    options = parser.parse_args()
    if options.check:
        problems = store.check(*vocabulary())
        print("\n".join(problems) or "The stored logs are well-formed.")
        return 1 if problems else 0
    unknown = [name for name in options.proxy if name not in PROXIES]
    if unknown:
        parser.error(f"no proxy named {', '.join(unknown)}; there are {', '.join(PROXIES)}")
    for name in options.proxy or PROXIES:
        if tool(PROXIES[name].program):
            record(PROXIES[name])
        else:
            print(f"{name}: skipped, {PROXIES[name].program} is not installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
