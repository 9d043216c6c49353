"""Bodies that the lab's hops write: stock texts of products, and imitations that say so.

The signature strings are facts of the products' public documents and sources; the pages around
them were written for this lab. The edge pages carry a comment that calls them what they are.
"""

from __future__ import annotations

from http1 import Answer, json_answer

HAPROXY_TEXTS = {
    503: ("Service Unavailable", "No server is available to handle this request."),
    504: ("Gateway Time-out", "The server didn't respond in time."),
}

EDGE_NAMES = {
    522: ("Connection timed out", "The initial connection between the edge and the origin web "
          "server timed out. As a result, the web page can not be displayed."),
    524: ("A timeout occurred", "The origin web server timed out responding to this request."),
}  # fmt: skip


def haproxy(status: int) -> Answer:
    """Return HAProxy's stock answer: no Server header, ``cache-control: no-cache``."""
    reason, text = HAPROXY_TEXTS[status]
    body = f"<html><body><h1>{status} {reason}</h1>\n{text}\n</body></html>\n"
    headers = [("cache-control", "no-cache"), ("content-type", "text/html")]
    return Answer(status, reason, headers, body.encode())


def edge_page(status: int, host: str, ray: str) -> Answer:
    """Return our imitation of the edge's branded 52x page, after its documented structure."""
    name, text = EDGE_NAMES[status]
    body = f"""<!DOCTYPE html>
<!-- whichhop lab: an imitation written for tests after the documented structure of such pages.
     Not a recording, and no server of Cloudflare took part. -->
<html lang="en-US">
<head>
<title>{host} | {status}: {name}</title>
<meta charset="UTF-8">
<meta name="robots" content="noindex, nofollow">
<link rel="stylesheet" id="cf_styles-css" href="/cdn-cgi/styles/main.css">
</head>
<body>
<div id="cf-wrapper">
<div id="cf-error-details">
<h1>{name} <span>Error code {status}</span></h1>
<p>You: Browser, Working. Network: Cloudflare, Working. Host: {host}, Error.</p>
<p>{text}</p>
<p>Cloudflare Ray ID: <strong>{ray}</strong> &bull; Performance &amp; security by
<a href="https://www.cloudflare.com/5xx-error-landing">Cloudflare</a></p>
</div>
</div>
</body>
</html>
"""
    headers = [
        ("content-type", "text/html; charset=UTF-8"),
        ("cache-control", "private, max-age=0, no-store, no-cache, must-revalidate"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "SAMEORIGIN"),
    ]
    return Answer(status, "", headers, body.encode())


def edge_json_timeout() -> Answer:
    """Return the JSON form of a 524 that one provider's zone is known to send."""
    error = {"code": 524, "message": "Gateway timeout.", "param": None}
    return json_answer(524, "", {"error": {**error, "type": "cf_gateway_timeout"}})


def one_api(
    status: int, reason: str, message: str, request_id: str, kind: str, code: str
) -> Answer:
    """Return an error in the envelope of the one-api/new-api family (OpenAI's, with its suffix)."""
    said = f"{message} (request id: {request_id})"
    error = {"message": said, "type": kind, "param": "", "code": code}
    return json_answer(status, reason, {"error": error})


def one_api_messages(status: int, reason: str, message: str, request_id: str, kind: str) -> Answer:
    """Return the same family's error on the Anthropic path."""
    said = f"{message} (request id: {request_id})"
    error = {"type": kind, "message": said}
    return json_answer(status, reason, {"type": "error", "error": error})


def html(status: int, reason: str, title: str, text: str, server: str) -> Answer:
    """Return a plain page of a web site that serves no API."""
    body = (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"</head>\n<body><main>{text}</main></body>\n</html>\n"
    )
    headers = [("content-type", "text/html; charset=utf-8"), ("server", server)]
    return Answer(status, reason, headers, body.encode())
