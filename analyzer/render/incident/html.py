"""The document as one HTML file, by the same rules as every report: no script, nothing fetched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from analyzer.render import charts, prose, templates
from analyzer.render import formatting as fmt
from analyzer.render.html import PALETTE, PHASES, policy, style
from analyzer.render.incident.document import (
    Badge,
    Chart,
    Cite,
    Code,
    Document,
    Layer,
    Line,
    Link,
    Moment,
    Part,
    Strong,
    Text,
)
from analyzer.render.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup

TEXT = 600
"""Characters of one text at most."""


@dataclass(frozen=True, slots=True)
class Shade:
    """The stretch of the timeline that is the incident, in pixels."""

    x: float
    width: float


def render(document: Document) -> str:
    """Return the file."""
    from markupsafe import Markup

    css = style()
    env = templates.environment(autoescape=True)
    env.filters.update(
        clip=one_line,
        prose=lambda text, links=(): Markup(prose.to_html(text, links)),  # noqa: S704
        rich=_rich,
    )
    return env.get_template("post_incident.html.j2").render(
        d=document,
        css=Markup(css),  # noqa: S704
        policy=policy(css),
        palette=PALETTE,
        phases=PHASES,
        chart_of=charts.timeline_chart,
        shade_of=shade,
        longest=lambda lanes: fmt.duration(max((lane.total for lane in lanes), default=None)),
        level_of=lambda document: document.parts[0].level,
    )


def _rich(text: Text, part: Part | None = None) -> Markup:
    """Return a text as HTML; strings in it are escaped, whatever they hold."""
    from markupsafe import Markup

    pieces = text if isinstance(text, tuple) else (text,)
    return Markup("").join(_piece(piece, part) for piece in pieces)


def _piece(piece: object, part: Part | None) -> Markup:
    from markupsafe import Markup

    made = _MARKED.get(type(piece))
    if made is not None:
        return made(piece, part)
    text = str(piece)
    inner = one_line(text, TEXT)
    if not inner:
        return Markup("{}").format(" " if text else "")
    # A space at either end ties the text to its neighbours; isolated, it would be lost.
    before, after = (" " if text[0] == " " else ""), (" " if text[-1] == " " else "")
    return Markup("{}<bdi>{}</bdi>{}").format(before, inner, after)


def _line(piece: Line, _: Part | None) -> Markup:
    from markupsafe import Markup

    return Markup("<bdi>") + Markup(prose.line_html(one_line(piece.text, TEXT))) + Markup("</bdi>")  # noqa: S704


def _code(piece: Code, _: Part | None) -> Markup:
    from markupsafe import Markup

    return Markup('<code dir="auto">{}</code>').format(one_line(piece.text, TEXT))


def _strong(piece: Strong, _: Part | None) -> Markup:
    from markupsafe import Markup

    return Markup("<strong><bdi>{}</bdi></strong>").format(one_line(piece.text, TEXT))


def _cite(piece: Cite, part: Part | None) -> Markup:
    from markupsafe import Markup

    links = (
        Markup('<a href="#{}">{}</a>').format(part.anchor(name) if part else name, name)
        for name in piece.ids
    )
    # In full size: smaller, neighbours would be too near to each other for a finger.
    return Markup(" ").join(links)


def _moment(piece: Moment, _: Part | None) -> Markup:
    from markupsafe import Markup

    told = Markup('<time datetime="{}">{}</time>').format(fmt.iso(piece.at), fmt.stamp(piece.at))
    return (
        told + Markup(' <span class="remark">({})</span>').format(piece.local)
        if piece.local
        else told
    )


def _layer(piece: Layer, _: Part | None) -> Markup:
    from markupsafe import Markup

    return Markup('<span class="layer l-{}">{}</span> {}').format(
        piece.name, charts.letter(piece.name), piece.name
    )


def _link(piece: Link, _: Part | None) -> Markup:
    from markupsafe import Markup

    return Markup('<a href="#{}">{}</a>').format(piece.anchor, piece.text)


def _badge(piece: Badge, _: Part | None) -> Markup:
    from markupsafe import Markup

    level = piece.level
    return Markup('<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>').format(
        level.word.lower(), level.glyph, level.word
    )


_MARKED: dict[type, Callable[..., Markup]] = {
    Line: _line, Code: _code, Strong: _strong, Cite: _cite, Moment: _moment, Layer: _layer,
    Link: _link, Badge: _badge,
}  # fmt: skip


def shade(block: Chart, chart: charts.Chart) -> Shade | None:
    """Return where the incident lies in the picture; ``None`` if there is none."""
    slots = block.timeline.slots
    if block.start is None or block.end is None or not slots:
        return None
    seconds = block.timeline.bin_s * len(slots)

    def x(moment: datetime) -> float:
        offset = (moment - slots[0].start).total_seconds()
        return charts.scale(min(max(offset, 0), seconds), 0, seconds, chart.left, chart.right)

    left = x(block.start)
    return Shade(left, round(max(2.0, x(block.end) - left), 1))
