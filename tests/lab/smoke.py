"""A quick look whether every hop still does what the scenarios rely on; no external tool needed."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass

from gateway import BAD_KEY, KEY
from http1 import LOOPBACK
from lab import CLAUDE, DASHBOARD, DEEPSEEK, FRONT, GEMINI, GPT, MARKETING, OPENAI, RELAY, Lab

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass(frozen=True, slots=True)
class Case:
    """A staged request: what is asked, what must come back, and what the journal must say."""

    name: str
    path: str = CHAT
    model: str = GPT
    host: str = RELAY
    key: str = KEY
    stream: bool = False
    fault: tuple[str, str] | None = None
    """Provider port and fault for this request."""
    edge_fault: str | None = None
    status: int | None = 200
    text: str = ""
    verdict: tuple[str, str] | None = None


CASES = (
    Case("json", text='"finish_reason":"stop"'),
    Case("stream", stream=True, text="data: [DONE]"),
    Case("message", MESSAGES, CLAUDE, text='"stop_reason":"end_turn"'),
    Case("message stream", MESSAGES, CLAUDE, stream=True, text="event: message_stop"),
    Case("openai 503", fault=("healthy", "openai_503"), status=503, text="server_is_overloaded",
         verdict=("upstream", "overloaded")),
    Case("anthropic 529", MESSAGES, CLAUDE, fault=("anthropic", "anthropic_529"), status=529,
         text="overloaded_error", verdict=("upstream", "overloaded")),
    Case("bad key", key=BAD_KEY, status=401, text="Invalid token",
         verdict=("client", "invalid_key")),
    Case("bad key direct", host=OPENAI, fault=("healthy", "bad_key"), status=401,
         text="invalid_api_key", verdict=("client", "invalid_key")),
    Case("no route", model=GEMINI, status=503, text="No available channel for model",
         verdict=("gateway", "no_route_for_model")),
    Case("wrong path", "/chat/completions", status=404, text="Invalid URL",
         verdict=("client", "wrong_path")),
    Case("dashboard", host=DASHBOARD, text="<title>Dashboard", verdict=("client", "wrong_path")),
    Case("marketing", host=MARKETING, status=503, text="<title>503",
         verdict=("client", "wrong_path")),
    Case("cut", stream=True, fault=("healthy", "cut"), status=None,
         verdict=("network", "stream_interrupted")),
    Case("early end", stream=True, fault=("healthy", "end_early"), text="chat.completion.chunk",
         verdict=("network", "stream_interrupted")),
    Case("error event", MESSAGES, CLAUDE, stream=True, fault=("anthropic", "error_event"),
         text="event: error", verdict=("upstream", "overloaded")),
    Case("gateway limit", model=DEEPSEEK, fault=("other", "slow"), status=504,
         text="504 Gateway Time-out", verdict=("gateway", "upstream_timeout")),
    Case("edge 522", edge_fault="522", status=522, text="cf-error-details",
         verdict=("gateway", "connect_timeout")),
    Case("reset", edge_fault="reset", status=None, verdict=("network", "connection_reset")),
)  # fmt: skip


def _ask(case: Case) -> tuple[int | None, str]:
    body = json.dumps({"model": case.model, "messages": [], "stream": case.stream})
    headers = {"host": case.host, "authorization": f"Bearer {case.key}"}
    connection = http.client.HTTPConnection(LOOPBACK, FRONT, timeout=10)
    try:
        connection.request("POST", case.path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (http.client.IncompleteRead, ConnectionError):
        return None, ""
    finally:
        connection.close()


def run() -> list[str]:
    """Run every case and return what went wrong."""
    problems = []
    with Lab("smoke") as lab:
        lab.gateway.disabled.add(GEMINI)
        lab.gateway.limit_s = 0.3
        for case in CASES:
            if case.fault:
                lab.providers[case.fault[0]].stage(case.fault[1], 1)
            if case.edge_fault:
                lab.edge.stage(case.edge_fault)
            status, text = _ask(case)
            truth = lab.journal.exchanges[-1].truth
            verdict = (truth.layer, truth.cause) if truth else None
            if status != case.status or case.text not in text or verdict != case.verdict:
                problems.append(f"{case.name}: got {status} {verdict} {text[:80]!r}")
    return problems
