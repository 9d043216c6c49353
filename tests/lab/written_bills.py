"""Write samples of exports that no gateway of the lab can make, from their documented columns.

    PYTHONPATH=.:tests/lab python tests/lab/written_bills.py    write them anew

Nothing here was recorded: the HAR files and the exports are made up together, so that it is known
which row is whose. Columns and units are those of the products' own documentation and source.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import hop_samples
import samples
from journal import Truth

from tests.lab.proxies.client import KEY

HAR = "logs.har"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ROUTER, RELAY, DIRECT = "openrouter.ai/api/v1", "relay.example/v1", "api.openai.com/v1"
NO_ANSWER = "net::ERR_ABORTED"
GENERATION = (
    "generation_id", "created_at", "cost_total", "cost_web_search", "cost_cache",
    "cost_file_processing", "byok_usage_inference", "tokens_prompt", "tokens_completion",
    "tokens_reasoning", "tokens_cached", "model_permaslug", "provider_name", "variant",
    "cancelled", "streamed", "user", "finish_reason_raw", "finish_reason_normalized",
    "generation_time_ms", "time_to_first_token_ms", "api_key_disabled", "api_key_name", "app_name",
)  # fmt: skip

Json = dict[str, Any]
GAVE_UP = Truth(
    "the client gave up before any answer", "client", "client_abort", "none", "billed",
    accept_causes=("client_timeout",),
)  # fmt: skip


@dataclass
class Sample:
    """A HAR file and its truth, while they are written."""

    base: str
    model: str
    entries: list[Json] = field(default_factory=list)
    failed: list[Json] = field(default_factory=list)
    billing: list[Json] = field(default_factory=list)

    def ask(
        self,
        at_s: float,
        body: Json | str | None,
        status: int = 200,
        *,
        took_ms: float = 900,
        headers: dict[str, str] | None = None,
        model: str | None = None,
        prompt: str = "",
        stream: bool = False,
    ) -> int:
        """Add a request; without a ``body`` the client left before any answer. Return its record."""
        number = len(self.entries) + 1
        said = [{"role": "user", "content": prompt or f"Question {number}."}]
        asked: Json = {"model": model or self.model, "messages": said}
        if stream:
            asked["stream"] = True
        text = body if isinstance(body, str) else json.dumps(body) if body else ""
        kind = "text/event-stream" if isinstance(body, str) else "application/json"
        told = {"content-type": kind, **(headers or {})} if body else {}
        moment = NOON + timedelta(seconds=at_s)
        response: Json = {
            "status": status if body else 0, "statusText": "", "httpVersion": "HTTP/1.1",
            "cookies": [], "headers": _pairs(told), "redirectURL": "", "headersSize": -1,
            "bodySize": -1, "content": {"mimeType": kind, "size": len(text), "text": text},
        }  # fmt: skip
        if not body:
            response["_error"] = NO_ANSWER
        self.entries.append(
            {
                "startedDateTime": moment.isoformat(timespec="milliseconds"), "time": took_ms,
                "request": {
                    "method": "POST", "url": f"https://{self.base}/chat/completions",
                    "httpVersion": "HTTP/1.1", "cookies": [], "queryString": [],
                    "headers": _pairs(
                        {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
                    ),
                    "headersSize": -1, "bodySize": -1,
                    "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
                },
                "response": response,
                "cache": {}, "timings": {"send": 0, "wait": took_ms, "receive": 0},
            }
        )  # fmt: skip
        return number

    def fail(self, record: int, truth: Truth, billing: str, outcome: str, **more: Any) -> None:
        """Note what is true of a failed request, and what its export shows."""
        self.failed.append({"input": HAR, "record": record, "ok": False, **truth.as_json()})
        told = {"input": HAR, "record": record, "billing": billing, "outcome": outcome}
        self.billing.append({**told, **more})

    def store(self, name: str, description: str, export: str, text: str, **more: Any) -> None:
        """Write the sample's files, all but its README."""
        folder = samples.SAMPLES / name
        folder.mkdir(parents=True, exist_ok=True)
        creator = {"name": "written by hand, not recorded", "version": "1"}
        document = {"log": {"version": "1.2", "creator": creator, "entries": self.entries}}
        (folder / HAR).write_text(json.dumps(document, indent=1) + "\n")
        (folder / export).write_text(text)
        value = {
            "description": description,
            "unknown_budget": 0.0,
            "attempts_total": len(self.entries),
            "failed": len(self.failed),
            "attempts": self.failed,
            "billing": self.billing,
            **more,
        }
        (folder / "expected.json").write_text(hop_samples.write(value))


