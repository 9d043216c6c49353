"""Reading the knowledge: the packaged directory and the user's own, from the cache if possible."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from analyzer.engine import files
from analyzer.engine.cache import Cache
from analyzer.engine.knowledge import Finding, KnowledgeBase, Suppression
from analyzer.errors import ConfigError

__all__ = ["Finding", "KnowledgeBase", "Suppression", "load"]


def load(root: Path, extra: Sequence[Path] = (), *, cached: bool = True) -> KnowledgeBase:
    """Return the rules and data of the packaged directory and of the user's directories.

    A user's rule that is broken is left out and reported in ``problems``. ``cached=False`` neither
    reads nor writes the cache.

    Raises:
        ConfigError: a directory does not exist, or a packaged file is broken.
    """
    roots = [root, *extra]
    for path in roots:
        if not path.is_dir():
            raise ConfigError(f"{path}: no such knowledge directory")
    found = [files.walk(path) for path in roots]
    cache = Cache(roots, found) if cached else None
    knowledge = cache.read() if cache else None
    if knowledge is None:
        # Only a cold start pays for pydantic and YAML.
        from analyzer.engine import assemble

        content = files.content(found)
        knowledge = assemble.assemble(roots, found, version=content[:12])
        if cache:
            cache.write(knowledge, content)
    return _without_expired(knowledge)


def _without_expired(knowledge: KnowledgeBase) -> KnowledgeBase:
    """Drop suppressions whose last day has passed; not cached, because it depends on today."""
    today = _today().isoformat()
    expired = [s for s in knowledge.suppressions if s.until and s.until < today]
    if not expired:
        return knowledge
    said = tuple(
        Finding(
            f"{s.source}: the suppression of '{s.rule}' ended on {s.until}; it no longer applies"
        )
        for s in expired
    )
    kept = tuple(s for s in knowledge.suppressions if s not in expired)
    return msgspec.structs.replace(
        knowledge, suppressions=kept, problems=(*knowledge.problems, *said)
    )


def _today() -> dt.date:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch else dt.datetime.now(dt.UTC)
    return now.date()
