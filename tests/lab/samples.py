"""Stored samples: joining a capture with the journal, expected.json, and the check of both."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from journal import Exchange

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_logs"
MAX_BYTES = 300_000
REQUIRED = ("input", "record", "ok", "layer", "cause", "staged")
LEAKS = (
    re.compile(r"/(?:home|root|work|tmp|opt|Users)/"),
    re.compile(r"[A-Za-z]:\\\\Users"),
    re.compile(r"sk-(?!lab-0{24}\b|lab-9{24}\b|lab-\*{8}[09]{4}\b)[A-Za-z0-9_-]{8,}"),
    re.compile(r"(?<![\d./])(?!127\.0\.0\.1\b)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
)
"""What a stored file must not hold: machine paths, keys that are not the lab's, addresses."""


class JoinError(Exception):
    """A capture and the journal do not tell of the same requests."""


def entries(har: Path) -> list[dict[str, Any]]:
    """Return the entries of a HAR file in file order."""
    found: list[dict[str, Any]] = json.loads(har.read_text())["log"]["entries"]
    return found


def api_records(har: Path, page_host: str) -> list[tuple[int, dict[str, Any]]]:
    """Return (record, entry) of every API request, in order of their start."""
    numbered = [
        (number, entry)
        for number, entry in enumerate(entries(har), start=1)
        if entry["request"]["method"] != "OPTIONS"
        and urlsplit(entry["request"]["url"]).hostname != page_host
    ]
    return sorted(numbered, key=lambda pair: str(pair[1]["startedDateTime"]))


def join(har: Path, exchanges: list[Exchange], page_host: str) -> list[tuple[int, Exchange]]:
    """Pair every record with what was staged for it, and make sure that they agree."""
    records = api_records(har, page_host)
    if len(records) != len(exchanges):
        raise JoinError(f"{har.name}: {len(records)} records, {len(exchanges)} staged requests")
    for (number, entry), staged in zip(records, exchanges, strict=True):
        seen = _seen(entry)
        told = (staged.method, staged.host, staged.path, staged.status)
        if seen != told:
            raise JoinError(f"{har.name}#{number}: recorded {seen}, staged {told}")
    return [(number, staged) for (number, _), staged in zip(records, exchanges, strict=True)]


def _seen(entry: dict[str, Any]) -> tuple[str, str, str, int | None]:
    url = urlsplit(entry["request"]["url"])
    status = entry["response"]["status"]
    return entry["request"]["method"], url.netloc, url.path, status if status > 0 else None


def expected(
    description: str, joined: dict[str, list[tuple[int, Exchange]]], budget: float
) -> dict[str, Any]:
    """Return what expected.json says of a scenario."""
    failed = [
        {"input": name, "record": number, "ok": False, **staged.truth.as_json()}
        for name, pairs in joined.items()
        for number, staged in sorted(pairs, key=lambda pair: pair[0])
        if staged.truth
    ]
    return {
        "description": description,
        "unknown_budget": budget,
        "attempts_total": sum(len(pairs) for pairs in joined.values()),
        "failed": len(failed),
        "attempts": failed,
    }


def write_expected(folder: Path, value: dict[str, Any]) -> None:
    """Write expected.json, one attempt a line."""
    rows = ",\n".join("    " + json.dumps(row) for row in value["attempts"])
    head = {key: item for key, item in value.items() if key != "attempts"}
    lines = [f"  {json.dumps(key)}: {json.dumps(item)}," for key, item in head.items()]
    lines.append('  "attempts": [' + (f"\n{rows}\n  ]" if rows else "]"))
    (folder / "expected.json").write_text("{\n" + "\n".join(lines) + "\n}\n")


def check(folder: Path, layers: tuple[str, ...], causes: tuple[str, ...]) -> list[str]:
    """Return what is wrong with a stored scenario; empty when nothing is."""
    needed = ("README.md", "expected.json")
    problems = [f"{folder.name}: no {name}" for name in needed if not (folder / name).is_file()]
    captures = sorted(folder.glob("*.har"))
    if problems or not captures:
        return [*problems, *([] if captures else [f"{folder.name}: no capture"])]
    for path in sorted(folder.iterdir()):
        problems += _file_problems(folder.name, path)
    said = json.loads((folder / "expected.json").read_text())
    counts = {path.name: len(entries(path)) for path in captures}
    problems += _expected_problems(folder.name, said, counts, layers, causes)
    return problems


def _file_problems(name: str, path: Path) -> list[str]:
    text = path.read_text()
    found = [f"{name}/{path.name}: larger than {MAX_BYTES} bytes"] * (len(text) > MAX_BYTES)
    for leak in LEAKS:
        if match := leak.search(text):
            found.append(f"{name}/{path.name}: holds {match.group()!r}")
    return found


def _expected_problems(
    name: str,
    said: dict[str, Any],
    counts: dict[str, int],
    layers: tuple[str, ...],
    causes: tuple[str, ...],
) -> list[str]:
    found = []
    rows = said["attempts"]
    if said["failed"] != len(rows) or said["attempts_total"] > sum(counts.values()):
        found.append(f"{name}: totals do not add up")
    places = Counter((row["input"], row["record"]) for row in rows)
    found += [f"{name}: {place} listed twice" for place, times in places.items() if times > 1]
    for row in rows:
        place = f"{name}: {row.get('input')}#{row.get('record')}"
        found += [f"{place}: no {key}" for key in REQUIRED if key not in row]
        if not 1 <= row["record"] <= counts.get(row["input"], 0):
            found.append(f"{place}: no such record")
        if row["layer"] not in layers:
            found.append(f"{place}: layer {row['layer']!r} is no word of the vocabulary")
        named = [row["cause"], *row.get("accept_causes", ())]
        found += [f"{place}: cause {word!r} is no word of the vocabulary"
                  for word in named if word not in causes]  # fmt: skip
    return found
