"""Record what three hops say of the same requests: a client's HAR, HAProxy's log, nginx's log.

    PYTHONPATH=. python tests/lab/hops.py [SAMPLE...]   record these samples anew, or all
    PYTHONPATH=. python tests/lab/hops.py --check       check what is stored

Requests go one after another. After each, the recorder waits for the lines that it must leave in
the logs, so that it knows which line is whose without reading any.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import drivers
import hop_samples
from hop_provider import Providers
from hop_proxies import CHECK_S, HOST, Inner, Outer, Setup
from hop_samples import ACCESS, HAPROXY, HAR, Attempt
from journal import Exchange, Journal, Truth
from lab import CLAUDE, GPT

from tests.lab.proxies.backend import free_port
from tests.lab.proxies.haproxy import QUIET
from tests.lab.proxies.proxy import Tail

CHAT, MESSAGES, MODELS = "/v1/chat/completions", "/v1/messages", "/v1/models"
WAIT_S = 30.0
BOTH = (HAPROXY, ACCESS)

REFUSED = Truth(
    "nginx was stopped: HAProxy was refused twice and answered a 503 without a body",
    "gateway", "upstream_connect_failure", "gateway", "unbilled",
    accept_causes=("connection_refused",),
)  # fmt: skip
NO_SERVER = Truth(
    "HAProxy's health check had taken nginx out: a 503 without a body",
    "gateway", "no_healthy_upstream", "gateway", "unbilled",
)  # fmt: skip
GAVE_UP = Truth(
    "the client's own time-out ended it; HAProxy and nginx went on and noted 200 a second later",
    "client", "client_timeout", "none", accept_causes=("client_abort",),
)  # fmt: skip
RESCUED = "the first provider's port was closed; nginx asked the second one, which answered 200"


@dataclass(slots=True)
class Recording:
    """A chain of hops while it is recorded."""

    outer: Outer
    inner: Inner
    providers: Providers
    journal: Journal
    client: Any
    pauses: Iterator[float]
    attempts: list[Attempt] = field(default_factory=list)
    _tails: dict[str, Tail] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=lambda: {HAPROXY: 0, ACCESS: 0})

    def ask(
        self,
        path: str,
        status: int | None = 200,
        *,
        fault: str | None = None,
        truth: Truth | None = None,
        seen_by: tuple[str, ...] = BOTH,
        note: str | None = None,
        bare: bool = False,
        **options: Any,
    ) -> None:
        """Send one request and wait until every hop that saw it has written its line."""
        self._take()
        if fault:
            self.providers.first.once(fault)
        model = {CHAT: GPT, MESSAGES: CLAUDE}.get(path)
        exchange = Exchange("POST" if model else "GET", HOST, path, model, status)
        self.journal.open(exchange)
        self.client(path, model, **options)
        if truth:
            self.journal.fail_last(truth)
        attempt = Attempt(exchange, self._lines_of(seen_by), note, bare)
        self.attempts.append(attempt)
        time.sleep(next(self.pauses))

    def _lines_of(self, seen_by: tuple[str, ...]) -> dict[str, int]:
        found: dict[str, list[int]] = {HAPROXY: [], ACCESS: []}
        deadline = time.monotonic() + WAIT_S
        while any(not found[log] for log in seen_by) and time.monotonic() < deadline:
            time.sleep(0.05)
            self._take(found)
        time.sleep(0.2)
        self._take(found)
        counts = {log: len(lines) for log, lines in found.items()}
        if counts != {log: int(log in seen_by) for log in found}:
            raise SystemExit(f"request {len(self.attempts) + 1}: lines in the logs: {counts}")
        return {log: lines[0] for log, lines in found.items() if lines}

    def _take(self, found: dict[str, list[int]] | None = None) -> None:
        for log, folder in ((HAPROXY, self.outer.folder), (ACCESS, self.inner.folder)):
            tail = self._tails.setdefault(log, Tail(folder / log))
            for text in tail.take():
                self._lines[log] += 1
                if found is not None and not re.search(QUIET, text):
                    found[log].append(self._lines[log])

    def wait_for(self, word: str) -> None:
        """Wait until HAProxy's log has a word."""
        path = self.outer.folder / HAPROXY
        deadline = time.monotonic() + WAIT_S
        while word not in path.read_text():
            if time.monotonic() > deadline:
                raise SystemExit(f"HAProxy did not write {word!r}")
            time.sleep(0.05)


def stage(now: Recording) -> None:
    """Send everything: both samples show the same story."""
    now.ask(MODELS)
    now.ask(CHAT)
    now.ask(MESSAGES)
    now.ask(CHAT, stream=True)
    now.inner.stop()
    now.ask(CHAT, 503, truth=REFUSED, seen_by=(HAPROXY,), bare=True)
    now.wait_for("is DOWN")
    now.ask(MESSAGES, 503, truth=NO_SERVER, seen_by=(HAPROXY,), bare=True)
    now.inner.start()
    now.wait_for("is UP")
    now.ask(MESSAGES, stream=True)
    now.ask(CHAT, 502, fault="reset")
    now.ask(MESSAGES, 504, fault="silent")
    now.ask(CHAT)
    now.ask(CHAT, 429, fault="limited")
    now.ask(MESSAGES, 529, fault="anthropic_529")
    now.ask(CHAT, fault="cut", stream=True)
    now.ask(MESSAGES)
    now.ask(CHAT, None, fault="slow", truth=GAVE_UP, impatient=True)
    now.ask(MODELS)
    now.providers.refuse()
    now.ask(CHAT, note=RESCUED)
    now.providers.listen()
    now.ask(MESSAGES, stream=True)


