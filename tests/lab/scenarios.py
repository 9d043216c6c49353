"""What is staged, scenario by scenario. Requests go one after another, so order joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import drivers
import samples
from drivers import REFUSING, Page, Sdk
from gateway import BAD_KEY
from journal import Exchange, Truth
from lab import (
    ANTHROPIC,
    CHAT_PAGE,
    CLAUDE,
    DASHBOARD,
    DEEPSEEK,
    GEMINI,
    GPT,
    MARKETING,
    OPENAI,
    PLAIN,
    Lab,
)  # fmt: skip

GAVE_UP = Truth(
    "the SDK's own time-out ended it before the gateway's limit; the SDK retried",
    "client", "client_timeout", "none", knowable=False, staged_layer="client",
    accept_causes=("client_abort",),
)  # fmt: skip
PAGE_GAVE_UP = Truth(
    "AbortSignal.timeout in the page ended it; a browser reports that as any other abort",
    "client", "client_abort", "none", knowable=False, staged_layer="client",
    accept_causes=("client_timeout",),
)  # fmt: skip
PAGE_STOPPED = Truth(
    "the page aborted the stream after the first bytes, as a stop button does",
    "client", "client_abort",
)  # fmt: skip
REFUSED = Truth("nothing listens on the port", "network", "connection_refused", "none", "unbilled")
NO_NAME = Truth("the host name does not resolve", "network", "dns_failure", "none", "unbilled")
NO_TLS = Truth(
    "https was asked of a port that speaks plain http", "network", "tls_failure", "none", "unbilled"
)


@dataclass(slots=True)
class Recording:
    """A scenario while it is recorded."""

    lab: Lab
    folder: Path
    joined: dict[str, list[tuple[int, Exchange]]]

    @contextmanager
    def chromium(self, name: str) -> Iterator[Page]:
        """Record a page's traffic to a file of the scenario."""
        first = len(self.lab.journal.exchanges)
        with drivers.chromium(self.folder / name) as page:
            yield page
        self._join(name, first)

    @contextmanager
    def sdk(self, name: str) -> Iterator[Sdk]:
        """Record the SDKs' traffic to a file of the scenario."""
        first = len(self.lab.journal.exchanges)
        with drivers.sdk(self.folder / name) as sdk:
            yield sdk
        self._join(name, first)

    def _join(self, name: str, first: int) -> None:
        staged = self.lab.journal.exchanges[first:]
        self.joined[name] = samples.join(self.folder / name, staged, CHAT_PAGE)

    def unreached(self, host: str, truth: Truth) -> None:
        """Note a request that no hop of the lab can have seen."""
        number = self.lab.journal.open(Exchange("GET", host, "/v1/models", None))
        self.lab.journal.fail(number, truth)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named scenario."""

    description: str
    stage: Callable[[Recording], None]
    unknown_budget: float = 0.0


def upstream_overload(now: Recording) -> None:
    """One provider is overloaded for a while; SDK retries, of which some succeed."""
    lab = now.lab
    with now.sdk("sdk.har") as sdk:
        sdk.models()
        sdk.chat(GPT)
        sdk.message(CLAUDE)
        sdk.chat(DEEPSEEK, stream=True)
        lab.providers["anthropic"].stage("anthropic_529", 9)
        sdk.message(CLAUDE)
        sdk.chat(GPT, stream=True)
        sdk.message(CLAUDE, stream=True)
        sdk.chat(DEEPSEEK)
        sdk.message(CLAUDE, retries=0)
        lab.providers["healthy"].stage("openai_503", 2)
        sdk.chat(GPT)
        sdk.message(CLAUDE, stream=True)
        sdk.models()
        sdk.chat(GPT)
        sdk.message(CLAUDE)


def one_model_route_down(now: Recording) -> None:
    """The gateway has no enabled route for one model; everything else works."""
    now.lab.gateway.disabled.add(GEMINI)
    with now.chromium("browser.har") as page:
        page.models()
        page.chat(GPT)
        page.chat(GEMINI)
        page.chat(GEMINI, stream=True)
        page.chat(DEEPSEEK, stream=True)
        page.chat(GEMINI)
        page.models()
        page.chat(GPT, stream=True)
        page.chat(GEMINI)
        page.chat(DEEPSEEK)


def gateway_no_healthy_upstream(now: Recording) -> None:
    """The gateway's balancer has no healthy server, whatever is asked."""
    now.lab.gateway.healthy = False
    with now.chromium("browser.har") as page:
        page.chat(GPT)
        page.models()
        page.chat(DEEPSEEK, stream=True)
        page.chat(GEMINI)
        page.models()
        page.chat(GPT, stream=True)
        page.chat(CLAUDE)


