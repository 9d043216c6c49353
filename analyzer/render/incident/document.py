"""A report as plain data: sections of blocks of text, the same for every rendering.

A text is a string, one of the marked pieces below, or a tuple of both. Strings are shown as they
are; nothing in them is markup in any rendering.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeAlias

from analyzer.analysis.model import Timeline
from analyzer.render.view import Level
from analyzer.render.waterfall import Lane


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of the knowledge base: code spans in it are meant."""

    text: str
    kind: ClassVar[str] = "line"


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs of the knowledge base, in Markdown; links to ``links`` only."""

    text: str
    links: tuple[str, ...] = ()
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be copied or compared: an id, a path, a command."""

    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True, slots=True)
class Strong:
    """A word that stands out."""

    text: str
    kind: ClassVar[str] = "strong"


@dataclass(frozen=True, slots=True)
class Cite:
    """Ids of evidence."""

    ids: tuple[str, ...]
    kind: ClassVar[str] = "cite"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: UTC, with the time in a second zone behind it if one was asked for."""

    at: datetime
    local: str = ""
    kind: ClassVar[str] = "moment"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, with its letter."""

    name: str
    kind: ClassVar[str] = "layer"


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to a section of the same document."""

    anchor: str
    text: str
    kind: ClassVar[str] = "link"


@dataclass(frozen=True, slots=True)
class Badge:
    """How bad it is, as glyph and word."""

    level: Level
    kind: ClassVar[str] = "badge"


Piece: TypeAlias = str | Line | Code | Strong | Cite | Moment | Layer | Link | Badge
Text: TypeAlias = Piece | tuple[Piece, ...]


# ------------------------------------------------------------------ blocks


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph; a quiet one says what is not there."""

    text: Text
    quiet: bool = False
    kind: ClassVar[str] = "para"


@dataclass(frozen=True, slots=True)
class Passage:
    """Prose of a rule under its label."""

    label: str
    prose: Prose
    kind: ClassVar[str] = "passage"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value with an optional remark."""

    label: str
    value: Text
    remark: Text = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Labelled values, one a line."""

    items: tuple[Fact, ...]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, with items below it."""

    text: Text
    below: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Item, ...]
    ordered: bool = False
    kind: ClassVar[str] = "items"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, and whether it holds numbers."""

    title: str
    number: bool = True
    spare: int = 0
    """On a narrow terminal: 1 may be left out, 2 is left out together with all others of 2."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names the rows. ``heat`` shades cells from 1 to 4, 0 is none."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
    total: tuple[Text, ...] = ()
    heat: tuple[tuple[int, ...], ...] = ()
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Chart:
    """The timeline as a picture, with the stretch that is the incident."""

    caption: str
    summary: str
    timeline: Timeline
    start: datetime | None = None
    end: datetime | None = None
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True, slots=True)
class Fall:
    """Where the time of the shown attempts went, as a picture."""

    lanes: tuple[Lane, ...]
    kind: ClassVar[str] = "fall"


@dataclass(frozen=True, slots=True)
class Pre:
    """Text whose lines and spaces matter."""

    text: str
    label: str
    kind: ClassVar[str] = "pre"


@dataclass(frozen=True, slots=True)
class Head:
    """A heading inside a section."""

    text: Text
    kind: ClassVar[str] = "head"


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that may be folded away under a summary; ``id`` is where citations lead."""

    title: Text
    remark: Text
    blocks: tuple[Block, ...]
    open: bool = False
    id: str = ""
    look: str = "group"
    kind: ClassVar[str] = "folded"


@dataclass(frozen=True, slots=True)
class Blank:
    """Something that people fill in."""

    label: str
    hint: str
    kind: ClassVar[str] = "blank"


Block: TypeAlias = (
    Para | Passage | Facts | Items | Table | Chart | Fall | Pre | Head | Folded | Blank
)


# ------------------------------------------------------------------ the document


@dataclass(frozen=True, slots=True)
class Section:
    """One of the sections, in the fixed order; left out only with the reason."""

    name: str
    """Short and stable: the anchor is made of it."""
    number: int
    title: str
    blocks: tuple[Block, ...] = ()
    omitted: str = ""
    """Why there is nothing here; empty if there is."""


@dataclass(frozen=True, slots=True)
class Part:
    """The report on one incident, or on a whole capture."""

    id: str
    """``I1``; empty for a whole capture."""
    level: Level
    title: str
    sections: tuple[Section, ...]

    def anchor(self, section: str) -> str:
        """Return the anchor of a section: ``i1-timeline``, or ``timeline`` for a whole capture."""
        return f"{self.id.lower()}-{section}" if self.id else section


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    audience: str
    preface: tuple[Block, ...]
    parts: tuple[Part, ...]
    generated_at: datetime
    tool: str
    """Name and version of the program and the version of its knowledge."""
    zone: str = ""
    """Second zone in which times are shown."""
    left: tuple[str, ...] = field(default=())
    """What was left out to keep the report small."""
