"""The gate through which every text from a log enters an Analysis: redacted and bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

VALUE_CHARS = 300
EXCERPT_CHARS = 2048


class Cleaner:
    """Redacts text, remembering what it has already done: values of a log repeat."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._done: dict[str, str] = {}

    def text(self, raw: str) -> str:
        """Return ``raw`` without secrets, whole."""
        known = self._done.get(raw)
        if known is None:
            known = self._done[raw] = self._redact(raw)
        return known

    @overload
    def value(self, raw: None, limit: int = ...) -> None: ...

    @overload
    def value(self, raw: str, limit: int = ...) -> str: ...

    def value(self, raw: str | None, limit: int = VALUE_CHARS) -> str | None:
        """Return ``raw`` without secrets, on one line, cut at ``limit`` characters."""
        if raw is None:
            return None
        # Redacting comes first: a cut secret would no longer be recognised.
        folded = " ".join(self.text(raw).split())
        return folded if len(folded) <= limit else folded[: limit - 1] + "…"

    def excerpt(self, raw: str) -> tuple[str, bool]:
        """Return the head of a body without secrets, and whether it was cut."""
        clean = self.text(raw)
        return clean[:EXCERPT_CHARS], len(clean) > EXCERPT_CHARS
