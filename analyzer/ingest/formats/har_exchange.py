"""The exchanges of a block side by side, so that each step goes through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from analyzer.ingest.formats.har_entry import Entry, Request, Response
from analyzer.ingest.formats.har_recover import Broken
from analyzer.ingest.formats.har_time import number
from analyzer.ingest.url import Address
from analyzer.signals.facts import RequestFacts


class UnreadableError(Exception):
    """An entry that parses but says too little to be an attempt."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def check(entry: Entry) -> None:
    """Raise UnreadableError if an entry has no request, or no response object at all."""
    request = entry.request
    if not isinstance(request, Request):
        said = "missing" if request is None else f"a {type(request).__name__}"
        raise UnreadableError("bad_entry", f"its request is {said}, expected an object")
    if entry.response is UNSET and entry.error is None:
        raise UnreadableError("no_response", "it has no response: only the request was kept")


def sorted_out(
    items: Sequence[Entry | Broken], before: int
) -> tuple[list[Entry], list[int], list[tuple[int, str, str]]]:
    """Return the entries that are attempts, their numbers, and (number, kind, reason) of the rest.

    ``before`` is how many elements stand before the first of ``items``.
    """
    entries: list[Entry] = []
    records: list[int] = []
    bad: list[tuple[int, str, str]] = []
    for record, item in enumerate(items, before + 1):
        try:
            if isinstance(item, Broken):
                raise UnreadableError(item.kind, item.reason)
            check(item)
        except UnreadableError as error:
            bad.append((record, error.kind, str(error)))
        else:
            entries.append(item)
            records.append(record)
    return entries, records, bad


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Exchanges side by side: the parts of all of them, each in a list."""

    entries: Sequence[Entry]
    requests: list[Request]
    responses: list[Response | None]
    sent: list[dict[str, str]]
    got: list[dict[str, str]]
    urls: list[Address]
    methods: list[str | None]
    statuses: list[int | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What request bodies say, the requests' fingerprints, the bodies' sizes."""

    facts: list[RequestFacts] = field(default_factory=list)
    digests: list[str | None] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)


def whole(value: Any) -> int | None:
    """Return a count that fits a 64-bit column; ``None`` for anything else."""
    if type(value) is int:
        return value if 0 <= value < 1 << 62 else None
    made = number(value)
    return int(made) if made is not None and 0 <= made < 1 << 62 else None
