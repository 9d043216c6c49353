"""The HTML file: one safe file, in a browser, on paper, under a strict server, for hostile logs."""

from __future__ import annotations

import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import hostile
import pytest
from render.chromium import Visit, chromium
from render.incident.test_report import made
from render.test_browser import AXE_TAGS
from render.test_html import Page
from test_injection import INLINE, rendered

from analyzer import pipeline
from analyzer.pipeline import Options, Result
from analyzer.render.incident import show
from analyzer.render.incident.audience import AUDIENCES

JENKINS = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"
"""What Jenkins sends with files of a build, https://www.jenkins.io/doc/book/security/configuring-content-security-policy/."""
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def files(
    stormy: Result, hops: Result, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("html")
    pages = {
        **{who: made(stormy, audience=who) for who in AUDIENCES},
        "hops": made(hops),
    }
    found = {}
    for name, document in pages.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(show.render(document, "html"), encoding="utf-8")
    return found


@pytest.mark.parametrize("who", AUDIENCES)
def test_structure(stormy: Result, who: str) -> None:
    text = show.render(made(stormy, audience=who), "html")
    page = Page(text)
    assert not page.tags("script", "link", "img", "iframe", "object", "form", "base")
    assert not [a for _, a in page.elements if "style" in a or any(n.startswith("on") for n in a)]
    assert len(page.tags("h1")) == 1
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


# ------------------------------------------------------------------ in a browser


@pytest.mark.browser
@pytest.mark.parametrize("name", [*AUDIENCES, "hops"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_opens_clean(browser: Any, files: dict[str, Path], name: str, width: int) -> None:
    scheme = "dark" if width == 768 else "light"
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    visit = Visit.of(browser, files[name], **look)
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


@pytest.mark.browser
@pytest.mark.parametrize(("name", "scheme"), [("operator", "light"), ("operator", "dark"),
                                              ("user", "dark"), ("public", "light")])  # fmt: skip
def test_axe_finds_nothing(browser: Any, files: dict[str, Path], name: str, scheme: str) -> None:
    pytest.importorskip("axe_playwright_python")
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    look = {"viewport": {"width": 400, "height": 900}, "color_scheme": scheme}
    visit = Visit.of(browser, files[name], **look)
    visit.open_everything()
    visit.page.evaluate(axe)
    found = visit.page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", AXE_TAGS
    )
    visit.page.close()
    told = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 15, "axe did not really look"


@pytest.mark.browser
def test_folded_parts_are_printed(browser: Any, files: dict[str, Path], tmp_path: Path) -> None:
    page = Visit.of(browser, files["operator"]).page
    page.emulate_media(media="print")
    shown = page.evaluate(
        "[...document.querySelectorAll('details dl, details table')].every(e => e.checkVisibility())"
    )
    page.pdf(path=tmp_path / "report.pdf")
    page.close()
    assert shown
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


class _Strict(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", JENKINS)
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.browser
def test_under_the_policy_of_a_build_server_all_of_it_still_shows(
    browser: Any, files: dict[str, Path]
) -> None:
    handler = partial(_Strict, directory=str(files["operator"].parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.goto(f"http://127.0.0.1:{server.server_port}/operator.html")
        bars = page.evaluate("document.querySelectorAll('svg rect').length")
        filled = page.evaluate("getComputedStyle(document.querySelector('svg .bars rect')).fill")
        words = page.inner_text("main")
        page.close()
        server.shutdown()
    assert bars > 10
    assert filled == "rgb(0, 114, 178)", "colours are attributes, so they stay"
    for name in ("What to do now", "Root-cause hypothesis", "To be filled in by people"):
        assert name in words


# ------------------------------------------------------------------ hostile logs


def _attacked(folder: Path, *, twin: bool) -> list[Result]:
    return [
        pipeline.run([str(one.path)], Options(support=True))
        for one in hostile.write(folder, twin=twin)[::3]
    ]


@pytest.fixture(scope="module")
def attacks(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[tuple[Result, Result]]]:
    base = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1764000000")
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        pairs = list(zip(_attacked(base / "a", twin=False), _attacked(base / "t", twin=True),
                         strict=True))  # fmt: skip
        yield pairs
        for pair in pairs:
            for result in pair:
                result.close()


@pytest.mark.parametrize("who", AUDIENCES)
def test_no_log_text_becomes_markup(attacks: list[tuple[Result, Result]], who: str) -> None:
    assert attacks
    for attack, twin in attacks:
        page = Page(show.render(made(attack, audience=who), "html"))
        plain = Page(show.render(made(twin, audience=who), "html"))
        assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements} | {"code"}
        names = {(tag, name) for tag, attrs in page.elements for name in attrs}
        assert names <= {(tag, name) for tag, attrs in plain.elements for name in attrs} | {
            ("code", "dir")
        }
        links = [attrs["href"] for tag, attrs in page.elements if "href" in attrs]
        assert not [link for link in links if not link.startswith(("#", "https://"))]
        assert not [link for link in links if "evil" in link]


@pytest.mark.parametrize("who", AUDIENCES)
@pytest.mark.parametrize("form", ["html", "markdown", "text", "json"])
def test_no_hidden_character_comes_through(
    attacks: list[tuple[Result, Result]], who: str, form: str
) -> None:
    for attack, _ in attacks:
        assert not HIDDEN.findall(show.render(made(attack, audience=who), form, verbosity=1))


@pytest.mark.parametrize("who", AUDIENCES)
def test_markdown_of_hostile_logs_links_nowhere(
    attacks: list[tuple[Result, Result]], who: str
) -> None:
    for attack, twin in attacks:
        shown = show.render(made(attack, audience=who), "markdown")
        page = rendered(shown)
        plain = rendered(show.render(made(twin, audience=who), "markdown"))
        assert set(page.addresses) <= set(plain.addresses)
        assert page.tags.keys() <= plain.tags.keys() | INLINE
        assert page.attributes <= plain.attributes
        for block in re.findall(r"(?:^\|.*\n)+", shown, re.MULTILINE):
            widths = {
                len(re.split(r"(?<!\\)(?:\\\\)*\|", row.strip())) for row in block.splitlines()
            }
            assert len(widths) == 1, block
