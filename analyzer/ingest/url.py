"""URLs taken apart once per spelling: scheme, host, path, and the credentials inside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from analyzer.redact.names import credential_key

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_AUTHORITY = re.compile(r"[^/?#]*")
_DEFAULT_PORT = re.compile(r":(?:80|443)?\Z")
_LONGEST = 8192
"""Longer URLs carry data, not an address; what is behind this is not looked at."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says."""

    scheme: str | None = None
    host: str | None = None
    """Lower case; the port unless it is 80 or 443; no user and password."""
    path: str | None = None
    """Without query and fragment; ``None`` where the scheme has none (``data:``)."""
    key: str | None = None
    """The credential in the query, such as Gemini's ``?key=``."""
    secrets: tuple[tuple[str, str], ...] = ()
    """(kind, literal) of every credential in it."""


def host_of(netloc: str) -> str | None:
    """Return host and port in the form of the ``host`` column."""
    host = _DEFAULT_PORT.sub("", netloc.rpartition("@")[2].strip().lower())
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return f"{name.rstrip('.')}:{port}" if name else None
    return host.rstrip(".") or None


def address(url: str) -> Address:
    """Take ``url`` apart; never raises. A bare path gives only a path."""
    text = url.strip()[:_LONGEST]
    scheme, mark, rest = text.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        return _without_scheme(text)
    netloc = _AUTHORITY.match(rest)[0]  # type: ignore[index]  # it matches nothing at least
    tail = rest[len(netloc) :]
    path, query = _path(tail)
    user, at, _ = netloc.rpartition("@")
    found = [*_userinfo(user)] if at else []
    key, more = _query(query)
    return Address(scheme.lower(), host_of(netloc), path or "/", key, (*found, *more))


def _without_scheme(text: str) -> Address:
    if text.startswith("/"):
        path, query = _path(text)
        key, found = _query(query)
        return Address(None, None, path, key, found)
    scheme, colon, rest = text.partition(":")
    if colon and _SCHEME.fullmatch(scheme) and not rest[:1].isdigit():
        return Address(scheme.lower())
    if not text or " " in text:
        return Address()
    made = address(f"x://{text}")
    return Address(None, made.host, made.path, made.key, made.secrets)


def _path(tail: str) -> tuple[str, str]:
    path, _, query = tail.partition("#")[0].partition("?")
    return path, query


def _userinfo(user: str) -> tuple[tuple[str, str], ...]:
    name, colon, password = unquote(user).partition(":")
    # A lone user name before @ is how some APIs take their key.
    return (("password", password),) if colon and password else (("key", name),) if name else ()


def _query(query: str) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    if not query or "=" not in query:
        return None, ()
    key = None
    found: list[tuple[str, str]] = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        kind = credential_key(name[:64], "query") if value else None
        if kind is not None:
            found.append((kind, value))
            if kind == "key" and key is None:
                key = unquote(value)
    return key, tuple(found)
