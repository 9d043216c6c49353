r"""How the lines of an nginx access log are laid out: what stands behind the user agent.

The log is split at its double quotes: nginx writes a quote inside a value as ``\x22``, so that the
split is exact. ``combined`` gives seven pieces; fields such as ``rt=0.12 us="502, 200"`` behind it
give more, whose places are learnt from the first lines.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import polars as pl

COMBINED_PIECES = 7
MAX_PIECES = 48

ALIASES: dict[str, tuple[str, ...]] = {
    "request_time": ("rt", "request_time", "req_time", "reqtime"),
    "upstream_addr": ("ua", "upstream_addr", "uaddr", "upstream"),
    "upstream_status": ("us", "upstream_status", "ups_status", "ustatus"),
    "upstream_response_time": ("ut", "urt", "upstream_response_time"),
    "upstream_connect_time": ("uc", "uct", "upstream_connect_time"),
    "upstream_header_time": ("uh", "uht", "upstream_header_time"),
    "request_length": ("rl", "request_length"),
    "request_id": ("rid", "req_id", "request_id", "reqid", "x_request_id"),
    "host": ("host", "vhost", "http_host"),
    "model": ("model",),
}
"""Our field -> the names that people give it in their log_format."""

FIELDS = tuple(ALIASES)
_BY_KEY = {key: name for name, keys in ALIASES.items() for key in keys}

LINE = re.compile(
    rb'[^\[]{1,400}\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "((?:[^"\\]|\\.)*+)" '
    rb'(?:\d{3}|-) (?:\d+|-)(?: "(?:[^"\\]|\\.)*+" "(?:[^"\\]|\\.)*+"(.*))?\s*\Z'
)
_KEY = re.compile(r"(?:\A|(?<=\s))([A-Za-z_][\w.-]*)=")


@dataclass(frozen=True, slots=True)
class Value:
    """Where a field's value stands: in a quoted piece, or between two texts of an unquoted one."""

    piece: int
    before: str = ""
    after: str = ""

    def expr(self) -> pl.Expr:
        """Return the value as text."""
        text = pl.col(f"p{self.piece}")
        if self.before:
            # Only the first key of a piece stands at its very beginning.
            text = text.str.splitn(self.before, 2).struct.field("field_1")
        if self.after:
            text = text.str.splitn(self.after, 2).struct.field("field_0")
        return text.str.strip_chars()


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of the fields, and what stands around them in every line of this layout."""

    pieces: int = COMBINED_PIECES
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[int, str] = field(default_factory=dict)
    """Pieces that are the same in every line."""
    starts: dict[int, str] = field(default_factory=dict)
    ends: dict[int, str] = field(default_factory=dict)

    @property
    def used(self) -> list[str]:
        """The pieces that are looked at."""
        numbers = {0, 1, 2, 3, 4, 5, 6, *self.constants, *self.starts, *self.ends}
        numbers |= {value.piece for value in self.values.values()}
        return [f"p{number}" for number in sorted(numbers)]

    def value(self, name: str) -> pl.Expr:
        """Return a field's value as text; null if this layout has no such field."""
        found = self.values.get(name)
        return found.expr() if found else pl.lit(None, pl.String())

    def fits(self) -> pl.Expr:
        """Return whether a line has this layout."""
        numbers = pl.col("p2").str
        checks = [
            pl.col("p0").str.ends_with("] "),
            numbers.slice(0, 1) == " ",
            numbers.slice(4, 1) == " ",
            numbers.ends_with(" "),
            pl.col("p4") == " ",
        ]
        checks += [pl.col(f"p{piece}") == text for piece, text in self.constants.items()]
        checks += [pl.col(f"p{at}").str.starts_with(text) for at, text in self.starts.items()]
        checks += [pl.col(f"p{at}").str.ends_with(text) for at, text in self.ends.items()]
        if not self.values:
            # Fields that begin later in the file than the layout was learnt must not get lost.
            checks.append(~pl.col("p6").str.contains("=", literal=True))
        return pl.all_horizontal(checks)


def sample(head: bytes, most: int = 50) -> list[bytes]:
    """Return the first lines of a head that are not blank; the last one may be cut off and goes."""
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    whole = lines[:-1] if len(lines) > 1 else lines
    return [line for line in whole if line.strip()][:most]


def layout_of(head: bytes) -> Layout:
    """Return the layout that most of the first lines share."""
    tails: Counter[tuple[tuple[str, ...], ...]] = Counter()
    for line in sample(head):
        match = LINE.match(line)
        if match is not None and match[2] is not None:
            tails[_shape(match[2].decode("utf-8", "replace"))] += 1
    if not tails:
        return Layout()
    return _layout(tails.most_common(1)[0][0])


def _shape(tail: str) -> tuple[tuple[str, ...], ...]:
    """Return the keys of each piece outside quotes: what all lines of one log_format share."""
    return tuple(tuple(_KEY.findall(piece)) for piece in tail.split('"')[::2])


def _layout(shape: tuple[tuple[str, ...], ...]) -> Layout:
    pieces = min(COMBINED_PIECES + 2 * (len(shape) - 1), MAX_PIECES)
    values: dict[str, Value] = {}
    constants: dict[int, str] = {}
    starts: dict[int, str] = {}
    ends: dict[int, str] = {}
    for index, keys in enumerate(shape):
        piece = COMBINED_PIECES - 1 + 2 * index
        if piece >= pieces or not keys:
            continue
        quoted = index + 1 < len(shape)
        if quoted:
            _note(values, keys[-1], Value(piece + 1))
        if quoted and len(keys) == 1:
            constants[piece] = f" {keys[0]}="
            continue
        starts[piece] = f" {keys[0]}="
        if quoted:
            ends[piece] = f" {keys[-1]}="
        for at, key in enumerate(keys[:-1] if quoted else keys):
            after = f" {keys[at + 1]}=" if at + 1 < len(keys) else ""
            _note(values, key, Value(piece, f" {key}=", after))
    return Layout(pieces, values, constants, starts, ends)


def _note(values: dict[str, Value], key: str, value: Value) -> None:
    name = _BY_KEY.get(key.lower())
    if name is not None:
        values.setdefault(name, value)


def known_keys(tail: bytes) -> bool:
    """Whether a tail has fields that we know."""
    return any(key.lower() in _BY_KEY for key in _KEY.findall(tail.decode("utf-8", "replace")))


def from_tail(tail: pl.Expr, name: str) -> pl.Expr:
    """Return a field's value from a tail of any layout: slower, for the lines that do not fit."""
    keys = "|".join(ALIASES[name])
    quoted = tail.str.extract(rf'(?:^|\s)(?:{keys})="([^"]*)"', 1)
    bare = tail.str.extract(rf'(?:^|\s)(?:{keys})=([^\s"=,]+(?:(?:,| :) [^\s"=,]+)*)(?:[\s,]|$)', 1)
    return pl.coalesce(quoted, bare)
