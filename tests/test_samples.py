"""The recorded scenarios: what the program says of each request against what was staged.

The expectations come from the lab's journal (tests/lab), written while it recorded, never from a
run of the program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
RECORDER = ROOT / "tests" / "lab" / "record.py"
SCENARIOS = sorted(path.parent.name for path in SAMPLES.glob("*/expected.json"))
LAB_SCENARIOS = {
    "bad-key",
    "client-timeout",
    "edge-522-524-and-passthrough",
    "gateway-no-healthy-upstream",
    "healthy",
    "network-refused",
    "one-model-route-down",
    "stream-cut-under-200",
    "upstream-overload",
    "wrong-base-url",
}
Place = tuple[str, int]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=False
    )


@cache
def expected(name: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((SAMPLES / name / "expected.json").read_text())
    return said


@cache
def said_of(name: str) -> dict[Place, dict[str, Any]]:
    """Run the program on a scenario's folder, once, and return its rows by input and record."""
    done = run(sys.executable, "-m", "analyzer", str(SAMPLES / name), "--format", "jsonl")
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr[-2000:]}"
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    found = {(row["input"], row["record"]): row for row in rows}
    assert len(found) == len(rows), "a record was written twice"
    return found


def differences(name: str, keys: tuple[str, ...]) -> list[str]:
    """Return one line for each staged failure of which the program says something else."""
    rows = said_of(name)
    lines = []
    for want in expected(name)["attempts"]:
        got = rows.get((want["input"], want["record"]), {})
        wrong = [key for key in keys if key in want and not agrees(want, got, key)]
        if wrong:
            told = ", ".join(f"{key}={got.get(key)!r} not {want[key]!r}" for key in wrong)
            place = f"{want['input']}#{want['record']}"
            lines.append(f"{place:<26} {told}  [{got.get('rule')}]  staged: {want['staged']}")
    return lines


def agrees(want: dict[str, Any], got: dict[str, Any], key: str) -> bool:
    if key == "cause":
        return got.get(key) in (want[key], *want.get("accept_causes", ()))
    return bool(key in got and got[key] == want[key])


def test_the_lab_scenarios_are_all_stored() -> None:
    assert set(SCENARIOS) >= LAB_SCENARIOS


def test_stored_samples_are_well_formed() -> None:
    done = run(sys.executable, str(RECORDER), "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(LAB_SCENARIOS)} scenarios" in done.stdout


@pytest.mark.slow
def test_every_hop_of_the_lab_still_does_what_is_staged() -> None:
    done = run(sys.executable, str(RECORDER), "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SCENARIOS)
def test_layer_and_cause_of_every_staged_failure(name: str) -> None:
    wrong = differences(name, ("ok", "layer", "cause"))
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", SCENARIOS)
def test_who_wrote_it_and_what_it_should_cost(name: str) -> None:
    wrong = differences(name, ("emitted_by", "billing_expected"))
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_else_failed_and_nothing_was_lost(name: str) -> None:
    rows, want = said_of(name), expected(name)
    failed = {place for place, row in rows.items() if row["ok"] is False}
    staged = {(row["input"], row["record"]) for row in want["attempts"]}
    assert failed == staged
    assert len(rows) == want["attempts_total"]
    assert all(row["ok"] is True for place, row in rows.items() if place not in staged)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_unknown_share_stays_in_its_budget(name: str) -> None:
    failed = [row for row in said_of(name).values() if row["ok"] is False]
    unknown = [row for row in failed if row["layer"] == "unknown"
               or row["cause"] == "unclassified"]  # fmt: skip
    assert len(unknown) <= expected(name)["unknown_budget"] * len(failed)


def test_nothing_failed_in_the_control() -> None:
    rows = said_of("healthy")
    assert rows
    assert all(row["ok"] is True for row in rows.values())
