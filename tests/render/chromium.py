"""A headless Chromium for the tests of HTML reports, or a skip where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
_WATCH = "addEventListener('securitypolicyviolation', e => console.log('CSP ' + e.blockedURI))"


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser; skip the test if it or its driver is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One page and everything that it said, asked for or tried."""

    page: Any
    url: str
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Any, path: Path, **options: Any) -> Visit:
        """Open a file and watch it."""
        visit = cls(browser.new_page(**options), path.as_uri())
        visit.page.on("console", lambda message: visit.told.append(message.text))
        visit.page.on("pageerror", lambda error: visit.told.append(str(error)))
        visit.page.on("dialog", lambda dialog: visit.told.append(dialog.message))
        visit.page.on("popup", lambda popup: visit.told.append(popup.url))
        visit.page.on("request", lambda request: visit.asked.append(request.url))
        visit.page.add_init_script(_WATCH)
        visit.page.goto(visit.url)
        return visit

    def open_everything(self) -> None:
        """Unfold all details."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
