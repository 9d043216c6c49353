"""The HTML report in a real browser: no script, no request, no complaint, no sideways scrolling.

And for those who do not look at it with a mouse: reachable by keyboard, sound to axe-core.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from render.chromium import Visit, chromium
from render.sample_analysis import SAMPLES

from analyzer.render import html

pytestmark = pytest.mark.browser

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_CASES = [
    *[("incident", width, scheme) for width in (400, 1280) for scheme in ("light", "dark")],
    ("hostile", 400, "light"), ("several", 1280, "dark"), ("empty", 400, "dark"),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def written(name: str, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(html.render(SAMPLES[name]()), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["incident", "hostile", "several", "empty"])
@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_opens_clean(browser: Any, tmp_path: Path, name: str, width: int, scheme: str) -> None:
    path = written(name, tmp_path)
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    visit = Visit.of(browser, path, **look)
    visit.open_everything()
    wide = visit.page.evaluate("document.documentElement.scrollWidth")
    styled = visit.page.evaluate(
        "getComputedStyle(document.querySelector('.verdict')).borderLeftWidth"
    )
    visit.page.close()
    assert visit.told == []
    assert visit.asked == [visit.url]
    assert wide <= width
    assert styled == "6px", "the policy refused the style sheet"


def test_folded_evidence_is_printed(browser: Any, tmp_path: Path) -> None:
    page = Visit.of(browser, written("incident", tmp_path)).page
    page.emulate_media(media="print")
    shown = page.evaluate(
        "[...document.querySelectorAll('details.evidence dl')].every(e => e.checkVisibility())"
    )
    page.close()
    assert shown


def test_an_evidence_link_leads_to_its_item(browser: Any, tmp_path: Path) -> None:
    page = Visit.of(browser, written("incident", tmp_path)).page
    page.click(".verdict a[href='#E2']")
    assert page.evaluate("document.querySelector(':target').id") == "E2"
    page.close()


# ------------------------------------------------------------------ keyboard


def focused(page: Any) -> int:
    """Press Tab; return the place of what is focused in the document, -1 for nothing."""
    page.keyboard.press("Tab")
    return int(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))


@pytest.mark.parametrize("width", [400, 1280])
def test_everything_is_reached_by_tab_in_reading_order(
    browser: Any, tmp_path: Path, width: int
) -> None:
    visit = Visit.of(
        browser, written("incident", tmp_path), viewport={"width": width, "height": 800}
    )
    visit.open_everything()
    wanted = visit.page.evaluate(
        "[...document.querySelectorAll('*')].map((e, i) => "
        "e.matches('a[href], summary, [tabindex=\"0\"]') ? i : -1).filter(i => i >= 0)"
    )
    scrolling = visit.page.evaluate(
        "[...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
        "['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.tabIndex < 0).length"
    )
    met = [focused(visit.page) for _ in wanted]
    visit.page.close()
    assert met == wanted
    assert scrolling == 0, "something scrolls that no key can scroll"


def test_details_open_by_key_and_the_skip_link_skips(browser: Any, tmp_path: Path) -> None:
    page = Visit.of(browser, written("incident", tmp_path)).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector(':target').id") == "verdict"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#verdict') !== null")
    page.focus("#E2 summary")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('#E2').open")
    page.close()


# ------------------------------------------------------------------ axe-core


@pytest.fixture(scope="module")
def axe() -> str:
    pytest.importorskip("axe_playwright_python")
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "width", "scheme"), AXE_CASES)
def test_axe_finds_nothing(
    browser: Any, axe: str, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    look = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    visit = Visit.of(browser, written(name, tmp_path), **look)
    visit.open_everything()
    visit.page.evaluate(axe)  # by the debugger, which the page's policy does not bind
    found = visit.page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", AXE_TAGS
    )
    visit.page.close()
    told = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 20, "axe did not really look"
