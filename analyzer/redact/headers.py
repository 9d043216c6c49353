"""Header values: which parts of them are secrets, by the kind that the header's name gives."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from analyzer.redact.fields import cookie_spans
from analyzer.redact.patterns import decode_base64
from analyzer.redact.spans import Span

_SCHEME = re.compile(
    r"\s*(?:bearer|basic|token|api-?key|sso-key|key|googlelogin auth=)\s*[\s:=]\s*(?=\S)", re.I
)
_SIGV4 = re.compile(
    r"(?i)\b(?:Credential=(?P<key>[^/,\s]+)(?P<scope>[^,\s]*)|Signature=(?P<sig>\w+))"
)
_REALTIME = re.compile(
    r"(?:openai-(?:insecure-api-key|organization|project)|[\w-]*(?:token|key|bearer|auth)[\w-]*)"
    r"\.([^\s,]+)"
)
_ADDRESS = re.compile(r"(?i)(?:for|by|host)=\"?\[?([^\s;,\"\]]+)\]?(?::\d+)?|([^\s,;=\"]+)")
_NOBODY = frozenset({"unknown", "127.0.0.1", "::1", "localhost", "http", "https", "proto", "by"})
_CHALLENGE = re.compile(
    r"(?i)\b(?!error\b|error_description\b|scope\b)([\w-]+)=(\"[^\"]*\"|[^\s,]+)"
)


_MAIL_CLAIM = re.compile(r"\"(?:email|upn|preferred_username)\"\s*:\s*\"([^\"\\\s]+@[^\"\\\s]+)\"")


def credential(value: str) -> str:
    """Return the credential itself: without scheme, quotes and what changes with each request."""
    bare = value.strip().strip("\"'")
    signed = _SIGV4.search(bare)
    if signed and signed["key"]:
        return signed["key"]
    scheme = _SCHEME.match(bare)
    return bare[scheme.end() :].strip() if scheme else bare


def header_spans(kind: str, value: str) -> Iterator[Span]:
    """Yield the parts of a secret header's value that must go."""
    if kind == "cookie":
        yield from cookie_spans(value)
    elif kind == "ip":
        for match in _ADDRESS.finditer(value):
            part = 1 if match[1] else 2
            address = _without_port(match[part])
            if address.lower() not in _NOBODY:
                yield Span(*match.span(part), kind, address, 1)
    elif kind == "challenge":
        for match in _CHALLENGE.finditer(value):
            yield Span(*match.span(2), kind, match[2].strip('"'), 1)
    elif "Credential=" in value or "Signature=" in value:
        for match in _SIGV4.finditer(value):
            group = "key" if match["key"] else "sig"
            end = match.end("scope") if match["key"] else match.end()
            word = "key" if match["key"] else "signature"
            yield Span(match.start(group), end, word, match[group], 1)
    elif kind == "key" and _REALTIME.search(value):
        for match in _REALTIME.finditer(value):
            yield Span(*match.span(1), kind, match[1], 1)
    else:
        bare = credential(value)
        start = value.find(bare)
        if bare:
            yield Span(start, start + len(bare), kind, bare, 1)


def inner_secrets(value: str, kind: str) -> Iterator[tuple[str, str, str]]:
    """Yield (literal, secret, kind) for all that a learnt value consists of or carries inside.

    The literal is looked for; the secret is what its pseudonym is made of.
    """
    spans = list(header_spans(kind, value))
    for span in spans:
        yield span.secret, span.secret, span.kind
        yield from _jwt(span.secret)
    if kind == "cookie" and not (spans and "; " in value):
        bare = value.strip()  # the value of one cookie, in which `=` may stand too
        yield bare, bare, kind
    if kind in ("key", "password"):
        yield from ((part, part, "password") for part in _basic(credential(value)))


def _jwt(value: str) -> Iterator[tuple[str, str, str]]:
    """Yield the claims and the signature of a JWT, and the mail address among its claims."""
    parts = value.split(".") if value.startswith("eyJ") else []
    if len(parts) != 3:
        return
    yield from ((part, value, "jwt") for part in parts[1:] if len(part) >= 16)
    mail = _MAIL_CLAIM.search(decode_base64(parts[1]) or "")
    if mail:
        yield mail[1], mail[1], "email"


def _basic(bare: str) -> Iterator[str]:
    """Yield login and password of Basic credentials, which may be echoed decoded."""
    try:
        text = base64.b64decode(bare, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return
    user, colon, password = text.partition(":")
    if colon and user.isprintable() and password.isprintable() and password:
        yield text
        yield password


def _without_port(address: str) -> str:
    found = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+):\d+", address)
    return found[1] if found else address
