"""The document as GitHub-flavoured Markdown: all that a template puts out is escaped."""

from __future__ import annotations

import html
import re
from typing import Any

from analyzer.render import charts, md, prose, templates, waterfall
from analyzer.render import formatting as fmt
from analyzer.render.incident.document import (
    Badge,
    Cite,
    Code,
    Document,
    Layer,
    Line,
    Link,
    Moment,
    Strong,
    Text,
)
from analyzer.render.markdown import text_chart
from analyzer.render.text import one_line

CHART_ROWS = 40
TEXT = 600


class Md(str):
    """Text that is Markdown already."""

    __slots__ = ()


def render(document: Document) -> str:
    """Return the document, ending in a line feed."""
    env = templates.environment(autoescape=False, finalize=_escaped)
    env.filters.update(
        rich=lambda text: Md(rich(text)),
        cell=lambda text: Md(md.cell(rich(text))),
        fence=lambda text: Md(md.fence(text)),
        prose=lambda text, links=(): Md(prose.to_markdown(text, links)),
        summary=lambda text: Md(_summary(text)),
        clip=one_line,
        plain=Md,
    )
    text = env.get_template("post_incident.md.j2").render(
        d=document,
        chart_of=lambda block: text_chart(charts.rebin(block.timeline, CHART_ROWS)),
        fall_of=lambda block: waterfall.text_waterfall(block.lanes),
    )
    text = text.replace(fmt.TIE, " ")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _escaped(value: Any) -> Any:
    return value if isinstance(value, Md) else md.escape(str(value))


def rich(text: Text) -> str:
    """Return a text as Markdown on one line."""
    pieces = text if isinstance(text, tuple) else (text,)
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: object) -> str:
    match piece:
        case Line():
            return prose.line_markdown(one_line(piece.text, TEXT))
        case Code():
            return md.code(one_line(piece.text, TEXT))
        case Strong():
            return f"**{md.escape(one_line(piece.text, TEXT))}**"
        case Cite():
            return md.escape(" ".join(piece.ids))
        case Moment():
            return fmt.stamp(piece.at) + (f" ({piece.local})" if piece.local else "")
        case Layer():
            return piece.name
        case Link():
            return f"[{md.escape(piece.text)}](#{piece.anchor})"
        case Badge():
            return f"{piece.level.glyph} {piece.level.word}"
        case _:
            return _text(str(piece))


def _text(text: str) -> str:
    """Return a string escaped; a space at either end ties it to its neighbour and stays."""
    inner = md.escape(one_line(text, TEXT))
    if not inner:
        return " " if text else ""
    return (" " if text[:1] == " " else "") + inner + (" " if text[-1:] == " " else "")


def _summary(text: Text) -> str:
    """Return text for inside ``<summary>``, which is HTML: Markdown is not read there."""
    pieces = text if isinstance(text, tuple) else (text,)
    told = "".join(plain(piece) for piece in pieces)
    return f"<code>{html.escape(one_line(told, 240))}</code>"


def plain(piece: object) -> str:
    """Return one piece as bare text."""
    match piece:
        case Line() | Code() | Strong() | Link():
            return piece.text
        case Cite():
            return " ".join(piece.ids)
        case Moment():
            return fmt.stamp(piece.at) + (f" ({piece.local})" if piece.local else "")
        case Layer():
            return piece.name
        case Badge():
            return f"{piece.level.glyph} {piece.level.word}"
        case _:
            return str(piece)
