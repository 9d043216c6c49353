"""Stored samples of several hops: which record is which attempt, expected.json, and its check."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import samples
from journal import Exchange
from record import vocabulary

HAR, HAPROXY, ACCESS = "logs.har", "haproxy.log", "access.log"
SURE = {"no_healthy_upstream", "upstream_connect_failure"}
"""Causes of a bare 503 that HAProxy's own words tell."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: what was staged, and the line that each log has of it."""

    exchange: Exchange
    lines: dict[str, int]
    note: str | None = None
    """What happened to a request that went well all the same."""
    bare: bool = False
    """Whether the answer had no body, so that the capture alone cannot tell."""

    def seen_in(self, record: int) -> list[str]:
        """Return the places of its records, the client's first."""
        behind = [f"{log}#{self.lines[log]}" for log in (HAPROXY, ACCESS) if log in self.lines]
        return [f"{HAR}#{record}", *behind]


def joined(har: str, attempts: list[Attempt]) -> list[tuple[int, Attempt]]:
    """Pair every API request of the capture with what was staged, and make sure that they agree."""
    entries = json.loads(har)["log"]["entries"]
    numbered = [
        (number, entry)
        for number, entry in enumerate(entries, start=1)
        if urlsplit(entry["request"]["url"]).path.startswith("/v1/")
    ]
    numbered.sort(key=lambda pair: str(pair[1]["startedDateTime"]))
    if len(numbered) != len(attempts):
        raise samples.JoinError(f"{len(numbered)} records, {len(attempts)} staged requests")
    for (number, entry), one in zip(numbered, attempts, strict=True):
        seen, staged = _seen(entry), one.exchange
        told = (staged.method, staged.host, staged.path, staged.status)
        if seen != told:
            raise samples.JoinError(f"{HAR}#{number}: recorded {seen}, staged {told}")
        if one.bare and entry["response"]["content"].get("text"):
            raise samples.JoinError(f"{HAR}#{number}: the answer has a body")
    return [(number, one) for (number, _), one in zip(numbered, attempts, strict=True)]


def _seen(entry: dict[str, Any]) -> tuple[str, str, str, int | None]:
    url = urlsplit(entry["request"]["url"])
    status = entry["response"]["status"]
    return entry["request"]["method"], url.netloc, url.path, status if status > 0 else None


def expected(description: str, pairs: list[tuple[int, Attempt]], skew_s: int) -> dict[str, Any]:
    """Return what expected.json says."""
    failed = []
    for number, one in pairs:
        truth = one.exchange.truth
        if truth is None:
            continue
        row: dict[str, Any] = {"input": HAR, "record": number, "ok": False, **truth.as_json()}
        if one.bare:
            row["har_alone_cannot_tell"] = True
        if one.bare and truth.cause in SURE:
            row["confidence"] = "certain"
        failed.append(row)
    left = [(number, one) for number, one in pairs if one.exchange.status is None]
    return {
        "description": description,
        "unknown_budget": 0.0,
        "attempts_total": len(pairs),
        "failed": len(failed),
        "skew_of_access_log_s": skew_s,
        "seen_in": [one.seen_in(number) for number, one in pairs],
        "contradictions": [
            {"kind": "finished_after_client_left", "seen_in": one.seen_in(number)}
            for number, one in left
        ],
        "rescued": [
            {"seen_in": one.seen_in(number), "tries": 2, "staged": one.note}
            for number, one in pairs
            if one.note
        ],
        "attempts": failed,
    }


def write(value: dict[str, Any]) -> str:
    """Return the text of expected.json, one attempt a line."""
    parts = []
    for key, item in value.items():
        if isinstance(item, list) and item:
            rows = ",\n".join("    " + json.dumps(row) for row in item)
            parts.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
        else:
            parts.append(f"  {json.dumps(key)}: {json.dumps(item)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def store(
    name: str, description: str, attempts: list[Attempt], files: dict[str, str], skew_s: int
) -> None:
    """Store the files and expected.json in place of what was there."""
    value = expected(description, joined(files[HAR], attempts), skew_s)
    folder = samples.SAMPLES / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text)
    (folder / "expected.json").write_text(write(value))


def check(name: str) -> list[str]:
    """Return what is wrong with a stored sample; empty when nothing is."""
    folder = samples.SAMPLES / name
    said = json.loads((folder / "expected.json").read_text())
    problems = samples.check(folder, *vocabulary())
    lines = {log: (folder / log).read_text().count("\n") for log in (HAPROXY, ACCESS)}
    lines[HAR] = len(samples.entries(folder / HAR))
    places = Counter(place for seen in said["seen_in"] for place in seen)
    problems += [f"{name}: {place} is of {times} attempts" for place, times in places.items()
                 if times > 1]  # fmt: skip
    for place in places:
        file, _, number = place.partition("#")
        if not 1 <= int(number) <= lines.get(file, 0):
            problems.append(f"{name}: no such record: {place}")
    requests = sum(bool(re.search("/v1/", text)) for text in (folder / ACCESS).open())
    if requests != sum(place.startswith(ACCESS) for place in places):
        problems.append(f"{name}: {requests} lines of {ACCESS} are of API requests")
    return problems
