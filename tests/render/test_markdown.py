"""The Markdown report: same words, and nothing from a log may ping, link or break out."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from render.sample_analysis import HOSTILE, SAMPLES, hostile, incident
from syrupy.assertion import SnapshotAssertion

from analyzer.analysis.model import Analysis, Count, ModelRow, Step
from analyzer.errors import UsageError
from analyzer.render import comment, facts, markdown, md, prose

NAMES = list(SAMPLES)
# What GitHub and GitLab turn into links after the Markdown is rendered, outside code.
AUTOLINKS = re.compile(
    r"@\w|(?<!&)#\d|!\d|https?://|www\.\w|\bGH-\d|\b(?=[0-9]*[a-f])[0-9a-f]{7,40}\b"
)


def tokens(text: str) -> list[Token]:
    parser = MarkdownIt("commonmark").enable("table")
    flat: list[Token] = []
    for token in parser.parse(text):
        flat.append(token)
        flat.extend(token.children or [])
    return flat


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, snapshot: SnapshotAssertion) -> None:
    assert markdown.render(SAMPLES[name]()) == snapshot


@pytest.mark.parametrize("name", NAMES)
def test_only_our_html_and_only_references_as_links(name: str) -> None:
    found = tokens(markdown.render(SAMPLES[name]()))
    for token in found:
        if token.type in ("html_block", "html_inline"):
            rest = re.sub(r"<code>[^<>]*</code>|</?(details|summary)>", "", token.content)
            assert "<" not in rest
            assert ">" not in rest
        assert token.type != "image"
    links = {token.attrGet("href") for token in found if token.type == "link_open"}
    assert links <= {"https://docs.provider.example/errors"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_pings_or_links_outside_code(name: str) -> None:
    in_link = False
    for token in tokens(markdown.render(SAMPLES[name]())):
        in_link = token.type == "link_open" or (in_link and token.type != "link_close")
        if token.type == "text" and not in_link:
            assert not AUTOLINKS.search(token.content), token.content


@pytest.mark.parametrize("name", NAMES)
def test_tables_have_as_many_cells_as_heads(name: str) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", markdown.render(SAMPLES[name]()), re.MULTILINE):
        widths = {
            len(re.split(r"(?<!\\)(?:\\\\)*\|", line.strip().strip("|")))
            for line in block.splitlines()
        }
        assert len(widths) == 1, block


@pytest.mark.parametrize("name", NAMES)
def test_details_and_headings_are_balanced(name: str) -> None:
    text = markdown.render(SAMPLES[name]())
    found = tokens(text)
    html = "".join(token.content for token in found if token.type == "html_block")
    assert html.count("<details>") == html.count("</details>")
    levels = [int(token.tag[1]) for token in found if token.type == "heading_open"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_the_excerpt_is_whole_inside_its_fence() -> None:
    found = tokens(markdown.render(hostile()))
    bodies = [token.content for token in found if token.type == "fence"]
    assert any("````\n" in body and "</pre></details>" in body for body in bodies)


def test_the_chart_and_the_table_are_one() -> None:
    text = markdown.render(incident())
    assert "14:24:00       222      88  CEUUU" in text
    assert "| 2026-11-22 14:24:00Z | 222 | 134 | 88 |" in text


@given(st.text(max_size=60))
def test_escaped_text_is_text(raw: str) -> None:
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", "", raw)
    found = MarkdownIt("commonmark").enable("table").parse(f"x {md.escape(text)}")
    assert [token.type for token in found] == ["paragraph_open", "inline", "paragraph_close"]
    inside = found[1].children or []
    assert {token.type for token in inside} <= {"text", "code_inline", "text_special"}


@given(st.text(st.sampled_from("`|\\ a\n"), max_size=30))
def test_code_spans_and_fences_hold_any_run_of_backticks(raw: str) -> None:
    body = MarkdownIt("commonmark").parse(md.fence(raw))
    assert [token.type for token in body] == ["fence"]
    assert body[0].content.rstrip("\n") == raw.rstrip("\n")
    flat = " ".join(raw.split("\n")).strip()
    span = MarkdownIt("commonmark").parse(f"x {md.code(raw)}")[1].children or []
    if flat:
        assert [token.content for token in span if token.type == "code_inline"] == [flat]


@given(st.text(st.sampled_from("`|\\ab@#1 "), max_size=30))
def test_a_cell_is_one_cell(raw: str) -> None:
    for content in (md.cell(md.escape(raw)), md.cell(md.code(raw))):
        parser = MarkdownIt("commonmark").enable("table")
        found = parser.parse(f"| a | b |\n|---|---|\n| {content} | end |")
        cells = [t.content for t in found if t.type == "inline"]
        assert len(cells) == 4
        assert cells[3] == "end"


def test_prose_keeps_markdown_but_links_only_references() -> None:
    text = "A **b** `c` [ok](https://ok.example/x) [no](https://no.example/y) ![i](https://no.example/i)"
    allowed = prose.allowed(["https://ok.example/x", "http://no.example", 'https://x/"><script>'])
    assert allowed == {"https://ok.example/x"}
    assert prose.to_markdown(text, allowed) == (
        "A **b** `c` [ok](https://ok.example/x) no (`https://no.example/y`) "
        "!i (`https://no.example/i`)"
    )
    html = prose.to_html(text, allowed)
    assert html.count("<a ") == 1
    assert "<img" not in html


def test_prose_lists_stay_lists() -> None:
    text = "1. one\n2. two\n   - in\n\nend\n\n```\n<b>\n```"
    assert prose.to_markdown(text) == "1. one\n2. two\n   - in\n\nend\n\n```text\n<b>\n```"
    assert prose.to_html(text).startswith("<ol><li>one</li><li>two<ul><li>in</li></ul></li></ol>")


def test_hostile_prose_holds_no_markup() -> None:
    html = prose.to_html(HOSTILE)
    assert re.findall(r"<[^>]*>", html) == ["<p>", "</p>"]


def test_words_are_those_of_the_other_reports() -> None:
    text = markdown.render(incident())
    assert f"# ✖ FAIL: {incident().verdict.text}" in text
    for fact in facts.verdict_facts(incident()):
        assert f"**{fact.label}**" in text


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("ping @octocat now", "ping `@octocat` now"),
        ("fixes #12 !3 ~4 %5 $6 &7", "fixes `#12` `!3` `~4` `%5` `$6` `&7`"),
        ("(deadbeef1)", "`(deadbeef1)`"),
        (":tada: :+1: :100:", "`:tada:` `:+1:` `:100:`"),
        ("at 14:21:44Z, 95 %", "at 14:21:44Z, 95 %"),
        ("costs $x$", "costs \\$x\\$"),
        ("---", "\\---"),
        ("=== x", "\\=== x"),
        ("- [ ] x", "\\- \\[ \\] x"),
        ("12. x", "\\12. x"),
        ("a_b _c_", "a_b \\_c\\_"),
        ("&lt;", "\\&lt;"),
    ],
)
def test_escape(raw: str, escaped: str) -> None:
    assert md.escape(raw) == escaped


# ------------------------------------------------------------------ the comment profile


def large(groups: int = 40, prose_chars: int = 1500, models: int = 200) -> Analysis:
    """Return an incident that no comment can hold."""
    sample = incident()
    lead, item, row = sample.groups[0], sample.evidence[0], sample.models[0]
    text = "word " * (prose_chars // 5)
    return sample.model_copy(
        update={
            "groups": [
                lead.model_copy(
                    update={
                        "fingerprint": f"g1:{i}",
                        "title": f"Failure number {i}",
                        "count": 100 - i,
                        "meaning": text,
                        "evidence": [f"E{i * 3 + k + 1}" for k in range(3)],
                    }
                )
                for i in range(groups)
            ],
            "evidence": [
                item.model_copy(update={"id": f"E{i + 1}", "excerpt": "x" * 2000})
                for i in range(groups * 3)
            ],
            "models": [row.model_copy(update={"model": f"model-{i}"}) for i in range(models)],
        }
    )


def left_out(text: str) -> str:
    (line,) = re.findall(r"^\*Left out to fit a comment: (.*?)\. The HTML", text, re.MULTILINE)
    return line.replace("\u00a0", " ")


def test_what_fits_is_whole() -> None:
    for name in NAMES:
        assert markdown.render(SAMPLES[name](), "comment") == markdown.render(SAMPLES[name]())


def test_a_comment_says_what_was_left_out() -> None:
    text = markdown.render(large(), profile="comment")
    assert len(text.encode()) <= 60_000
    assert left_out(text).startswith("the details of 120 evidence items; 35 failure groups (")
    assert incident().verdict.text in text
    assert "- E1 `logs.har#212`" in text
    assert "### 100 × Failure number 0" in text
    assert "Failure number 5" not in text


@pytest.mark.parametrize("limit", [30_000, 20_000, 12_000, 9_000, 6_000, 4_000])
def test_the_smaller_the_more_goes_but_never_the_verdict(limit: int) -> None:
    text = comment.fit(large(), markdown._document, limit)
    assert len(text.encode()) <= limit
    assert incident().verdict.text in text
    assert incident().billing.text in text
    assert "**Route claude-sonnet-5 to a second provider when `529` comes back.**" in text
    found = tokens(text)
    html = "".join(token.content for token in found if token.type == "html_block")
    assert html.count("<details>") == html.count("</details>")
    assert "No failed attempts" not in text, "left out is not the same as none"


def test_order_of_what_goes() -> None:
    everything = left_out(comment.fit(large(), markdown._document, 1))
    places = [
        everything.index(word)
        for word in (
            "evidence items", "35 failure groups", "timeline", "what the groups mean", "models",
            "impact", "places", "further step", "; 5 failure groups", "; 10 models", "long texts",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_a_monstrous_analysis_fits_a_comment_too() -> None:
    sample = large(models=3000)
    monster = "m" * 100_000
    row: ModelRow = sample.models[0].model_copy(update={"model": monster})
    text = markdown.render(
        sample.model_copy(
            update={
                "verdict": sample.verdict.model_copy(update={"text": monster}),
                "models": [row] * 50,
                "groups": [
                    group.model_copy(
                        update={"title": monster, "hosts": [Count(value=monster, count=1)] * 500}
                    )
                    for group in sample.groups
                ],
                "next_steps": sample.next_steps.model_copy(
                    update={"user": [Step(action=monster, count=1)]}
                ),
            }
        ),
        profile="comment",
    )
    assert len(text.encode()) <= 60_000
    assert "the ends of long texts and lists" in left_out(text)


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(UsageError, match=r"'coment'.*full, comment.*comment"):
        markdown.render(incident(), profile="coment")
