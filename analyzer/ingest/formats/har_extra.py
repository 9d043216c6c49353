"""What a log says beside its entries: HTTP Toolkit's failed TLS handshakes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from analyzer.ingest.notes import Notes

_KEY = b'"_tlsErrors"'
_LONGEST = 4 << 20
_NAMED = 3


class _Log(msgspec.Struct, gc=False):
    tls_errors: Any = msgspec.field(default=None, name="_tlsErrors")


_LOG = msgspec.json.Decoder(_Log)


def tell_tls_errors(preamble: bytes, behind: bytes, notes: Notes) -> None:
    """Note handshakes that failed: no request was sent over them, so that they are no entries.

    ``preamble`` is what stands before the entries, ``behind`` what follows their closing bracket.
    """
    failed = _before(preamble) or _after(behind)
    if not failed:
        return
    hosts = Counter(_host(error) for error in failed if isinstance(error, dict))
    named = ", ".join(f"{host} ({count})" for host, count in hosts.most_common(_NAMED))
    message = (
        f"{len(failed)} TLS handshakes failed before a request was sent: {named}. They are no "
        "entries and are not counted; the program may not trust the recorder's certificate."
    )
    notes.add("tls_failed", message, count=len(failed), lost=False)


def _host(error: dict[str, Any]) -> str:
    name = error.get("hostname")
    return name[:253] if isinstance(name, str) and name else "host not known"


def _before(preamble: bytes) -> list[Any]:
    at = preamble.rfind(_KEY)
    if at < 0 or len(preamble) > _LONGEST:
        return []
    return _listed(b"{" + preamble[at:] + b"]}")


def _after(behind: bytes) -> list[Any]:
    at = behind.find(_KEY, 0, _LONGEST)
    if at < 0 or len(behind) > _LONGEST:
        return []
    log = behind.rstrip(b" \t\r\n;)\0")
    return _listed(b"{" + log[at:].removesuffix(b"}"))


def _listed(text: bytes) -> list[Any]:
    try:
        found = _LOG.decode(text).tls_errors
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
