"""The knowledge base as plain records: everything that a run needs to know, cheap to cache."""

from __future__ import annotations

from typing import Any

import msgspec

from analyzer.engine.rule import Rule
from analyzer.signals.catalogue import SignalData


class Finding(msgspec.Struct, frozen=True):
    """Something about the knowledge that its owner should know; the run goes on."""

    message: str
    """A sentence that begins with ``path:line:column``."""
    rule: str = ""
    """Id of the rule that was left out, if one was."""


class Suppression(msgspec.Struct, frozen=True):
    """A user's wish not to be bothered with a known failure; it is counted, never hidden."""

    rule: str
    why: str
    until: str = ""
    """Last day on which it holds; empty means for ever."""
    where: dict[str, Any] | None = None
    """A match that narrows it."""
    source: str = ""


class KnowledgeBase(msgspec.Struct, frozen=True, kw_only=True):
    """Rules and the data beside them."""

    rules: tuple[Rule, ...]
    """Sorted by id; disabled and broken ones are not in it."""
    headers: frozenset[str]
    """Header columns that the rules look at or show."""
    version: str
    """Short fingerprint of the content of all knowledge files."""
    data: dict[str, Any]
    """The other YAML files by path without suffix: ``providers``, ``gateways/rutaapi``."""
    signals: SignalData = SignalData()
    """Providers, products, gateways, marks and clients out of ``data``."""
    disabled: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    problems: tuple[Finding, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Display name of every provider, product, gateway and client, by slug."""
        return self.signals.names()

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule of that id or of that former id."""
        for rule in self.rules:
            if rule.id == rule_id or rule_id in rule.aliases:
                return rule
        return None
