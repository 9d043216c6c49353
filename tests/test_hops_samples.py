"""What a client's HAR and two proxies' logs of the same requests come to, against what was staged.

``expected.json`` comes from the recorder (tests/lab/hops.py), which counted the lines of every log
while it recorded; nothing in it is from a run of the program.
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
RECORDER = ROOT / "tests" / "lab" / "hops.py"
NAMES = ("three-hops", "three-hops-no-ids")
HAR, HAPROXY, ACCESS = "logs.har", "haproxy.log", "access.log"
ALL = (HAR, HAPROXY, ACCESS)
SURE = ("low", "medium", "high", "certain")

Row = dict[str, Any]


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False
    )


def said(name: str, inputs: tuple[str, ...], form: str) -> str:
    """Run the program on some of a sample's files, or on its folder for all of them."""
    where = (".",) if inputs == ALL else inputs
    command = (sys.executable, "-m", "analyzer", *where, "--format", form)
    done = run(*command, cwd=SAMPLES / name)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr[-2000:]}"
    return done.stdout


@cache
def analysis(name: str, inputs: tuple[str, ...] = ALL) -> Row:
    found: Row = json.loads(said(name, inputs, "json"))
    return found


@cache
def rows(name: str, inputs: tuple[str, ...] = ALL) -> list[Row]:
    return [json.loads(line) for line in said(name, inputs, "jsonl").splitlines() if line.strip()]


@cache
def expected(name: str) -> Row:
    found: Row = json.loads((SAMPLES / name / "expected.json").read_text())
    return found


def by_place(found: list[Row]) -> dict[str, Row]:
    return {f"{row['input']}#{row['record']}": row for row in found}


def place(want: Row) -> str:
    return f"{want['input']}#{want['record']}"


def differences(wanted: list[Row], got: dict[str, Row], keys: tuple[str, ...]) -> list[str]:
    lines = []
    for want in wanted:
        row = got.get(place(want), {})
        for key in keys:
            right = [want[key], *want.get("accept_causes", ())] if key == "cause" else [want[key]]
            if row.get(key) not in right:
                told = f"{key}={row.get(key)!r} not {want[key]!r}"
                lines.append(f"{place(want)} {told} [{row.get('rule')}]  staged: {want['staged']}")
    return lines


