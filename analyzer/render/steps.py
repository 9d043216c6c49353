"""What to do now: the steps of each party, and which of them are against the same failures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from analyzer.analysis.model import Analysis, Step
from analyzer.render import view

NOTHING = "No failures, so nothing to do."


@dataclass(frozen=True, slots=True)
class Block:
    """Steps of one party that follow from one failure group."""

    title: str
    """What the steps are against; empty where the party has only one block."""
    count: int
    evidence: tuple[str, ...]
    rule: str
    first: int
    """Number of the first step in the party's list."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Party:
    """Who can act, and what on; ``empty`` says why there is nothing."""

    key: str
    title: str
    steps: tuple[Step, ...]
    blocks: tuple[Block, ...]
    """The same steps by what they are against."""
    empty: str


def parties(analysis: Analysis) -> list[Party]:
    """Return the three lists of what to do now."""
    why = "No step follows from the evidence." if analysis.totals.failed else NOTHING
    titles = {view.rule_id(group.rule): group.title for group in reversed(analysis.groups)}
    steps = analysis.next_steps
    return [
        Party(key, title, tuple(taken), blocks(taken, titles), why)
        for key, title, taken in (
            ("user", "User", steps.user),
            ("operator", "Gateway operator", steps.operator),
            ("provider", "Provider", steps.provider),
        )
    ]


def blocks(steps: list[Step], titles: dict[str, str]) -> tuple[Block, ...]:
    """Return steps that stand together because they are against the same failures."""
    runs = [list(run) for _, run in groupby(steps, lambda s: (s.rule, s.count, tuple(s.evidence)))]
    made: list[Block] = []
    for run in runs:
        lead, rule = run[0], view.rule_id(run[0].rule or "")
        title = titles.get(rule, "") if len(runs) > 1 else ""
        first = 1 + sum(len(block.steps) for block in made)
        made.append(Block(title, lead.count, tuple(lead.evidence), rule, first, tuple(run)))
    return tuple(made)
