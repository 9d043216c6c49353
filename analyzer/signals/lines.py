"""The events of a stream, walked from either end as far as somebody wants to see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

See = Callable[[str], bool]
"""Takes the payload of an event and says whether that is enough."""
_OPENS = (" {", "{", " [", "[")


class Events(Protocol):
    """Payloads of events in order, ``[DONE]`` included."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[str]:
        """Yield all of them."""

    def walk(self, see: See) -> None:
        """Show one after the other until ``see`` has enough."""

    def walk_back(self, see: See) -> None:
        """Show one after the other from the end until ``see`` has enough."""


class Payloads:
    """Events that were taken apart already."""

    __slots__ = ("_events",)

    def __init__(self, events: Sequence[str]) -> None:
        self._events = events

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def walk(self, see: See) -> None:
        """Show one after the other until ``see`` has enough."""
        for event in self._events:
            if see(event):
                return

    def walk_back(self, see: See) -> None:
        """Show one after the other from the end until ``see`` has enough."""
        for event in reversed(self._events):
            if see(event):
                return


class Lines:
    """Events of one ``data:`` line each, found in the text when they are asked for."""

    __slots__ = ("_first", "_leads", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._leads = text.startswith("data:")
        self._first = 0 if self._leads else text.find("\ndata:") + 1

    def plausible(self) -> bool:
        """Whether one line is one event: the first and the last begin like whole payloads."""
        text, first = self._text, self._first
        if not (first or self._leads):
            return True
        last = text.rfind("\ndata:", first) + 1 or first
        return (text.startswith(_OPENS, first + 5) or self._begins(first + 5)) and (
            text.startswith(_OPENS, last + 5) or self._begins(last + 5)
        )

    def _begins(self, at: int) -> bool:
        end = self._text.find("\n", at)
        payload = self._text[at:] if end < 0 else self._text[at:end]
        return payload.lstrip()[:1] in ("{", "[", "")

    def __len__(self) -> int:
        return self._text.count("\ndata:") + self._leads

    def __iter__(self) -> Iterator[str]:
        found: list[str] = []

        def see(event: str) -> bool:
            found.append(event)
            return False

        self.walk(see)
        return iter(found)

    def walk(self, see: See) -> None:
        """Show one after the other until ``see`` has enough."""
        text, at = self._text, self._first
        if not (at or self._leads):
            return
        while True:
            end = text.find("\n", at)
            if end < 0:
                see(text[at + 5 :])
                return
            if see(text[at + 5 : end]):
                return
            at = text.find("\ndata:", end) + 1
            if not at:
                return

    def walk_back(self, see: See) -> None:
        """Show one after the other from the end until ``see`` has enough."""
        text, before = self._text, len(self._text)
        while True:
            at = text.rfind("\ndata:", 0, before)
            if at < 0 and not self._leads:
                return
            end = text.find("\n", at + 1)
            if see(text[at + 6 :] if end < 0 else text[at + 6 : end]) or at < 0:
                return
            before = at
