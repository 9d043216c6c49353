"""Documentation is true: generated pages are fresh, commands and links exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from cli import ROOT, analyze

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("sample_logs/**/*.md")]
)


def generator() -> object:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = generator().PAGES  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_fresh(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name]()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_command_and_option_that_the_readme_names_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = analyze("run", "--help", COLUMNS="200").out + analyze("--help", COLUMNS="200").out
    shown += analyze("explain", "--help", COLUMNS="200").out
    shown += analyze("weekly", "--help", COLUMNS="200").out
    shown += analyze("ingest", "--help", COLUMNS="200").out
    shown += analyze("incident", "--help", COLUMNS="200").out
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)):
        known = option in shown or option in {"--quiet", "--editable", "--set"}
        assert known, option
    for command in set(re.findall(r"`?analyze (kb|explain|render|run|[a-z]+) ", text)):
        assert f"  {command}" in analyze("--help", COLUMNS="200").out, command


def test_readme_names_every_exit_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    help_text = re.sub(r"\s+", " ", analyze("--help", COLUMNS="200").out)
    for code in (
        "0 done",
        "1 a --fail-on gate",
        "2 usage",
        "3 nothing usable",
        "4 incomplete",
        "5 a secret",
    ):
        assert code in help_text
        assert f"| {code.split()[0]} |" in text


def test_every_dependency_has_its_line() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    for requirement in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9.-]+", requirement)
        assert name
        assert f"| {name.group().lower()} |" in text, requirement
