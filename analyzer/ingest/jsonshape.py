"""JSON lines of one shape, cut at their quotes: twice as fast as decoding them.

A program writes most of its lines with the same keys in the same order. Cut at the double quotes,
all such lines have equally many pieces, and the same keys at the same places. A line of another
shape, or with an escape in a text that is read, does not fit and has to be decoded.

To compare every key of every line takes as long as decoding. In every line the keys of what is read
are compared, and those that differ from request to request, such as the names of headers; the
other keys of a program in lines from all over a block. The number of pieces, the braces and the
form of every value that is read are looked at in every line too. A line that is broken only where
nothing is read passes for one that is whole, and what a rare line has in the place of an unread
key is not read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

_MOST_PIECES = 400
_SAMPLE = 200
"""Lines by which the shape of a block is told."""
_SHARE = 0.6
"""Share of these that must have one shape: lines that do not fit are read twice."""
_TRIES = 3
_TOKEN = re.compile(r"[{}\[\]:,]|[^\s{}\[\]:,]+")
_BARE = re.compile(r"[^\s{}\[\]:,]+")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)\.\d+\Z")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")

Path = tuple[str | int, ...]
"""Keys, and positions in arrays."""


class Shape(NamedTuple):
    """How to cut the lines of one shape."""

    pieces: int
    fields: tuple[pl.Expr, ...]
    """The keys that are read, over the columns ``p0 p1 …``."""
    fits: pl.Expr

    def scan(self, data: bytes) -> pl.LazyFrame:
        """Return of every line of ``data`` the keys that are read, and whether it ``_fits``."""
        made = scan(data, self.pieces)
        return made.select(*self.fields, _fits=self.fits.fill_null(False))


@dataclass(frozen=True, slots=True)
class Found:
    """A line whose shape most lines of a block have."""

    walk: Walk
    read: Fields
    fields: tuple[pl.Expr, ...]
    """What is read, over the columns ``p0 p1 …``."""
    alike: list[list[str]]
    """The pieces of the lines that have equally many."""

    def same(self, keys: Iterable[int]) -> bool:
        """Whether the keys at these pieces are the same in all of the lines."""
        return all(cut[at] == self.walk.pieces[at] for cut in self.alike for at in keys)


def scan(data: bytes, pieces: int) -> pl.LazyFrame:
    """Return the pieces of all lines, one row a line, as columns ``p0 p1 …``, and one more."""
    return pl.scan_csv(
        data,
        separator='"',
        quote_char=None,
        has_header=False,
        schema={f"p{number}": pl.String() for number in range(pieces + 1)},
        empty_string_is_null=False,
        missing_columns="insert",
        extra_columns="ignore",
        truncate_ragged_lines=True,
    )


def shape_of(lines: Sequence[str], type_: pl.Struct, vary: Container[str] = ()) -> Shape | None:
    """Return the shape that most of a block's lines have, by some of them (:func:`sample`).

    ``None``: there is none, or what is read cannot be cut. The keys inside of objects that are
    called as in ``vary`` are looked at in every line of the block.
    """
    found = found_in(lines, type_)
    if found is None:
        return None
    walk = found.walk
    fixed = [
        at
        for at, path in walk.keys.items()
        if path not in found.read.paths and not varies(path, vary)
    ]
    if not found.same(fixed):
        fixed = []
    try:
        checks = [*found.read.checks, *walk.frame()]
    except NoShapeError:
        return None
    checks += [piece(at) == walk.pieces[at] for at in walk.keys if at not in fixed]
    # A quote too many gives a piece too many.
    checks.append(piece(len(walk.pieces)).fill_null("") == "")
    return Shape(len(walk.pieces), found.fields, pl.all_horizontal(checks))


def varies(path: Path, vary: Container[str]) -> bool:
    """Whether a key is inside of an object whose keys differ from line to line."""
    return any(key in vary for key in path[:-1])


def found_in(lines: Sequence[str], type_: pl.Struct) -> Found | None:
    """Return the shape of most of some lines; ``None``: there is none, or it cannot be cut."""
    alike = most_alike(lines)
    # The first of them may be a broken one.
    tried = (_found(first, alike, type_) for first in alike[:_TRIES])
    return next((found for found in tried if found is not None), None)


def most_alike(lines: Sequence[str]) -> list[list[str]]:
    """Return the pieces of those of some lines that have equally many, unless they are few.

    Lines with the usual keys come first.
    """
    cut = [line.split('"') for line in lines]
    if not cut:
        return []
    usual = Counter(map(len, cut)).most_common(1)[0][0]
    alike = [pieces for pieces in cut if len(pieces) == usual]
    if usual > _MOST_PIECES or len(alike) < _SHARE * len(cut):
        return []
    often = Counter(map(keys_of, alike))
    return sorted(alike, key=lambda pieces: -often[keys_of(pieces)])


def keys_of(pieces: Sequence[str]) -> tuple[str, ...]:
    """Return what seem to be the keys of a line, by what stands behind them."""
    behind = pieces[2::2]
    return tuple(key for key, then in zip(pieces[1::2], behind, strict=False) if then[:1] == ":")


def sample(lines: Sequence[str]) -> Sequence[str]:
    """Return lines from all over a block."""
    return lines[:: max(len(lines) // _SAMPLE, 1)]


def _found(first: list[str], alike: list[list[str]], type_: pl.Struct) -> Found | None:
    walk = Walk(first)
    try:
        walk.value((), json.loads('"'.join(first), object_pairs_hook=_single))
        read = Fields(walk)
        fields = [
            read.field(inner.dtype, (inner.name,)).alias(inner.name) for inner in type_.fields
        ]
    except (ValueError, RecursionError, NoShapeError):
        return None
    return Found(walk, read, tuple(fields), alike)


class NoShapeError(Exception):
    """Lines like this one cannot be cut."""


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise NoShapeError
    return made


def piece(at: int) -> pl.Expr:
    """Return a piece of a line."""
    return pl.col(f"p{at}")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is no object and no array."""

    at: int
    """The piece in which it stands."""
    quoted: bool
    whole: bool
    """Whether it is in that piece alone, and a bare one the only one of it."""


