"""Lint: a changed verdict has a new revision."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.engine import lock
from analyzer.engine.lint.base import Catalogue, Issue, Lint
from analyzer.errors import Location


class Locked(Lint):
    """``rev`` moves when the verdict does."""

    code = "KB050"
    doc = "What a verdict depends on has changed, but rev has not; or the lock file is not current."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        if catalogue.lock is None:
            return
        rules = catalogue.rules
        stale = "the lock file is not current: run 'analyze kb lock'"
        for file in catalogue.files:
            if not file.rule:
                continue
            locked = catalogue.lock.get(file.rule.id)
            complaint = lock.complaint(file.rule, locked)
            if complaint:
                yield self.issue(file.locate("rev"), complaint)
            elif not locked or locked.get("rev") != file.rule.rev:
                yield self.issue(file.locate("rev"), stale, soft=True)
        broken = any(file.rule is None for file in catalogue.files)
        former = {name for rule in rules.values() for name in rule.aliases}
        for name in catalogue.lock:
            if name not in rules and name not in former and not broken:
                message = f"'{name}' is gone; a renamed rule names it in 'aliases'"
                yield self.issue(Location(lock.FILE), message, soft=True)
