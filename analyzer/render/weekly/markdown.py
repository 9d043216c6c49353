"""The weekly report as GitHub-flavoured Markdown: the same words as the HTML report."""

from __future__ import annotations

from analyzer.reliability.model import Weekly
from analyzer.render import markdown
from analyzer.render.text import shown
from analyzer.render.weekly import words

SOFT_BYTES = 200_000
MOST = 100


def render(report: Weekly) -> str:
    """Return the document, ending in a line feed."""
    whole = _document(report, None)
    return whole if len(whole.encode()) <= SOFT_BYTES else _document(report, MOST)


def _document(report: Weekly, most: int | None) -> str:
    report = shown(report)
    text = (
        markdown.environment()
        .get_template("weekly.md.j2")
        .render(
            w=report,
            words=words,
            level=words.level(report),
            rows=words.rows(report)[:most],
            left=max(0, len(report.models) - most) if most else 0,
        )
    )
    return markdown.tidy(text)
