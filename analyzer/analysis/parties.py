"""Who is who: names of the parties of a failure, and the words that prose may interpolate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")

LAYER_LABELS = {
    "client": "Client",
    "network": "Network",
    "edge": "Edge",
    "gateway": "Gateway",
    "upstream": "Upstream",
    "unknown": "Unknown",
}

Row = Mapping[str, Any]

_MARKUP = re.compile(r"([\\`*_\[\]<>~|!])")
_LEADING = re.compile(r"^(?:([-+=#])|(\d+)([.)]))")


@dataclass(frozen=True, slots=True)
class Names:
    """Display names by slug: providers, products and gateway profiles, from the knowledge data."""

    by_slug: Mapping[str, str]
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What to look at in the settings of a client, by its slug."""

    def of(self, slug: str | None) -> str | None:
        """Return the display name of a slug, or the slug itself."""
        return self.by_slug.get(slug, slug) if slug else None

    def party(self, row: Row) -> str | None:
        """Return who failed, in words; ``None`` for the client, the network and the unknown."""
        layer = row["layer"]
        if layer == "upstream":
            return self.of(row["provider"]) or row["error_provider"] or row["host"]
        if layer == "gateway":
            return self._gateway(row) or row["host"]
        if layer == "edge":
            return self._edge(row) or row["host"]
        return None

    def words(self, row: Row) -> dict[str, str]:
        """Return the values of the placeholders that titles and prose may use for a row."""
        provider = self.of(row["provider"])
        own = bool(row["provider_host"])
        gateway = self._gateway(row) or "the gateway"
        emitters = {
            "edge": self._edge(row) or "the edge",
            "gateway": gateway,
            "upstream": provider or "the provider",
            "network": "the forward proxy",
            "client": "the client",
            "none": "nobody",
        }
        if row["emitted_by"] == "edge":
            behind = f"{provider}'s server" if own and provider else gateway
        else:
            behind = provider or "the provider"
        return {
            "emitter": emitters.get(row["emitted_by"], "the answering hop"),
            "behind": behind,
            "host": row["host"] or "the host",
            "model": row["model"] or "the model",
            "status": str(row["status"]) if row["status"] is not None else "no status",
        }

    def _gateway(self, row: Row) -> str | None:
        return self.of(row["gateway"]) or self._product(row, "gateway")

    def _edge(self, row: Row) -> str | None:
        return self.of(row["edge"]) or self._product(row, "edge")

    def _product(self, row: Row, hop: str) -> str | None:
        """Return the product that wrote a log, by its format: ``haproxy-json`` is HAProxy's."""
        if row["hop"] != hop:
            return None
        slug = str(row["format"] or "")
        while slug and slug not in self.by_slug:
            slug = slug.rpartition("-")[0]
        return self.by_slug[slug] if slug else None


def fill(text: str, words: Mapping[str, str]) -> str:
    """Replace ``{{ name }}`` by its word; a name that is not known stays as it is.

    A word that opens the text gets a capital letter.
    """
    filled = _PLACEHOLDER.sub(lambda m: words.get(m.group(1), m.group(0)), text)
    return filled[:1].upper() + filled[1:] if text.startswith("{{") else filled


def quoted(words: Mapping[str, str]) -> dict[str, str]:
    """Return words for Markdown prose: names from a log are text there, whatever they hold."""
    return {name: _text(word) for name, word in words.items()}


def _text(word: str) -> str:
    inside = _MARKUP.sub(r"\\\1", word)
    return _LEADING.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", inside)


def unticked(words: Mapping[str, str]) -> dict[str, str]:
    """Return words for sentences whose only markup is the code span."""
    return {name: word.replace("`", "'") for name, word in words.items()}
