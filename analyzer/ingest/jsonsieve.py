"""JSON lines of one shape told apart by kind, without reading them: see ``ingest/sifting.py``.

Lines are cut at their quotes as in ``ingest/jsonshape.py``. The number of a line's kind is made of
the values that are read of it, but for measures and ids. In every line those keys are compared that
may differ from line to line or that stand before a number; the others in lines from all over a
block, and the braces between not at all: a line that has the values of its kind in their places is
counted as one of it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from analyzer.ingest import jsonshape
from analyzer.ingest.jsonshape import Path, Walk, piece
from analyzer.ingest.lines import sampled

_SAMPLES = 200
"""Lines of a block by which its shape is told."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """How to tell the kinds of lines of one shape."""

    shape: jsonshape.Found
    steady: frozenset[int]
    """The pieces of keys that are not compared in every line."""
    kind: pl.Expr
    """UInt64; null where a line does not have the shape."""
    texts: dict[str, pl.Expr]
    """What was asked for, as text, by its key."""

    def fits(self, lines: Sequence[str]) -> bool:
        """Whether it serves for other lines, some of another block, as well."""
        alike = jsonshape.most_alike(lines)
        return (
            bool(alike)
            and len(alike[0]) == len(self.shape.walk.pieces)
            and jsonshape.keys_of(alike[0]) == jsonshape.keys_of(self.shape.walk.pieces)
            and replace(self.shape, alike=alike).same(self.steady)
        )

    def scan(self, data: bytes) -> pl.LazyFrame:
        """Return ``kind`` and the texts of every line of ``data``."""
        cut = jsonshape.scan(data, len(self.shape.walk.pieces))
        return cut.select(kind=self.kind, **self.texts)


def sample(data: bytes) -> list[str]:
    """Return lines from all over a block."""
    return [line.decode("utf-8", "replace") for line in sampled(data, _SAMPLES)]


def sieve_of(
    lines: Sequence[str], type_: pl.Struct, texts: Sequence[Path],
    apart: Callable[[Path], bool], vary: Container[str] = (),
) -> Sieve | None:  # fmt: skip
    """Return how to sift a block, by some of its lines; ``None`` if they have no shape in common.

    ``texts`` are paths of what shall be returned; values ``apart`` make no kind. The keys inside of
    objects that are called as in ``vary`` may differ from line to line.
    """
    found = jsonshape.found_in(lines, type_)
    if found is None:
        return None
    walk = found.walk
    told = {str(path[-1]): _text(walk, path) for path in texts}
    kinds = [path for path in found.read.paths if not apart(path)]
    hashed = set(_values(walk, kinds))
    if not hashed:
        # Most of the lines are no records: they say nothing of what is read.
        return None
    steady = {at for at, path in walk.keys.items() if not jsonshape.varies(path, vary)}
    if found.same(steady):
        steady -= set(_keys(walk, [*texts, *(path for path in kinds if _is_bare(walk, path))]))
    else:
        steady.clear()
    last = len(walk.pieces) - 1
    one_more = piece(last + 1)
    checks = [piece(at) == walk.pieces[at] for at in walk.keys if at not in steady]
    # The end of a line: a number may stand before it.
    begun, bare, ended = walk.around(last)
    checks.append(piece(last).str.ends_with(ended) if bare else piece(last) == begun)
    # A quote too many gives a piece too many.
    checks.append(one_more.is_null() | (one_more == ""))
    number = pl.sum_horizontal(piece(at).hash(at) for at in sorted(hashed))
    kind = pl.when(pl.all_horizontal(checks)).then(number)
    return Sieve(found, frozenset(steady), kind, told)


def _values(walk: Walk, paths: Sequence[Path]) -> Iterator[int]:
    """Yield the pieces of values, and those of empty lists."""
    for path in paths:
        if path in walk.leaves:
            yield walk.leaves[path].at
        elif not walk.branches.get(path, True):
            yield walk.places[path]


def _keys(walk: Walk, paths: Sequence[Path]) -> Iterator[int]:
    """Yield the pieces of the keys before some values."""
    for path in paths:
        if path in walk.leaves:
            yield max(at for at in walk.keys if at < walk.leaves[path].at)


def _is_bare(walk: Walk, path: Path) -> bool:
    return path in walk.leaves and not walk.leaves[path].quoted


def _text(walk: Walk, path: Path) -> pl.Expr:
    """Return the value at ``path`` as text; null where there is none, or no single one."""
    leaf = walk.leaves.get(path)
    if leaf is None:
        return pl.lit(None, pl.String())
    if leaf.quoted:
        return piece(leaf.at)
    begun, _, ended = walk.around(leaf.at)
    return piece(leaf.at).str.strip_prefix(begun).str.strip_suffix(ended)
