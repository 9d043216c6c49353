"""The match tree: what ``match`` of a rule says, checked and with the path of every condition.

::

    node  := mapping; keys are fields or all | any | not; several keys in one mapping = AND
    all   := list of nodes, every one    any := list, at least one    not := list, none of them
    field := scalar (eq) | list (in) | mapping of operators (AND)

This module knows no Polars expressions; :mod:`analyzer.engine.compile` makes them from the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from analyzer import columns
from analyzer.engine import operators
from analyzer.errors import ConfigError, did_you_mean

GROUPS = ("all", "any", "not")
KnownColumns = Callable[[str], pl.DataType | None]
Path = tuple[str | int, ...]

_LIST_NAME = re.compile(r"\$[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition."""

    field: str
    operator: str
    value: Any
    path: Path
    """Where it stands below ``match``: ``("all", 0, "status", "gte")``; eq and in as scalar or list
    have no last part."""


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions that hold together: ``all`` of them, ``any`` of them or ``not`` one of them."""

    kind: str
    children: tuple[Node, ...]
    path: Path


Node = Leaf | Group


@dataclass(frozen=True, slots=True)
class MatchProblem:
    """What is wrong with a part of a match."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}"


class MatchError(ConfigError):
    """A match that cannot be used; ``problems`` has all that is wrong with it."""

    def __init__(self, problems: Sequence[MatchProblem]) -> None:
        """Keep every problem, so that a writer sees them all at once."""
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def dotted(path: Path) -> str:
    """Return a path as people read it: ``all.0.status.gte``."""
    return ".".join(str(part) for part in path) or "match"


def read(node: Any, *, known: KnownColumns = columns.dtype_of, trusted: bool = False) -> Node:
    """Check the plain data of a ``match`` and return its tree.

    ``known`` gives the type of a column, or ``None`` if there is no such column. ``trusted`` skips
    the checks of values (a regular expression is compiled for its check), for a match that was
    checked when it was put into the cache.

    Raises:
        MatchError: with all problems and their paths.
    """
    reader = _Reader(known, trusted)
    tree = reader.node(node, ())
    if reader.problems:
        raise MatchError(reader.problems)
    assert tree is not None
    return tree


def leaves(node: Node) -> Iterator[Leaf]:
    """Yield every condition of a tree in the order of writing."""
    if isinstance(node, Leaf):
        yield node
        return
    for child in node.children:
        yield from leaves(child)


def resolve_lists(node: Any, lists: Mapping[str, Sequence[Any]], path: Path = ()) -> Any:
    """Return the plain match with every ``$name`` value of in, not_in, contains_any replaced.

    Raises:
        MatchError: there is no list of that name.
    """
    if isinstance(node, dict):
        return {key: _resolved(key, value, lists, (*path, key)) for key, value in node.items()}
    if isinstance(node, list):
        return [resolve_lists(item, lists, (*path, i)) for i, item in enumerate(node)]
    return node


def _resolved(key: str, value: Any, lists: Mapping[str, Sequence[Any]], path: Path) -> Any:
    operator = operators.OPERATORS.get(key)
    if not (operator and operator.takes_list and isinstance(value, str)):
        return resolve_lists(value, lists, path)
    if not _LIST_NAME.fullmatch(value):
        return value
    found = lists.get(value[1:])
    if found is None:
        hint = did_you_mean(value[1:], lists)
        reason = f"there is no list '{value}' (knowledge/_lists/{value[1:]}.yaml).{hint}"
        raise MatchError([MatchProblem(path, reason)])
    return list(found)


class _Reader:
    def __init__(self, known: KnownColumns, trusted: bool) -> None:
        self.known = known
        self.trusted = trusted
        self.problems: list[MatchProblem] = []

    def fail(self, path: Path, message: str) -> None:
        self.problems.append(MatchProblem(path, message))

    def node(self, node: Any, path: Path) -> Node | None:
        if not isinstance(node, dict) or not node:
            self.fail(path, "expected a mapping such as {status: 503}, or all/any/not with a list")
            return None
        children: list[Node | None] = []
        for key, value in node.items():
            if key in GROUPS:
                children.append(self.group(key, value, (*path, key)))
            else:
                children.extend(self.field(key, value, (*path, key)))
        made = tuple(child for child in children if child)
        return made[0] if len(made) == 1 else Group("all", made, path) if made else None

    def group(self, kind: str, value: Any, path: Path) -> Group | None:
        if not isinstance(value, list) or not value:
            self.fail(path, f"'{kind}' takes a list with at least one condition")
            return None
        children = [self.node(item, (*path, i)) for i, item in enumerate(value)]
        return Group(kind, tuple(child for child in children if child), path)

    def field(self, name: str, value: Any, path: Path) -> list[Leaf]:
        dtype = self.known(name)
        if dtype is None:
            hint = did_you_mean(name, _candidates(name))
            if "-" in name and not hint:
                hint = f" A header is written resp_header.{name.lower()} (or req_header.…)."
            self.fail(path, f"there is no column '{name}'.{hint}")
            return []
        if columns.is_header(name) and name != name.lower():
            self.fail(path, f"header names are lower case: '{name.lower()}'")
            return []
        if isinstance(value, dict):
            if not value:
                self.fail(path, "a mapping of operators needs at least one")
            found = [self.leaf(name, op, item, dtype, (*path, op)) for op, item in value.items()]
        else:
            if isinstance(value, str) and _LIST_NAME.fullmatch(value):
                self.fail(path, f"write {{in: {value}}} to use the list")
            found = [self.leaf(name, _short(value, dtype), value, dtype, path)]
        return [leaf for leaf in found if leaf]

    def leaf(self, name: str, op: str, value: Any, dtype: pl.DataType, path: Path) -> Leaf | None:
        operator = operators.OPERATORS.get(op)
        kind = operators.kind_of(dtype)
        if operator is None or kind not in operator.kinds:
            allowed = operators.for_kind(kind)
            what = "there is no operator" if operator is None else f"no operator for {kind}:"
            hint = did_you_mean(op, allowed)
            self.fail(path, f"{what} '{op}'; '{name}' knows {', '.join(allowed)}.{hint}")
            return None
        problem = "" if self.trusted else operator.problem(value, kind)
        if problem:
            self.fail(path, f"'{op}': {problem}")
            return None
        return Leaf(name, op, value, path)


def _short(value: Any, dtype: pl.DataType) -> str:
    if isinstance(value, list):
        return "in"
    return "has" if isinstance(dtype, pl.List) else "eq"


def _candidates(name: str) -> list[str]:
    return [*columns.BY_NAME, *GROUPS, *(prefix + name for prefix in columns.HEADER_PREFIXES)]
