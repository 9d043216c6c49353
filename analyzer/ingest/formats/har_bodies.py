"""The bodies of one capture: in the entry, packed, or in files beside the capture."""

from __future__ import annotations

import base64
import binascii

from analyzer.ingest.base import Limits
from analyzer.ingest.beside import Beside
from analyzer.ingest.formats.har_answer import body_of
from analyzer.ingest.formats.har_entry import (
    Content,
    Header,
    PostData,
    headers_of,
    is_text,
    text_of,
)
from analyzer.ingest.formats.har_packed import Budget
from analyzer.ingest.notes import Notes

_MESSAGES = ".jsonl"
"""How Playwright's files of WebSocket messages end."""


class Bodies:
    """Hands out bodies and counts those that are named or recorded and cannot be had."""

    def __init__(
        self, dialect: str, limits: Limits, beside: Beside | None, budget: Budget | None = None
    ) -> None:
        self._dialect = dialect
        self._limit = limits.entry_bytes
        self._budget = budget or Budget(limits.entry_bytes)
        self._beside = beside
        self._missing = 0
        self._unreadable = 0

    def answer(self, content: Content, headers: dict[str, str]) -> str | bytes | None:
        """Return an answer's body; ``None`` if it was not recorded or cannot be had."""
        body = body_of(content, headers, self._dialect, self._budget)
        if body is None:
            name = content.file or content.sha1
            if isinstance(name, str) and name.endswith(_MESSAGES):
                return None
            if name:
                return self.attached(name)
            self._unreadable += is_text(content.text)
        return body

    def attached(self, name: object) -> bytes | None:
        """Return what a file beside the capture holds; ``None`` if it cannot be had."""
        data = self._beside.read(name, self._limit) if self._beside else None
        self._missing += data is None
        return data

    def messages(self, content: Content) -> bytes | None:
        """Return the file of WebSocket messages that Playwright keeps apart, if there is one."""
        name = content.file
        if isinstance(name, str) and name.endswith(_MESSAGES):
            return self.attached(name)
        return None

    def asked(self, post: PostData) -> str | None:
        """Return a request's body; form parameters stand in for a text that is missing."""
        text = text_of(post.text)
        if text:
            return _decoded(text) if post.encoding == "base64" else text
        name = post.file or post.sha1
        if name:
            data = self.attached(name)
            return None if data is None else data.decode("utf-8", "replace")
        fields = headers_of(post.params)
        if not isinstance(fields, list):
            return text
        pairs = [
            f"{field.name}={field.value}"
            for field in fields
            if isinstance(field, Header) and isinstance(field.value, str)
        ]
        return "&".join(pairs) or text

    def counts(self) -> dict[str, int]:
        """Return how many could not be had, by why."""
        return {"missing": self._missing, "unreadable": self._unreadable}

    def count(self, more: dict[str, int]) -> None:
        """Add what was counted elsewhere."""
        self._missing += more["missing"]
        self._unreadable += more["unreadable"]

    def tell(self, notes: Notes) -> None:
        """Note what could not be had; it counts as not recorded."""
        if self._missing:
            message = (
                f"{self._missing} bodies are in files beside the capture that cannot be found or "
                "read; they count as not recorded. Keep the folder or archive together."
            )
            notes.add("missing_body", message, count=self._missing, lost=False)
        if self._unreadable:
            message = (
                f"{self._unreadable} bodies are recorded in a way that cannot be undone (broken "
                "base64, brotli, or a compression bomb); they count as not recorded."
            )
            notes.add("unreadable_body", message, count=self._unreadable, lost=False)


def _decoded(text: str) -> str:
    """Return what base64 stands for (HAR 1.3); the text itself if it is none."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text
