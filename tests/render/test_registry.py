"""Renderers are found by name and by suffix; a wrong one gets the list of right ones."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from render.sample_analysis import SAMPLES

from analyzer import render
from analyzer.errors import UsageError


def test_every_renderer_is_listed_once() -> None:
    assert render.names() == ("html", "json", "markdown", "text")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("report.html", "html"), (".html", "html"), ("R.HTM", "html"), ("a.b.md", "markdown"),
        (PurePath("x/y.json"), "json"), ("out.txt", "text"), (".markdown", "markdown"),
    ],
)  # fmt: skip
def test_for_suffix(path: str | PurePath, name: str) -> None:
    assert render.for_suffix(path).name == name


@pytest.mark.parametrize(
    ("path", "told"),
    [("report.htlm", "Did you mean '.htm'?"), ("report", "'report'"), ("x.pdf", ".html, .json")],
)
def test_unknown_suffix(path: str, told: str) -> None:
    with pytest.raises(UsageError, match="Choose one of") as caught:
        render.for_suffix(path)
    assert told in str(caught.value)


def test_unknown_format() -> None:
    with pytest.raises(UsageError, match=r"Choose one of: html, json, markdown, text\.") as caught:
        render.for_format("markdwon")
    assert "Did you mean 'markdown'?" in str(caught.value)


@pytest.mark.parametrize("name", ["html", "json", "markdown", "text"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_laws_of_all_renderers(name: str, sample: str) -> None:
    renderer = render.for_format(name)
    text = renderer(SAMPLES[sample]())
    assert text == renderer.render(SAMPLES[sample]())
    assert text.endswith("\n")
    assert "\r" not in text
    assert renderer.title
    if name != "json":
        assert chr(27) not in text
        assert chr(0x202E) not in text
