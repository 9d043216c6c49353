"""LiteLLM's proxy: StandardLoggingPayload through a custom callback, and uvicorn's access lines."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from tests.lab.proxies.answers import MODEL
from tests.lab.proxies.backend import FAULT, LOOPBACK
from tests.lab.proxies.client import BAD_KEY, KEY, MESSAGES, Ask, Seen, ask
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    DOWN,
    FAULTS,
    FULL,
    LIMITED,
    POOL,
    REFUSED,
    RELAYED,
    RETRY,
    TLS_PLAIN,
    TLS_UNTRUSTED,
    Fault,
    Truth,
)

CALLBACK = Path(__file__).with_name("litellm_callback.py")
CLAUDE, NOBODY = "claude-sonnet-4-5", "model-of-nobody"
COOLING = Truth(False, "gateway", "cooldown", "not_sent", ("no_healthy_upstream",))
OWN_KEY = Truth(False, "gateway", "no_upstream_credential", "done", ("invalid_key",))
RATED = next(fault for fault in FAULTS if fault.name == "relayed-429")
EXTRA = (
    replace(RATED, ask=Ask(headers={POOL: DOWN})),
    Fault("cooldown", COOLING, Ask(headers={POOL: DOWN}), (429,)),
    Fault("no-model", Truth(False, "client", "model_not_found", "not_sent",
                            ("no_route_for_model",), ("gateway",)),
          Ask(model=NOBODY), (400, 404)),
    Fault("wrong-key", Truth(False, "client", "invalid_key", "not_sent"),
          Ask(key=BAD_KEY), (400, 401)),
)  # fmt: skip
BEHIND = (
    "reset", "closed", "silent", "slow-stream", "cut-reset", "cut-closed", "cut-neatly",
    "short-body", "stall", "garbage", "401", "429", "500", "503",
)  # fmt: skip
TELLS = frozenset({"cooldown", "no-model", "abort-streaming", "limited", "stall", *RELAYED})
LAYERS = frozenset({
    "refused", "connect-timeout", "reset", "silent", "tls-untrusted",
})  # fmt: skip
"""One class and one text stand for all of these (time-outs have another one)."""
BROKEN = frozenset({"cut-reset", "cut-closed"})
READY_S = 90.0
SAME = "its payload says the same words as for reset, at length"

Json = dict[str, Any]


class Litellm(Proxy):
    """LiteLLM without a database; each fault stands behind a model name of its own."""

    name: ClassVar[str] = "litellm"
    program: ClassVar[str] = "litellm"
    version: ClassVar[tuple[str, ...]] = ("--version",)
    settle_s: ClassVar[float] = 1.2
    extra: ClassVar[tuple[Fault, ...]] = EXTRA
    cannot: ClassVar[dict[str, str]] = {
        "limited-503": "its limiter answers 429",
        "overflow": "its limit on parallel requests needs parallel requests",
        "too-large": "its limit on bodies is not in the free edition",
        "all-refused": "the same as refused, since it gives up after one deployment",
        "no-healthy": "its way of having nobody left is the cooldown",
        "closed": SAME,
        "garbage": SAME,
        "tls-to-plain": SAME,
        "short-body": SAME,
    }

    @property
    def extent(self) -> str:
        """Show every fault once: the payloads are long."""
        return "once"

    def logs(self) -> tuple[Log, ...]:
        """Return the logs; a payload is written for each try, none for unknown paths."""
        return (
            Log("payload.log", TELLS, LAYERS, BROKEN, access=False),
            Log("uvicorn.log", keep=r"^INFO: +\S+:\d+ - ", pattern=r"^INFO: +\S+:\d+ - "),
        )

    def truth(self, fault: Fault) -> Truth:
        """Return the truth; the key that a provider refuses is LiteLLM's own."""
        return OWN_KEY if fault.name == "relayed-401" else fault.truth

    def start(self) -> None:
        """Start LiteLLM with a callback that writes payloads."""
        shutil.copy(CALLBACK, self.folder)
        path = self.write("config.yaml", json.dumps(self._config(), indent=1))
        command = f"exec {self.executable()} --config {path} --host {LOOPBACK} --port {self.port}"
        settings = {
            "LAB_PAYLOADS": str(self.folder / "payload.log"), "NO_COLOR": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.run("sh", "-c", f"{command} > uvicorn.log 2>&1", environment=settings)
        self.wait_for_port(seconds=READY_S)

    def scrubs(self) -> dict[str, str]:
        """Leave out where LiteLLM is installed."""
        packages = Path(self.executable()).parents[1] / "lib"
        found = [f"{path}/" for path in packages.glob("python*/site-packages")]
        return {**super().scrubs(), **dict.fromkeys(found, "")}

    def send(self, what: Ask) -> Seen:
        """Send one request with the model behind which the fault stands."""
        word = what.headers.get(POOL) or what.headers.get(FAULT)
        word = LIMITED if LIMITED in what.headers else word
        model = self._names().get(word or "", what.model)
        if what.path == MESSAGES:
            model = CLAUDE if word is None else "claude-overloaded"
        return ask(replace(what, headers={}, model=model), self.port)

    def _names(self) -> dict[str, str]:
        pools = (REFUSED, FULL, DOWN, TLS_PLAIN, RETRY, TLS_UNTRUSTED, LIMITED)
        return {word: f"model-{number:02d}" for number, word in enumerate((*pools, *BEHIND))}

    def _urls(self) -> dict[str, str]:
        here = self.backend
        ports = {REFUSED: here.closed_port, FULL: here.full_port, RETRY: here.closed_port}
        ports |= {DOWN: here.port_of("429"), LIMITED: here.port}
        ports |= {word: here.port_of(word) for word in BEHIND}
        urls = {word: f"http://{LOOPBACK}:{port}" for word, port in ports.items()}
        urls[TLS_PLAIN] = f"https://{LOOPBACK}:{here.port}"
        urls[TLS_UNTRUSTED] = f"https://{LOOPBACK}:{here.tls_port}"
        return urls

    def _config(self) -> Json:
        urls, good = self._urls(), f"http://{LOOPBACK}:{self.backend.port}"
        bad = f"http://{LOOPBACK}:{self.backend.port_of('529')}"
        models = [_deployment(MODEL, f"openai/{MODEL}", f"{good}/v1")]
        models.append(_deployment(CLAUDE, f"anthropic/{CLAUDE}", good))
        models.append(_deployment("claude-overloaded", f"anthropic/{CLAUDE}", bad))
        for word, name in self._names().items():
            limit = {"rpm": 1} if word == LIMITED else {}
            one = _deployment(name, f"openai/{name}", f"{urls[word]}/v1", **limit)
            # One deployment alone is not given a rest; two are, after their first 429.
            models += [one, one] if word == DOWN else [one]
        router = {"num_retries": 0, "cooldown_time": 600}
        router |= {"optional_pre_call_checks": ["enforce_model_rate_limits"]}
        router |= {"fallbacks": [{self._names()[RETRY]: [MODEL]}]}
        settings = {"callbacks": "litellm_callback.payload_file", "telemetry": False}
        settings |= {"turn_off_message_logging": True, "num_retries": 0}
        return {
            "model_list": models,
            "router_settings": router,
            "litellm_settings": settings,
            "general_settings": {"master_key": KEY},
        }


def _deployment(name: str, model: str, base: str, **more: Any) -> Json:
    limits = {"timeout": 1.0, "stream_timeout": 1.0, "max_retries": 0, **more}
    return {
        "model_name": name,
        "litellm_params": {"model": model, "api_base": base, "api_key": KEY, **limits},
    }
