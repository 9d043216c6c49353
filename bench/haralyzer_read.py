"""Reads a HAR with haralyzer, so that `analyze` can be measured beside it: python FILE.har.

It makes haralyzer's objects and asks each entry for the fields that `analyze` looks at; it looks
into no body, tells no failures and has no rules.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from haralyzer import HarEntry, HarParser  # type: ignore[import-untyped]

ENTRY = ("startTime", "time", "timings")
REQUEST = ("method", "url", "host", "userAgent", "headers", "cookies", "bodySize", "text")
RESPONSE = ("headers", "mimeType", "contentSize", "text")


def main() -> None:
    with Path(sys.argv[1]).open("rb") as stream:
        parser = HarParser(json.load(stream))
    statuses: Counter[int] = Counter()
    fields = 0
    for raw in parser.har_data["entries"]:
        entry = HarEntry(raw)
        statuses[entry.response.status] += 1
        fields += told(entry, ENTRY) + told(entry.request, REQUEST) + told(entry.response, RESPONSE)
    print(f"{statuses.total()} entries, {fields} fields, {dict(statuses)}")


def told(thing: Any, names: tuple[str, ...]) -> int:
    """Return how many of the fields are there; haralyzer raises for those that are not."""
    found = 0
    for name in names:
        try:
            found += getattr(thing, name) is not None
        except (KeyError, TypeError):
            continue
    return found


if __name__ == "__main__":
    main()
