"""The incident report as GitHub-flavoured Markdown: the same words as the HTML report.

Whatever a template puts out is escaped unless a filter made it Markdown on purpose, so a forgotten
filter shows too many backslashes instead of letting a log write the report.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from analyzer.analysis.model import Analysis, Slot, Timeline
from analyzer.errors import UsageError, did_you_mean
from analyzer.render import charts, comment, md, prose, templates, trim, view, waterfall
from analyzer.render import formatting as fmt
from analyzer.render.text import one_line, pad, shown
from analyzer.vocabulary import LAYER_WORDS

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

FORMAT = "markdown"
SUFFIXES = (".md", ".markdown")
TITLE = "incident report as GitHub-flavoured Markdown"

PROFILES = ("full", "comment")
"""What :func:`render` takes as ``profile``."""
SOFT_BYTES = 200_000
HARD_BYTES = 1_000_000
"""GitHub refuses a job summary above 1 MiB."""
_CHART_ROWS = 32
_CHART_BAR = 40
_VALUE = 300


class _Md(str):
    """Text that is Markdown already."""

    __slots__ = ()


def render(
    analysis: Analysis,
    profile: str = "full",
    soft_bytes: int = SOFT_BYTES,
    hard_bytes: int = HARD_BYTES,
) -> str:
    """Return the document, ending in a line feed.

    Args:
        analysis: what to show.
        profile: ``full``, or ``comment`` for at most 60 kB: fit for a comment or a ticket. What
            had to go for that is said.
        soft_bytes: size from which on the full report says that it is large.
        hard_bytes: size above which evidence, then groups, then models are left out, and named.

    Raises:
        UsageError: there is no such profile.
    """
    if profile not in PROFILES:
        msg = f"there is no profile '{profile}'. Choose one of: {', '.join(PROFILES)}."
        raise UsageError(msg + did_you_mean(profile, PROFILES))
    if profile == "comment":
        return comment.fit(shown(analysis), _document)
    return trim.fit(shown(analysis), _document, soft_bytes, hard_bytes)


def _document(
    analysis: Analysis, cut: frozenset[str] = frozenset(), left: tuple[str, ...] = ()
) -> str:
    """Return the document without the parts in ``cut``, saying what was ``left`` out."""
    env = environment()
    timeline = charts.rebin(analysis.timeline, _CHART_ROWS)
    text = env.get_template("incident.md.j2").render(
        a=analysis,
        cut=cut,
        left=left,
        level=view.level(analysis),
        timeline=timeline,
        chart=text_chart(timeline),
        fall=waterfall.text_waterfall(waterfall.lanes(analysis.evidence)),
    )
    return tidy(text)


def environment() -> SandboxedEnvironment:
    """Return the environment of Markdown reports: all is escaped but what a filter made."""
    env = templates.environment(autoescape=False, finalize=_escaped)
    env.filters.update(
        code=lambda text, limit=_VALUE: _Md(md.code(one_line(str(text), limit))),
        cell=lambda text, limit=_VALUE: _Md(md.cell(_escaped(one_line(str(text), limit)))),
        codecell=lambda text, limit=_VALUE: _Md(md.cell(md.code(one_line(str(text), limit)))),
        fence=lambda text: _Md(md.fence(text)),
        prose=lambda text, links=(): _Md(prose.to_markdown(text, links)),
        line=lambda text: _Md(prose.line_markdown(one_line(text))),
        linecell=lambda text: _Md(md.cell(prose.line_markdown(one_line(text)))),
        cite=lambda ids: _Md(md.escape(" ".join(ids))),
        summary=lambda text: _Md(_summary(one_line(text, 240))),
        clip=one_line,
        plain=_Md,
    )
    return env


def tidy(text: str) -> str:
    """Return a rendered document without the marks of its template."""
    # A tie between number and unit is of no use in Markdown, and hides from a search.
    text = text.replace(fmt.TIE, " ")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _escaped(value: Any) -> Any:
    return value if isinstance(value, _Md) else md.escape(str(value))


def _summary(text: str) -> str:
    """Return text for inside ``<summary>``, which is HTML: Markdown is not read there."""
    return f"<code>{html.escape(text)}</code>"


def text_chart(timeline: Timeline) -> str:
    """Return the timeline as text: a row a bin, a letter of its layer for every few failures."""
    slots = timeline.slots
    peak = max((slot.failed for slot in slots), default=0)
    if not peak:
        return ""
    unit = max(1.0, peak / _CHART_BAR)
    dated = slots[0].start.date() != slots[-1].start.date()
    when = "%Y-%m-%d %H:%M:%S" if dated else "%H:%M:%S"
    wide = 19 if dated else 8
    head = f"{'UTC':<{wide}}  attempts  failed"
    rows = [_row(slot, when, unit) for slot in slots]
    each = "1 letter = 1 failed" if unit == 1 else f"1 letter = about {unit:.0f} failed"
    used = [name for name in LAYER_WORDS if any(slot.by_layer.get(name) for slot in slots)]
    names = ", ".join(f"{charts.letter(name)} {name}" for name in used)
    return "\n".join([head, *rows, f"{each}; {names}"])


def _row(slot: Slot, when: str, unit: float) -> str:
    attempts = pad(fmt.number(slot.attempts), 8, right=True)
    failed = pad(fmt.number(slot.failed), 6, right=True)
    return f"{slot.start:{when}}  {attempts}  {failed}  {charts.letters(slot, unit)}".rstrip()
