"""Names of headers and fields whose values are secrets, and what kind of secret each one holds."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Place = Literal["json", "oauth", "query", "form", "text"]

_HEADERS: dict[str, tuple[str, ...]] = {
    "key": (
        "authorization", "proxy-authorization", "x-api-key", "api-key", "apikey",
        "x-goog-api-key", "ocp-apim-subscription-key", "x-amz-credential", "x-functions-key",
        "x-portkey-api-key", "x-portkey-virtual-key", "helicone-auth", "cf-aig-authorization",
        "x-litellm-api-key", "x-litellm-key", "sec-websocket-protocol",
    ),
    "token": (
        "x-goog-iam-authorization-token", "x-auth-token", "x-access-token",
        "x-amz-security-token", "x-vault-token", "x-gitlab-token", "private-token",
    ),
    "jwt": ("cf-access-jwt-assertion",),
    "secret": ("cf-access-client-secret", "cf-access-client-id"),
    "signature": ("x-amz-signature",),
    "session": ("x-session-token", "x-csrf-token", "x-xsrf-token"),
    "cookie": ("cookie", "set-cookie", "set-cookie2"),
    "challenge": ("www-authenticate", "proxy-authenticate"),
    "org": ("openai-organization", "openai-project", "anthropic-organization-id"),
    "ip": (
        "x-forwarded-for", "x-original-forwarded-for", "x-real-ip", "true-client-ip", "x-client-ip",
        "x-cluster-client-ip", "cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip",
        "x-envoy-external-address", "forwarded",
    ),
    "email": ("from",),
    "device": ("x-client-data", "oai-device-id"),
}  # fmt: skip

_HEADER_KINDS = {name: kind for kind, names in _HEADERS.items() for name in names}

_HEADER_PREFIXES = (("x-ms-authorization-", "token"), ("x-oai-", "device"))

_SECRET_WORD = re.compile(
    r"auth|token|secret|passw|api[-_]?key|session|credential|signature|cookie|jwt"
)

# What the words above catch by accident: counts, limits, answers to preflights, error reports.
_HARMLESS_HEADER = re.compile(
    r":(?:authority|method|scheme|path|status)"
    r"|(?:x-|anthropic-|llm_provider-)*(?:x-)?rate-?limit-.*"
    r"|.*-(?:input|output|prompt|completion|cached|total|remaining|limit|reset|used)-tokens?"
    r"|.*-tokens?-(?:count|used|limit|remaining|reset)"
    r"|(?:input|output|prompt|completion|total)-tokens?"
    r"|access-control-.*|x-stainless-.*|.*-error(?:-code)?|.*-errortype"
    r"|x-request-id|request-id|cf-ray|retry-after|openai-processing-ms|openai-version"
    r"|x-amzn-requestid|anthropic-version|traceparent|tracestate"
)

_FIELDS: dict[str, tuple[str, ...]] = {
    "password": ("password", "passwd", "pwd", "passphrase", "passkey"),
    "secret": (
        "secret", "codeverifier", "privatekey", "credential", "credentials", "xamzcredential",
    ),
    "key": ("apikey", "auth", "authorization"),
    "token": (
        "token", "accesstoken", "refreshtoken", "idtoken", "assertion", "clientassertion",
        "samlrequest", "samlresponse", "authenticitytoken", "xamzsecuritytoken",
    ),
    "session": ("session", "sessionid", "sid", "csrf", "xsrf"),
    "cookie": ("cookie", "setcookie"),
    "signature": ("signature", "sig", "xamzsignature"),
    "email": ("email", "useremail", "emailaddress"),
    "user": ("username", "userid"),
}  # fmt: skip

_FIELD_KINDS = {name: kind for kind, names in _FIELDS.items() for name in names}

# Everyday words in a body: secrets only where a query, a form or an OAuth exchange uses them.
_CONTEXT_KINDS = {"code": "secret", "state": "secret", "key": "key", "user": "user"}

_FIELD_SUFFIXES = (
    ("password", "password"), ("passwd", "password"), ("passphrase", "password"),
    ("apikey", "key"), ("subscriptionkey", "key"), ("accesskey", "key"), ("accesskeyid", "key"),
    ("secretkey", "secret"), ("privatekey", "secret"), ("signingkey", "secret"),
    ("functionkey", "key"), ("virtualkey", "key"), ("secret", "secret"),
    ("credential", "secret"), ("credentials", "secret"), ("token", "token"), ("jwt", "jwt"),
    ("signature", "signature"), ("cookie", "cookie"), ("sessionid", "session"),
    ("authorization", "key"),
)  # fmt: skip

_HARMLESS_FIELDS = frozenset({
    "maxtoken", "pertoken", "pagetoken", "nextpagetoken", "nexttoken", "eostoken", "bostoken",
    "padtoken", "unktoken", "stoptoken", "continuationtoken", "invalidtoken", "invalidapikey",
    "incorrectapikey", "missingapikey", "countcredential",
})  # fmt: skip

_SOFT_FIELDS = frozenset({
    "token", "auth", "authorization", "session", "sid", "signature", "sig", "cookie", "setcookie",
    "csrf", "credential", "credentials", "assertion", "secret", "email", "username", "userid",
})  # fmt: skip

_NOT_ALNUM = re.compile(r"[^a-z0-9]")


@lru_cache(maxsize=4096)
def secret_header(name: str) -> str | None:
    """Return the kind of secret that a header's value is, or ``None`` if it may be shown.

    Kinds: key token jwt secret signature session cookie challenge org ip email device. The name may
    be in any case; HTTP/2 pseudo headers are never secrets by name.
    """
    folded = name.strip().lower()
    kind = _HEADER_KINDS.get(folded)
    if kind:
        return kind
    if _HARMLESS_HEADER.fullmatch(folded):
        return None
    for prefix, kind in _HEADER_PREFIXES:
        if folded.startswith(prefix):
            return kind
    found = _SECRET_WORD.search(folded)
    if not found:
        return None
    word = found.group()
    return {"session": "session", "cookie": "cookie", "passw": "password", "jwt": "jwt"}.get(
        word, "signature" if word == "signature" else "token" if word == "token" else "key"
    )


@lru_cache(maxsize=8192)
def credential_key(name: str, place: Place = "json") -> str | None:
    """Return the kind of secret under a field's name, or ``None``.

    Any case and any style of name (``apiKey``, ``API_KEY``, ``api-key``). The everyday words
    ``code state key user`` count in ``query``, ``form`` and ``oauth`` only.
    """
    folded = _NOT_ALNUM.sub("", name.lower())
    if folded in _HARMLESS_FIELDS:
        return None
    kind = _FIELD_KINDS.get(folded)
    if kind is None and place in ("query", "form", "oauth"):
        kind = _CONTEXT_KINDS.get(folded)
    if kind is None:
        kind = next((kind for end, kind in _FIELD_SUFFIXES if folded.endswith(end)), None)
    if kind is None and (header := _HEADER_KINDS.get(name.lower())) not in (None, "ip", "email"):
        kind = header if header != "challenge" else None
    return kind


@lru_cache(maxsize=4096)
def soft_key(name: str) -> bool:
    """Whether prose uses the name too, so that outside a structure its value must look the part."""
    return _NOT_ALNUM.sub("", name.lower()) in _SOFT_FIELDS