@dataclass(slots=True)
class Walk:
    """Finds the values of one line among its pieces."""

    pieces: list[str]
    leaves: dict[Path, Leaf] = field(default_factory=dict)
    branches: dict[Path, Any] = field(default_factory=dict)
    """The objects and arrays."""
    places: dict[Path, int] = field(default_factory=dict)
    """The pieces in which these begin."""
    keys: dict[int, Path] = field(default_factory=dict)
    """The pieces that are keys, and what they are the key of."""
    _tokens: Iterator[tuple[int, str]] = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = self._tokenized()

    def _tokenized(self) -> Iterator[tuple[int, str]]:
        """Yield each token with its piece; of a text the quote, twice if it is several pieces."""
        at, last = 0, len(self.pieces) - 1
        while True:
            for found in _TOKEN.finditer(self.pieces[at]):
                yield at, found[0]
            if at == last:
                return
            begun = at = at + 1
            while _ESCAPED.search(self.pieces[at]):
                at += 1
            yield begun, '"' if at == begun else '""'
            at += 1

    def value(self, path: Path, value: Any) -> None:
        """Find ``value``, which is parsed, and all that is in it."""
        at, token = next(self._tokens)
        if not isinstance(value, dict | list):
            quoted = token[0] == '"'
            alone = len(token) == 1 if quoted else len(_BARE.findall(self.pieces[at])) == 1
            self.leaves[path] = Leaf(at, quoted, alone)
            return
        self.branches[path] = value
        self.places[path] = at
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str):
                self._key(key, path)
            self.value((*path, key), inner)
            next(self._tokens)
        if not value:
            next(self._tokens)

    def _key(self, key: str, path: Path) -> None:
        at, _ = next(self._tokens)
        if self.pieces[at] != key:
            raise NoShapeError
        self.keys[at] = (*path, key)
        next(self._tokens)

    def around(self, at: int) -> tuple[str, str, str]:
        """Return what of a piece outside of texts is before, in and behind its bare value."""
        text = self.pieces[at]
        bare = _BARE.search(text)
        return (text[: bare.start()], bare[0], text[bare.end() :]) if bare else (text, "", "")

    def frame(self) -> Iterator[pl.Expr]:
        """Yield what has to hold for the braces and the end of a line to be in their places."""
        braces = {at for at, token in self._tokenized() if token in ("{", "}")}
        for at in sorted(braces):
            begun, bare, ended = self.around(at)
            if not bare:
                yield piece(at) == begun
            elif len(_BARE.findall(self.pieces[at])) == 1:
                yield piece(at).str.starts_with(begun) & piece(at).str.ends_with(ended)
            else:
                raise NoShapeError


