r"""From a ``log_format`` to expressions that cut its lines: splits and fixed slices, few regexes.

A line is split at one character, mostly the double quote: nginx writes a quote inside a value as
``\x22``, so that the split is exact. What stands in one piece is cut by its fixed widths from both
ends, then at the texts between the variables; a piece whose variables that cannot part (a list of
several servers' times before a blank) goes through a regex of its own. A line that does not have
the pieces, texts and widths of the format does not fit, and is looked at by :func:`regex`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import polars as pl

from analyzer.ingest.formats.logs.nginx_format import LogFormat, Part
from analyzer.ingest.formats.logs.nginx_variables import (
    MSEC,
    NUMBER,
    TAIL,
    Kind,
    kind_of,
)
from analyzer.ingest.lines import sampled

MAX_PIECES = 96
_SAMPLES = 64
"""Lines of a block by which it is told whether it has the texts of a format."""
_NO_SPLIT = "\x01"
"""Occurs in no line that nginx writes with its default escaping."""
_SPLITS = ('"', "\t", "|", ";")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_KEYED = re.compile(r"[=|;\"'()<>{}#@~\t]")
"""What neither an address nor a status, a time or a number has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to cut the lines of one format."""

    form: LogFormat
    split: str
    pieces: int
    open_end: bool
    """Whether more pieces may follow: the format ends with whatever stands behind."""
    values: dict[str, pl.Expr] = field(default_factory=dict)
    """Variable -> its text, over the columns ``p0 p1 …``."""
    checks: tuple[pl.Expr, ...] = ()
    texts: dict[int, str] = field(default_factory=dict)
    """Pieces that are the same text in every line, but for the last one."""

    def scan(self, data: bytes) -> pl.LazyFrame:
        """Return the pieces of all lines, one row a line, as columns ``p0 p1 …``."""
        more = 0 if self.open_end else 1
        return pl.scan_csv(
            data,
            separator=self.split,
            quote_char=None,
            has_header=False,
            schema={f"p{number}": pl.String() for number in range(self.pieces + more)},
            empty_string_is_null=False,
            missing_columns="insert",
            extra_columns="ignore",
            truncate_ragged_lines=True,
        )

    def shown(self, data: bytes) -> bool:
        """Whether lines taken from all over ``data`` have the texts of this plan.

        To read those pieces of every line costs a tenth of a run, and a change of the format shows
        in many lines; the number of pieces and all values are looked at in every line anyway.
        """
        quote = self.split.encode()
        wanted = {number: text.encode() for number, text in self.texts.items()}
        for line in sampled(data, _SAMPLES):
            pieces = line.split(quote)
            if len(pieces) < self.pieces:
                return False
            if any(pieces[number] != text for number, text in wanted.items()):
                return False
        return True

    def fits(self, *, texts: bool = True) -> pl.Expr:
        """Return whether a line has the form of this plan; its ``texts`` are looked at or not."""
        checks = list(self.checks)
        if texts:
            checks += [pl.col(f"p{number}") == text for number, text in self.texts.items()]
        if not self.open_end:
            # A value with the character at which lines are split gives a piece too many.
            checks.append(pl.col(f"p{self.pieces}").fill_null("") == "")
        return pl.all_horizontal(checks).fill_null(False)


def plan(form: LogFormat, wanted: Iterable[str], *, windows: bool = False) -> Plan:
    """Return the plan that gives the ``wanted`` variables of a format; the rest is not cut.

    ``windows``: the lines end with a carriage return.
    """
    if windows and form.parts[-1].text != TAIL:
        end = form.parts[-1]
        form = replace(form, parts=(*form.parts[:-1], replace(end, text=end.text + "\r")))
    split = _split(form)
    pieces = _pieces(form, split)
    made = _Cutter(frozenset(wanted))
    open_end = form.variables[-1] == TAIL
    for number, parts in enumerate(pieces):
        made.cut(number, parts, last=number == len(pieces) - 1)
    if open_end:
        # Apache writes a quote inside a value as \", which ends a piece too early.
        for number in range(1, len(pieces) - 1, 2):
            made.checks.append(~pl.col(f"p{number}").str.ends_with("\\"))
    checks = tuple(made.checks)
    return Plan(form, split, len(pieces), open_end, made.values, checks, made.texts)


def _split(form: LogFormat) -> str:
    """Return the character at which the lines of a format are split."""
    gaps = [part.text for part in form.parts[2:-1] if not part.variable]
    for char in _SPLITS:
        if char == '"' and any('"' in part.text for part in form.parts if not part.variable):
            return char
        if gaps and all(char in gap for gap in gaps):
            return char
    return _NO_SPLIT


def _pieces(form: LogFormat, split: str) -> list[list[Part]]:
    """Return the parts of each piece: texts and variables in turn, as in the whole."""
    pieces: list[list[Part]] = [[]]
    for part in form.parts:
        if part.variable:
            pieces[-1].append(part)
            continue
        first, *others = part.text.split(split)
        pieces[-1].append(Part(first))
        pieces += [[Part(text)] for text in others]
    return pieces[:MAX_PIECES]


@dataclass(frozen=True, slots=True)
class _Span:
    """What is left of a piece between its ends of fixed width."""

    first: int
    """Of the parts."""
    last: int
    """One behind the last of the parts."""
    at: int
    """Characters before it."""
    end: int
    """Characters behind it."""


class _Cutter:
    """Collects the expressions of one plan."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self.values: dict[str, pl.Expr] = {}
        self.checks: list[pl.Expr] = []
        self.texts: dict[int, str] = {}

    def cut(self, number: int, parts: list[Part], *, last: bool) -> None:
        """Cut one piece."""
        text = pl.col(f"p{number}")
        if len(parts) == 1 and last:
            self.checks.append(text == parts[0].text)
            return
        if len(parts) == 1:
            self.texts[number] = parts[0].text
            return
        if any(not middle.text for middle in parts[2:-1:2]):
            self._by_regex(text, parts)
            return
        self._middle(text, parts, self._fixed(text, parts))

    def _fixed(self, text: pl.Expr, parts: list[Part]) -> _Span:
        """Cut what has a fixed width, from both ends; return what is left."""
        first, at = 0, 0
        while first < len(parts):
            width = self._take(text, parts[first], at)
            if not width and (parts[first].variable or parts[first].text):
                break
            first, at = first + 1, at + width
        last, end = len(parts), 0
        while last > first:
            part = parts[last - 1]
            width = self._take(text, part, None, end)
            if not width and (part.variable or part.text):
                break
            last, end = last - 1, end + width
        return _Span(first, last, at, end)

    def _take(self, text: pl.Expr, part: Part, at: int | None, end: int = 0) -> int:
        """Take one part at ``at``, or ``end`` characters before the end; return its width.

        A part of no fixed width takes nothing: 0.
        """
        width = kind_of(part.text).width if part.variable else len(part.text)
        if not width:
            return 0
        where = text.str.slice(at, width) if at is not None else text.str.slice(-end - width, width)
        if part.variable:
            self._give(part.text, where)
        elif at == 0:
            self.checks.append(text.str.starts_with(part.text))
        elif at is None and end == 0:
            self.checks.append(text.str.ends_with(part.text))
        elif width > 1 and part.text.strip("[ "):
            # Blanks beside times and statuses need no look: if they are not there, these are none.
            self.checks.append(where == part.text)
        return width

    def _give(self, name: str, value: pl.Expr) -> None:
        if name in self._wanted:
            self.values.setdefault(name, value)

    def _middle(self, text: pl.Expr, parts: list[Part], span: _Span) -> None:
        """Cut what is left between the fixed ends: variables of any width and texts between."""
        inner = [part for part in parts[span.first : span.last] if part.variable or part.text]
        names = [part.text for part in inner if part.variable]
        if not self._wanted & set(names):
            return
        value = text.str.slice(span.at) if span.at else text
        value = value.str.head(-span.end) if span.end else value
        if len(inner) == 1:
            self._give(names[0], value)
            return
        if not inner[0].variable or not inner[-1].variable or not _parts_well(inner):
            self._by_regex(text, parts)
            return
        for part, sep in zip(inner[::2], [*inner[1::2], None], strict=True):
            if sep is None:
                self.checks.append(value.is_not_null())
                self._give(part.text, value)
                continue
            split = value.str.splitn(sep.text, 2).struct
            self._give(part.text, split.field("field_0"))
            value = split.field("field_1")

    def _by_regex(self, text: pl.Expr, parts: list[Part]) -> None:
        """Cut a piece by a regex of its own: slower, but by what each value looks like."""
        names = [part.text for part in parts if part.variable]
        found = text.str.extract_groups(f"^{''.join(_patterns(parts))}$").struct
        self.checks.append(found.field("1").is_not_null())
        for index, name in enumerate(names, 1):
            self._give(name, found.field(str(index)))


