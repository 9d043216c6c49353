"""``analyze kb …``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analyzer import data
from analyzer.cli import kb
from analyzer.errors import ConfigError, UsageError


@pytest.fixture
def base(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make.directory(
        tmp_path / "k",
        make.text(context={"raises": ["immediate"]}, retry={"advice": "never", "why": "No use."}),
        make.text(
            "edge.other",
            layer="edge",
            cause="waf_block",
            match={"status": 403},
            examples={"match": [{"status": 403}] * 2, "no_match": [{"status": 1}, {"via": "x"}]},
        ),
    )
    monkeypatch.setattr(data, "root", lambda _: root)
    return Path(root)


def call(*arguments: str) -> Any:
    return CliRunner().invoke(kb.app, list(arguments))


def test_list_shows_one_rule_a_line_and_filters(base: Path) -> None:
    everything = call("list").stdout.splitlines()

    assert everything[0].split() == ["ID", "LAYER", "CAUSE", "CONFIDENCE", "TIER", "TITLE"]
    assert [line.split()[0] for line in everything[1:]] == [
        "edge.other",
        "gateway.sample",
        "unknown.unclassified",
    ]
    assert "gateway.sample" not in call("list", "--layer", "edge").stdout
    assert call("list", "--cause", "waf_block").stdout.splitlines()[1].startswith("edge.other")


def test_a_filter_that_is_no_word_says_what_there_is(base: Path) -> None:
    found = call("list", "--layer", "edgy")

    assert isinstance(found.exception, UsageError)
    assert "Did you mean 'edge'?" in str(found.exception)


def test_show_prints_verdict_and_prose(base: Path) -> None:
    shown = call("show", "gateway.sample").stdout

    assert shown.startswith("gateway.sample@1  A sample\n")
    for part in (
        "gateway / bad_gateway",
        "matches on:  status",
        "raised by:   immediate(below=2)",
        "never: No use.",
        "## Not this cause when",
        "https://docs.example/503",
    ):
        assert part in shown


def test_show_of_an_unknown_rule_is_a_usage_error(base: Path) -> None:
    found = call("show", "gateway.sampel")

    assert isinstance(found.exception, UsageError)
    assert "Did you mean 'gateway.sample'?" in str(found.exception)


def test_lint_exits_with_one_if_there_are_errors(make: Any, base: Path) -> None:
    assert call("lint").exit_code == 0

    (base / "edge" / "bad.md").write_text(make.text("edge.bad", tier="x"))

    found = call("lint", str(base))
    assert found.exit_code == 1
    assert "edge/bad.md:6:1 KB001" in found.stdout


def test_lint_of_no_directory_is_a_usage_error(base: Path) -> None:
    assert isinstance(call("lint", str(base / "nowhere")).exception, UsageError)


def test_lock_writes_one_line_a_rule_and_refuses_a_forgotten_revision(
    make: Any, base: Path
) -> None:
    assert call("lock").exit_code == 0
    written = (base / "lock.json").read_text()
    assert list(json.loads(written)) == ["edge.other", "gateway.sample", "unknown.unclassified"]
    assert len(written.splitlines()) == 5
    assert call("lock").exit_code == 0
    assert (base / "lock.json").read_text() == written

    (base / "gateway" / "sample.md").write_text(make.text(confidence="low"))
    refused = call("lock")
    assert isinstance(refused.exception, ConfigError)
    assert "sample.md:3:1: the verdict has changed, but 'rev' is still 1: write 2" in str(
        refused.exception
    )
    assert (base / "lock.json").read_text() == written

    (base / "gateway" / "sample.md").write_text(make.text(confidence="low", rev=2))
    assert call("lock").exit_code == 0
    assert json.loads((base / "lock.json").read_text())["gateway.sample"]["rev"] == 2


def test_schema_prints_json() -> None:
    assert json.loads(call("schema").stdout)["title"] == "Front matter of a whichhop rule"