def test_stored_samples_are_well_formed() -> None:
    done = run(sys.executable, str(RECORDER), "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NAMES)} samples" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_one_row_for_each_attempt_of_the_client(name: str) -> None:
    places = [f"{row['input']}#{row['record']}" for row in rows(name)]
    assert sorted(places) == sorted(seen[0] for seen in expected(name)["seen_in"])


@pytest.mark.parametrize("name", NAMES)
def test_every_attempt_names_the_records_of_all_hops_that_saw_it(name: str) -> None:
    told = {key: sorted(row["seen_in"]) for key, row in by_place(rows(name)).items()}
    assert told == {seen[0]: sorted(seen) for seen in expected(name)["seen_in"]}


@pytest.mark.parametrize("name", NAMES)
def test_hops_are_named_from_the_client_inwards(name: str) -> None:
    told = {key: row["seen_in"] for key, row in by_place(rows(name)).items()}
    assert told == {seen[0]: seen for seen in expected(name)["seen_in"]}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_counted_twice(name: str) -> None:
    totals, want = analysis(name)["totals"], expected(name)
    assert totals["attempts"] == want["attempts_total"]
    assert totals["failed"] == want["failed"]
    assert totals["ok"] == want["attempts_total"] - want["failed"]
    assert totals["undecided"] == 0
    assert totals["corroborating"] == sum(len(seen) - 1 for seen in want["seen_in"])
    assert sum(model["attempts"] for model in analysis(name)["models"]) == totals["attempts"]


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_of_every_staged_failure(name: str) -> None:
    wanted, got = expected(name)["attempts"], by_place(rows(name))
    wrong = differences(wanted, got, ("ok", "layer", "cause"))
    sure = [want for want in wanted if "confidence" in want]
    wrong += differences(sure, got, ("confidence", "emitted_by", "billing_expected"))
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_failed(name: str) -> None:
    staged = {place(want) for want in expected(name)["attempts"]}
    failed = {key for key, row in by_place(rows(name)).items() if row["ok"] is not True}
    assert failed == staged


@pytest.mark.parametrize("name", NAMES)
def test_the_capture_alone_is_less_sure_of_a_bare_503(name: str) -> None:
    alone, together = by_place(rows(name, (HAR,))), by_place(rows(name))
    bare = [want for want in expected(name)["attempts"] if want.get("har_alone_cannot_tell")]
    assert len(bare) == 2
    for want in bare:
        before, after = alone[place(want)], together[place(want)]
        assert before["status"] == 503
        assert before["cause"] != want["cause"]
        assert SURE.index(before["confidence"]) < SURE.index(after["confidence"])
        assert after["confidence"] == want["confidence"]


@pytest.mark.parametrize("name", NAMES)
def test_contradictions_are_those_that_were_staged(name: str) -> None:
    found = analysis(name)["hops"]["contradictions"]
    staged = expected(name)["contradictions"]
    kinds = {one["kind"] for one in staged}
    wrong = [one["text"] for one in found if one["kind"] not in kinds]
    assert not wrong, "\n" + "\n".join(wrong)
    for kind in kinds:
        told = {where for one in found if one["kind"] == kind for where in one["places"]}
        assert told == {where for one in staged if one["kind"] == kind for where in one["seen_in"]}


def test_the_time_limit_of_the_client_is_named() -> None:
    told = " ".join(one["text"] for one in analysis("three-hops-no-ids")["hops"]["contradictions"])
    assert "gave up after 10.0 s" in told
    assert "10 s looks like a time limit of the client" in told


def test_no_waiting_time_is_made_up_where_the_capture_has_none() -> None:
    # mitmproxy notes only how long a request took to send when its client leaves.
    told = " ".join(one["text"] for one in analysis("three-hops")["hops"]["contradictions"])
    assert "after 4.0 s" in told
    assert "gave up after" not in told


@pytest.mark.parametrize("name", NAMES)
def test_a_rescued_try_is_no_failure(name: str) -> None:
    got = by_place(rows(name))
    for one in expected(name)["rescued"]:
        assert got[one["seen_in"][0]]["ok"] is True
        inner = by_place(rows(name, (ACCESS,)))[one["seen_in"][-1]]
        assert inner["ok"] is True


def test_ids_join_all_that_has_one() -> None:
    hops, want = analysis("three-hops")["hops"], expected("three-hops")
    behind = sum(len(seen) - 1 for seen in want["seen_in"])
    # The client that left got no answer, and so no id.
    by_time = sum(len(one["seen_in"]) - 1 for one in want["contradictions"])
    assert (hops["by_id"], hops["by_time"], hops["ambiguous"]) == (behind - by_time, by_time, 0)
    assert hops["joined"] == want["attempts_total"]


def test_time_joins_all_where_there_is_no_id() -> None:
    hops, want = analysis("three-hops-no-ids")["hops"], expected("three-hops-no-ids")
    behind = sum(len(seen) - 1 for seen in want["seen_in"])
    assert (hops["by_id"], hops["by_time"], hops["ambiguous"]) == (0, behind, 0)
    assert hops["joined"] == want["attempts_total"]


@pytest.mark.parametrize("name", NAMES)
def test_clocks_are_put_right(name: str) -> None:
    skews = {(one["outer"], one["inner"]): one for one in analysis(name)["hops"]["skews"]}
    basis = "times" if name.endswith("no-ids") else "ids"
    assert set(skews) == {("har", "haproxy"), ("har", "nginx"), ("haproxy", "nginx")}
    for (_, inner), one in skews.items():
        want = expected(name)["skew_of_access_log_s"] if inner == "nginx" else 0
        # nginx notes whole seconds.
        assert abs(one["seconds"] - want) <= 1
        assert one["basis"] == basis


@pytest.mark.parametrize("name", NAMES)
def test_without_the_capture_the_outer_proxy_counts(name: str) -> None:
    logs = (HAPROXY, ACCESS)
    want = expected(name)
    # That the client left, no proxy noticed.
    left = {where for one in want["contradictions"] for where in one["seen_in"]}
    outer = {seen[0]: seen[1:] for seen in want["seen_in"]}
    failed = {place(row): row for row in want["attempts"] if place(row) not in left}
    totals = analysis(name, logs)["totals"]
    assert (totals["attempts"], totals["failed"]) == (want["attempts_total"], len(failed))
    told = {key: row for key, row in by_place(rows(name, logs)).items() if row["ok"] is not True}
    assert set(told) == {outer[where][0] for where in failed}
    for where, row in failed.items():
        got = told[outer[where][0]]
        assert got["layer"] == row["layer"]
        assert got["cause"] in (row["cause"], *row.get("accept_causes", ()))
        assert got["seen_in"] == outer[where]
