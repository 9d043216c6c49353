"""Text from logs made safe to show, and measured and wrapped in character cells.

Logs come from strangers: what would move, recolour, reorder or hide text is written out by
:mod:`analyzer.redact.text`, so that what is shown is what is there. The terminal, HTML and Markdown
renderers work on a copy of the Analysis that :func:`shown` made, and each escapes what its own
format treats as markup.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, TypeVar

from analyzer.analysis.part import Part
from analyzer.redact.text import visible

ELLIPSIS = "…"
_FOLD = re.compile("[ \n]+")
"""Where a line may break: not at a no-break space, which ties a number to its unit."""
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILE = re.compile(f"([{_MARKS}]{{4}})([{_MARKS}]+)")
"""No language needs more than four combining marks on a letter."""
_ASCII = {
    "\u202f": ",", "\u00a0": " ", "–": "-", "—": "-", "…": "...", "×": "x", "≥": ">=", "≤": "<=",
    "·": "|", "→": "->", "‘": "'", "’": "'", "“": '"', "”": '"',
}  # fmt: skip

T = TypeVar("T")


def one_line(text: str, limit: int | None = None) -> str:
    """Return ``text`` visible, on one line, and at most ``limit`` characters with an ellipsis.

    No-break spaces stay, unlike in :func:`analyzer.redact.text.one_line`: our numbers have them.
    """
    flat = _FOLD.sub(" ", calm(text).replace("\t", " ")).strip(" ")
    if limit is None or len(flat) <= limit:
        return flat
    return flat[: max(0, limit - 1)].rstrip() + ELLIPSIS


def calm(text: str) -> str:
    """Return ``text`` visible, and without marks piled so high that they hide the lines around."""
    text = visible(text)
    return text if text.isascii() else _PILE.sub(_counted, text)


def _counted(match: re.Match[str]) -> str:
    kept, rest = match[1], match[2]
    return f"{kept}[+{len(rest)} combining marks]"


def shown(value: T) -> T:
    """Return a copy of an Analysis (or any part of it) in which every text is made visible."""
    return _map_text(value)  # type: ignore[no-any-return]


def _map_text(value: Any) -> Any:
    if isinstance(value, str):
        return calm(value).replace("\t", "    ")
    if isinstance(value, Part):
        return type(value)(**{name: _map_text(item) for name, item in vars(value).items()})
    if isinstance(value, dict):
        return {_map_text(str(key)): _map_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map_text(item) for item in value)
    return value


def to_ascii(text: str) -> str:
    """Return ``text`` for a stream that can show ASCII only; nothing is dropped."""
    if text.isascii():
        return text
    mapped = "".join(_ASCII.get(char, char) for char in text)
    return mapped.encode("ascii", "backslashreplace").decode("ascii")


def cells(text: str) -> int:
    """Return how many terminal cells ``text`` takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def head(text: str, width: int) -> tuple[str, str]:
    """Split ``text`` so that the first part fits into ``width`` cells (but holds a character)."""
    used = 0
    for index, char in enumerate(text):
        used += _cell(char)
        if used > width and index:
            return text[:index], text[index:]
    return text, ""


def clip(text: str, width: int, mark: str = ELLIPSIS) -> str:
    """Return ``text`` cut to ``width`` cells, the cut shown by ``mark``."""
    return text if cells(text) <= width else _marked(text, width, mark)


def _marked(text: str, width: int, mark: str) -> str:
    """Return as much of ``text`` as fits with ``mark`` behind it."""
    room = width - cells(mark)
    kept = head(text, room)[0] if room > 0 else ""
    return (kept.rstrip() if cells(kept) <= room else "") + mark


def pad(text: str, width: int, *, right: bool = False, mark: str = ELLIPSIS) -> str:
    """Return ``text`` in exactly ``width`` cells, clipped or filled with spaces."""
    text = clip(text, width, mark)
    space = " " * (width - cells(text))
    return space + text if right else text + space


def wrap(text: str, width: int, *, most: int | None = None, mark: str = ELLIPSIS) -> list[str]:
    """Break ``text`` into lines of ``width`` cells at spaces; a longer word is broken inside.

    With ``most`` lines reached, the last one ends in ``mark``.
    """
    lines: list[str] = []
    line = ""
    for word in _FOLD.split(text.strip(" \n")):
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while cells(word) > width:
            part, word = head(word, width)
            lines.append(part)
        line = word
    lines.extend([line] if line else [])
    if most is None or len(lines) <= most:
        return lines
    last = f"{lines[most - 1]} {lines[most]}"
    return [*lines[: most - 1], _marked(last, width, mark)]