class Fields:
    """Makes the expressions of what is read, and collects what has to hold for them."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.checks: list[pl.Expr] = []
        self.paths: set[Path] = set()
        """The paths of what is read, and of what it stands in."""

    def field(self, type_: Any, path: Path) -> pl.Expr:
        """Return the value at ``path`` as ``type_``, as decoding would.

        Other than decoding, it gives a list as text: joined with ``, ``.
        """
        self.paths.add(path)
        leaf = self._walk.leaves.get(path)
        inside = self._walk.branches.get(path)
        if leaf is not None:
            if isinstance(type_, pl.List) and not self._is_null(leaf):
                return pl.concat_list(self._leaf(type_.inner, leaf))
            return self._leaf(type_, leaf)
        if inside is None:
            return pl.lit(None, type_)
        if isinstance(type_, pl.Struct) and isinstance(inside, dict):
            return pl.struct(
                self.field(inner.dtype, (*path, inner.name)).alias(inner.name)
                for inner in type_.fields
            )
        if isinstance(type_, pl.List) and isinstance(inside, list):
            return self._list(type_, path, inside)
        if type_ == pl.String and isinstance(inside, list) and inside:
            texts = [self.field(type_, (*path, at)) for at in range(len(inside))]
            return pl.concat_str(texts, separator=", ") if len(texts) > 1 else texts[0]
        raise NoShapeError

    def _list(self, type_: pl.List, path: Path, inside: list[Any]) -> pl.Expr:
        if inside:
            return pl.concat_list(self.field(type_.inner, (*path, at)) for at in range(len(inside)))
        at = self._walk.places[path]
        self.checks.append(piece(at) == self._walk.pieces[at])
        return pl.lit([], type_)

    def _is_null(self, leaf: Leaf) -> bool:
        return not leaf.quoted and self._walk.around(leaf.at)[1] == "null"

    def _leaf(self, type_: Any, leaf: Leaf) -> pl.Expr:
        if not leaf.whole:
            raise NoShapeError
        text = piece(leaf.at)
        if leaf.quoted:
            if type_ != pl.String:
                raise NoShapeError
            # Else an object with one key would pass for a text.
            before = piece(leaf.at - 1)
            self.checks.append(before == self._walk.pieces[leaf.at - 1])
            # What is escaped has to be decoded.
            self.checks.append(~text.str.contains("\\", literal=True))
            return text
        begun, bare, ended = self._walk.around(leaf.at)
        if bare == "null":
            self.checks.append(text == self._walk.pieces[leaf.at])
            return pl.lit(None, type_)
        return self._bare(type_, text.str.strip_prefix(begun).str.strip_suffix(ended), bare)

    def _bare(self, type_: Any, text: pl.Expr, sample: str) -> pl.Expr:
        if sample in ("true", "false"):
            if type_ not in (pl.String, pl.Boolean):
                raise NoShapeError
            self.checks.append(text.is_in(["true", "false"]))
            return text if type_ == pl.String else text == "true"
        if type_ == pl.Boolean or not (_WHOLE.match(sample) or _DECIMAL.match(sample)):
            raise NoShapeError
        whole = _WHOLE.match(sample) is not None and not type_.is_float()
        number = text.cast(pl.Int64 if whole else pl.Float64, strict=False)
        self.checks.append(number.is_not_null() if whole else number.is_finite())
        if type_ == pl.String:
            if not whole:
                # Decoded, 5.0 is the text 5, and 1e3 is 1000.
                self.checks.append(number != number.floor())
            return text
        if type_.is_integer() != whole:
            raise NoShapeError
        return number.cast(type_)