def _parts_well(inner: list[Part]) -> bool:
    """Whether the first occurrence of each text is the one that ends the value before it."""
    return all(
        _ends(kind_of(part.text), sep.text)
        for part, sep in zip(inner[::2], inner[1::2], strict=False)
    )


def _ends(kind: Kind, text: str) -> bool:
    if kind in (NUMBER, MSEC):
        return text[:1] not in "0123456789.-"
    if not kind.blanks:
        return any(char.isspace() for char in text)
    if kind.several:
        return _KEYED.search(text) is not None
    return len(text) > 2 and "=" in text


def regex(form: LogFormat) -> str:
    """Return a pattern of whole lines, in the syntax of Python and Rust: one group a variable."""
    return rf"^{''.join(_patterns(form.parts))}\s*$"


def prefixes(form: LogFormat) -> Iterator[tuple[str, str]]:
    """Yield each variable and the pattern of a line up to the text behind it.

    The first pattern that a line does not match tells where the line goes wrong.
    """
    patterns = _patterns(form.parts)
    pattern = f"^{patterns[0]}"
    for at in range(1, len(patterns), 2):
        pattern += patterns[at] + patterns[at + 1]
        yield form.parts[at].text, pattern


def _patterns(parts: Iterable[Part]) -> list[str]:
    return [
        f"({kind_of(part.text).pattern})" if part.variable else escape(part.text) for part in parts
    ]


def escape(text: str) -> str:
    """Return a text as a pattern that matches it, in the syntax of Python and Rust."""
    return _SPECIAL.sub(r"\\\1", text)
