"""Look-alikes as HTTP Archives: one line of the table becomes the capture that a person uploads.

The notation of an attempt (``*.yaml`` beside this file):

``ask``      ``METHOD host/path model [stream]``; the model can be left out
``at``       seconds after the first attempt of the case
``took``     seconds from the first byte sent to the last byte received
``status``   what was answered; without one there was no answer
``headers``  of the answer; ``sent`` of the request
``json``, ``html``, ``text``, ``sse``, ``lines``  the body, which also gives the content type;
             none of them is a body that the recorder left out, and ``text: ""`` an empty one
``page``     ``[author, title, text]``: an imitation of the author's stock page
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
    "page": "text/html",
}
PAGES = {  # imitations of stock pages: enough of each to be told apart, no more
    "nginx": "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
    "</center>\r\n<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n",
    "cloudflare-bare": "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}"
    "</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n",
    "cloudflare": '<!DOCTYPE html>\n<html lang="en-US"><head><title>llm.example | {title}</title>'
    '<link rel="stylesheet" id="cf_styles-css" href="/cdn-cgi/styles/main.css"></head><body>'
    '<div id="cf-wrapper"><div id="cf-error-details"><h1>{text}</h1>Cloudflare Ray ID: '
    "<strong>8f0a1b2c3d4e5f60</strong></div></div></body></html>",
    "haproxy": "<html><body><h1>{title}</h1>\n{text}\n</body></html>\n",
    "alb": "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
    "</center>\r\n</body>\r\n</html>\r\n",
    "challenge": "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><script>"
    "window._cf_chl_opt={{}}</script></body></html>",
    "login": "<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>",
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
    if kind == "page":
        author, title, text, *_ = [*body, "", ""]
        return PAGES[author].format(title=title, text=text)
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


NOTE = "<!-- Written by tests/lookalikes/har.py; edit the tables beside it, not this file. -->"
HEAD = f"""# What looks alike and is not

{NOTE}

A status rarely tells which hop failed. These are the {{count}} look-alikes that the rules are tested
against (`tests/lookalikes`): each row is one exchange that goes through the whole program as a HAR.
*At least* and *at most* bound the confidence. Where a capture alone cannot tell, the verdict is an
honest unknown, or the row says what a log or an export would add.
"""


def page(found: Iterable[Mapping[str, Any]]) -> str:
    """Return the table as the page ``docs/look-alikes.md``."""
    listed = list(found)
    parts = [HEAD.format(count=len(listed))]
    for one in listed:
        parts.append(
            f"## {one['number']}. {one['looks_like']}\n\n**May really be:** {one['may_be']}\n"
            f"**Told apart by:** {one['told_by']}\n\n"
            "| Answer | Verdict | Written by | Confidence |\n| --- | --- | --- | --- |\n"
            + "".join(_row(case, attempt) for case in one["cases"] for attempt in attempts(case))
            + "".join(_more(case) for case in one["cases"] if "needs" in case)
        )
    return "\n".join(parts)


def _row(case: Case, one: Mapping[str, Any]) -> str:
    verdict = one["verdict"]
    cells = [_answer(case, one), "a usable answer", "", ""]
    if verdict != "ok":
        bounds = [f"{word.replace('_', ' ')} {verdict[word]}" for word in ("at_least", "at_most")
                  if word in verdict]  # fmt: skip
        billing = (
            f", {verdict['billing']}" if verdict.get("billing", "unknown") != "unknown" else ""
        )
        cells[1:] = [f"{verdict['layer']}: {verdict['cause'].replace('_', ' ')}{billing}",
                     verdict.get("emitted_by", ""), ", ".join(bounds)]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _more(case: Case) -> str:
    return f"\nNeeds a {case['needs']} ({case['case'][:3]}): {case['then']}\n"


def _answer(case: Case, one: Mapping[str, Any]) -> str:
    """Return an exchange in a few words: number, host, status and what the answer said."""
    place = str(one["ask"]).split()[1].partition("://")[2] or str(one["ask"]).split()[1]
    host = place.partition("/")[0]
    status = str(one["status"]) if one.get("status") is not None else "no answer"
    return f"{case['case'][:3]} {host}: {status}{_gist(one)}"


def _gist(one: Mapping[str, Any]) -> str:
    said = ""
    if "page" in one:
        said = f"page of {one['page'][0]}"
    elif "sse" in one or "lines" in one:
        said = "stream"
    elif "text" in one:
        said = f"`{_short(one['text'])}`"
    elif "json" in one:
        said = f"`{_short(_message(one['json']))}`"
    if "client" in one:
        said = f"{said}, `{one['client']}`" if said else f"`{one['client']}`"
    return f", {said}" if said else ""


def _message(body: Mapping[str, Any]) -> str:
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    words = [error.get("code"), error.get("type"), error.get("message") or error.get("error_msg")]
    return " / ".join(str(word) for word in words if word) or json.dumps(body)


def _short(text: str) -> str:
    line = " ".join(str(text).split()).replace("`", "'")
    return line if len(line) <= 90 else line[:89] + "…"


if __name__ == "__main__":
    (HERE.parents[1] / "docs" / "look-alikes.md").write_text(page(table()), encoding="utf-8")
