"""Keeping a report small enough to mail: what is left out, in which order, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analyzer.analysis.model import Analysis, Evidence, Note
from analyzer.render import formatting as fmt


@dataclass(frozen=True, slots=True)
class Level:
    """How much is kept."""

    excerpt_chars: int
    evidence: int
    groups: int
    models: int


LEVELS = (
    Level(excerpt_chars=4096, evidence=2000, groups=500, models=1000),
    Level(excerpt_chars=300, evidence=300, groups=200, models=500),
    Level(excerpt_chars=0, evidence=100, groups=80, models=200),
    Level(excerpt_chars=0, evidence=20, groups=20, models=50),
)
"""From whole to least. Numbers, verdict and steps are never trimmed."""


def fit(analysis: Analysis, render: Callable[[Analysis], str], soft: int, hard: int) -> str:
    """Render with as much as stays within ``hard`` bytes; say what was left out.

    A report above ``soft`` bytes says that it is large. If even the least is above ``hard``, the
    least is returned: a report that is too long is better than none.
    """
    text = ""
    for level in LEVELS:
        smaller, left = _keep(analysis, level)
        text = render(_noted(smaller, _left_out(left)) if left else smaller)
        size = len(text.encode())
        if size <= hard:
            if size > soft:
                large = f"This report is {fmt.size(size)}: too large for some mail systems."
                text = render(_noted(smaller, [*_left_out(left), large]))
            break
    return text


def _keep(analysis: Analysis, level: Level) -> tuple[Analysis, list[str]]:
    groups = analysis.groups[: level.groups]
    evidence = [_shorter(item, level.excerpt_chars) for item in analysis.evidence[: level.evidence]]
    models = sorted(analysis.models, key=lambda row: (-row.failed, -row.attempts, row.model))
    left = [
        fmt.count(all_ - kept, noun)
        for noun, all_, kept in (
            ("failure group", len(analysis.groups), len(groups)),
            ("evidence item", len(analysis.evidence), len(evidence)),
            ("model", len(models), min(len(models), level.models)),
        )
        if all_ > kept
    ]
    cut = sum(a.excerpt != b.excerpt for a, b in zip(analysis.evidence, evidence, strict=False))
    if cut:
        left.append(f"the text of {fmt.count(cut, 'excerpt')}")
    parts = {"groups": groups, "evidence": evidence, "models": models[: level.models]}
    return analysis.model_copy(update=parts), left


def _shorter(item: Evidence, chars: int) -> Evidence:
    if item.excerpt is None or len(item.excerpt) <= chars:
        return item
    return item.model_copy(update={"excerpt": item.excerpt[:chars] or None, "excerpt_cut": True})


def _left_out(left: list[str]) -> list[str]:
    if not left:
        return []
    return [f"Left out to keep this report small: {', '.join(left)}. The JSON output has them."]


def _noted(analysis: Analysis, texts: list[str]) -> Analysis:
    notes = [Note(level="warn", text=text) for text in texts]
    quality = analysis.quality.model_copy(update={"caps": [*notes, *analysis.quality.caps]})
    return analysis.model_copy(update={"quality": quality})
