"""Record what a gateway charges for staged failures: a client's HAR and LiteLLM's spend records.

    PYTHONPATH=. python tests/lab/bills.py            record the sample anew (about a minute)
    PYTHONPATH=. python tests/lab/bills.py --check    check what is stored

Requests go one after another; after each, the recorder waits for the rows that it must leave, so
that it knows which row is whose without reading any.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import hop_samples
import samples
from drivers import Sdk
from hop_provider import LIMITED, Providers
from hop_proxies import HOST
from hops import sdks
from journal import Exchange, Journal, Truth
from lab import GPT
from provider import OVERLOAD_OPENAI
from record import vocabulary

from tests.lab.proxies.backend import LOOPBACK, Backend, free_port
from tests.lab.proxies.client import KEY
from tests.lab.proxies.litellm import READY_S, Litellm
from tests.lab.proxies.proxy import Tail

NAME = "billed-by-litellm"
HAR, SPEND = "logs.har", "spend.jsonl"
CHAT = "/v1/chat/completions"
CALLBACK = Path(__file__).with_name("litellm_spend.py")
SLOW_S, LIMIT_S, WAIT_S, PAUSE_S = 5.0, 1.5, 25.0, 1.5
# LiteLLM puts what the provider said into an answer of its own.
OVERLOADED = replace(OVERLOAD_OPENAI, emitted_by="gateway", billing_expected="unbilled")
REFUSED = replace(LIMITED, emitted_by="gateway")
BROKEN = Truth(
    "the provider dropped the connection after 6 events; LiteLLM wrote an error into its stream",
    "upstream", "stream_interrupted", "gateway", "partial",
)  # fmt: skip
GAVE_UP = Truth(
    "the client's limit was 1.5 s, the provider needed 5 s; LiteLLM finished and charged",
    "client", "client_timeout", "none", accept_causes=("client_abort",), knowable=False,
    staged_layer="client",
)  # fmt: skip
ASKED_AGAIN = replace(
    GAVE_UP, staged=f"{GAVE_UP.staged}; the SDK's retry went well and was charged as well"
)
DESCRIPTION = (
    "What LiteLLM's spend records say of failed requests: refused ones, a broken stream, a client "
    "that gave up, a retry that was paid as well."
)


@dataclass(slots=True)
class Attempt:
    """One request, and the rows that LiteLLM wrote of it."""

    exchange: Exchange
    rows: list[int] = field(default_factory=list)
    cost: list[str] = field(default_factory=list)

    def billing(self, record: int) -> dict[str, Any]:
        """Return what was charged for it, by the row that it left."""
        (row,), (cost,) = self.rows, self.cost
        paid = float(cost) > 0
        told = {"input": HAR, "record": record, "usage": f"{SPEND}#{row}", "cost": cost}
        part = self.exchange.truth is BROKEN
        told["billing"] = ("partial" if part else "billed") if paid else "unbilled"
        return told | {"currency": "USD"}


@dataclass
class Gateway(Litellm):
    """LiteLLM before one provider, writing spend records."""

    backend: Backend | None = None  # what stands behind is ours
    provider: int = field(kw_only=True)
    """Port of the provider."""

    def start(self) -> None:
        """Start it."""
        shutil.copy(CALLBACK, self.folder)
        path = self.write("config.yaml", json.dumps(self._plain(), indent=1))
        command = f"exec {self.executable()} --config {path} --host {LOOPBACK} --port {self.port}"
        settings = {
            "LAB_SPEND": str(self.folder / SPEND), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }  # fmt: skip
        self.run("sh", "-c", f"{command} > console.txt 2>&1", environment=settings)
        self.wait_for_port(seconds=READY_S)

    def _plain(self) -> dict[str, Any]:
        base = f"http://{LOOPBACK}:{self.provider}/v1"
        told = {"model": f"openai/{GPT}", "api_base": base, "api_key": KEY, "max_retries": 0}
        callback = {"callbacks": "litellm_spend.spend_file", "telemetry": False, "num_retries": 0}
        return {
            "model_list": [{"model_name": GPT, "litellm_params": {**told, "timeout": 20.0}}],
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "litellm_settings": {**callback, "turn_off_message_logging": True},
            "general_settings": {"master_key": KEY},
        }


@dataclass(slots=True)
class Recording:
    """The hops while they are recorded."""

    providers: Providers
    journal: Journal
    sdk: Sdk
    tail: Tail
    attempts: list[Attempt] = field(default_factory=list)
    rows: int = 0

    def ask(
        self,
        status: int | None = 200,
        *,
        fault: str | None = None,
        truth: Truth | None = None,
        stream: bool = False,
        retried: bool = False,
    ) -> None:
        """Send one request, with ``retried`` two, and wait until each has left its row."""
        if fault:
            self.providers.first.once(fault)
        made = [Attempt(Exchange("POST", HOST, CHAT, GPT, status))]
        self.journal.open(made[0].exchange)
        if retried:
            made.append(Attempt(Exchange("POST", HOST, CHAT, GPT, 200)))
        self._send(len(self.attempts) + 1, stream, retried, LIMIT_S if status is None else 30.0)
        if truth:
            self.journal.fail_last(truth)
        # A retry is answered at once, while the first request still runs.
        for one in reversed(made):
            self._take(one)
        self.attempts += made
        time.sleep(PAUSE_S)

    def _send(self, number: int, stream: bool, retried: bool, limit_s: float) -> None:
        from openai import OpenAIError

        said = [{"role": "user", "content": f"Say something plain about the lab, number {number}."}]
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
        try:
            with self.sdk.openai(f"http://{HOST}/v1", KEY, int(retried), limit_s) as client:
                answer = client.chat.completions.create(
                    model=GPT, messages=said, max_tokens=200, stream=stream, **options
                )
                if stream:
                    list(answer)
        except OpenAIError as error:
            print(f"  {number}: {type(error).__name__}")

    def _take(self, one: Attempt) -> None:
        deadline = time.monotonic() + WAIT_S
        while not one.rows and time.monotonic() < deadline:
            time.sleep(0.1)
            for text in self.tail.take():
                self.rows += 1
                one.rows.append(self.rows)
                one.cost.append(f"{Decimal(str(json.loads(text)['spend'])).normalize():f}")
        if len(one.rows) != 1:
            raise SystemExit(f"request {len(self.attempts) + 1}: {len(one.rows)} spend records")


def stage(now: Recording) -> None:
    """Send everything."""
    for stream in (False, True, False):
        now.ask(stream=stream)
    now.ask(503, fault="openai_503", truth=OVERLOADED)
    now.ask()
    now.ask(429, fault="limited", truth=REFUSED)
    now.ask(stream=True)
    now.ask(fault="cut", truth=BROKEN, stream=True)
    now.ask()
    now.ask(None, fault="slow", truth=GAVE_UP)
    now.ask()
    now.ask(None, fault="slow", truth=ASKED_AGAIN, retried=True)
    for stream in (True, False, False):
        now.ask(stream=stream)


def record(folder: Path) -> tuple[list[Attempt], str, str]:
    """Record into ``folder``; return what was staged, the HAR and the spend records."""
    journal = Journal()
    ports = (free_port(), free_port())
    gateway = Gateway(folder, provider=ports[0])
    har = folder / HAR
    with Providers(journal, *ports, slow_s=SLOW_S) as providers:
        try:
            gateway.start()
            with sdks(har, gateway.port, LIMIT_S) as client:
                now = Recording(providers, journal, client.sdk, Tail(folder / SPEND))
                stage(now)
        finally:
            gateway.stop()
    return now.attempts, har.read_text(), (folder / SPEND).read_text()


def expected(har: str, attempts: list[Attempt]) -> dict[str, Any]:
    """Return what expected.json says."""
    pairs = hop_samples.joined(har, [hop_samples.Attempt(a.exchange, {}) for a in attempts])
    both = [(number, attempts[index]) for index, (number, _) in enumerate(pairs)]
    failed = [(number, one) for number, one in both if one.exchange.truth]
    return {
        "description": DESCRIPTION,
        "unknown_budget": 0.0,
        "attempts_total": len(both),
        "failed": len(failed),
        "attempts": [
            {"input": HAR, "record": number, "ok": False, **one.exchange.truth.as_json()}
            for number, one in failed if one.exchange.truth
        ],
        "billing": [one.billing(number) for number, one in failed],
        "wasted_by_retries": [
            {"amount": one.cost[0], "currency": "USD"}
            for _, one in failed if one.exchange.truth is ASKED_AGAIN
        ],
    }  # fmt: skip


def check() -> list[str]:
    """Return what is wrong with the stored sample; empty when nothing is."""
    folder = samples.SAMPLES / NAME
    said = json.loads((folder / "expected.json").read_text())
    problems = samples.check(folder, *vocabulary())
    rows = (folder / SPEND).read_text().splitlines()
    for told in said["billing"]:
        file, _, number = told["usage"].partition("#")
        spend = json.loads(rows[int(number) - 1])["spend"] if file == SPEND else None
        if spend is None or Decimal(str(spend)) != Decimal(told["cost"]):
            problems.append(f"{NAME}: {told['usage']} does not say {told['cost']}")
    return problems


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="check the stored sample")
    if parser.parse_args().check:
        problems = check()
        print("\n".join(problems) or "1 sample is well-formed.")
        return 1 if problems else 0
    with tempfile.TemporaryDirectory(prefix="bills") as place:
        attempts, har, spend = record(Path(place))
    value = expected(har, attempts)
    folder = samples.SAMPLES / NAME
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in ((HAR, har), (SPEND, spend), ("expected.json", hop_samples.write(value))):
        (folder / file).write_text(text)
    print(f"{NAME}: {len(attempts)} attempts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
