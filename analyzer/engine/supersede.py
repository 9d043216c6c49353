"""The ``supersedes`` edges between rules: circles, and what follows from an edge by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Edges = Mapping[str, Sequence[str]]


def cycle(edges: Edges) -> list[str]:
    """Return one circle of edges, first id repeated at the end, or an empty list."""
    done: set[str] = set()
    for start in sorted(edges):
        found = _visit(start, edges, done, [])
        if found:
            return found
    return []


def _visit(rule: str, edges: Edges, done: set[str], trail: list[str]) -> list[str]:
    if rule in trail:
        return [*trail[trail.index(rule) :], rule]
    if rule in done:
        return []
    trail.append(rule)
    for loser in sorted(edges.get(rule, ())):
        found = _visit(loser, edges, done, trail)
        if found:
            return found
    trail.pop()
    done.add(rule)
    return []


def closure(edges: Edges) -> dict[str, frozenset[str]]:
    """Return for each rule all that it supersedes, directly or through others (no circles)."""
    known: dict[str, frozenset[str]] = {}

    def below(rule: str) -> frozenset[str]:
        if rule not in known:
            direct = frozenset(edges.get(rule, ()))
            known[rule] = direct.union(*(below(loser) for loser in direct))
        return known[rule]

    for rule in edges:
        below(rule)
    return known
