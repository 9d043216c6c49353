"""What Traefik's two access logs have in common: its own answers and its other log lines."""

from __future__ import annotations

import polars as pl

OWN_BODIES = {499: 21, 500: 21, 502: 11, 504: 15}
"""Statuses that the proxy of a service writes itself -> size of the body: their standard text."""

_NOTICE = (
    r'^(?:\x1b\[\d+m)*(?:time="[^"]*" level=\w+ |'
    r"\d{4}-\d\d-\d\dT\S+ (?:\x1b\[\d+m)*(?:TRC|DBG|INF|WRN|ERR|FTL|PNC)\b|"
    r"(?:TRACE|DEBUG|INFO|WARN|ERROR): \w)"
)


def is_notice(line: pl.Expr) -> pl.Expr:
    """Whether a line is one of the program itself, or of a plugin, and no request."""
    return line.str.contains(_NOTICE)


def own_status(status: pl.Expr) -> pl.Expr:
    """Whether it is a status that Traefik may have written for a server that gave none."""
    return status.is_in(list(OWN_BODIES)).fill_null(False)


def own_size(status: pl.Expr) -> pl.Expr:
    """Return how long Traefik's own body for a status is; null for any other status."""
    return status.replace_strict(OWN_BODIES, default=None, return_dtype=pl.Int64)


def server(url: pl.Expr) -> pl.Expr:
    """Return ``host:port`` of a service's URL."""
    return url.str.extract(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]+)")
