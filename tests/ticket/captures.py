"""Small HAR files of failing calls, and the tickets that are written of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analyzer import pipeline, ticket
from analyzer.ticket import Ticket

START = datetime(2026, 11, 22, 14, 21, 44, 120_000, tzinfo=UTC)
PROMPT = "the harvest plan of the northern orchard"


def entry(
    url: str,
    status: int,
    answer: object = None,
    got: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
    model: str = "gpt-5-mini",
    seconds: float = 0,
) -> dict[str, Any]:
    """Return one exchange; ``answer`` is a body, as text or to be written as JSON."""
    body = answer if isinstance(answer, str) else json.dumps(answer or {})
    kind = "text/html" if body.startswith("<") else "application/json"
    asked = {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
    headers = [{"name": n, "value": v} for n, v in {"content-type": kind, **(got or {})}.items()]
    return {
        "startedDateTime": (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z"),
        "time": 200,
        "request": {
            "method": "POST", "url": url, "httpVersion": "HTTP/2",
            "headers": [{"name": n, "value": v} for n, v in (sent or {}).items()],
            "cookies": [], "queryString": [], "headersSize": -1, "bodySize": -1,
            "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/2", "headers": headers,
            "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "content": {"mimeType": kind, "size": len(body), "text": body},
        },
        "cache": {}, "timings": {"send": 1, "wait": 180, "receive": 19},
    }  # fmt: skip


def save(folder: Path, entries: Sequence[Mapping[str, Any]], name: str = "logs.har") -> Path:
    """Write a HAR file."""
    log = {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": list(entries)}
    path = folder / name
    path.write_text(json.dumps({"log": log}))
    return path


def tickets(
    paths: Sequence[Path], parties: Sequence[str] = ticket.PARTIES, **options: Any
) -> dict[str, Ticket]:
    """Return the tickets to those of ``parties`` that get one."""
    from analyzer.errors import NothingUsable

    found = {}
    with pipeline.run([str(p) for p in paths], pipeline.Options(support=True, **options)) as run:
        for party in parties:
            try:
                found[party] = ticket.write(run, party, options.get("gateways", ()))
            except NothingUsable:
                continue
    return found


def texts(one: Ticket) -> list[str]:
    """Return the ticket in its three forms."""
    from analyzer.ticket import layout

    return [layout.as_plain(one), layout.as_markdown(one), layout.as_json(one)]
