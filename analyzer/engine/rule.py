"""A rule as the engine uses it: plain records that are cheap to read back from the cache.

They are msgspec Structs, because a run with a warm cache must not pay for pydantic or YAML; the
border where a rule file is checked is :mod:`analyzer.engine.rule_file`.
"""

from __future__ import annotations

from typing import Any

import msgspec

UNCLASSIFIED = "unknown.unclassified"
"""The rule for a failure that no other rule explains; it takes no part in the ranking."""

BEHIND = "behind"
"""Layer of a rule about what stands behind the edge; perspective turns it into a layer word."""

SECTIONS = ("Meaning", "Impact", "Diagnosis", "Fix", "Not this cause when")
"""Headings of a rule's prose, in this order."""

TEMPLATE_NAMES = ("emitter", "behind", "host", "model", "n", "duration", "status")
"""What titles, steps and prose may name between double braces."""


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """A context predicate with its parameters (durations in seconds, defaults filled in)."""

    name: str
    params: dict[str, float]

    @property
    def key(self) -> str:
        """Name of the column that holds its value: equal calls share one column."""
        inside = ",".join(f"{name}={value:g}" for name, value in sorted(self.params.items()))
        return f"{self.name}({inside})"


class Reference(msgspec.Struct, frozen=True):
    """A public page that documents the signature, and the day on which it was read."""

    url: str
    date: str


class Trace(msgspec.Struct, frozen=True):
    """Several attempts in time, each with the rule that is expected for it."""

    name: str
    rows: tuple[dict[str, Any], ...]


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One failure signature, the verdict on it, and what to tell people."""

    id: str
    rev: int
    title: str
    status: str
    tier: str
    layer: str
    """A layer word, or ``behind``."""
    cause: str
    emitted_by: str
    severity: str = "major"
    confidence: str
    billing_expected: str
    billing_why: str
    match: dict[str, Any]
    """Plain data, ``$lists`` resolved; :func:`analyzer.engine.tree.read` makes the tree."""
    requires: tuple[Call, ...] = ()
    raises: tuple[Call, ...] = ()
    lowers: tuple[Call, ...] = ()
    supersedes: tuple[str, ...] = ()
    retry_advice: str | None = None
    retry_why: str | None = None
    retry_idempotent_only: bool = False
    retry_wait_s: float | None = None
    evidence: tuple[str, ...] = ()
    """Columns to show; empty means those that it matched on."""
    decided_by: tuple[str, ...] = ()
    next_user: tuple[str, ...] = ()
    next_operator: tuple[str, ...] = ()
    next_provider: tuple[str, ...] = ()
    examples_match: tuple[dict[str, Any], ...] = ()
    examples_no_match: tuple[dict[str, Any], ...] = ()
    examples_todo: tuple[dict[str, Any], ...] = ()
    traces: tuple[Trace, ...] = ()
    references: tuple[Reference, ...] = ()
    since: str = ""
    aliases: tuple[str, ...] = ()
    sections: dict[str, str] = {}
    """Heading -> Markdown, see :data:`SECTIONS`."""
    source: str = ""
    """Path of its file, as shown in messages."""
    builtin: bool = True
    """Whether it is the packaged one, unchanged."""

    @property
    def folder(self) -> str:
        """First part of the id: the emitter's kind, or ``local``."""
        return self.id.partition(".")[0]

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every context predicate that it asks for."""
        return (*self.requires, *self.raises, *self.lowers)
