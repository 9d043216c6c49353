"""Host names against lists of hosts and patterns, as expressions; safe against look-alike suffixes.

``api.openai.com`` in a list matches that host alone, whatever its port, and never
``evil-api.openai.com.example``. ``*.openai.azure.com`` matches any depth below; a ``*`` elsewhere
stands for one label or a part of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

from analyzer.columns import Frame

BARE = "_bare_host"
"""Internal column: the host lower case, without port and trailing dot."""


def prepare(frame: Frame) -> Frame:
    """Add the internal column that :func:`which` and :func:`among` compare."""
    host = pl.col("host").str.to_lowercase()
    plain = host.str.replace(r"^(\[[^\]]*\]|[^:]*):[0-9]+$", "${1}")
    return frame.with_columns(plain.str.strip_suffix(".").alias(BARE))


def which(entries: Iterable[tuple[str, Iterable[str]]]) -> pl.Expr:
    """Return the slug whose hosts match, else null; the first entry wins.

    An entry that names a port (``localhost:11434``) is compared with the port.
    """
    exact: dict[str, str] = {}
    patterns: list[tuple[str, str]] = []
    for slug, listed in entries:
        hosts = list(listed)
        wild = [_regex(host) for host in hosts if "*" in host]
        if wild:
            patterns.append((slug, f"^(?:{'|'.join(wild)})$"))
        for host in hosts:
            if "*" not in host:
                exact.setdefault(host.lower(), slug)
    ported = {host: slug for host, slug in exact.items() if re.search(r":[0-9]+$", host)}
    found = [_lookup(BARE, exact)]
    if ported:
        found.insert(0, _lookup("host", ported))
    for slug, pattern in patterns:
        found.append(pl.when(pl.col(BARE).str.contains(pattern)).then(pl.lit(slug)))
    return pl.coalesce(found)


def among(hosts: Iterable[str]) -> pl.Expr:
    """Whether the host is one of ``hosts``; false where there is no host."""
    return which([("yes", hosts)]).is_not_null()


def _lookup(column: str, table: dict[str, str]) -> pl.Expr:
    if not table:
        return pl.lit(None, dtype=pl.String)
    return pl.col(column).replace_strict(
        list(table), list(table.values()), default=None, return_dtype=pl.String
    )


def _regex(pattern: str) -> str:
    if pattern.startswith("*."):
        return rf"(?:[^.]+\.)+{_labels(pattern[2:])}"
    return _labels(pattern)


def _labels(pattern: str) -> str:
    return r"[^.]+".join(re.escape(part) for part in pattern.lower().split("*"))
