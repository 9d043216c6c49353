"""The HTML report: one safe file that reads well everywhere."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from render.sample_analysis import HOSTILE, SAMPLES, all_ok, empty, hostile, incident
from syrupy.assertion import SnapshotAssertion

from analyzer.render import html, trim

NAMES = list(SAMPLES)
VOID = {"meta", "line", "circle", "rect", "polyline", "br"}


class Page(HTMLParser):
    """Collects elements and text, and insists on well-formed nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.text.append(data)

    def tags(self, *names: str) -> list[tuple[str, dict[str, str | None]]]:
        return [element for element in self.elements if element[0] in names]


@pytest.fixture(params=NAMES)
def text(request: pytest.FixtureRequest) -> str:
    return html.render(SAMPLES[request.param]())


@pytest.mark.parametrize("name", NAMES)
def test_body(name: str, snapshot: SnapshotAssertion) -> None:
    body = html.render(SAMPLES[name]()).partition("<body>")[2]
    assert body == snapshot


def test_nothing_runs_and_nothing_is_fetched(text: str) -> None:
    page = Page(text)
    assert not page.tags(
        "script", "link", "img", "iframe", "object", "form", "base", "use", "image"
    )
    for tag, attrs in page.elements:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        assert "src" not in attrs
        href = attrs.get("href")
        if href is not None:
            assert tag == "a"
            assert href.startswith("#") or href == "https://docs.provider.example/errors"


def test_policy_comes_first_and_its_hash_fits(text: str) -> None:
    head = text.partition("<head>")[2].lstrip()
    assert head.startswith('<meta http-equiv="Content-Security-Policy"')
    assert text.count("<style>") == 1
    css = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = Page(text).tags("meta")[0][1]["content"]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert text.startswith("<!DOCTYPE html>")
    assert b'<meta charset="utf-8">' in text.encode()[:1024]


def test_privacy_tags(text: str) -> None:
    metas = {attrs.get("name"): attrs.get("content") for _, attrs in Page(text).tags("meta")}
    assert metas["referrer"] == "no-referrer"
    assert metas["robots"] == "noindex, nofollow"


def test_structure(text: str) -> None:
    page = Page(text)
    assert page.tags("html")[0][1]["lang"] == "en"
    for tag in ("h1", "main", "header", "nav", "footer"):
        assert len(page.tags(tag)) == 1
    levels = [int(tag[1]) for tag, _ in page.tags("h1", "h2", "h3", "h4", "h5")]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    ids = Counter(attrs["id"] for _, attrs in page.elements if attrs.get("id"))
    assert set(ids.values()) == {1}
    for _, attrs in page.elements:
        for target in (attrs.get("aria-labelledby") or "").split():
            assert target in ids
        if (attrs.get("href") or "").startswith("#"):
            assert attrs["href"][1:] in ids


def test_tables_can_be_read_aloud_and_scrolled(text: str) -> None:
    page = Page(text)
    assert len(page.tags("table")) == len(page.tags("caption"))
    assert all(attrs.get("scope") in {"col", "row"} for _, attrs in page.tags("th"))
    scrolls = [attrs for _, attrs in page.elements if attrs.get("class") == "scroll"]
    assert len(scrolls) >= len(page.tags("table"))
    assert all(attrs["role"] == "region" and attrs["tabindex"] == "0" for attrs in scrolls)
    for _, attrs in page.tags("svg"):
        assert attrs["role"] == "img"


def test_sections_say_why_they_are_empty() -> None:
    words = " ".join(Page(html.render(empty())).text)
    for reason in (
        "No attempt has a time, so there is no timeline.",
        "No attempts, so there are no models.",
        "No failed attempts, so there are no groups.",
        "No failed attempts, so there is no evidence to show.",
        "No alternative was found.",
        "No rule fired.",
    ):
        assert reason in words
    assert "No failures, so nothing to do." in " ".join(Page(html.render(all_ok())).text)


def test_hostile_text_is_shown_as_it_stands() -> None:
    page = Page(html.render(hostile()))
    words = "".join(page.text)
    visible = HOSTILE.replace(chr(27), "\\x1b").replace(chr(7), "\\x07")
    visible = visible.replace(chr(0x202E), "\\u202e").replace(chr(0x200B), "\\u200b")
    assert f"{visible} failed." in words
    assert "{{ 7*7 }}" in words
    assert "</pre></details>" in words


