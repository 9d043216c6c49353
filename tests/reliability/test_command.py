"""``analyze weekly`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli import SAMPLES, analyze

OVERLOAD = SAMPLES / "upstream-overload"


def lines(path: Path, *, zone: str = "") -> Path:
    """Write a log in a common shape: an attempt an hour over two weeks, every tenth refused."""
    rows = []
    for hour in range(14 * 24):
        status = 503 if hour % 10 == 0 else 200
        time = f"2026-11-{9 + hour // 24:02}T{hour % 24:02}:30:00{zone}"
        rows.append(json.dumps({"t": time, "s": status, "p": "/v1/chat/completions", "m": "POST"}))
    path.write_text("\n".join(rows) + "\n")
    return path


MAP = ("--map", "started_at=t", "--map", "status=s", "--map", "path=p", "--map", "method=m")


def test_a_sample() -> None:
    done = analyze("weekly", OVERLOAD)
    assert done.code == 0
    assert done.err == ""
    assert "3 of 14 failed, too few for a percentage" in done.out.replace("\u00a0", " ")
    assert len(done.out.splitlines()) <= 24


def test_every_output_at_once(tmp_path: Path) -> None:
    names = ["w.html", "w.md", "w.json", "w.csv", "w.txt"]
    told = [word for name in names for word in ("-o", str(tmp_path / name))]
    done = analyze("weekly", OVERLOAD, *told)
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "w.html").read_text().startswith("<!DOCTYPE html>")
    made = json.loads((tmp_path / "w.json").read_text())
    assert made["week"] == "2026-W48"
    assert made["totals"]["failed_attempts"] == 11
    assert made["command"] == "analyze weekly upstream-overload"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "w.csv").read_text())))
    assert {row["model"] for row in rows} >= {"(all models)", "claude-sonnet-4-5"}


@pytest.mark.parametrize("format_", ["json", "csv", "markdown", "html"])
def test_formats_on_stdout(format_: str) -> None:
    done = analyze("weekly", OVERLOAD, "--format", format_)
    assert done.code == 0
    start = {"json": "{", "csv": "week,", "markdown": "# ", "html": "<!DOCTYPE"}[format_]
    assert done.out.startswith(start)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--week", "2026-47"], 2, "--week '2026-47' is no ISO week; say a year and a week"),
        (["--week", "2026-W54"], 2, "2026 has the weeks W01 to W53"),
        (["--week", "2020-W01"], 3, "Weeks with data: 2026-W48 (22 attempts)"),
        (["--slo", "100"], 2, "--slo '100': say a percentage above 0 and below 100"),
        (["--slo", "m=x"], 2, "--slo 'm=x': say a percentage"),
        (["--tz", "Europe/Berlln"], 2, "Did you mean 'Europe/Berlin'?"),
        (["--format", "pdf"], 2, "Known: text, html, markdown, json, csv"),
        (["-o", "x.pdf"], 2, "-o x.pdf: a weekly report is written as .txt"),
        (["--baseline", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_is_refused(words: list[str], code: int, told: str) -> None:
    done = analyze("weekly", OVERLOAD, *words, COLUMNS="200")
    assert (done.code, done.out) == (code, "")
    assert told in done.err


@pytest.mark.parametrize(
    ("content", "told"), [("", "is empty"), ("hello\nworld\n", "x.log")], ids=["empty", "no log"]
)
def test_files_with_nothing_in_them(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "x.log"
    path.write_text(content)
    done = analyze("weekly", path)
    assert done.code == 3
    assert told in done.err


def test_targets_stand_in_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "whichhop.toml"
    config.write_text('[slo]\ndefault = 40\n"claude-sonnet-4-5" = 99.9\n')
    done = analyze("weekly", OVERLOAD, "--config", config, "--format", "json")
    made = json.loads(done.out)
    assert made["target"] == 0.4
    assert {m["model"]: m["target"] for m in made["models"]}["claude-sonnet-4-5"] == 0.999
    again = analyze("weekly", OVERLOAD, "--config", config, "--format", "json", "--slo", "90")
    assert json.loads(again.out)["target"] == 0.9


@pytest.mark.parametrize("value", ["101", '"99"', "true", "0"])
def test_a_wrong_target_in_the_configuration(tmp_path: Path, value: str) -> None:
    config = tmp_path / "whichhop.toml"
    config.write_text(f"[slo]\ndefault = {value}\n")
    done = analyze("weekly", OVERLOAD, "--config", config)
    assert done.code == 2
    assert "'slo': default = " in done.err


@pytest.mark.parametrize(
    ("words", "start", "attempts"),
    [
        ([], "2026-11-16T00:00:00Z", 168),
        (["--tz", "Europe/Berlin"], "2026-11-15T23:00:00Z", 168),
        (["--tz", "Europe/Berlin", "--log-tz", "UTC"], "2026-11-15T23:00:00Z", 168),
        (["--log-tz", "+05:00"], "2026-11-16T00:00:00Z", 163),
        (["--tz", "+05:00", "--log-tz", "UTC"], "2026-11-15T19:00:00Z", 168),
    ],
    ids=["utc", "one zone", "two zones", "logs elsewhere", "week elsewhere"],
)
def test_zones(tmp_path: Path, words: list[str], start: str, attempts: int) -> None:
    """Log times without a zone are read in that of the week unless told; the week is cut in it."""
    log = lines(tmp_path / "log.jsonl")
    done = analyze("weekly", log, "--all-traffic", *MAP, "--week", "2026-W47", *words, "--format",
                   "json")  # fmt: skip
    assert done.code == 0, done.err
    made = json.loads(done.out)
    assert made["start"] == start
    assert made["totals"]["attempts"] == attempts


def test_the_command_in_the_report_makes_the_same_report(tmp_path: Path) -> None:
    lines(tmp_path / "log.jsonl", zone="Z")
    words = ["weekly", "log.jsonl", "--all-traffic", *MAP, "--week", "2026-W47", "--tz",
             "Europe/Berlin", "--log-tz", "+01:00", "--slo", "80", "--format", "json"]  # fmt: skip
    first = analyze(*words, cwd=tmp_path, PYTHONPATH=str(SAMPLES.parent))
    assert first.code == 0, first.err
    import shlex

    command = shlex.split(json.loads(first.out)["command"])
    again = analyze(*command[1:], "--format", "json", cwd=tmp_path, PYTHONPATH=str(SAMPLES.parent))
    assert again.out == first.out


def test_two_weeks_are_compared(tmp_path: Path) -> None:
    log = lines(tmp_path / "log.jsonl", zone="Z")
    done = analyze("weekly", log, "--all-traffic", *MAP, "--format", "json")
    made = json.loads(done.out)
    assert made["changes"][0]["weeks"] == ["2026-W46"]
    assert made["changes"][0]["verdict"] == "cannot tell"
    assert "fewer than 200" in made["changes"][0]["why"]


def test_help_names_the_options() -> None:
    shown = analyze("weekly", "--help", COLUMNS="200").out
    for word in ("--week", "--slo", "--tz", "--log-tz", "--baseline", "--gateway", "--map", "-o"):
        assert word in shown
