"""Errors of Go's HTTP client, as Caddy and Traefik write them: how far the request came.

What went wrong is told by the words of Go's ``net`` and ``net/http``. A cancelled context alone
tells nothing: the client may have left at any time.
"""

from __future__ import annotations

import polars as pl

_CONNECTING = (
    r"(?:^|: |\")(?:dial (?:tcp|udp|unix)|lookup )|TLS handshake|^tls: |: tls: |x509: |"
    r"server gave HTTP response to HTTPS client|^proxyconnect "
)
_BODY = r"^(?:reading|writing): |incomplete response|while reading body"
_SENT = (
    r"\bEOF$|connection reset by peer|broken pipe|timeout awaiting response headers|"
    r"context deadline exceeded|transport connection broken|malformed HTTP|malformed MIME|"
    r"server closed idle connection|server sent GOAWAY|stream error|^(?:read|write) (?:tcp|unix)|"
    r"use of closed network connection"
)
_NOT_SENT = r"no upstreams available|no available server"
_DIALLED = r"dial (?:tcp|udp|unix)[46]? (\S+): "
_SPOKEN_TO = r"(?:read|write) (?:tcp|unix)[46]? \S+->(\S+): "


def phase(text: pl.Expr) -> pl.Expr:
    """Return the phase that an error's text tells; null where it tells none."""
    return (
        pl.when(text.str.contains(_NOT_SENT)).then(pl.lit("not_sent"))
        .when(text.str.contains(_BODY)).then(pl.lit("body"))
        .when(text.str.contains(_CONNECTING)).then(pl.lit("connecting"))
        .when(text.str.contains(_SENT)).then(pl.lit("sent"))
    )  # fmt: skip


def address(text: pl.Expr) -> pl.Expr:
    """Return the ``host:port`` (or socket) that an error's text names as the other side."""
    return pl.coalesce(text.str.extract(_DIALLED), text.str.extract(_SPOKEN_TO))
