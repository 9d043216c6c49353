"""The stored logs and ``truth.json``: one row for every line of every log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.proxies.proxy import Log
from tests.lab.proxies.scenario import FAULTS, GOOD, Truth

SAMPLES = Path(__file__).resolve().parents[3] / "sample_logs" / "proxies"
TRUTH = SAMPLES / "truth.json"
MAX_TOTAL = 400_000
LEAKS = (
    re.compile(r"/(?:home|root|work|tmp|opt|usr|Users)/"),
    re.compile(r"sk-(?!lab-[09]{24}\b)[A-Za-z0-9_-]{8,}"),
    re.compile(r"(?<![\d./])(?!127\.0\.0\.[1-3]\b)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
)
"""What a stored file must not hold: machine paths, keys that are not the lab's, addresses."""

Row = dict[str, Any]
USUAL = {fault.name: fault.truth for fault in FAULTS}
"""What is true of a fault behind most proxies; ``faults.json`` says it once for all lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log, and the request during which it was written."""

    text: str
    request: int
    fault: str | None = None
    """None for what a proxy wrote before the first request."""
    truth: Truth = GOOD


def row(file: str, number: int, line: Line, log: Log) -> Row:
    """Return what is true of a line."""
    place: Row = {"file": file, "line": number, "request": line.request}
    if line.fault is None or re.search(log.notice, line.text):
        return {**place, "fault": None, "ok": None, "note": "a notice or a probe"}
    truth = line.truth
    said: Row = {**place, "fault": line.fault, "ok": truth.ok}
    if truth.ok:
        # What a caller does that leaves at [DONE] looks like an abort wherever aborts are shown.
        alike = line.fault == "stream-done-then-close" and log.access
        if alike and "abort-streaming" in log.tells | log.broken:
            said |= {"tellable": False, "note": "looks like an abort and is none"}
        if line.fault == "retried" and not log.access and '"success"' not in line.text:
            said["note"] = "a failed try of a request that went well"
        return said
    said |= {"layer": truth.layer, "cause": truth.cause}
    usual = USUAL.get(line.fault)
    if usual is None or truth.accept != usual.accept:
        said["accept_causes"] = list(truth.accept)
    if truth.accept_layers != (usual.accept_layers if usual else ()):
        said["accept_layers"] = list(truth.accept_layers)
    said["tellable"] = line.fault in log.tells
    if line.fault in log.layers:
        said["layer_tellable"] = True
    if line.fault in log.broken:
        said["shows"] = "broken"
    return said


def read() -> list[Row]:
    """Return the stored truth."""
    rows: list[Row] = json.loads(TRUTH.read_text()) if TRUTH.exists() else []
    return rows


def write(proxy: str, log: Log, lines: list[Line], scrub: dict[str, str]) -> None:
    """Store one log and its truth in place of what was there."""
    path = SAMPLES / proxy / log.name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(line.text + "\n" for line in lines)
    for old, new in scrub.items():
        text = text.replace(old, new)
    path.write_text(text)
    file = f"{proxy}/{log.name}"
    kept = [said for said in read() if said["file"] != file]
    kept += [row(file, number, line, log) for number, line in enumerate(lines, start=1)]
    _save(kept)


def write_faults() -> None:
    """Store what is common to all lines of a fault."""
    said = {
        name: {
            "phase": truth.phase,
            "accept_causes": list(truth.accept),
            "accept_layers": list(truth.accept_layers),
        }
        for name, truth in USUAL.items()
        if not truth.ok
    }
    body = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in said.items())
    (SAMPLES / "faults.json").write_text(f"{{\n{body}\n}}\n")


def forget(proxy: str) -> None:
    """Remove what is stored of a proxy."""
    for path in (SAMPLES / proxy).glob("*.log"):
        path.unlink()
    _save([said for said in read() if not said["file"].startswith(f"{proxy}/")])


def _save(rows: list[Row]) -> None:
    rows.sort(key=lambda said: (said["file"], said["line"]))
    body = ",\n".join(json.dumps(said, separators=(",", ":")) for said in rows)
    SAMPLES.mkdir(parents=True, exist_ok=True)
    TRUTH.write_text(f"[\n{body}\n]\n")


def check(layers: tuple[str, ...], causes: tuple[str, ...]) -> list[str]:
    """Return what is wrong with the stored logs; empty when nothing is."""
    problems = []
    rows = read()
    for said in rows:
        place = f"{said['file']}:{said['line']}"
        named = [said["cause"], *said.get("accept_causes", ())] if "cause" in said else []
        problems += [f"{place}: no cause {word!r}" for word in named if word not in causes]
        if "layer" in said and said["layer"] not in layers:
            problems.append(f"{place}: no layer {said['layer']!r}")
    lines = {said["file"]: 0 for said in rows}
    for said in rows:
        lines[said["file"]] += 1
    files = {str(path.relative_to(SAMPLES)): path for path in sorted(SAMPLES.glob("*/*.log"))}
    problems += [f"{name}: no truth" for name in files if name not in lines]
    problems += [f"{name}: no file" for name in lines if name not in files]
    for name, path in files.items():
        text = path.read_text()
        if text.count("\n") != lines.get(name):
            problems.append(f"{name}: {text.count(chr(10))} lines, {lines.get(name)} truths")
        for leak in LEAKS:
            if match := leak.search(text):
                problems.append(f"{name}: holds {match.group()!r}")
    total = sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file())
    return [*problems, *([f"{total} bytes in all"] if total > MAX_TOTAL else [])]
