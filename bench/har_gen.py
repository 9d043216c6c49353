"""Writes a DevTools-style HAR of LLM traffic: deterministic, indented by 2, of a given size.

    python bench/har_gen.py --mib 500 OUT.har

60 000 entries per 500 MB, a large body now and then (up to 16 MiB), at most 5 % failures. The data
are synthetic: not calibrated to any real gateway.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ENTRIES_PER_BYTE = 60_000 / 500e6
LARGE_EVERY = 7_500
LARGE_SIZES = (1 << 20, 4 << 20, 16 << 20)
START = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
HEAD = """{
  "log": {
    "version": "1.2",
    "creator": {
      "name": "WebInspector",
      "version": "537.36"
    },
    "pages": [],
    "entries": ["""
TAIL = "\n    ]\n  }\n}\n"

TARGETS = (
    # host, path, model, dialect, weight
    ("api.gateway.test", "/v1/chat/completions", "gpt-4o", "openai", 5),
    ("api.gateway.test", "/v1/chat/completions", "deepseek-v3", "openai", 4),
    ("api.gateway.test", "/v1/messages", "claude-sonnet-4-5", "anthropic", 5),
    ("api.openai.com", "/v1/chat/completions", "gpt-4o-mini", "openai", 3),
    ("api.anthropic.com", "/v1/messages", "claude-opus-4-1", "anthropic", 3),
    ("openrouter.ai", "/api/v1/chat/completions", "meta-llama/llama-4-scout", "openai", 2),
    ("api.gateway.test", "/v1/embeddings", "text-embedding-3-small", "openai", 1),
    ("api.gateway.test", "/v1/models", None, "openai", 1),
)
FAILURES: tuple[tuple[int, str | None, str, str], ...] = (
    # status, net error, content type, body
    (503, None, "application/json", json.dumps({"error": {
        "message": "No available channel for model gpt-4o under group default",
        "type": "new_api_error", "param": "", "code": "model_not_found"}})),
    (429, None, "application/json", json.dumps({"error": {
        "message": "Rate limit reached", "type": "requests", "param": None,
        "code": "rate_limit_exceeded"}})),
    (529, None, "application/json", json.dumps({"type": "error", "error": {
        "type": "overloaded_error", "message": "Overloaded"}})),
    (502, None, "text/html", "<html><head><title>502 Bad Gateway</title></head><body>"
        "<center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"),
    (524, None, "text/html; charset=UTF-8", "<!DOCTYPE html><title>api.gateway.test | 524: A "
        "timeout occurred</title>"),
    (401, None, "application/json", json.dumps({"error": {
        "message": "Incorrect API key provided", "type": "invalid_request_error",
        "param": None, "code": "invalid_api_key"}})),
    (0, "net::ERR_CONNECTION_RESET", "x-unknown", ""),
    (0, "net::ERR_TIMED_OUT", "x-unknown", ""),
)  # fmt: skip
WORDS = [
    "the",
    "model",
    "answer",
    "token",
    "stream",
    "request",
    "gateway",
    "provider",
    "latency",
    "window",
    "context",
    "retry",
    "limit",
    "budget",
    "message",
    "content",
    "system",
    "user",
    "assistant",
    "function",
    "call",
    "result",
    "value",
    "parse",
    "error",
    "timeout",
]


class Generator:
    """Makes entries one after the other from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.text = " ".join(self.random.choices(WORDS, k=400_000))
        self.moment = START
        self.number = 0

    def words(self, size: int) -> str:
        """Return ``size`` characters of prose."""
        if size <= len(self.text) // 2:
            at = self.random.randrange(len(self.text) - size)
            return self.text[at : at + size]
        return (self.text * (size // len(self.text) + 1))[:size]

    def entry(self, body: int) -> dict[str, Any]:
        """Return the next entry, its bodies about ``body`` characters."""
        rng = self.random
        self.number += 1
        self.moment += timedelta(milliseconds=rng.randrange(50, 900))
        target = rng.choices(TARGETS, [item[4] for item in TARGETS])[0]
        failure = rng.choice(FAILURES) if rng.random() < 0.04 else None
        took = rng.uniform(180, 24_000) if failure is None else rng.choice((90.0, 1200.0, 60_010.0))
        return {
            "_connectionId": str(rng.randrange(400)),
            "_initiator": {"type": "script", "stack": {"callFrames": [
                {"functionName": name, "scriptId": "17", "url": "https://app.test/main.js",
                 "lineNumber": rng.randrange(9000), "columnNumber": rng.randrange(90)}
                for name in ("send", "fetchWithRetry", "onSubmit")
            ]}},
            "_priority": "High",
            "_resourceType": "fetch",
            "cache": {},
            "connection": "443",
            "request": self._request(target, body),
            "response": self._response(target, body, failure),
            "serverIPAddress": "192.0.2.7",
            "startedDateTime": self.moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "time": took,
            "timings": self._timings(took, failure),
        }  # fmt: skip

    def _timings(self, took: float, failure: Any) -> dict[str, float]:
        if failure is not None and failure[0] == 0:
            return {"blocked": took, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": 0,
                    "receive": 0, "_blocked_queueing": -1}  # fmt: skip
        wait = took * 0.3
        return {"blocked": 1.5, "dns": -1, "ssl": -1, "connect": -1, "send": 0.25, "wait": wait,
                "receive": took - wait - 1.75, "_blocked_queueing": 0.9}  # fmt: skip

    def _request(self, target: Any, body: int) -> dict[str, Any]:
        host, path, model, dialect, _ = target
        names = {
            ":authority": host, ":method": "POST" if model else "GET", ":path": path,
            ":scheme": "https", "accept": "application/json",
            "accept-encoding": "gzip, deflate, br, zstd", "accept-language": "en",
            "content-type": "application/json", "origin": "https://app.test",
            "priority": "u=1, i", "referer": "https://app.test/", "sec-fetch-dest": "empty",
            "sec-fetch-mode": "cors", "sec-fetch-site": "cross-site",
            "user-agent": "OpenAI/JS 5.12.2", "x-stainless-lang": "js",
            "x-stainless-package-version": "5.12.2", "x-stainless-retry-count": "0",
            "x-stainless-runtime": "browser:chrome",
        }  # fmt: skip
        fake = f"sk-test-{self.number % 5:040d}"
        names["x-api-key" if dialect == "anthropic" else "authorization"] = (
            fake if dialect == "anthropic" else f"Bearer {fake}"
        )
        made: dict[str, Any] = {
            "method": "POST" if model else "GET", "url": f"https://{host}{path}",
            "httpVersion": "h2", "headers": _pairs(names), "queryString": [], "cookies": [],
            "headersSize": -1, "bodySize": 0,
        }  # fmt: skip
        if model:
            said = {"role": "user", "content": self.words(max(body // 2, 40))}
            text = json.dumps({"model": model, "stream": "embed" not in path, "max_tokens": 1024,
                               "messages": [said]})  # fmt: skip
            made["bodySize"] = len(text)
            made["postData"] = {"mimeType": "application/json", "text": text}
        return made

    def _response(self, target: Any, body: int, failure: Any) -> dict[str, Any]:
        status, error, kind, text = failure or (200, None, *self._answer(target, body))
        names = {} if status == 0 else {
            "alt-svc": 'h3=":443"; ma=86400', "cf-cache-status": "DYNAMIC",
            "cf-ray": f"{self.random.getrandbits(60):016x}-FRA", "content-type": kind,
            "date": self.moment.strftime("%a, %d %b %Y %H:%M:%S GMT"), "server": "cloudflare",
            "strict-transport-security": "max-age=31536000",
            "x-request-id": f"req_{self.random.getrandbits(96):024x}",
            "x-ratelimit-remaining-requests": "4999", "access-control-allow-origin": "*",
        }  # fmt: skip
        if status == 429:
            names["retry-after"] = "7"
        content = {"size": len(text), "mimeType": kind.partition(";")[0]}
        if status:
            content["text"] = text
        return {
            "status": status, "statusText": "", "httpVersion": "h2", "headers": _pairs(names),
            "cookies": [], "content": content, "redirectURL": "", "headersSize": -1,
            "bodySize": -1, "_transferSize": len(text) + 400 if status else 0, "_error": error,
            "_fetchedViaServiceWorker": False,
        }  # fmt: skip

    def _answer(self, target: Any, body: int) -> tuple[str, str]:
        _, path, model, dialect, _ = target
        usage = {"prompt_tokens": body // 8, "completion_tokens": body // 16}
        if model is None:
            data = [{"id": item[2], "object": "model"} for item in TARGETS if item[2]]
            return "application/json", json.dumps({"object": "list", "data": data})
        if "embed" in path:
            data = [{"object": "embedding", "embedding": [0.125] * max(body // 14, 4)}]
            made = {"object": "list", "data": data, "model": model, "usage": usage}
            return "application/json", json.dumps(made)
        pieces = [self.words(min(body, 2_000_000) // 40 + 4) for _ in range(10)]
        stream = _anthropic if dialect == "anthropic" else _openai
        text = "".join(stream(model, f"{self.number:08d}", pieces, body))
        if self.number % 250 == 0:
            # Cut off before its terminal event: a failure that no status code shows.
            text = text[: text.rindex("data:")]
        return "text/event-stream; charset=utf-8", text


def _pairs(names: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in names.items()]


def _openai(model: str, number: str, pieces: list[str], body: int) -> Iterator[str]:
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "model": model}
    for piece in pieces:
        delta = [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]
        yield f"data: {json.dumps(head | {'choices': delta})}\n\n"
    done = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    usage = {"prompt_tokens": body // 8, "completion_tokens": body // 16}
    yield f"data: {json.dumps(head | {'choices': done, 'usage': usage})}\n\n"
    yield "data: [DONE]\n\n"


def _anthropic(model: str, number: str, pieces: list[str], body: int) -> Iterator[str]:
    def event(kind: str, **more: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind} | more)}\n\n"

    usage = {"input_tokens": body // 8, "output_tokens": 1}
    message = {"id": f"msg_{number}", "role": "assistant", "model": model, "usage": usage}
    yield event("message_start", message=message)
    for piece in pieces:
        delta = {"type": "text_delta", "text": piece}
        yield event("content_block_delta", index=0, delta=delta)
    stop = {"stop_reason": "end_turn"}
    yield event("message_delta", delta=stop, usage={"output_tokens": body // 16})
    yield event("message_stop")


def write(path: Path, size: int, seed: int = 20261122) -> int:
    """Write a HAR of about ``size`` bytes; return the number of entries."""
    made = Generator(seed)
    entries = max(1, round(size * ENTRIES_PER_BYTE))
    written = 0
    overhead = 6_200.0  # what an entry takes without its bodies; adapted as it goes
    with path.open("w", encoding="utf-8", newline="\n") as out:
        written += out.write(HEAD)
        for index in range(entries):
            spare = (size - written) / (entries - index) - overhead
            body = max(120, int(spare * made.random.uniform(0.6, 1.4)))
            if index % LARGE_EVERY == LARGE_EVERY // 2:
                body = LARGE_SIZES[index // LARGE_EVERY % len(LARGE_SIZES)]
            text = json.dumps(made.entry(body), indent=2).replace("\n", "\n      ")
            if body < 1 << 20:
                overhead += 0.02 * (len(text) - body - overhead)
            written += out.write(",\n      " if index else "\n      ") + out.write(text)
        out.write(TAIL)
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mib", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    entries = write(options.out, int(options.mib * (1 << 20)), options.seed)
    print(f"{options.out}: {options.out.stat().st_size} bytes, {entries} entries")


if __name__ == "__main__":
    main()
