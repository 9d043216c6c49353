"""Stretches of a text that must go, and replacing them without leaving pieces behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

PLACEHOLDER = re.compile(r"\[redacted:([a-z0-9-]{1,24}):([0-9a-f]{8})\]")

CUT = "\n…\n"
"""What stands where ingest left out the middle of a body."""


class Span(NamedTuple):
    """A stretch to remove; ``secret`` is what its pseudonym is made of."""

    start: int
    end: int
    kind: str
    secret: str
    rank: int
    """0 = a placeholder that stands already, then from the surest finder to the least sure."""


def folded(text: str) -> str:
    """Return ``text`` in lower case with every character at its old position."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def placeholders(text: str) -> list[Span]:
    """Return what an earlier pass put into ``text``; ``secret`` is the old tag."""
    if "[redacted:" not in text:
        return []
    return [Span(*m.span(), m[1], m[2], 0) for m in PLACEHOLDER.finditer(text)]


def merge(spans: Iterable[Span]) -> list[Span]:
    """Join overlapping spans: the union goes, named after the surest and longest of them.

    Replacing only one of two overlapping finds would leave a piece of the other in the text.
    """
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            best = min(last, span, key=lambda s: (s.rank, s.start - s.end))
            merged[-1] = best._replace(start=last.start, end=max(last.end, span.end))
        else:
            merged.append(span)
    return merged


def replace(text: str, spans: Iterable[Span], tag: Callable[[Span], str]) -> str:
    """Return ``text`` with a placeholder in place of each (merged, sorted) span."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], f"[redacted:{span.kind}:{tag(span)}]")
        at = span.end
    return "".join((*parts, text[at:]))
