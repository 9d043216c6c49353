"""A sheet of character cells: width, character set and colour of one terminal.

Every text passes through here before it is measured, so that widths are those of what is printed.
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.render import text as plain
from analyzer.render.view import Level

_SGR = {"FAIL": "1;31", "WARN": "1;33", "NOTE": "1;36", "OK": "1;32"}


@dataclass(frozen=True, slots=True)
class Paper:
    """How wide, which characters, whether colours."""

    width: int
    color: bool = False
    unicode: bool = True

    @property
    def mark(self) -> str:
        """What shows that something was cut."""
        return plain.ELLIPSIS if self.unicode else "..."

    def text(self, text: str) -> str:
        """Return ``text`` in the character set of this sheet."""
        return text if self.unicode else plain.to_ascii(text)

    def flat(self, text: str) -> str:
        """Return ``text`` on one line in the character set of this sheet."""
        return self.text(plain.one_line(text))

    def cells(self, text: str) -> int:
        """Return how many cells ``text`` takes when it is printed here."""
        return plain.cells(self.text(text))

    def wrap(self, text: str, width: int, most: int | None = None) -> list[str]:
        """Break ``text`` into lines; with ``most`` lines the last one shows the cut."""
        lines = plain.wrap(self.text(text), max(8, width), most=most, mark=self.mark)
        return [line.replace("\u00a0", " ") for line in lines]

    def clip(self, text: str, width: int) -> str:
        """Return ``text`` on one line of at most ``width`` cells."""
        return plain.clip(self.flat(text), width, self.mark)

    def fit(self, text: str, indent: int = 0) -> str:
        """Return one line that, behind ``indent`` cells, does not pass the edge of the sheet."""
        room = max(1, self.width - indent)
        return plain.clip(self.text(text), room, self.mark).replace("\u00a0", " ")

    def pad(self, text: str, width: int, *, right: bool = False) -> str:
        """Return ``text`` in exactly ``width`` cells."""
        return plain.pad(text, width, right=right, mark=self.mark)

    def hang(self, head: str, indent: int, lines: list[str]) -> list[str]:
        """Return ``lines`` indented, the first one behind ``head``."""
        body = lines or [""]
        space = " " * (indent - plain.cells(_bare(head)))
        return [head + space + body[0], *(" " * indent + line for line in body[1:])]

    def badge(self, level: Level) -> str:
        """Return glyph and word of a level, seven cells wide."""
        text = f"{level.glyph} {level.word}" if self.unicode else level.ascii
        return self._sgr(_SGR[level.word], text.ljust(6)) + " "

    def bold(self, text: str) -> str:
        """Return ``text``, bold where colours are allowed."""
        return self._sgr("1", text)

    def dim(self, text: str) -> str:
        """Return ``text``, dimmed where colours are allowed."""
        return self._sgr("2", text)

    def _sgr(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text


def _bare(text: str) -> str:
    """Return ``text`` without our own SGR sequences, for measuring."""
    while "\x1b[" in text:
        start = text.index("\x1b[")
        text = text[:start] + text[text.index("m", start) + 1 :]
    return text
