"""What became of one exchange in a HAR: status, the client's error, body, how far it came."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from analyzer.ingest.formats import har_packed
from analyzer.ingest.formats.har_entry import Content, Entry, Response, text_of
from analyzer.ingest.formats.har_time import Phases, number
from analyzer.signals.facts import AnswerFacts

FIREFOX_LIMIT = 1 << 20
"""Firefox keeps at most this much of a body, and says nothing where it cut."""

_NO_BODY = frozenset({204, 205, 304})

_NOT_SENT = (
    "NAME_NOT_RESOLVED", "NAME_RESOLUTION_FAILED", "DNS_", "INTERNET_DISCONNECTED", "BLOCKED_BY",
    "INVALID_URL", "ADDRESS_INVALID", "UNKNOWN_URL_SCHEME", "DISALLOWED_URL_SCHEME", "UNSAFE_PORT",
    "COULD NOT RESOLVE", "ENOTFOUND", "EAI_AGAIN", "INVALID_HOSTNAME", "UNKNOWN_HOST",
)  # fmt: skip
_CONNECTING = (
    "CONNECTION_REFUSED", "CONNECTION_TIMED_OUT", "CONNECTION_FAILED", "ADDRESS_UNREACHABLE",
    "SSL_", "CERT_", "PROXY_CONNECTION_FAILED", "TUNNEL_CONNECTION_FAILED", "PROXY_AUTH",
    "ECONNREFUSED", "UNABLE TO CONNECT", "EHOSTUNREACH", "ENETUNREACH", "SOCKS_",
)  # fmt: skip
_SENT = (
    "EMPTY_RESPONSE", "CONNECTION_CLOSED", "HTTP2_", "QUIC_", "SPDY_", "INVALID_HTTP_RESPONSE",
    "RESPONSE_HEADERS", "RESPONSE TIMED OUT", "SOCKET HANG UP",
)  # fmt: skip


def status_of(response: Response | None) -> int | None:
    """Return the HTTP status; ``None`` for 0, -1, null and what is no status."""
    if response is None:
        return None
    value = response.status
    if type(value) is not int:
        made = number(value)
        value = int(made) if made is not None and made == int(made) else 0
    return value if 100 <= value <= 999 else None


def client_error(entry: Entry, response: Response | None, status: int | None) -> str | None:
    """Return what the client itself reported, verbatim; ``None`` if nothing."""
    stated = [entry.error]
    if response is not None:
        charles = response.charles_status
        charles = None if charles == "COMPLETE" else charles
        stated = [response.error, response.failure_text, charles, entry.error]
    for value in stated:
        text = _error_text(value) if value is not None else None
        if text:
            return text
    if status is None and response is not None:
        if entry.was_aborted is True:
            return "aborted"
        # Firebug, Splash and BrowserMob tell it in the status text.
        text = response.status_text
        return text.strip() or None if isinstance(text, str) else None
    return None


def _error_text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("code") or value.get("message")
    return value.strip() if isinstance(value, str) else None


def body_of(
    content: Content, headers: dict[str, str], dialect: str, budget: har_packed.Budget
) -> str | bytes | None:
    """Return the recorded body; ``None`` if it was not recorded or cannot be decoded.

    A body that is still compressed is unpacked as far as the ``budget`` goes.
    """
    text = text_of(content.text)
    if text is None:
        return None
    if not text:
        return None if _was_not_recorded(content, headers, dialect) else ""
    data: bytes | None
    if content.encoding != "base64":
        if content.is_binary is True:
            data = har_packed.digits(text)
        elif text[0] == "[" and har_packed.is_packed(text, headers):
            data = har_packed.chunks(text)
        else:
            return text
        return text if data is None else har_packed.inflated(data, headers, budget, raw=True)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        if text[0] == "[":
            data = har_packed.chunks(text)
            return har_packed.inflated(data, headers, budget, raw=True) if data else data
        data = _wrapped_base64(text)
    return har_packed.inflated(data, headers, budget) if data else data


def _wrapped_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _was_not_recorded(content: Content, headers: dict[str, str], dialect: str) -> bool:
    """Whether an empty text stands for a body that was there but was not kept."""
    if (number(content.size) or 0) > 0 or (number(headers.get("content-length")) or 0) > 0:
        return True
    # Chrome after navigation or eviction and mitmproxy while streaming write '' for a stream.
    streamed = headers.get("content-type", "").startswith("text/event-stream")
    return streamed and dialect in ("chrome", "mitmproxy")


def cut_by_recorder(body: str | bytes | None, dialect: str) -> bool:
    """Whether the recorder, not the server, ended this body."""
    if body is None or dialect != "firefox" or len(body) > FIREFOX_LIMIT:
        return False
    if len(body) == FIREFOX_LIMIT:
        return True
    if isinstance(body, bytes) or 4 * len(body) < FIREFOX_LIMIT or body.isascii():
        return False
    return len(body.encode("utf-8", "replace")) == FIREFOX_LIMIT


def is_benign_abort(
    error: str, method: str | None, status: int | None, headers: dict[str, str],
    facts: AnswerFacts, size: int | None,
) -> bool:  # fmt: skip
    """Whether ``net::ERR_ABORTED`` says nothing: browsers write it for many complete answers."""
    if error != "net::ERR_ABORTED" or status is None:
        return False
    if method == "HEAD" or status in _NO_BODY or status < 200 or 300 <= status < 400:
        return True
    if facts.stream_state is not None:
        return facts.stream_state == "complete"
    if facts.body_kind in ("absent", "empty"):
        return False
    announced = number(headers.get("content-length"))
    if announced is not None and "content-encoding" not in headers:
        return size is not None and size >= announced
    return facts.body_kind == "json" or "json" not in headers.get("content-type", "")


def phase_of(
    status: int | None, error: str | None, found: Phases, facts: AnswerFacts
) -> str | None:
    """Return how far the exchange came; ``None`` if the capture does not tell."""
    if status is None:
        return _phase_unanswered(error, found)
    if facts.stream_state in ("truncated", "error", "capture_cut"):
        return "done" if facts.stream_state == "error" and error is None else "body"
    if error is None or facts.stream_state == "complete":
        return "done"
    return "headers" if facts.body_kind in ("absent", "empty") else "body"


def _phase_unanswered(error: str | None, found: Phases) -> str | None:
    if (found.send or 0.0) > 0 or (found.wait or 0.0) > 0:
        return "sent"
    said = error.upper() if error else ""
    for phase, words in (("not_sent", _NOT_SENT), ("connecting", _CONNECTING), ("sent", _SENT)):
        if any(word in said for word in words):
            return phase
    if (found.connect or 0.0) > 0:
        return "connecting"
    # Chrome puts all the time of a failed request into 'blocked', whatever it was spent on.
    return None
