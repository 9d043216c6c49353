"""Escaping for GitHub-flavoured Markdown.

GitHub and GitLab link ``@name``, ``#123``, URLs and commit ids and draw ``:emoji:`` after the
Markdown is rendered, so a backslash does not stop it; a code span does. Words that could be taken
for one of these become code spans, and all other punctuation with a meaning is escaped.
"""

from __future__ import annotations

import re

_RISKY = re.compile(
    r"@|[#!~%$&][\d\"]|://|\bwww\.|\bmailto:|\bGH-\d"  # people, references, addresses
    r"|(?<![0-9A-Za-z])[0-9a-f]{7,40}(?![0-9A-Za-z])"  # commits
    r"|:(?:[a-z+-][\w+-]*|100|1234|8ball):",  # emoji
    re.IGNORECASE,
)
_MARKUP = re.compile(r"([\\`*\[\]<>|~#$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z]))")
_START = re.compile(r"^(\s*)([-+=]+|\d+[.)])(?=\s|$)")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def escape(text: str) -> str:
    """Return ``text`` on one line so that Markdown shows exactly it."""
    # Only spaces part words here: a no-break space ties a number to its unit.
    words = re.split("([ \n]+)", text)
    flat = "".join(" " if not word.strip(" \n") and word else _word(word) for word in words)
    return _START.sub(r"\1\\\2", flat)


def _word(word: str) -> str:
    if _RISKY.search(word):
        return code(word)
    return _ENTITY.sub(r"\\&", _MARKUP.sub(r"\\\1", word))


def code(text: str) -> str:
    """Return ``text`` as a code span; the delimiter is longer than any run of backticks inside."""
    flat = " ".join(text.split("\n")).strip()
    if not flat:
        return ""
    ticks = "`" * (_longest_run(flat) + 1)
    space = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{ticks}{space}{flat}{space}{ticks}"


def cell(text: str) -> str:
    """Return Markdown for a table cell: a pipe ends a cell even inside a code span."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\|", r"\1\\|", text).replace("\n", " ")


def fence(text: str, language: str = "text") -> str:
    """Return ``text`` as a fenced block whose fence is longer than any run of backticks inside."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text.rstrip(chr(10))}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
