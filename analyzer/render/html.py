"""The incident report as one HTML file: no script, nothing fetched, everything escaped.

The policy in the first element of the head allows only the one style sheet, by its hash. The file
is readable without it, in a text browser, on a phone, on paper and in the dark.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from analyzer import data
from analyzer.analysis.model import Analysis
from analyzer.render import charts, prose, templates, trim, view, waterfall
from analyzer.render.text import one_line, shown

if TYPE_CHECKING:
    from markupsafe import Markup

FORMAT = "html"
SUFFIXES = (".html", ".htm")
TITLE = "incident report as one HTML file"

SOFT_BYTES = 1_000_000
"""Above this, the report says that it is large."""
HARD_BYTES = 5_000_000
"""Above this, parts are left out, and the report says which."""

PALETTE = {
    "client": "#0072B2", "network": "#56B4E9", "edge": "#E69F00", "gateway": "#CC79A7",
    "upstream": "#D55E00", "unknown": "#8C8C8C",
}  # fmt: skip
"""Okabe-Ito colours, told apart by the colour-blind too; letters and numbers are always beside."""

PHASES = {
    "blocked": "#b8bec6", "dns": "#7fc8a9", "connect": "#f0b27a", "tls": "#c9a0dc",
    "send": "#f7dc6f", "wait": "#85b8e8", "receive": "#f1a7b5", waterfall.REST: "#ffffff",
}  # fmt: skip
"""Light fills under dark labels; neighbours differ in lightness too, and what is missing is
hatched."""

_ID = re.compile(r"E\d{1,6}")


def render(analysis: Analysis, soft_bytes: int = SOFT_BYTES, hard_bytes: int = HARD_BYTES) -> str:
    """Return the whole document.

    Args:
        analysis: what to show.
        soft_bytes: size from which on the report says that it is large.
        hard_bytes: size above which evidence, then groups, then models are left out, and named.
    """
    return trim.fit(shown(analysis), _document, soft_bytes, hard_bytes)


def style() -> str:
    """Return the style sheet as it stands between the tags, which is what the hash covers."""
    return "\n" + (data.root("reports") / "report.css").read_text(encoding="utf-8")


def policy(css: str) -> str:
    """Return the Content-Security-Policy that allows exactly this style sheet."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _document(analysis: Analysis) -> str:
    from markupsafe import Markup

    css = style()
    known = {item.id for item in analysis.evidence}
    env = templates.environment(autoescape=True)
    env.filters.update(
        clip=one_line,
        prose=lambda text, links=(): Markup(prose.to_html(text, links)),  # noqa: S704
        line=lambda text: Markup(prose.line_html(text)),  # noqa: S704
        cite=partial(_cite, known=known),
    )
    timeline = charts.rebin(analysis.timeline)
    lanes = waterfall.lanes(analysis.evidence)
    return env.get_template("incident.html.j2").render(
        a=analysis,
        css=Markup(css),  # noqa: S704
        policy=policy(css),
        level=view.level(analysis),
        timeline=timeline,
        chart=charts.timeline_chart(timeline),
        palette=PALETTE,
        lanes=lanes,
        longest=max((lane.total for lane in lanes), default=None),
        phases=PHASES,
        known=known,
    )


def _cite(ids: Iterable[str], known: set[str]) -> Markup:
    """Return evidence ids, as links to the items that are shown."""
    from markupsafe import Markup, escape

    parts = [
        Markup('<a href="#{0}">{0}</a>').format(name)
        if name in known and _ID.fullmatch(name)
        else escape(name)
        for name in ids
    ]
    return Markup(" ").join(parts)
