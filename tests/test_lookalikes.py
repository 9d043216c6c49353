"""What looks alike and is not: each exchange of the table goes through the whole program.

The table (``tests/lookalikes``) follows the catalogue's 24 signatures that need more than a status.
Every case is written as the HAR that a person would upload, and the verdict is compared with what
really happened, or with the honest unknown and what would decide it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from lookalikes import har

from analyzer import data, pipeline
from analyzer.engine import load
from analyzer.vocabulary import (
    BILLING_WORDS,
    CAUSE_WORDS,
    CONFIDENCE_WORDS,
    EMITTER_WORDS,
    LAYER_WORDS,
)

TABLE = har.table()
CASES = [case for one in TABLE for case in one["cases"]]
ATTEMPTS = [
    pytest.param(case, number, attempt, id=f"{case['case']}-{number}")
    for case in CASES
    for number, attempt in enumerate(har.attempts(case), start=1)
]
REPORTED = sorted((har.HERE / "reported").glob("*.yaml"))
WORDS = {
    "layer": LAYER_WORDS, "cause": CAUSE_WORDS, "emitted_by": EMITTER_WORDS,
    "at_least": CONFIDENCE_WORDS, "at_most": CONFIDENCE_WORDS, "billing": BILLING_WORDS,
}  # fmt: skip
TEXTS = ("looks_like", "may_be", "told_by")
CASE_KEYS = {"case", "recorder", "needs", "then", "caller", "verdict", "attempts", *har.KEYS}
Place = tuple[str, int]
Said = dict[Place, dict[str, Any]]


def judged(folder: Path, cases: list[dict[str, Any]]) -> Said:
    """Return the judged failures of a run of the program on the cases, by file and record."""
    har.write(folder, cases)
    options = pipeline.Options(gateways=("llm.example",))
    with pipeline.run([str(folder)], options) as result:
        assert not [problem for problem in result.collected.problems if problem.lost]
        return {(row["input"], row["record"]): row for row in result.verdicts.iter_rows(named=True)}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """Run the program once on all cases; they stand hours apart, so none is in another's context."""
    return judged(tmp_path_factory.mktemp("lookalikes"), CASES)


def test_the_table_covers_the_catalogue_and_is_well_formed() -> None:
    assert [one["number"] for one in TABLE] == list(range(1, 25))
    assert len(ATTEMPTS) >= 70
    assert all(str(one[text]).strip() for one in TABLE for text in TEXTS)
    names = [case["case"] for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("one", TABLE, ids=lambda one: str(one["number"]))
def test_cases_belong_to_their_number_and_say_only_what_is_known(one: dict[str, Any]) -> None:
    for case in one["cases"]:
        assert case["case"].startswith(f"{one['number']:02d}"), case["case"]
        assert set(case) <= CASE_KEYS, set(case) - CASE_KEYS
        assert case.get("needs") in (None, "log", "export"), case["case"]
        assert ("needs" in case) == ("then" in case), case["case"]
        for attempt in har.attempts(case):
            assert set(attempt) <= har.KEYS | {"verdict"}, set(attempt) - har.KEYS


@pytest.mark.parametrize(("case", "number", "attempt"), ATTEMPTS)
def test_expected_words_are_of_the_vocabulary(
    case: dict[str, Any], number: int, attempt: dict[str, Any]
) -> None:
    expected = attempt["verdict"]
    if expected != "ok":
        assert {"layer", "cause"} <= set(expected) <= set(WORDS)
        assert all(expected[key] in WORDS[key] for key in expected)


@pytest.mark.parametrize(("case", "number", "attempt"), ATTEMPTS)
def test_verdict(case: dict[str, Any], number: int, attempt: dict[str, Any], said: Said) -> None:
    row = said.get((f"{case['case']}.har", number))
    expected = attempt["verdict"]
    if expected == "ok":
        assert row is None, told(row)
        return
    assert row is not None, "no failure was found"
    got = {**row, "billing": row["billing_expected"]}
    same = ("layer", "cause", "emitted_by", "billing")
    wrong = {
        key: (got[key], expected[key]) for key in same if expected.get(key, got[key]) != got[key]
    }
    assert not wrong, told(row)
    sure = CONFIDENCE_WORDS.index(row["confidence"])
    assert sure >= CONFIDENCE_WORDS.index(expected.get("at_least", "low")), told(row)
    assert sure <= CONFIDENCE_WORDS.index(expected.get("at_most", "certain")), told(row)
    assert row["client"] == case["caller"] if "caller" in case else True


def test_an_unknown_says_what_would_decide_it(said: Said) -> None:
    rules = {rule.id: rule for rule in load.load(data.root("knowledge")).rules}
    unknown = [row for row in said.values() if row["layer"] == "unknown"]
    assert unknown
    for row in unknown:
        assert rules[row["rule"]].decided_by, row["rule"]


def test_every_case_that_needs_more_is_modest_about_it(said: Said) -> None:
    for case in CASES:
        if "needs" not in case or "caller" in case:  # who called is no part of the verdict
            continue
        row = said[(f"{case['case']}.har", 1)]
        modest = row["confidence"] in ("low", "medium") or row["billing_expected"] != "unbilled"
        assert modest, told(row)


@pytest.mark.parametrize("path", REPORTED, ids=lambda path: path.stem)
def test_failures_as_people_report_them(path: Path, tmp_path: Path) -> None:
    """Words of many parties, each with its emitter, layer and cause; all that differ are listed."""
    cases = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = judged(tmp_path, cases)
    assert len({case["case"] for case in cases}) == len(cases) >= 40
    differ = []
    for case in cases:
        row = found.get((f"{case['case']}.har", 1))
        got = f"{row['emitted_by']}>{row['layer']} {row['cause']}" if row else "ok"
        if got != case["verdict"]:
            differ.append(f"{case['case']}: {case['verdict']}, not {told(row)}")
    assert not differ, "\n" + "\n".join(differ)


def test_the_page_shows_every_case() -> None:
    page = (Path(__file__).parents[1] / "docs" / "look-alikes.md").read_text(encoding="utf-8")
    assert page == har.page(TABLE), "run: python tests/lookalikes/har.py"


def told(row: dict[str, Any] | None) -> str:
    """Return a verdict in a line, for the message of a failed comparison."""
    if row is None:
        return "nothing"
    keys = ("rule", "layer", "cause", "emitted_by", "confidence", "billing_expected", "also",
            "error_type", "error_code", "edge_marker", "gateway_marker", "upstream_marker")  # fmt: skip
    return ", ".join(f"{key}={row[key]!r}" for key in keys)
