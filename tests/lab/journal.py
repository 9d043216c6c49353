"""The ground truth: what the lab did to every request, written while it does it.

The hop that makes a fault writes it down under the number that the front door gave the request.
Nothing here looks at a capture, and nothing of it is visible in one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

TRACE = "x-lab-trace"
"""Header between the hops of the lab; the front door sets it and never sends it to the client."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What was staged, and the verdict that the evidence in a capture allows."""

    staged: str
    layer: str
    cause: str
    emitted_by: str | None = None
    """None where the brief answer to "who wrote it" would be a guess."""
    billing_expected: str | None = None
    knowable: bool = True
    """False where the capture alone cannot show what was staged."""
    staged_layer: str | None = None
    accept_causes: tuple[str, ...] = ()
    """Other causes that are as honest as ``cause`` for this evidence."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields that expected.json carries."""
        said: dict[str, Any] = {"layer": self.layer, "cause": self.cause}
        if self.emitted_by:
            said["emitted_by"] = self.emitted_by
        if self.billing_expected:
            said["billing_expected"] = self.billing_expected
        if self.accept_causes:
            said["accept_causes"] = list(self.accept_causes)
        if not self.knowable:
            said["knowable"] = False
            said["staged_layer"] = self.staged_layer
        return {**said, "staged": self.staged}


@dataclass(slots=True)
class Exchange:
    """One request as the front door saw it (or as the driver tried it, when nothing listened)."""

    method: str
    host: str
    path: str
    model: str | None
    status: int | None = None
    truth: Truth | None = None
    events: list[str] = field(default_factory=list)


class Journal:
    """All exchanges of a recording, in the order in which they arrived."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.exchanges: list[Exchange] = []

    def open(self, exchange: Exchange) -> int:
        """Note a request and return its number."""
        with self._lock:
            self.exchanges.append(exchange)
            return len(self.exchanges) - 1

    def fail(self, number: int, truth: Truth) -> None:
        """Note the fault; an outer hop that answers in its own words comes later and wins."""
        self.exchanges[number].truth = truth

    def fail_last(self, truth: Truth) -> None:
        """Note what the driver knows of the last request, such as its own time-out."""
        self.exchanges[-1].truth = truth

    def answered(self, number: int, status: int) -> None:
        """Note the status that the front door sent."""
        self.exchanges[number].status = status

    def event(self, number: int, text: str) -> None:
        """Note something that happened on the way."""
        self.exchanges[number].events.append(text)