def _pairs(headers: dict[str, str]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def answer(own: str, model: str, tokens: tuple[int, int]) -> Json:
    """Return a whole chat completion."""
    message = {"role": "assistant", "content": "Plain words."}
    given, made = tokens
    usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    head = {"id": own, "object": "chat.completion", "model": model}
    return {**head, "choices": [choice], "usage": usage}


def begun(own: str, model: str) -> str:
    """Return the beginning of a stream that nobody ended."""
    choice = {"index": 0, "delta": {"content": "Plain "}, "finish_reason": None}
    chunk = {"id": own, "object": "chat.completion.chunk", "model": model, "choices": [choice]}
    return "".join(f"data: {json.dumps(chunk)}\n\n" for _ in range(4))


class Router:
    """OpenRouter's activity export, one row for each generation."""

    model = "openai/gpt-5-mini"

    def __init__(self) -> None:
        self.sample = Sample(ROUTER, self.model)
        self.rows: list[dict[str, object]] = []

    def own(self, at_s: float) -> str:
        """Return a generation id, which has the second of its request."""
        return f"gen-{int((NOON + timedelta(seconds=at_s)).timestamp())}-lab{int(at_s):09d}"

    def charge(
        self, at_s: float, cost: str, tokens: tuple[int, int] = (100, 40), *,
        cancelled: bool = False, finish: str = "stop",
    ) -> str:  # fmt: skip
        """Add a row and return its place."""
        moment = NOON + timedelta(seconds=at_s, milliseconds=300)
        row: dict[str, object] = dict.fromkeys(GENERATION, 0)
        row |= {
            "generation_id": self.own(at_s), "created_at": f"{moment:%Y-%m-%d %H:%M:%S}.300",
            "cost_total": cost, "tokens_prompt": tokens[0], "tokens_completion": tokens[1],
            "model_permaslug": self.model, "provider_name": "DeepInfra", "variant": "standard",
            "cancelled": str(cancelled).lower(), "streamed": "false", "user": "",
            "finish_reason_raw": finish, "finish_reason_normalized": finish,
            "generation_time_ms": 850, "time_to_first_token_ms": 200,
            "api_key_disabled": "false", "api_key_name": "lab", "app_name": "lab",
        }  # fmt: skip
        self.rows.append(row)
        return f"usage.csv#{len(self.rows)}"

    def good(self, at_s: float, prompt: str = "") -> None:
        """Add a request that went well, and its row."""
        tokens = (100 + int(at_s) % 50, 40 + int(at_s) % 7)
        own = self.own(at_s)
        said = answer(own, self.model, tokens)
        self.sample.ask(at_s, said, headers={"x-generation-id": own}, prompt=prompt)
        if at_s < 3600:
            self.charge(at_s, "0.00012", tokens)

    def error(self, at_s: float, status: int, message: str) -> int:
        """Add an error of a provider behind, handed on."""
        raw = {"provider_name": "DeepInfra", "raw": message}
        body = {"error": {"code": status, "message": "Provider returned error", "metadata": raw}}
        return self.sample.ask(at_s, body, status, headers={"x-generation-id": self.own(at_s)})

    def text(self) -> str:
        """Return the export."""
        out = io.StringIO()
        writer = csv.DictWriter(out, GENERATION, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()


BAD = Truth("OpenRouter handed on a provider's 502", "upstream", "upstream_error", "gateway",
            "unbilled", accept_causes=("bad_gateway",))  # fmt: skip
LEFT = Truth("the client stopped a stream after four events", "client", "client_abort",
             accept_causes=("client_timeout", "stream_interrupted"))  # fmt: skip


def router() -> None:
    """Write the OpenRouter sample."""
    now = Router()
    sample = now.sample
    for at in (0, 20, 40):
        now.good(at)
    charged = now.error(60, 502, "upstream connect error")
    place = now.charge(60, "0.00031", (100, 0), finish="")
    sample.fail(charged, BAD, "billed", "billed_exact", usage=place, cost="0.00031",
                currency="USD", tier="K1", claim="contractual")  # fmt: skip
    now.good(80)
    free = now.error(100, 502, "upstream connect error")
    place = now.charge(100, "0", (100, 0), finish="")
    sample.fail(free, BAD, "unbilled", "unbilled_proven", usage=place, cost="0",
                currency="USD", tier="K1")  # fmt: skip
    now.good(120)
    sample.fail(now.error(140, 502, "no healthy upstream"), BAD, "unbilled", "unbilled_proven")
    now.good(160)
    own = now.own(180)
    stopped = sample.ask(180, begun(own, now.model), headers={"x-generation-id": own}, stream=True)
    sample.entries[-1]["response"]["_error"] = NO_ANSWER
    place = now.charge(180, "0.00002", (100, 4), cancelled=True, finish="")
    sample.fail(stopped, LEFT, "partial", "billed_exact", usage=place, cost="0.00002",
                currency="USD", tier="K1")  # fmt: skip
    now.good(200)
    gone = sample.ask(220, None, took_ms=10_000, prompt="Asked twice.")
    place = now.charge(221, "0.00013")
    sample.fail(gone, GAVE_UP, "billed", "billed_matched", usage=place, cost="0.00013",
                currency="USD", tier="K4")  # fmt: skip
    now.good(231, prompt="Asked twice.")
    now.good(250)
    for number in (0, 0.6):
        record = sample.ask(900 + number, None, took_ms=10_000)
        sample.fail(record, GAVE_UP, "billed", "ambiguous")
    now.charge(902, "0.00014")
    for at in (1600, 1620):
        now.good(at)
    late = now.error(9000, 502, "upstream connect error")
    sample.fail(late, BAD, "unbilled", "not_covered")
    now.good(9020)
    sample.store(
        "billed-by-openrouter",
        "An OpenRouter activity export beside a HAR: every way in which a failure is billed or not.",
        "usage.csv", now.text(), wasted_by_retries=[{"amount": "0.00013", "currency": "USD"}],
    )  # fmt: skip


class Relay:
    """new-api's log as JSON of its API: points, 500 000 of which are one USD."""

    model = "gpt-5-mini"

    def __init__(self) -> None:
        self.sample = Sample(RELAY, self.model)
        self.rows: list[Json] = []

    def own(self, at_s: float) -> str:
        """Return a request id: local time of the server and random characters."""
        return f"{NOON + timedelta(seconds=at_s):%Y%m%d%H%M%S}{int(at_s):09d}LabLab00"

    def row(
        self, at_s: float, own: str, kind: int, quota: int, tokens: tuple[int, int] = (0, 0),
        content: str = "", took_s: int = 1, **other: Any,
    ) -> str:  # fmt: skip
        """Add a row, stamped when it was settled, and return its place."""
        self.rows.append(
            {
                "id": len(self.rows) + 1, "user_id": 7,
                "created_at": int((NOON + timedelta(seconds=at_s + took_s)).timestamp()),
                "type": kind, "content": content, "username": "lab", "token_name": "lab",
                "model_name": self.model, "quota": quota, "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1], "use_time": took_s, "is_stream": False,
                "channel": 3, "channel_name": "", "token_id": 1, "group": "default", "ip": "",
                "request_id": own, "other": json.dumps({"frt": 200, **other}),
            }
        )  # fmt: skip
        return f"usage.json#{len(self.rows)}"

    def good(self, at_s: float) -> None:
        """Add a request that went well, and its row."""
        own, tokens = self.own(at_s), (100 + int(at_s) % 60, 40)
        body = answer(f"chatcmpl-{own}", self.model, tokens)
        self.sample.ask(at_s, body, headers={"x-oneapi-request-id": own})
        self.row(at_s, own, 2, 120, tokens)

    def error(self, at_s: float, status: int, message: str) -> tuple[int, str]:
        """Add an error in the relay's own words."""
        own = self.own(at_s)
        text = f"{message} (request id: {own})"
        error = {"message": text, "type": "new_api_error", "param": "", "code": "bad_response"}
        headers = {"x-oneapi-request-id": own}
        return self.sample.ask(at_s, {"error": error}, status, headers=headers), own


RELAYED = Truth(
    "the relay's own 502, for a 502 of the channel behind", "upstream", "upstream_error",
    "gateway", "unbilled", accept_causes=("bad_gateway", "bad_response"),
)  # fmt: skip


def relay() -> None:
    """Write the new-api sample."""
    now = Relay()
    sample = now.sample
    for at in (0, 30, 60):
        now.good(at)
    record, own = now.error(90, 502, "bad response status code 502")
    place = now.row(90, own, 5, 0, content=f"bad response status code 502 (request id: {own})")
    sample.fail(record, RELAYED, "unbilled", "unbilled_proven", usage=place, cost="0",
                currency="USD", tier="K1")  # fmt: skip
    now.good(120)
    record, own = now.error(150, 502, "bad response status code 502")
    place = now.row(150, own, 2, 4000, (2000, 0), local_count_tokens=True)
    sample.fail(record, RELAYED, "billed", "billed_exact", usage=place, cost="0.008",
                currency="USD", tier="K1", claim="contractual")  # fmt: skip
    now.good(180)
    record, own = now.error(210, 502, "bad response status code 502")
    now.row(210, own, 2, 500, (200, 5))
    now.row(240, own, 6, 500)
    sample.fail(record, RELAYED, "unbilled", "refunded", cost="0", currency="USD", tier="K1")
    now.good(260)
    record, own = now.error(290, 502, "bad response status code 502")
    now.row(290, own, 2, 300, (100, 5))
    now.row(291, own, 2, 300, (100, 5))
    sample.fail(record, RELAYED, "billed", "duplicate_suspected", cost="0.0012", currency="USD",
                tier="K1", claim="contractual")  # fmt: skip
    for at in (320, 350, 380):
        now.good(at)
    text = json.dumps({"success": True, "message": "", "data": {"items": now.rows}}, indent=1)
    sample.store(
        "billed-by-new-api",
        "A relay station's log beside a HAR: an error row, a charge, a refund, a double charge.",
        "usage.json", text + "\n",
    )  # fmt: skip


BUSY = Truth("the provider answered 503", "upstream", "overloaded", "upstream",
             accept_causes=("service_unavailable",))  # fmt: skip


def by_day() -> None:
    """Write the sample of a ledger that only counts per day."""
    sample = Sample(DIRECT, "gpt-5-mini")
    models = ("gpt-5-mini", "gpt-5", "gpt-5-nano")
    outcomes = ("not_covered", "billed_bounded", "billed_bounded")
    for turn in range(4):
        for number, model in enumerate(models):
            at = turn * 300 + number * 20
            own = f"chatcmpl-lab{turn}{number}"
            sample.ask(at, answer(own, model, (100, 20)), model=model)
            if turn < 2:
                error = {"message": "The engine is currently overloaded", "param": None}
                error |= {"type": "service_unavailable_error", "code": "server_is_overloaded"}
                record = sample.ask(at + 10, {"error": error}, 503, model=model)
                sample.fail(record, BUSY, "unbilled", outcomes[number])
    start = int(NOON.replace(hour=0).timestamp())
    results = [
        {
            "object": "organization.usage.completions.result", "input_tokens": 100 * requests,
            "output_tokens": 20 * requests, "input_cached_tokens": 0,
            "num_model_requests": requests, "project_id": "proj_lab", "user_id": None,
            "api_key_id": "key_lab", "model": model, "batch": False,
        }
        for model, requests in zip(models, (4, 6, 5), strict=True)
    ]  # fmt: skip
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400}
    page = {"object": "page", "data": [{**bucket, "results": results}], "has_more": False}
    sample.store(
        "billed-by-the-day",
        "OpenAI's usage per day beside a HAR: sums bound a group of failures, never one of them.",
        "usage.json", json.dumps(page, indent=1) + "\n",
        bounds=[
            {"model": "gpt-5-mini", "low": 0, "high": 0, "conclusion": "none"},
            {"model": "gpt-5", "low": 2, "high": 2, "conclusion": "all"},
            {"model": "gpt-5-nano", "low": 1, "high": 1, "conclusion": "some"},
        ],
    )  # fmt: skip


if __name__ == "__main__":
    router()
    relay()
    by_day()
