"""What usage exports show of the staged failures: against what the lab knows of every row.

``expected.json`` comes from the recorder (tests/lab/bills.py) or from the script that wrote log
and export together (tests/lab/written_bills.py), never from a run of the program.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cli import analyze as run

import analyzer
from analyzer import pipeline
from analyzer.analysis.model import Analysis

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_logs"
RECORDER = ROOT / "tests" / "lab" / "bills.py"
NAMES = ("billed-by-litellm", "billed-by-openrouter", "billed-by-new-api", "billed-by-the-day")
Json = dict[str, Any]


@cache
def expected(name: str) -> Json:
    said: Json = json.loads((SAMPLES / name / "expected.json").read_text())
    return said


@cache
def said(name: str) -> tuple[Analysis, dict[int, Json]]:
    with pipeline.run([str(SAMPLES / name)]) as result:
        return result.analysis, {row["record"]: row for row in result.verdicts.to_dicts()}


@pytest.mark.parametrize("name", NAMES)
def test_every_failure_is_settled_as_staged(name: str) -> None:
    _, rows = said(name)
    assert {want["record"] for want in expected(name)["billing"]} == set(rows)
    for want in expected(name)["billing"]:
        row = rows[want["record"]]
        match = row["billing_match"] or {}
        told = {
            "billing": row["billing"],
            "outcome": row["billing_outcome"],
            "tier": match.get("tier"),
            "usage": f"{match.get('usage_input')}#{match.get('usage_record')}",
            "cost": None if row["billed_cost"] is None else f"{row['billed_cost'].normalize():f}",
            "currency": row["billed_currency"],
        }
        asked = [key for key in told if key in want]
        assert {key: told[key] for key in asked} == {key: want[key] for key in asked}, want


@pytest.mark.parametrize("name", NAMES)
def test_what_the_ledger_shows_is_told_apart_from_what_is_expected(name: str) -> None:
    for want in expected(name)["billing"]:
        row = said(name)[1][want["record"]]
        settled = want.get("outcome") not in ("ambiguous", "not_covered", "billed_bounded")
        assert (row["billing_basis"] == "usage_export") == settled
        if not settled:
            assert row["billed_cost"] is None
            assert row["billing_match"] is None


@pytest.mark.parametrize("name", NAMES)
def test_the_claim_list_has_what_is_due_and_nothing_else(name: str, tmp_path: Path) -> None:
    out = tmp_path / "claims.csv"
    folder = SAMPLES / name
    done = run("claims", *sorted(folder.glob("*.har")), next(folder.glob("[us][sp]*.*")), "-o", out)
    assert done.code == 0, done.err
    listed = {row["x_Attempt"]: row for row in csv.DictReader(io.StringIO(out.read_text()))}
    due = {f"{one['input']}#{one['record']}": one for one in expected(name)["billing"]
           if one.get("claim")}  # fmt: skip
    # What a policy leaves open may be listed, as a matter of the party's good will.
    assert {place for place, row in listed.items() if row["x_ClaimStrength"] == "contractual"} == {
        *due
    }
    for place, one in due.items():
        assert listed[place]["BilledCost"] == one["cost"]
        assert listed[place]["x_PolicyUrl"].startswith("https://")
    sure = {f"{one['input']}#{one['record']}" for one in expected(name)["billing"]
            if one["billing"] in ("billed", "partial")}  # fmt: skip
    assert set(listed) <= sure


@pytest.mark.parametrize("name", [name for name in NAMES if "bounds" in expected(name)])
def test_sums_bound_groups(name: str) -> None:
    found = {
        one.model: {"model": one.model, "low": one.low, "high": one.high,
                    "conclusion": one.conclusion}
        for one in said(name)[0].billing.bounds
    }  # fmt: skip
    assert found == {one["model"]: one for one in expected(name)["bounds"]}


@pytest.mark.parametrize("name", [name for name in NAMES if "wasted_by_retries" in expected(name)])
def test_money_wasted_by_retries(name: str) -> None:
    wasted = said(name)[0].billing.wasted_by_retries
    assert wasted is not None
    told = [{"amount": one.amount, "currency": one.currency} for one in wasted]
    assert told == expected(name)["wasted_by_retries"]


def test_without_the_export_nothing_is_settled() -> None:
    for name in NAMES:
        found = analyzer.analyze(SAMPLES / name / "logs.har")
        assert not found.billing.settled
        assert "no usage export" in found.billing.text


def test_the_stored_recording_is_well_formed() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(RECORDER), "--check"], capture_output=True, text=True, cwd=ROOT,
        env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
