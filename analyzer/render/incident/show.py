"""A document in any of its forms. Its texts were made visible once, before any of them."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, TypeVar

from analyzer.analysis.part import Part as AnalysisPart
from analyzer.render.incident import data, html, markdown, size, text
from analyzer.render.incident.document import Document
from analyzer.render.text import calm, one_line, shown, to_ascii

T = TypeVar("T")


def render(
    document: Document, form: str, *, width: int = 80, color: bool = False, unicode: bool = True,
    verbosity: int = 0,
) -> str:  # fmt: skip
    """Return the document as ``text``, ``html``, ``markdown`` or ``json``."""
    if form == "json":
        return data.render(document)
    plain = visible(document)
    if form == "html":
        return size.fit(plain, html.render, size.HARD_BYTES["html"])
    if form == "markdown":
        return size.fit(plain, markdown.render, size.HARD_BYTES["markdown"])
    return text.render(plain, width=width, color=color, unicode=unicode, verbosity=verbosity)


def lines(document: Document, *, unicode: bool = True) -> str:
    """Return one line for each part: its verdict."""
    told = [f"{part.level.glyph} {part.level.word}  {one_line(part.title)}"
            for part in document.parts]  # fmt: skip
    ascii_ = [f"{part.level.ascii}  {to_ascii(one_line(part.title))}" for part in document.parts]
    return "\n".join(told if unicode else ascii_) + "\n"


def visible(value: T) -> T:
    """Return a copy in which every text shows what is there, and nothing acts or hides."""
    return _map(value)  # type: ignore[no-any-return]


def _map(value: Any) -> Any:
    if isinstance(value, str):
        return calm(value).replace("\t", "    ")
    if isinstance(value, datetime):
        return value
    if isinstance(value, AnalysisPart):
        return shown(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value)]
        return dataclasses.replace(value, **{name: _map(getattr(value, name)) for name in names})
    if isinstance(value, dict):
        return {_map(str(key)): _map(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map(item) for item in value)
    return value
