"""Lint: edges of supersedes lead somewhere and change something."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.engine.lint.base import Catalogue, Issue, Lint
from analyzer.engine.supersede import closure, cycle
from analyzer.errors import did_you_mean


class Supersedes(Lint):
    """Every edge names a rule of the same tier, no edge follows from others, and none goes back."""

    code = "KB033"
    doc = "supersedes names no rule, goes round in a circle, or has no effect."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        rules = catalogue.rules
        edges = {name: rule.supersedes for name, rule in rules.items()}
        ring = cycle(edges)
        if ring:
            place = catalogue.place(ring[0], "supersedes")
            yield self.issue(place, f"goes round in a circle: {' -> '.join(ring)}")
            return
        below = closure(edges)
        broken = any(file.rule is None for file in catalogue.files)
        for name, rule in rules.items():
            for index, loser in enumerate(rule.supersedes):
                place = catalogue.place(name, "supersedes", index)
                other = rules.get(loser)
                if other is None:
                    if loser not in catalogue.known:
                        near = did_you_mean(loser, rules)
                        yield self.issue(place, f"there is no rule '{loser}'.{near}", soft=broken)
                elif other.tier != rule.tier:
                    message = f"no effect: '{loser}' is {other.tier}, this rule is {rule.tier}"
                    yield self.issue(place, message, soft=True)
                elif any(loser in below[one] for one in rule.supersedes if one != loser):
                    yield self.issue(place, f"'{loser}' already follows from the others", soft=True)
