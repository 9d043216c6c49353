"""``analyze incident`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli import SAMPLES, analyze

THREE = SAMPLES / "three-hops"


def test_files_get_the_report_and_the_terminal_its_verdict(tmp_path: Path) -> None:
    names = ["r.html", "r.md", "r.txt", "r.json"]
    options = [word for name in names for word in ("-o", tmp_path / name)]
    done = analyze("incident", THREE, *options)
    assert done.code == 0
    assert done.out.startswith("✖ FAIL  I1: ")
    assert done.out.count("\n") == 1
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "r.md").read_text().startswith("# Post-incident report: I1")
    assert json.loads((tmp_path / "r.json").read_text())["audience"] == "operator"
    assert "(not recorded)" not in (tmp_path / "r.txt").read_text()


def test_the_line_in_the_report_makes_it_again(tmp_path: Path) -> None:
    first = analyze("incident", "logs.har", "access.log", "--tz", "Europe/Berlin", cwd=THREE)
    line = next(line for line in first.out.splitlines() if line.startswith("     analyze incident"))
    assert line.split() == [
        "analyze",
        "incident",
        "logs.har",
        "access.log",
        "--tz",
        "Europe/Berlin",
    ]
    assert analyze(*line.split()[1:], cwd=THREE).out == first.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--audience", "pubic"], "Did you mean 'public'?"),
        (["--format", "pdf"], "--format 'pdf' is unknown."),
        (["--tz", "Europe/Berln"], "--tz: there is no zone 'Europe/Berln'. Did you mean"),
        (["--log-tz", "+99:00"], "--log-tz: '+99:00' is no offset"),
        (["--incident", "9"], "there is no such incident. Found: I1."),
        (["--marker", "at noon"], "--marker 'at noon' does not begin with a time."),
        (["--provider", "openai"], "give --audience provider as well"),
        (["--audience", "provider", "--provider", "opnai"], "Did you mean 'openai'?"),
        (["--hide-providers"], "--hide-providers is for --audience user"),
        (["-o", "report.pdf"], "no format is known for '.pdf'"),
        (["-o", "nowhere/report.md"], "its folder does not exist"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(words: list[str], said: str) -> None:
    done = analyze("incident", THREE, *words)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes((THREE / "logs.har").read_bytes())
    done = analyze("incident", path, "-o", path)
    assert done.code == 2
    assert "would overwrite an input" in done.err


def test_empty_and_broken_inputs(tmp_path: Path) -> None:
    for name, content in (("empty.har", b""), ("broken.har", b'{"log": {"entries": [')):
        (tmp_path / name).write_bytes(content)
        done = analyze("incident", tmp_path / name)
        assert done.code == 3
        assert name in done.err


def test_who_makes_a_page_is_told_of_other_providers() -> None:
    done = analyze("incident", THREE, "--audience", "provider")
    assert "failures at anthropic are not on this page" in done.err
    assert "anthropic" not in done.out.lower()
