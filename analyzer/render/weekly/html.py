"""The weekly report as one HTML file: no script, nothing fetched, everything escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.reliability.model import Weekly
from analyzer.render import prose, templates
from analyzer.render.html import PALETTE, policy, style
from analyzer.render.text import one_line, shown
from analyzer.render.weekly import figures, words

if TYPE_CHECKING:
    from collections.abc import Iterable

SOFT_BYTES = 500_000
"""Above this, tables are shortened to :data:`MOST` models, and the report says so."""
MOST = 100


def render(report: Weekly) -> str:
    """Return the whole document."""
    whole = _document(report, None)
    return whole if len(whole.encode()) <= SOFT_BYTES else _document(report, MOST)


def _document(report: Weekly, most: int | None) -> str:
    from markupsafe import Markup

    report = shown(report)
    css = style()
    env = templates.environment(autoescape=True)
    env.filters.update(
        clip=one_line,
        line=lambda text: Markup(prose.line_html(text)),  # noqa: S704
        cite=_cite,
    )
    return env.get_template(
        "weekly.html.j2"
    ).render(
        w=report,
        words=words,
        css=Markup(css),  # noqa: S704
        policy=policy(css),
        palette=PALETTE,
        level=words.level(report),
        rows=words.rows(report)[:most],
        left=max(0, len(report.models) - most) if most else 0,
        pareto=figures.pareto(report.causes),
        steps_chart=figures.burn_down(report.budget_days),
        dots={name: figures.dots(report.speeds, name) for name in ("duration", "ttft")},
    )


def _cite(ids: Iterable[str]) -> str:
    return " ".join(ids)