def edge_pages_and_passthrough(now: Recording) -> None:
    """The edge's own 522 and 524 beside JSON errors that it passes through."""
    lab = now.lab
    lab.gateway.disabled.add(GEMINI)
    lab.gateway.limit_s = 20.0
    with now.chromium("browser.har") as page:
        page.models()
        page.chat(GPT)
        lab.edge.stage("522", 2)
        page.chat(GPT)
        page.models()
        lab.route(DEEPSEEK, "slow")
        lab.edge.stage("524")
        page.chat(DEEPSEEK)
        lab.edge.stage("524")
        page.chat(DEEPSEEK, stream=True)
        page.chat(GEMINI)
        lab.route(GPT, "openai_503")
        page.chat(GPT)
        lab.route(GPT, "healthy")
        page.chat(GPT)
        page.models()
    with now.sdk("provider-direct.har") as sdk:
        base = f"http://{OPENAI}/v1"
        sdk.models(base=base)
        lab.direct(OPENAI, "slow")
        lab.edge.stage("524")
        sdk.chat(GPT, base=base, retries=0)
        lab.direct(OPENAI, "openai_503")
        sdk.chat(GPT, base=base, retries=0)
        lab.direct(OPENAI, "healthy")
        sdk.chat(GPT, base=base)


def wrong_base_url(now: Recording) -> None:
    """The base URLs that people type: no version, twice the version, the endpoint, other hosts."""
    with now.chromium("browser.har") as page:
        page.models()
        page.chat(GPT, path="/chat/completions")
        page.call("/models")
        page.chat(GPT, path="/v1/chat/completions/chat/completions")
        page.chat(GPT, path="/v1/v1/chat/completions")
        page.chat(GPT, base=f"http://{DASHBOARD}")
        page.models(base=f"http://{DASHBOARD}")
        page.chat(GPT, base=f"http://{MARKETING}")
        page.chat(GPT)


def bad_key(now: Recording) -> None:
    """A wrong key: at the gateway, and at two providers' own hosts."""
    lab = now.lab
    with now.chromium("browser.har") as page:
        page.models(key=BAD_KEY)
        page.chat(GPT, key=BAD_KEY)
        page.chat(DEEPSEEK, key=BAD_KEY, stream=True)
        page.models()
        page.chat(GPT)
    lab.direct(OPENAI, "bad_key")
    lab.direct(ANTHROPIC, "bad_key")
    with now.sdk("provider-direct.har") as sdk:
        sdk.models(base=f"http://{OPENAI}/v1", key=BAD_KEY)
        sdk.chat(GPT, base=f"http://{OPENAI}/v1", key=BAD_KEY)
        sdk.message(CLAUDE, base=f"http://{ANTHROPIC}", key=BAD_KEY)


def stream_cut_under_200(now: Recording) -> None:
    """Streams that begin with 200 and do not end well, and one that the page stopped itself."""
    lab = now.lab
    with now.chromium("browser.har") as page:
        page.chat(GPT, stream=True)
        lab.route(GPT, "cut")
        page.chat(GPT, stream=True)
        lab.route(GPT, "end_early")
        page.chat(GPT, stream=True)
        lab.route(GPT, "error_event")
        page.chat(GPT, stream=True)
        lab.route(GPT, "healthy")
        page.chat(GPT, stream=True, stop_after_first=True)
        lab.journal.fail_last(PAGE_STOPPED)
        page.chat(GPT, stream=True)
    with now.sdk("provider-direct.har") as sdk:
        base = f"http://{ANTHROPIC}"
        sdk.message(CLAUDE, base=base, stream=True)
        lab.direct(ANTHROPIC, "error_event")
        sdk.message(CLAUDE, base=base, stream=True)
        lab.direct(ANTHROPIC, "end_early")
        sdk.message(CLAUDE, base=base, stream=True)
        lab.direct(ANTHROPIC, "anthropic")
        sdk.message(CLAUDE, base=base, stream=True)