class SdkClient:
    """OpenAI's and Anthropic's Python SDKs, without retries."""

    def __init__(self, sdk: drivers.Sdk, limit_s: float) -> None:
        self.sdk, self._limit_s = sdk, limit_s

    def __call__(
        self, path: str, model: str | None, *, stream: bool = False, impatient: bool = False
    ) -> None:
        """Send one request."""
        base = f"http://{HOST}"
        if path == MESSAGES:
            self.sdk.message(str(model), base=base, stream=stream, retries=0)
        elif path == CHAT:
            limit = self._limit_s if impatient else 30.0
            self.sdk.chat(
                str(model), base=f"{base}/v1", stream=stream, retries=0, timeout_s=limit
            )  # fmt: skip
        else:
            self.sdk.models(base=f"{base}/v1", retries=0)


class PageClient:
    """A page that calls the API of its own host."""

    def __init__(self, page: drivers.Page, limit_s: float) -> None:
        self._page, self._limit_ms = page, int(limit_s * 1000)

    def __call__(
        self, path: str, model: str | None, *, stream: bool = False, impatient: bool = False
    ) -> None:
        """Send one request."""
        base = f"http://{HOST}"
        if path == MODELS:
            self._page.models(base=base)
            return
        limit = self._limit_ms if impatient else None
        self._page.chat(str(model), stream=stream, base=base, path=path, timeout_ms=limit)


@contextmanager
def sdks(har: Path, port: int, limit_s: float) -> Iterator[SdkClient]:
    """Record the SDKs' traffic through mitmproxy, which goes to ``port``."""
    os.environ["LAB_PORT"] = str(port)
    way = ("-s", str(Path(__file__).with_name("towards.py")))
    with drivers.sdk(har, way) as sdk:
        yield SdkClient(sdk, limit_s)


@contextmanager
def chromium(har: Path, port: int, limit_s: float) -> Iterator[PageClient]:
    """Record a page's traffic in Chromium, which goes to ``port``."""
    with drivers.chromium(har, {HOST: port}, HOST) as page:
        yield PageClient(page, limit_s)


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored sample: who is recorded, how the hops are set up, and at what pace."""

    description: str
    setup: Setup
    client: Callable[[Path, int, float], Any]
    client_limit_s: float
    pauses: tuple[float, ...]
    """Seconds between requests, in turn; uneven, so that only one shift of a clock fits."""


SAMPLES = {
    "three-hops": Sample(
        "A client's HAR, HAProxy's and nginx's logs of the same requests, with ids handed on.",
        Setup(ids=True, limit_s=5.0),
        sdks,
        3.0,
        (0.3,),
    ),
    "three-hops-no-ids": Sample(
        "The same without any id, nginx writing times of another zone by a clock 37 s behind.",
        Setup(ids=False, limit_s=12.0, zone="JST-9", skew_s=-37),
        chromium,
        10.0,
        (3.1, 5.3, 4.2, 6.7, 3.6, 4.9, 7.4),
    ),
}


def record(name: str) -> None:
    """Record one sample; the stored files are replaced only when everything went well."""
    sample = SAMPLES[name]
    setup = sample.setup
    journal = Journal()
    ports = (free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="hops") as place:
        outer_folder, inner_folder = Path(place) / "outer", Path(place) / "inner"
        outer_folder.mkdir()
        (inner_folder / "temp").mkdir(parents=True)
        inner = Inner(inner_folder, setup=setup, providers=ports)
        outer = Outer(outer_folder, variant="haproxy", setup=setup, inner=inner.port)
        har = Path(place) / HAR
        slow_s = sample.client_limit_s + 1
        with Providers(journal, *ports, slow_s=slow_s) as providers:
            try:
                inner.start()
                outer.start()
                time.sleep(1.5 * CHECK_S)
                with sample.client(har, outer.port, sample.client_limit_s) as client:
                    pauses = _in_turn(sample.pauses)
                    now = Recording(outer, inner, providers, journal, client, pauses)
                    stage(now)
            finally:
                outer.stop()
                inner.stop()
        files = {
            HAR: har.read_text(),
            HAPROXY: (outer_folder / HAPROXY).read_text(),
            ACCESS: shifted((inner_folder / ACCESS).read_text(), setup.skew_s),
        }
        hop_samples.store(name, sample.description, now.attempts, files, setup.skew_s)
    print(f"{name}: {len(now.attempts)} attempts")


def _in_turn(pauses: tuple[float, ...]) -> Iterator[float]:
    while True:
        yield from pauses


def shifted(text: str, seconds: int) -> str:
    """Move the times of an access log, as if nginx's clock had been that far ahead.

    The one thing in a stored sample that is not as the program wrote it.
    """
    form = "%d/%b/%Y:%H:%M:%S %z"

    def moved(found: re.Match[str]) -> str:
        told = datetime.strptime(found[1], form)  # noqa: DTZ007 - the form has its zone
        return f"[{(told + timedelta(seconds=seconds)).strftime(form)}]"

    return re.sub(r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]", moved, text)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sample", nargs="*", help="names: " + ", ".join(SAMPLES))
    parser.add_argument("--check", action="store_true", help="check the stored samples")
    options = parser.parse_args()
    unknown = [name for name in options.sample if name not in SAMPLES]
    if unknown:
        parser.error(f"no sample named {', '.join(unknown)}; there are {', '.join(SAMPLES)}")
    names = options.sample or list(SAMPLES)
    if options.check:
        problems = [text for name in names for text in hop_samples.check(name)]
        print("\n".join(problems) or f"{len(names)} samples are well-formed.")
        return 1 if problems else 0
    for name in names:
        record(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
