"""A capture with a known incident: ``python tests/render/incident/storm.py FILE.har`` writes it.

Two hours of a client's traffic through a gateway, two keys, three models. From 14:21 to 14:38 one
model's provider answers 529 to two of three attempts; the clients ask again up to twice. Before and
after, one attempt in fifty fails by the caller's own doing. All of it is made by a fixed seed.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
BEGIN, END = START + timedelta(minutes=21), START + timedelta(minutes=38)
MODELS = ("claude-sonnet-4-5", "gpt-5-mini", "deepseek-chat")
KEYS = ("sk-" + "test-" + "Ab1" * 9, "sk-" + "test-" + "Zy9" * 9)
HOST = "llm-gateway.example.com"
INSIDE = "10.20.30.40:8080"
"""What only the gateway's operator should read; it stands in an error of the gateway's."""


def write(path: Path, minutes: int = 120, calls: int = 12) -> Path:
    """Write the capture and return its path."""
    entries: list[dict[str, Any]] = []
    dice = random.Random(7)
    for number in range(minutes * calls):
        at = START + timedelta(seconds=60 * number / calls + dice.random())
        entries += _call(dice, number, at)
    entries.sort(key=lambda entry: entry["startedDateTime"])
    log = {"version": "1.2", "creator": {"name": "storm", "version": "1"}, "entries": entries}
    path.write_text(json.dumps({"log": log}), encoding="utf-8")
    return path


def _call(dice: random.Random, number: int, at: datetime) -> list[dict[str, Any]]:
    """Return the attempts of one call."""
    model = MODELS[number % 3]
    stormy = model == MODELS[0] and BEGIN <= at < END
    tries: list[dict[str, Any]] = []
    for retry in range(3):
        status = _status(dice, stormy)
        took = dice.uniform(80, 200) if status == 529 else dice.uniform(900, 4000)
        tries.append(_entry(number, model, at, status, took, retry))
        if status != 529:
            break
        at += timedelta(milliseconds=took + 700 * 2**retry)
    return tries


def _status(dice: random.Random, stormy: bool) -> int:
    if stormy and dice.random() < 0.68:
        return 529
    return 400 if dice.random() < 0.02 else 200 if dice.random() < 0.999 else 502


def _entry(
    number: int, model: str, at: datetime, status: int, took: float, retry: int
) -> dict[str, Any]:
    claude = model.startswith("claude")
    path = "/v1/messages" if claude else "/v1/chat/completions"
    name = f"{number:05d}{retry}"
    body = json.dumps(_answer(model, status))
    headers = {"content-type": "application/json", "x-request-id": f"gw-{name}"}
    if claude and status != 502:
        headers["request-id"] = f"req_{name:0>24}"
    asked = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}
    return {
        "startedDateTime": at.isoformat(timespec="milliseconds"),
        "time": round(took, 1),
        "request": {
            "method": "POST", "url": f"https://{HOST}{path}", "httpVersion": "HTTP/1.1",
            "headers": [
                {"name": "authorization", "value": f"Bearer {KEYS[number % 2]}"},
                {"name": "user-agent", "value": "anthropic/python 0.70.0"},
                {"name": "x-stainless-retry-count", "value": str(retry)},
            ],
            "cookies": [], "queryString": [], "headersSize": -1, "bodySize": -1,
            "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{"name": key, "value": value} for key, value in headers.items()],
            "content": {"size": len(body), "mimeType": "application/json", "text": body},
            "redirectURL": "", "headersSize": -1, "bodySize": -1,
        },
        "cache": {},
        "timings": {"blocked": 1, "dns": -1, "connect": -1, "ssl": -1, "send": 1,
                    "wait": round(took - 4, 1), "receive": 2},
    }  # fmt: skip


def _answer(model: str, status: int) -> dict[str, Any]:
    if status == 529:
        return {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    if status == 400:
        message = "max_tokens: 900000 is above what the model allows"
        return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    if status == 502:
        message = f"connect ECONNREFUSED {INSIDE}"
        return {"error": {"type": "bad_gateway", "message": message}}
    if model.startswith("claude"):
        usage = {"input_tokens": 9, "output_tokens": 12}
        text = [{"type": "text", "text": "Hello"}]
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": model,
                "content": text, "stop_reason": "end_turn", "usage": usage}  # fmt: skip
    choice = {"index": 0, "finish_reason": "stop",
              "message": {"role": "assistant", "content": "Hello"}}  # fmt: skip
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": model, "choices": [choice],
            "usage": usage}  # fmt: skip


if __name__ == "__main__":
    write(Path(sys.argv[1]))
