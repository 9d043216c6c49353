"""Consoles of programs that write requests among many other lines."""

from __future__ import annotations

import re
from functools import cache

from analyzer.ingest.textlog import TextLog, first_lines

ANSI = r"\x1b\[[0-9;]*m"
"""A terminal's colour."""


def sure(format_: TextLog, head: bytes, other: str) -> float:
    """Return how sure a format is of a console: by all lines it knows, if one is a request.

    ``other`` is what its lines match that are no requests.
    """
    lines = first_lines(head)
    access = [format_.claims(line) for line in lines]
    if not any(access):
        return 0.0
    known = _compiled(other)
    rest = [line for line, own in zip(lines, access, strict=True) if not own]
    others = sum(known.search(_colours().sub(b"", line)) is not None for line in rest)
    share = (others + sum(access)) / len(lines)
    return format_.weight * share if share >= 0.5 else 0.0


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


@cache
def _colours() -> re.Pattern[bytes]:
    return re.compile(ANSI.encode())
