"""Keeping a report small enough to mail: what goes, in which order, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analyzer.render.incident.document import Block, Document, Folded, Para, Part, Pre, Section

HARD_BYTES = {"html": 5_000_000, "markdown": 1_000_000}
"""As for every report: mail systems, and GitHub's limit for a job summary."""
SAMPLES = 6
GROUPS = 5

Drop = Callable[[Section], Section]


def fit(document: Document, render: Callable[[Document], str], hard: int) -> str:
    """Render with as much as stays within ``hard`` bytes; what went is said in the report.

    Numbers, verdict, steps and the hypothesis are never dropped: if even the least is larger, it
    is returned.
    """
    text = render(document)
    left: list[str] = []
    for told, drop in _ORDER:
        if len(text.encode()) <= hard:
            break
        left.append(told)
        parts = tuple(_dropped(part, drop) for part in document.parts)
        document = replace(document, parts=parts, left=tuple(left))
        text = render(document)
    return text


def _dropped(part: Part, drop: Drop) -> Part:
    return replace(part, sections=tuple(drop(section) for section in part.sections))


def _no_excerpts(section: Section) -> Section:
    if section.name != "evidence":
        return section
    kept = [_without_text(block) for block in section.blocks]
    return replace(section, blocks=tuple(kept[:SAMPLES]))


def _without_text(block: Block) -> Block:
    if not isinstance(block, Folded):
        return block
    return replace(block, blocks=tuple(one for one in block.blocks if not isinstance(one, Pre)))


def _few_groups(section: Section) -> Section:
    if section.name != "groups":
        return section
    return replace(section, blocks=section.blocks[:GROUPS])


def _gone(*names: str) -> Drop:
    def drop(section: Section) -> Section:
        if section.name not in names:
            return section
        return replace(section, blocks=(), omitted="To keep this report small.")

    return drop


def _no_tables(section: Section) -> Section:
    if section.name != "timeline":
        return section
    kept = tuple(block for block in section.blocks if not isinstance(block, Folded))
    text = "The table of the same numbers is left out to keep this report small."
    return replace(section, blocks=(*kept, Para(text, quiet=True)))


_ORDER: tuple[tuple[str, Drop], ...] = (
    (f"texts of samples, and samples beyond {SAMPLES}", _no_excerpts),
    ("all samples", _gone("evidence")),
    (f"failure groups beyond {GROUPS}", _few_groups),
    ("where the time went", _gone("time")),
    ("what differs", _gone("differs")),
    ("the tables of the timeline", _no_tables),
    ("failure groups", _gone("groups")),
)
