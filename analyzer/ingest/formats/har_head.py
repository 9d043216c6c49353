"""Heads of HTTP messages in a HAR: the headers that somebody asks for, and the credentials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analyzer.ingest.base import Secrets
from analyzer.ingest.formats.har_entry import Header, Headers
from analyzer.ingest.url import Address
from analyzer.redact.names import secret_header

CREDENTIAL_HEADERS = (
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key",
    "x-portkey-api-key", "x-litellm-api-key", "helicone-auth", "cf-aig-authorization",
)  # fmt: skip
"""Where a caller's credential stands, the usual places first: the first is the key of the row."""

GATEWAY_ID_HEADERS = (
    "x-oneapi-request-id", "x-litellm-call-id", "x-generation-id", "cf-aig-log-id",
    "x-portkey-trace-id", "helicone-id",
)  # fmt: skip
"""Ids that only a router gives, so that a plain id beside one is that of the hop behind it."""

REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "x-ms-request-id",
    "x-goog-request-id",
)  # fmt: skip

UPSTREAM_ID_HEADERS = (
    "llm_provider-x-request-id", "llm_provider-request-id", "x-upstream-request-id",
)  # fmt: skip

_FROM_ROUTERS = frozenset((*GATEWAY_ID_HEADERS, *UPSTREAM_ID_HEADERS))

SESSION_HEADERS = ("x-claude-code-session-id", "session_id", "session-id", "x-session-id")
_SESSIONS = frozenset(SESSION_HEADERS)

_REALTIME_KEY = "openai-insecure-api-key."

_REQUEST_READ = frozenset(
    {
        *CREDENTIAL_HEADERS, *SESSION_HEADERS, "content-type", "cookie", "host", ":authority",
        "x-stainless-retry-count", "traceparent", "sec-websocket-protocol",
    }
)  # fmt: skip
_RESPONSE_READ = frozenset(
    {
        *GATEWAY_ID_HEADERS, *REQUEST_ID_HEADERS, *UPSTREAM_ID_HEADERS, "content-type",
        "content-length", "content-encoding", "date", "retry-after", "retry-after-ms", "cf-ray",
        "server", "via", "traceparent",
    }
)  # fmt: skip

REQUEST_PREFIX, RESPONSE_PREFIX = "req_header.", "resp_header."


class HeadReader:
    """Turns lists of headers into dictionaries of the few that are used.

    What a name means is decided once per spelling; every other header of that spelling is then
    skipped with one look-up.
    """

    def __init__(self, prefix: str, wanted: Iterable[str], secrets: Secrets) -> None:
        names = {name.removeprefix(prefix) for name in wanted if name.startswith(prefix)}
        self._read = (_REQUEST_READ if prefix == REQUEST_PREFIX else _RESPONSE_READ) | names
        self._prefix = prefix
        self._secrets = secrets
        self._names: dict[str, tuple[str | None, str | None] | None] = {}
        self._learnt: dict[str, set[str]] = {}
        self._wanted = names
        self._wanted_seen: dict[str, str] = {}

    def read(self, headers: Headers) -> dict[str, str]:
        """Return the headers that are used: lower-case name -> value, repeats joined by ', '."""
        found: dict[str, str] = {}
        known = self._names
        pairs: Iterable[Any] = headers if type(headers) is list else _pairs(headers)
        for header in pairs:
            try:
                use = known[header.name]
            except (KeyError, TypeError, AttributeError):
                use = self._use(header)
            if use is None:
                continue
            name, kind = use
            value = header.value
            if type(value) is not str:
                value = _text(value)
            if kind is not None and value not in self._learnt.get(kind, ()):
                self.learn(kind, value)
            if name is not None:
                found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    def columns(self, heads: Sequence[dict[str, str]]) -> dict[str, list[str | None]]:
        """Return the columns of the wanted headers in which there may be something."""
        return {
            column: [head.get(name) for head in heads] for name, column in self._wanted_seen.items()
        }

    def learn(self, kind: str, value: str) -> None:
        """Remember a secret once."""
        if not value:
            return
        learnt = self._learnt.setdefault(kind, set())
        if value not in learnt:
            learnt.add(value)
            self._secrets.learn(value, kind)

    def _use(self, header: Any) -> tuple[str | None, str | None] | None:
        """Return (column name, kind of secret) of a header; ``None`` if it is not used."""
        if not isinstance(header, Header) or type(header.name) is not str:
            return None
        lower = header.name.strip().lower()
        name, kind = lower if lower in self._read else None, secret_header(lower)
        use = None if name is None and kind is None else (name, kind)
        if lower in self._wanted:
            self._wanted_seen[lower] = self._prefix + lower
        # Names are few; a capture that invents one a header must not fill the memory.
        if len(self._names) < 10_000:
            self._names[header.name] = use
        return use


def _pairs(headers: Headers) -> Iterable[Any]:
    if isinstance(headers, dict):
        return [Header(name, value) for name, value in headers.items()]
    return ()


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return "" if value is None else str(value)


def session(headers: dict[str, str]) -> str | None:
    """Return the session that a request names."""
    return None if _SESSIONS.isdisjoint(headers) else first(headers, SESSION_HEADERS)


def first(headers: dict[str, str], names: Iterable[str]) -> str | None:
    """Return the value of the first of ``names`` that is there and not empty."""
    for name in names:
        value = headers.get(name)
        if value:
            return value
    return None


def credential(headers: dict[str, str], url: Address) -> str | None:
    """Return the credential of a request, scheme included; ``None`` if it shows none."""
    found = first(headers, CREDENTIAL_HEADERS) or url.key
    if found is not None:
        return found
    offered = headers.get("sec-websocket-protocol")
    if offered and _REALTIME_KEY in offered:
        return offered.partition(_REALTIME_KEY)[2].partition(",")[0].strip() or None
    return None


def ids(headers: dict[str, str]) -> tuple[str | None, str | None]:
    """Return (request id, id of the hop behind) of an answer."""
    plain = headers.get("x-request-id") or first(headers, REQUEST_ID_HEADERS)
    if _FROM_ROUTERS.isdisjoint(headers):
        return plain, None
    behind = first(headers, UPSTREAM_ID_HEADERS)
    gateway = first(headers, GATEWAY_ID_HEADERS)
    if gateway is None:
        return plain, behind
    return gateway, behind or plain


def trace(headers: dict[str, str]) -> str | None:
    """Return the trace id of a W3C ``traceparent``."""
    if "traceparent" not in headers:
        return None
    parts = headers["traceparent"].split("-")
    return parts[1].lower() if len(parts) >= 4 and len(parts[1]) == 32 else None
