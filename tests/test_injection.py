"""What strangers write into logs, through every field of a HAR and into every output.

Each payload carries a mark, so that the tests can tell "shown" from "lost"; each capture has a twin
with the mark alone, so that whatever a payload creates shows as a difference.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import hostile
import polars as pl
import pytest
from render.chromium import Visit, chromium

from analyzer import pipeline
from analyzer.analysis.model import Analysis
from analyzer.cli import output
from analyzer.render import markdown, terminal

SUFFIXES = (".html", ".md", ".txt", ".json", ".jsonl", ".parquet")
INLINE = {"strong", "em", "code"}
"""What Markdown prose may hold, names filled into it included; see the test of its own below."""
FACTS = {"div", "dt", "dd", "code", "li"}
"""One of these a fact; a field that a payload empties (a title, an id) is no fact any more."""


@dataclass(frozen=True)
class Run:
    """A capture and what the program wrote about it."""

    capture: hostile.Capture
    analysis: Analysis
    files: dict[str, Path]

    def text(self, suffix: str) -> str:
        return self.files[suffix].read_text(encoding="utf-8")

    @property
    def marks(self) -> list[str]:
        return [hostile.mark(number) for number in self.capture.numbers]


@dataclass(frozen=True)
class Pair:
    """The same capture with payloads and without."""

    attack: Run
    twin: Run


def _run(capture: hostile.Capture, folder: Path, *suffixes: str) -> Run:
    files = {suffix: folder / f"out{suffix}" for suffix in suffixes}
    folder.mkdir(parents=True)
    with pipeline.run([str(capture.path)], pipeline.Options(rows=True)) as result:
        for path in files.values():
            output.to_file(result, path)
        return Run(capture, result.analysis, files)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    base = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        patch.setenv("SOURCE_DATE_EPOCH", "1764000000")
        attacks = hostile.write(base / "attacks", twin=False)
        twins = hostile.write(base / "twins", twin=True)
        return [
            Pair(
                _run(attack, base / f"a{i}", *SUFFIXES),
                _run(twin, base / f"t{i}", ".html", ".md"),
            )
            for i, (attack, twin) in enumerate(zip(attacks, twins, strict=True))
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with chromium() as started:
        yield started


class Tags(HTMLParser):
    """Counts elements, collects attributes, addresses, and the text outside of code."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: set[tuple[str, str]] = set()
        self.addresses: list[str | None] = []
        self.bare: list[str] = []
        self._closed_to_text = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.addresses += [value for name, value in attrs if name in {"href", "src"}]
        self._closed_to_text += tag in {"code", "pre", "a", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._closed_to_text -= tag in {"code", "pre", "a", "style"}

    def handle_data(self, data: str) -> None:
        if not self._closed_to_text:
            self.bare.append(data)


def more_than(attack: Counter[str], twin: Counter[str], besides: set[str]) -> dict[str, str]:
    """Return the elements that a payload created or destroyed."""
    return {
        tag: f"{attack[tag]} with payloads, {twin[tag]} without"
        for tag in (attack.keys() | twin.keys()) - besides
        if (attack[tag] > twin[tag] if tag in FACTS else attack[tag] != twin[tag])
    }


# ------------------------------------------------------------------ the test's own footing


def test_there_are_enough_payloads_and_all_are_shown(pairs: list[Pair]) -> None:
    assert len(hostile.PAYLOADS) >= 60
    assert sum(len(pair.attack.marks) for pair in pairs) == len(hostile.PAYLOADS)
    for pair in pairs:
        for suffix in (".html", ".md", ".json", ".jsonl"):
            text = pair.attack.text(suffix)
            missing = [mark for mark in pair.attack.marks if text.count(mark) < 3]
            assert not missing, (suffix, missing)


def test_no_payload_loses_a_failure(pairs: list[Pair]) -> None:
    for pair in pairs:
        attack, twin = pair.attack.analysis, pair.twin.analysis
        assert attack.totals == twin.totals
        assert len(attack.groups) == len(twin.groups)
        assert attack.verdict.layer == twin.verdict.layer


# ------------------------------------------------------------------ HTML


@pytest.mark.browser
def test_html_in_a_browser(pairs: list[Pair], browser: object) -> None:
    for pair in pairs:
        visit = Visit.of(browser, pair.attack.files[".html"])
        visit.open_everything()
        found = visit.page.evaluate(
            "[...document.querySelectorAll('*')].map(e => [e.localName, e.getAttributeNames()])"
        )
        ran = visit.page.evaluate("typeof window.PWNED")
        styled = visit.page.evaluate(
            "getComputedStyle(document.querySelector('.verdict')).borderLeftWidth"
        )
        visit.page.close()
        assert visit.told == []
        assert visit.asked == [visit.url]
        assert ran == "undefined"
        assert styled == "6px", "the policy refused the style sheet"
        twin = Tags(pair.twin.text(".html"))
        tags = Counter(name for name, _ in found)
        assert not more_than(tags, twin.tags, INLINE)
        attributes = {(name, attribute) for name, attributes in found for attribute in attributes}
        # The policy may be there once only, and nothing may carry a handler or a style.
        assert {f"{n} {a}" for n, a in attributes if a.startswith("on") or a == "style"} == set()
        assert attributes <= {(n, a.replace("viewbox", "viewBox")) for n, a in twin.attributes}


def test_html_links_lead_only_to_evidence_and_references(pairs: list[Pair]) -> None:
    for pair in pairs:
        attack, twin = Tags(pair.attack.text(".html")), Tags(pair.twin.text(".html"))
        assert Counter(attack.addresses) == Counter(twin.addresses)
        assert not [link for link in attack.addresses if "evil" in (link or "")]


def test_html_holds_no_hidden_character(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert not HIDDEN.findall(pair.attack.text(".html"))


# ------------------------------------------------------------------ Markdown

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
REFERENCES = re.compile(
    r"@\w|(?<!&)[#!]\d|https?://|www\.\w|mailto:|\bGH-\d|:(?:\+1|100|smile|[a-z]{6}):"
    r"|\b(?=[0-9]*[a-f])[0-9a-f]{7,40}\b|\w/\w+#\d|(?<!\w)[~%&$]\d"
)
"""What GitHub and GitLab make links, people or pictures of, outside of code."""


def rendered(text: str) -> Tags:
    """Return what GitHub's own parser makes of Markdown, raw HTML kept."""
    program = shutil.which("cmark-gfm")
    if program is None:
        pytest.skip("cmark-gfm is not installed")
    extensions = ("table", "autolink", "strikethrough", "tasklist")
    options = [word for name in extensions for word in ("-e", name)]
    done = subprocess.run(
        [program, "--unsafe", *options], input=text.encode(), capture_output=True, check=True
    )
    return Tags(done.stdout.decode())


@pytest.mark.parametrize("profile", markdown.PROFILES)
def test_markdown_through_githubs_parser(pairs: list[Pair], profile: str) -> None:
    for pair in pairs:
        text = markdown.render(pair.attack.analysis, profile)
        attack = rendered(text)
        twin = rendered(pair.twin.text(".md"))
        if profile == "full":
            assert not more_than(attack.tags, twin.tags, INLINE)
            assert Counter(attack.addresses) == Counter(twin.addresses)
        assert attack.tags.keys() <= twin.tags.keys() | INLINE
        assert attack.attributes <= twin.attributes
        assert set(attack.addresses) <= set(twin.addresses)
        assert not {"img", "script", "iframe", "input", "del", "hr", "blockquote", "b", "svg",
                    "sup", "section"} & attack.tags.keys()  # fmt: skip
        pinged = [REFERENCES.search(words) for words in attack.bare]
        assert not [match.string[:200] for match in pinged if match]
        assert not HIDDEN.findall(text)


def test_markdown_tables_keep_their_shape(pairs: list[Pair]) -> None:
    for pair in pairs:
        text = markdown.render(pair.attack.analysis)
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            widths = {
                len(re.split(r"(?<!\\)(?:\\\\)*\|", row.strip())) for row in block.splitlines()
            }
            assert len(widths) == 1, block


# ------------------------------------------------------------------ names in prose


def test_a_name_in_the_prose_of_a_rule_is_no_markup(pairs: list[Pair]) -> None:
    for pair in pairs:
        attack, twin = Tags(pair.attack.text(".html")), Tags(pair.twin.text(".html"))
        assert not more_than(attack.tags, twin.tags, set())


# ------------------------------------------------------------------ terminals


def test_text_holds_no_control_character(pairs: list[Pair]) -> None:
    for pair in pairs:
        for verbosity in (0, 1, 2):
            text = terminal.render(pair.attack.analysis, width=100, verbosity=verbosity)
            assert not HIDDEN.findall(text)
        first = terminal.render(pair.attack.analysis, width=80).splitlines()
        assert len(first) <= 24


CONFIG = """
set -g history-limit 200000
set -g set-clipboard on
set -g allow-passthrough on
set -g allow-rename on
set -g status off
"""
STATE = (
    "#{alternate_on} #{cursor_flag} #{pane_title} #{window_name} #{mouse_any_flag} #{insert_flag}"
)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")
    config = tmp_path / "tmux.conf"
    config.write_text(CONFIG)
    terminal_in = Tmux(program, config, tmp_path / "socket")
    yield terminal_in
    terminal_in("kill-server")


@dataclass(frozen=True)
class Tmux:
    """A terminal that understands all the sequences, and can be asked what it shows."""

    program: str
    config: Path
    socket: Path

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [self.program, "-u", "-S", str(self.socket), "-f", str(self.config), *words],
            capture_output=True, check=False, timeout=60,
            env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"},
        )  # fmt: skip
        return done.stdout.decode()

    def show(self, path: Path, ending: str) -> list[str]:
        """Print a file in a fresh terminal and return the lines that it then shows."""
        self("new-session", "-d", "-s", "t", "-n", "win", "-x", "160", "-y", "50", "sh")
        self("select-pane", "-t", "t", "-T", "title")
        self("send-keys", "-t", "t", f"clear; cat '{path}'; printf '%s\\n' done", "Enter")
        deadline = time.monotonic() + 30
        lines: list[str] = []
        while ending not in lines and time.monotonic() < deadline:
            time.sleep(0.2)
            lines = [
                x.rstrip() for x in self("capture-pane", "-p", "-S", "-", "-t", "t").split("\n")
            ]
        return lines


@pytest.mark.parametrize("color", [False, True])
def test_a_terminal_shows_the_text_and_obeys_none_of_it(
    pairs: list[Pair], tmux: Tmux, tmp_path: Path, color: bool
) -> None:
    texts = [
        terminal.render(pair.attack.analysis, width=100, verbosity=2, color=color) for pair in pairs
    ]
    begin, ending = "begin-of-the-text", "end-of-the-text"
    path = tmp_path / "text"
    path.write_text(f"{begin}\n{''.join(texts)}{ending}\n", encoding="utf-8")
    shown = tmux.show(path, ending)
    state = tmux("display-message", "-p", "-t", "t", STATE).split()
    buffers = tmux("list-buffers")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "".join(texts))
    wanted = [line.rstrip() for line in plain.splitlines()]
    assert shown[shown.index(begin) + 1 : shown.index(ending)] == wanted
    assert state == ["0", "1", "title", "win", "0", "0"]
    assert buffers == "", "something was put on the clipboard"


# ------------------------------------------------------------------ data


def test_json_is_whole_and_acts_on_no_terminal(pairs: list[Pair]) -> None:
    for pair in pairs:
        text = pair.attack.text(".json")
        assert Analysis.from_json(text) == pair.attack.analysis
        assert not HIDDEN.findall(text)


def test_lines_and_parquet_carry_the_data(pairs: list[Pair]) -> None:
    for pair in pairs:
        lines = pair.attack.text(".jsonl").split("\n")
        assert lines.pop() == ""
        rows = [json.loads(line) for line in lines]
        assert len(rows) == pair.attack.analysis.totals.attempts
        table = pl.read_parquet(pair.attack.files[".parquet"])
        assert table["error_message"].to_list() == [row["error_message"] for row in rows]
        told = {row["error_message"] for row in rows}
        for number in pair.attack.capture.numbers:
            assert any(hostile.mark(number) in (message or "") for message in told)
