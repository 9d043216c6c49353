"""A HAR file of two hours with a storm of known start, end and cause, for whole runs."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
MINUTES = 120
STORM = (datetime(2026, 11, 22, 14, 21, tzinfo=UTC), datetime(2026, 11, 22, 14, 38, tzinfo=UTC))
MODELS = ("claude-sonnet-5", "claude-haiku-5")
HOST = "api.anthropic.com"


def write(path: Path, seed: int = 0, per_minute: int = 8, storms: bool = True) -> Path:
    """Write the file: in the storm, 80 % of the streaming requests to the first model get a 529."""
    rng = random.Random(seed)
    entries = []
    for i in range(MINUTES * per_minute):
        at = START + timedelta(seconds=60 * i / per_minute)
        model = MODELS[rng.random() < 0.4]
        stream = rng.random() < 0.6
        hit = storms and STORM[0] <= at < STORM[1] and model == MODELS[0] and stream
        entries.append(_entry(at, model, stream, hit and rng.random() < 0.8))
    log = {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}
    path.write_text(json.dumps({"log": log}))
    return path


def _entry(at: datetime, model: str, stream: bool, failed: bool) -> dict[str, object]:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model,
               "content": [{"type": "text", "text": "Yes."}], "stop_reason": "end_turn",
               "usage": {"input_tokens": 10, "output_tokens": 2}}  # fmt: skip
    body = json.dumps(error if failed else message)
    asked = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Well?"}]}
    return {
        "startedDateTime": at.isoformat().replace("+00:00", "Z"),
        "time": 800,
        "request": {
            "method": "POST", "url": f"https://{HOST}/v1/messages", "httpVersion": "h2",
            "headers": [{"name": "content-type", "value": "application/json"}],
            "queryString": [], "cookies": [], "headersSize": -1, "bodySize": -1,
            "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
        },
        "response": {
            "status": 529 if failed else 200, "statusText": "", "httpVersion": "h2",
            "headers": [{"name": "content-type", "value": "application/json"}],
            "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": len(body),
            "content": {"size": len(body), "mimeType": "application/json", "text": body},
        },
        "cache": {}, "timings": {"send": 1, "wait": 700, "receive": 99},
    }  # fmt: skip
