"""The terminal summary: one screen, every width, every alphabet, no surprises."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

import pytest
from render.sample_analysis import SAMPLES, all_ok, empty, incident, several, undecided, unsure
from syrupy.assertion import SnapshotAssertion

from analyzer.render import terminal
from analyzer.render.text import cells

WIDTHS = (20, 40, 59, 60, 80, 100, 119, 120, 200)
NAMES = list(SAMPLES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [80, 120])
def test_first_screen(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    assert terminal.render(SAMPLES[name](), width=width) == snapshot


@pytest.mark.parametrize("name", NAMES)
def test_ascii_screen(name: str, snapshot: SnapshotAssertion) -> None:
    text = terminal.render(SAMPLES[name](), unicode=False)
    assert text.isascii()
    assert text == snapshot


@pytest.mark.parametrize("name", ["incident", "unsure"])
@pytest.mark.parametrize("verbosity", [1, 2])
def test_verbose(name: str, verbosity: int, snapshot: SnapshotAssertion) -> None:
    assert terminal.render(SAMPLES[name](), verbosity=verbosity) == snapshot


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
def test_first_screen_fits(name: str, width: int, unicode: bool) -> None:
    lines = terminal.render(SAMPLES[name](), width=width, unicode=unicode).splitlines()
    assert len(lines) <= 24
    assert max(cells(line) for line in lines) <= width
    assert lines[0].strip()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verbosity", [0, 1, 2])
def test_nothing_hidden_comes_out(name: str, verbosity: int) -> None:
    text = terminal.render(SAMPLES[name](), verbosity=verbosity)
    hidden = {char for char in text if unicodedata.category(char) in {"Cc", "Cf"}}
    assert hidden <= {"\n"}


def test_colour_is_only_ours_and_changes_no_text() -> None:
    for name in NAMES:
        plain = terminal.render(SAMPLES[name](), verbosity=2)
        colored = terminal.render(SAMPLES[name](), verbosity=2, color=True)
        assert set(re.findall(r"\x1b\[[^m]*m", colored)) <= {
            "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[1;36m",
        }  # fmt: skip
        bare = re.sub(r"\x1b\[[0-9;]*m", "", colored)
        assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()


def test_first_screen_answers_the_questions_of_a_support_call() -> None:
    text = terminal.render(incident())
    assert text.startswith("✖ FAIL  Upstream: Anthropic is overloaded (529);")
    for needed in (
        "(confidence: certain)", "cause overloaded", "[E1 E2 E3]", "2026-11-22 14:00-15:04 UTC", "Billing ", "Failures ",
        "User ", "Operator ", "Provider ", "▲ WARN", "-v (3 notes)", "-o report.html",
        "analyze explain FILE RECORD", "claude-sonnet-5",
    ):  # fmt: skip
        assert needed in text


def test_few_attempts_without_failure_prove_little() -> None:
    assert "may still be up to 1.3 % (95 % sure)" in terminal.render(all_ok())


def test_a_run_of_unfinished_answers_is_not_called_ok() -> None:
    text = terminal.render(undecided())
    assert text.startswith("● NOTE")
    assert "100 %" not in text


def test_an_unknown_layer_gets_its_column_only_when_there_is_one() -> None:
    assert "UNKNOWN" in terminal.render(unsure())
    assert "UNKNOWN" not in terminal.render(incident())


def test_nothing_failed_is_said_without_a_table_of_zeros() -> None:
    text = terminal.render(all_ok())
    assert len(text.splitlines()) <= 9
    assert "Models    deepseek-chat" in text
    assert "GATEWAY" not in text
    assert "What to do now" not in text
    assert "GATEWAY" in terminal.render(all_ok(), verbosity=1)


def test_several_causes_are_each_named_with_layer_and_count() -> None:
    sample = several()
    lead = sample.groups[0]
    fourth = lead.model_copy(update={"layer": "edge", "cause": "waf_block", "count": 3,
                                     "title": "A firewall rule blocked it"})  # fmt: skip
    text = terminal.render(sample.model_copy(update={"groups": [*sample.groups, fourth]}))
    for told in ("(client, 13)", "(gateway, 12)", "(upstream, 9)"):
        assert told in " ".join(text.split())
    assert "Also: 3 × edge: A firewall rule blocked it" in text
    assert "User      For 13 of 34: Create a new key" in text


def test_who_wrote_the_answer_is_said_where_it_is_another_hop() -> None:
    sample = incident()
    behind = sample.groups[0].model_copy(update={"emitted_by": "edge"})
    text = terminal.render(sample.model_copy(update={"groups": [behind, *sample.groups[1:]]}))
    assert "layer upstream, cause overloaded, answered by the edge [E1 E2 E3]" in text
    assert "answered by" not in terminal.render(sample)


def test_zero_is_zero_and_not_measured_is_a_dash() -> None:
    sample = incident()
    told = {k: v for k, v in sample.models[0].by_layer.items() if k != "client"}
    row = sample.models[0].model_copy(
        update={"by_layer": told, "success_rate": None, "duration_p50_ms": 0.0,
                "duration_p95_ms": None})  # fmt: skip
    text = terminal.render(sample.model_copy(update={"models": [row]}), width=140)
    (line,) = [line for line in text.splitlines() if line.startswith("claude-sonnet-5")]
    assert re.split(r" {2,}", line) == [
        "claude-sonnet-5", "2\u202f140", "–", "1", "5", "0", "298", "–", "0 ms", "–", "overloaded",
    ]  # fmt: skip


def test_served_names_and_attempts_without_a_model() -> None:
    text = terminal.render(incident(), width=160)
    assert "gpt-5.4-mini (served: gpt-5.4-mini-2026-09-01)" in text
    assert "(no model)" in terminal.render(several())


def test_an_unknown_layer_of_one_model_is_enough_for_the_column() -> None:
    sample = incident()
    row = sample.models[0].model_copy(update={"by_layer": {"unknown": 4}})
    assert "UNKNOWN" in terminal.render(sample.model_copy(update={"models": [row]}))


def test_without_traffic_the_hosts_are_named() -> None:
    text = terminal.render(empty())
    assert "cdn.example (190)" in text
    assert "MODEL" not in text


@pytest.mark.parametrize("name", NAMES)
def test_verdict_line_is_one_line(name: str) -> None:
    for unicode in (True, False):
        line = terminal.verdict_line(SAMPLES[name](), unicode=unicode)
        assert line.count("\n") == 1
        assert line.endswith("\n")


def test_verdict_line() -> None:
    assert terminal.verdict_line(all_ok(), unicode=False) == (
        "[ OK ]  No failures in 226 attempts, 2026-11-22 14:00-15:04 UTC.\n"
    )


def test_the_same_analysis_gives_the_same_text() -> None:
    assert terminal.render(incident(), verbosity=2) == terminal.render(incident(), verbosity=2)


def test_the_summary_imports_no_template_engine() -> None:
    code = (
        "import sys; import analyzer.render.terminal; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'rich', 'jinja2', 'markupsafe', 'markdown_it', 'polars'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
