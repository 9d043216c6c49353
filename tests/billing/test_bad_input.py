"""Exports as people hand them in: twice, overlapping, of several currencies, per day, zone-less."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli import analyze as run

import analyzer
from analyzer.analysis.model import Analysis

SAMPLES = Path(__file__).resolve().parents[2] / "sample_logs"
SAMPLE = SAMPLES / "billed-by-openrouter"
HAR = SAMPLE / "logs.har"
Rows = list[dict[str, str]]


def rows() -> Rows:
    return list(csv.DictReader(io.StringIO((SAMPLE / "usage.csv").read_text())))


def write(path: Path, told: Rows) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(told[0]))
        writer.writeheader()
        writer.writerows(told)
    return path


def outcomes(found: Analysis) -> dict[str | None, int]:
    return {one.value: one.count for one in found.billing.outcomes}


@pytest.fixture
def whole() -> Analysis:
    return analyzer.analyze(HAR, SAMPLE / "usage.csv")


def test_a_file_handed_in_twice_is_counted_once(tmp_path: Path, whole: Analysis) -> None:
    again, har = tmp_path / "again.csv", tmp_path / "copy.har"
    again.write_bytes((SAMPLE / "usage.csv").read_bytes())
    har.write_bytes(HAR.read_bytes())
    found = analyzer.analyze(HAR, har, SAMPLE / "usage.csv", again)
    assert found.totals.attempts == whole.totals.attempts
    assert found.billing.usage_rows == whole.billing.usage_rows
    assert outcomes(found) == outcomes(whole)
    notes = [p for p in found.quality.problems if p.kind == "duplicate_input"]
    assert {(p.input, p.lost) for p in notes} == {("again.csv", False), ("copy.har", False)}
    assert "so it was counted once" in notes[0].message


def test_files_that_begin_alike_are_no_twins(tmp_path: Path) -> None:
    """Heads are compared first; what follows decides."""
    line = (SAMPLE / "usage.csv").read_text()
    more = "".join(line.splitlines(keepends=True)[1:]) * 40
    long, longer = tmp_path / "a.csv", tmp_path / "b.csv"
    long.write_text(line + more)
    longer.write_text(line + more + line.splitlines()[1].replace("gen-", "gen-9") + "\n")
    assert long.stat().st_size > 1 << 16
    found = analyzer.analyze(HAR, long, longer)
    assert not [p for p in found.quality.problems if p.kind == "duplicate_input"]


def test_overlapping_periods_of_one_ledger(tmp_path: Path, whole: Analysis) -> None:
    first = write(tmp_path / "p1.csv", rows()[:11])
    second = write(tmp_path / "p2.csv", rows()[7:])
    found = analyzer.analyze(HAR, first, second)
    assert outcomes(found) == outcomes(whole)
    assert [one.amount for one in found.billing.money] == [
        one.amount for one in whole.billing.money
    ]
    (coverage,) = found.billing.coverage
    assert coverage.duplicates == 4
    assert found.billing.note is not None
    assert "hold the same time; 4 rows with an id stand in several" in found.billing.note


def test_periods_that_follow_each_other_overlap_in_nothing(tmp_path: Path) -> None:
    first = write(tmp_path / "p1.csv", rows()[:9])
    second = write(tmp_path / "p2.csv", rows()[9:])
    found = analyzer.analyze(HAR, first, second)
    assert found.billing.coverage[0].duplicates == 0
    assert found.billing.note is None


def test_overlapping_days_are_summed_once(tmp_path: Path) -> None:
    day = SAMPLES / "billed-by-the-day"
    page = json.loads((day / "usage.json").read_text())
    later = tmp_path / "later.json"
    page["data"][0]["results"][0]["num_model_requests"] = 5
    later.write_text(json.dumps(page))
    found = analyzer.analyze(day / "logs.har", day / "usage.json", later)
    told = {one.model: one.requests for one in found.billing.bounds}
    assert told == {"gpt-5-mini": 5, "gpt-5": 6, "gpt-5-nano": 5}
    assert "counted once" in (found.billing.note or "")


def test_currencies_are_never_added(tmp_path: Path) -> None:
    told = [
        {"when": row["created_at"], "id": row["generation_id"], "model": row["model_permaslug"],
         "cost": row["cost_total"], "cur": ("usd", "EUR")[index % 2]}
        for index, row in enumerate(rows())
    ]  # fmt: skip
    export = write(tmp_path / "mixed.csv", told)
    names = ("time=when", "request_id=id", "model=model", "cost=cost", "currency=cur")
    words = [word for name in names for word in ("--map", name)]
    out = tmp_path / "report.json"
    assert run(HAR, export, *words, "-q", "-o", out).code == 0
    billing = json.loads(out.read_text())["billing"]
    assert "; charged 0.00002 USD and 0.00044 EUR;" not in billing["text"]
    assert {one["currency"] for one in billing["money"]} == {"USD", "EUR"}
    assert " EUR and " in billing["text"]
    claims = run("claims", HAR, export, *words)
    listed = list(csv.DictReader(io.StringIO(claims.out)))
    assert {row["BillingCurrency"] for row in listed} <= {"USD", "EUR"}


def test_a_daily_export_proves_no_single_failure() -> None:
    day = SAMPLES / "billed-by-the-day"
    done = run("claims", day / "logs.har", day / "usage.json")
    assert done.code == 0
    assert "sums per day bound groups of failures, not single ones" in done.err
    assert len(done.out.strip().splitlines()) == 1
    found = analyzer.analyze(day)
    assert "sums count 3 of them as used" in found.billing.text
    assert not found.billing.settled


def test_local_time_without_a_zone(tmp_path: Path) -> None:
    told = [
        {"when": row["created_at"].replace("2026-11-20 12", "2026-11-20 20")[:19],
         "model": row["model_permaslug"], "cost": row["cost_total"],
         "given": row["tokens_prompt"], "made": row["tokens_completion"]}
        for row in rows()
    ]  # fmt: skip
    export = write(tmp_path / "local.csv", told)
    names = ("time=when", "model=model", "cost=cost", "currency=usd", "grain=request",
             "input_tokens=given", "output_tokens=made")  # fmt: skip
    words = [word for name in names for word in ("--map", name)]

    def billing(*more: str) -> dict[str, object]:
        out = tmp_path / "report.json"
        assert run(HAR, export, *words, *more, "-q", "-o", out).code == 0
        found: dict[str, object] = json.loads(out.read_text())["billing"]
        return found

    note = str(billing()["note"])
    assert "--tz +08:00" in note
    right = billing("--tz", "+08:00")
    assert "--tz" not in str(right["note"])
    assert {"value": "billed_matched", "count": 3} in right["outcomes"]  # type: ignore[operator]


def test_an_unknown_export_is_named_in_the_refusal_of_claims(tmp_path: Path) -> None:
    told = [{"created_at": "2026-11-20", "generation_id": "gen-1", "cost_usd": "1", "model": "m"}]
    done = run("claims", HAR, write(tmp_path / "near.csv", told))
    assert done.code == 2
    assert "no usage rows could be read. " in done.err
    assert "--map request_id=generation_id --map cost=cost_usd" in done.err
