"""The HTML report in a real browser: no script, no request, no complaint, no sideways scrolling."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from render.sample_analysis import SAMPLES

from analyzer.render import html

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=["incident", "hostile", "several", "empty"])
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(html.render(SAMPLES[request.param]()), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_opens_clean(browser: Any, report: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide = page.evaluate("document.documentElement.scrollWidth")
    styled = page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderLeftWidth")
    page.close()
    assert told == []
    assert asked == [report.as_uri()]
    assert wide <= width
    assert styled == "6px", "the policy refused the style sheet"


def test_folded_evidence_is_printed(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(SAMPLES["incident"]()), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    shown = page.evaluate(
        "[...document.querySelectorAll('details.evidence dl')].every(e => e.checkVisibility())"
    )
    page.close()
    assert shown


def test_an_evidence_link_leads_to_its_item(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(SAMPLES["incident"]()), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.click(".verdict a[href='#E2']")
    assert page.evaluate("document.querySelector(':target').id") == "E2"
    page.close()
