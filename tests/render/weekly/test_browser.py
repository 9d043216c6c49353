"""The weekly report in a real browser: no script, no request, no complaint, no sideways scrolling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from render.chromium import Visit, chromium
from render.test_browser import AXE_TAGS
from render.weekly import sample_weekly

pytestmark = pytest.mark.browser

PAGE = sample_weekly.FOLDER / "weekly.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_opens_clean(browser: Any, width: int, scheme: str) -> None:
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    visit = Visit.of(browser, PAGE, **look)
    visit.open_everything()
    wide = visit.page.evaluate("document.documentElement.scrollWidth")
    visit.page.close()
    assert visit.told == []
    assert visit.asked == [visit.url]
    assert wide <= width


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1280, "dark")])
def test_axe_finds_nothing(browser: Any, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page.goto(PAGE.as_uri())
    found = axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}})
    page.close()
    told = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found.response["violations"]]
    assert told == []


def test_the_answer_survives_without_a_style_sheet(browser: Any, tmp_path: Path) -> None:
    """As under a content security policy that allows no inline style."""
    import re

    bare = tmp_path / "bare.html"
    text = PAGE.read_text(encoding="utf-8")
    bare.write_text(re.sub(r"<style>.*?</style>", "", text, flags=re.S), encoding="utf-8")
    page = browser.new_page()
    page.goto(bare.as_uri())
    shown = page.inner_text("main")
    charts = page.locator("svg").count()
    page.close()
    assert "got a usable answer" in shown
    assert charts == 4