def test_verdict_comes_first_and_sections_in_the_order_of_a_support_call() -> None:
    text = html.render(incident())
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", text) == [
        "What to do now", "Timeline", "Impact", "Models and layers", "Failure groups", "Evidence",
        "What else it could be", "Retries", "Billing", "Across the hops", "Data quality", "Method",
    ]  # fmt: skip
    assert text.index("<h1") < text.index("<h2")
    assert text.index("Route claude-sonnet-5") < text.index("<nav")


def test_the_chart_and_the_table_are_one() -> None:
    text = html.render(incident())
    assert text.count('<rect class="l-upstream"') == sum(
        1 for slot in incident().timeline.slots if slot.by_layer.get("upstream")
    )
    assert "<td>74</td><td>42</td><td>32</td>" in text


@pytest.mark.parametrize("browser", ["w3m", "lynx"])
def test_reading_order_in_a_text_browser(browser: str, tmp_path: Path) -> None:
    if shutil.which(browser) is None:
        pytest.skip(f"{browser} is not installed")
    path = tmp_path / "report.html"
    path.write_text(html.render(incident()), encoding="utf-8")
    options = {
        "w3m": ["-dump", "-cols", "100", "-I", "utf-8", "-O", "utf-8"],
        "lynx": ["-dump", "-nolist", "-width=100", "-display_charset=utf-8"],
    }[browser]
    done = subprocess.run([browser, *options, str(path)], capture_output=True, check=True)
    words = " ".join(done.stdout.decode().split())
    places = [words.index(word) for word in (
        "FAIL Upstream: Anthropic is overloaded", "What to do now", "Retry with a growing pause",
        "Route claude-sonnet-5", "Peak: 32 failed", "3 of 4", "gpt-5.4-mini (served:",
        "298 × Anthropic is overloaded", "req_011Example1", "Would be decided by: The gateway's",
        "unbilled policy", "What was read", "Rules that fired",
    )]  # fmt: skip
    assert places == sorted(places)


# ------------------------------------------------------------------ colours


def palettes() -> dict[str, dict[str, str]]:
    css = html.style()
    light_block, dark_block = css.split("@media (prefers-color-scheme: dark)")
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light_block))
    dark = re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark_block.split("@media")[0])
    return {"light": light, "dark": {**light, **dict(dark)}}


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ink", ["text", "muted", "link", "fail", "warn", "note", "ok"])
@pytest.mark.parametrize("ground", ["bg", "panel"])
def test_text_can_be_read(scheme: str, ink: str, ground: str) -> None:
    colors = palettes()[scheme]
    assert contrast(colors[ink], colors[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shade", ["heat1", "heat2", "heat3", "heat4"])
def test_shaded_numbers_can_be_read(scheme: str, shade: str) -> None:
    colors = palettes()[scheme]
    assert contrast(colors["text"], colors[shade]) >= 4.5


def test_colours_are_named_in_one_place() -> None:
    css = html.style()
    outside = re.sub(r":root \{[^}]*\}", "", css)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", outside)
    light = palettes()["light"]
    assert {name: light[name] for name in html.PALETTE} == {
        name: color.lower() for name, color in html.PALETTE.items()
    }
    used = set(re.findall(r"var\(--([\w-]+)\)", css))
    assert used <= set(light)


def test_print_shows_what_is_folded() -> None:
    assert (
        "details::details-content { content-visibility: visible; block-size: auto; }"
        in html.style()
    )


# ------------------------------------------------------------------ size


def big(items: int, chars: int) -> object:
    sample = incident()
    first = sample.evidence[0]
    many = [
        first.model_copy(update={"id": f"E{i + 1}", "excerpt": "x" * chars}) for i in range(items)
    ]
    return sample.model_copy(update={"evidence": many})


def test_a_large_report_says_so() -> None:
    text = html.render(big(400, 2048), soft_bytes=500_000)  # type: ignore[arg-type]
    assert "too large for some mail systems" in text
    assert text.count('class="evidence"') == 400


def test_a_huge_report_is_trimmed_and_says_what_is_missing() -> None:
    text = html.render(big(400, 2048), soft_bytes=400_000, hard_bytes=600_000)  # type: ignore[arg-type]
    assert len(text.encode()) <= 601_000
    assert "Left out to keep this report small: 100\u00a0evidence items" in text
    assert "the text of 300\u00a0excerpts" in text
    assert incident().verdict.text in text


def test_what_cannot_be_trimmed_is_still_shown() -> None:
    text = html.render(incident(), hard_bytes=10)
    assert incident().verdict.text in text


def test_trimming_only_removes() -> None:
    for before, after in itertools.pairwise(trim.LEVELS):
        assert after.excerpt_chars <= before.excerpt_chars
        assert after.evidence <= before.evidence
        assert after.groups <= before.groups
        assert after.models <= before.models