def client_timeout(now: Recording) -> None:
    """A client that waits less than the gateway does; then a gateway that waits less than it."""
    lab = now.lab
    lab.route(DEEPSEEK, "slow")
    base = f"http://{PLAIN}/v1"
    with now.sdk("sdk.har") as sdk:
        sdk.models(base=base)
        sdk.chat(GPT, base=base)
        first = len(lab.journal.exchanges)
        sdk.chat(DEEPSEEK, base=base, timeout_s=1.5, retries=2)
        for number in range(first, len(lab.journal.exchanges)):
            lab.journal.fail(number, GAVE_UP)
        sdk.chat(GPT, base=base, stream=True)
        lab.gateway.limit_s = 3.0
        sdk.chat(DEEPSEEK, base=base, timeout_s=20.0, retries=0)
        lab.gateway.limit_s = 20.0
    with now.chromium("browser.har") as page:
        page.models(base=f"http://{PLAIN}")
        page.chat(DEEPSEEK, base=f"http://{PLAIN}", timeout_ms=2000)
        lab.journal.fail_last(PAGE_GAVE_UP)
        page.chat(GPT, base=f"http://{PLAIN}")


def healthy(now: Recording) -> None:
    """Nothing fails."""
    with now.chromium("browser.har") as page:
        page.models()
        for model in (GPT, DEEPSEEK, GEMINI):
            page.chat(model)
            page.chat(model, stream=True)
        page.models()
    with now.sdk("sdk.har") as sdk:
        sdk.models(base=f"http://{OPENAI}/v1")
        sdk.chat(GPT, base=f"http://{OPENAI}/v1")
        sdk.chat(GPT, base=f"http://{OPENAI}/v1", stream=True)
        sdk.message(CLAUDE, base=f"http://{ANTHROPIC}")
        sdk.message(CLAUDE, base=f"http://{ANTHROPIC}", stream=True)


def network_refused(now: Recording) -> None:
    """No HTTP answer at all: refused, no such name, no TLS, reset."""
    lab = now.lab
    with now.chromium("browser.har") as page:
        page.models()
        page.models(base=f"http://{REFUSING}")
        now.unreached(REFUSING, REFUSED)
        page.models(base="http://gatway.example")
        now.unreached("gatway.example", NO_NAME)
        page.models(base=f"https://{PLAIN}")
        now.unreached(PLAIN, NO_TLS)
        lab.edge.stage("reset")
        page.models(base=f"http://{PLAIN}")
        page.models()


SCENARIOS: dict[str, Scenario] = {
    "upstream-overload": Scenario(
        "One provider behind the gateway is overloaded for a while, a second one briefly; the "
        "SDKs retry and some retries succeed.", upstream_overload),
    "one-model-route-down": Scenario(
        "The gateway has no enabled route for one model; the others and /v1/models work.",
        one_model_route_down),
    "gateway-no-healthy-upstream": Scenario(
        "The gateway's load balancer has no healthy server: every model and /v1/models fail.",
        gateway_no_healthy_upstream),
    "edge-522-524-and-passthrough": Scenario(
        "An edge imitation's own 522 and 524 beside JSON 503 answers that it passed through.",
        edge_pages_and_passthrough),
    "wrong-base-url": Scenario(
        "Base URLs without /v1, with it twice, with the endpoint in it, and with hosts that serve "
        "no API.", wrong_base_url),
    "bad-key": Scenario("A wrong key at a gateway and at two providers.", bad_key),
    "stream-cut-under-200": Scenario(
        "Streams that begin with 200 and are cut, end early, carry an error or are stopped.",
        stream_cut_under_200),
    "client-timeout": Scenario(
        "Clients that give up before the gateway's limit, and one 504 of the gateway itself.",
        client_timeout),
    "healthy": Scenario("The control: nothing fails.", healthy),
    "network-refused": Scenario(
        "No HTTP answer: connection refused, name not resolved, TLS failure, reset.",
        network_refused),
}  # fmt: skip
