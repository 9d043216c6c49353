"""Look-alikes as HTTP Archives: one line of the table becomes the capture that a person uploads.

The notation of an attempt (``*.yaml`` beside this file):

``ask``      ``METHOD host/path model [stream]``; the model can be left out
``at``       seconds after the first attempt of the case
``took``     seconds from the first byte sent to the last byte received
``status``   what was answered; without one there was no answer
``headers``  of the answer; ``sent`` of the request
``json``, ``html``, ``text``, ``sse``, ``lines``  the body, which also gives the content type;
             none of them is a body that the recorder left out, and ``text: ""`` an empty one
``type``     the content type, where it is not the body's own
``client``   the words of the client's own error, as Chrome writes them
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
START = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
APART = dt.timedelta(hours=1)
"""Cases stand so far apart in time that none is in the context of another."""

TYPES = {
    "json": "application/json",
    "html": "text/html",
    "text": "text/plain",
    "sse": "text/event-stream",
    "lines": "application/x-ndjson",
}
PLACES = {  # where recorders put the client's own error, and which status they write for no answer
    "chrome": ("_error", 0),
    "mitmproxy": ("_error", 0),
    "playwright": ("_failureText", -1),
}
CREATORS = {"chrome": "WebInspector", "mitmproxy": "mitmproxy", "playwright": "Playwright"}
KEYS = frozenset({"ask", "at", "took", "status", "headers", "sent", "type", "client", *TYPES})

Case = Mapping[str, Any]


def table() -> list[dict[str, Any]]:
    """Return the look-alikes in the order of their numbers, each with its cases."""
    found = [one for path in sorted(HERE.glob("*.yaml")) for one in _read(path)]
    return sorted(found, key=lambda one: int(one["number"]))


def _read(path: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return listed


def attempts(case: Case) -> list[dict[str, Any]]:
    """Return the attempts of a case; a case without a list of them is itself the only one."""
    single = {key: case[key] for key in (*KEYS, "verdict") if key in case}
    listed: list[dict[str, Any]] = case.get("attempts") or [single]
    return listed


def write(folder: Path, cases: Iterable[Case]) -> None:
    """Write each case as ``<name>.har`` into ``folder``."""
    for number, case in enumerate(cases):
        text = json.dumps(archive(case, START + number * APART))
        (folder / f"{case['case']}.har").write_text(text, encoding="utf-8")


def archive(case: Case, start: dt.datetime) -> dict[str, Any]:
    """Return a case as a HAR 1.2 document whose first attempt begins at ``start``."""
    recorder = case.get("recorder", "chrome")
    listed = [_entry(one, start, recorder) for one in attempts(case)]
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": CREATORS[recorder], "version": "1"},
            "pages": [],
            "entries": listed,
        }
    }


def _entry(one: Mapping[str, Any], start: dt.datetime, recorder: str) -> dict[str, Any]:
    took = float(one.get("took", 0.4)) * 1000
    begun = start + dt.timedelta(seconds=float(one.get("at", 0)))
    return {
        "startedDateTime": begun.isoformat(timespec="milliseconds"),
        "time": took,
        "request": _request(one),
        "response": _response(one, recorder),
        "cache": {},
        "timings": _timings(one, took),
    }


def _timings(one: Mapping[str, Any], took: float) -> dict[str, float]:
    if one.get("status") is None and one.get("unsent"):
        return {"blocked": took, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 0,
                "receive": 0}  # fmt: skip
    late = took / 2 if "sse" in one or "lines" in one else 1
    return {"blocked": 0, "dns": -1, "connect": -1, "ssl": -1, "send": 1,
            "wait": max(took - 1 - late, 0), "receive": late}  # fmt: skip


def _request(one: Mapping[str, Any]) -> dict[str, Any]:
    method, place, *rest = str(one["ask"]).split()
    url = place if "://" in place else f"https://{place}"
    asked = {"model": rest[0], "messages": [{"role": "user", "content": "Hello"}]} if rest else {}
    if "stream" in rest[1:]:
        asked["stream"] = True
    sent = {"content-type": "application/json", **one.get("sent", {})}
    request: dict[str, Any] = {
        "method": method, "url": url, "httpVersion": "http/2.0", "cookies": [], "queryString": [],
        "headers": list(_headers(sent)), "headersSize": -1, "bodySize": -1,
    }  # fmt: skip
    if method == "POST":
        request["postData"] = {"mimeType": "application/json", "text": json.dumps(asked)}
    return request


def _response(one: Mapping[str, Any], recorder: str) -> dict[str, Any]:
    place, none = PLACES[recorder]
    kind = next((kind for kind in TYPES if kind in one), None)
    mime = one.get("type", TYPES.get(kind or "", ""))
    headers = {**({"content-type": mime} if mime else {}), **one.get("headers", {})}
    answered = one.get("status") is not None
    response: dict[str, Any] = {
        "status": one["status"] if answered else none, "statusText": "",
        "httpVersion": "http/2.0" if answered else "", "cookies": [],
        "headers": list(_headers(headers)) if answered else [],
        "content": _content(one, kind, mime), "redirectURL": "", "headersSize": -1, "bodySize": -1,
    }  # fmt: skip
    if "client" in one:
        response[place] = one["client"]
    return response


def _content(one: Mapping[str, Any], kind: str | None, mime: str) -> dict[str, Any]:
    if kind is None:
        return {"size": 0 if one.get("status") is None else 300, "mimeType": mime or "x-unknown"}
    text = _text(one[kind], kind)
    return {"size": len(text.encode()), "mimeType": mime, "text": text}


def _text(body: Any, kind: str) -> str:
    if kind == "json":
        return json.dumps(body, ensure_ascii=False)
    if kind == "sse" and isinstance(body, list):
        return "".join(_event(one) for one in body)
    if kind == "lines":
        return "".join(json.dumps(one) + "\n" for one in body)
    return str(body)


def _event(one: Any) -> str:
    """Return an event; text stands for itself, such as ``[DONE]`` or a comment."""
    if isinstance(one, str):
        return f"{one}\n\n" if one.startswith(":") else f"data: {one}\n\n"
    named = f"event: {one['type']}\n" if isinstance(one.get("type"), str) else ""
    return f"{named}data: {json.dumps(one, ensure_ascii=False)}\n\n"


def _headers(headers: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, value in headers.items():
        yield {"name": name, "value": str(value)}
