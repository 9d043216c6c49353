"""The Markdown report small enough for a comment or a ticket: what goes first, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analyzer.analysis.model import Analysis, Evidence, Group, NextSteps
from analyzer.analysis.part import Part
from analyzer.render import formatting as fmt

LIMIT = 60_000
"""Bytes. GitHub refuses comments above 65 536 characters; the rest is for who adds a sentence."""
GROUPS = 5
MODELS = 10
_CHARS = 300
_ITEMS = 10

Render = Callable[[Analysis, frozenset[str], tuple[str, ...]], str]
"""Takes what is left, the parts that the template leaves out, and in words all that went."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One thing that may go."""

    part: str
    """Name by which the template leaves it out; empty if only the data shrinks."""
    said: Callable[[Analysis], str]
    """What goes, in words; nothing where there is nothing to take."""
    drop: Callable[[Analysis], Analysis]


def fit(analysis: Analysis, render: Render, limit: int = LIMIT) -> str:
    """Render with as much as stays within ``limit`` bytes; say what was left out.

    The verdict, the billing sentence and the first step of each party always stay.
    """
    parts: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()
    text = render(analysis, parts, left)
    for cut in CUTS:
        if len(text.encode()) <= limit:
            break
        said = cut.said(analysis)
        if said:
            left += (said,)
            parts |= {cut.part}
            analysis = cut.drop(analysis)
            text = render(analysis, parts, left)
    return text


def _groups_left_out(analysis: Analysis) -> str:
    rest = analysis.groups[GROUPS:]
    failed = fmt.count(sum(group.count for group in rest), "failed attempt")
    return f"{fmt.count(len(rest), 'failure group')} ({failed})" if rest else ""


def _first_groups(analysis: Analysis) -> Analysis:
    return analysis.model_copy(update={"groups": analysis.groups[:GROUPS]})


def _bare(items: list[Evidence]) -> list[Evidence]:
    nothing: dict[str, Any] = {
        "fields": {}, "excerpt": None, "timings_ms": {}, "request_ids": {}, "seen_in": [],
    }  # fmt: skip
    return [item.model_copy(update=nothing) for item in items]


def _without_prose(groups: list[Group]) -> list[Group]:
    names = ("meaning", "impact", "diagnosis", "fix", "not_when")
    return [group.model_copy(update=dict.fromkeys(names, "")) for group in groups]


def _worst_models(analysis: Analysis) -> Analysis:
    rows = sorted(analysis.models, key=lambda row: (-row.failed, -row.attempts, row.model))
    return analysis.model_copy(update={"models": rows[:MODELS]})


def _first_steps(analysis: Analysis) -> Analysis:
    steps = analysis.next_steps
    first = NextSteps(user=steps.user[:1], operator=steps.operator[:1], provider=steps.provider[:1])
    return analysis.model_copy(update={"next_steps": first})


def _more_steps(analysis: Analysis) -> str:
    steps = analysis.next_steps
    rest = sum(max(0, len(of) - 1) for of in (steps.user, steps.operator, steps.provider))
    return fmt.count(rest, "further step") if rest else ""


def _clipped(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _CHARS else value[: _CHARS - 1] + "…"
    if isinstance(value, Part):
        return type(value)(**{name: _clipped(item) for name, item in vars(value).items()})
    if isinstance(value, dict):
        return {_clipped(key): _clipped(item) for key, item in list(value.items())[:_ITEMS]}
    if isinstance(value, list | tuple):
        return type(value)(_clipped(item) for item in value[:_ITEMS])
    return value


def _update(**parts: Callable[[Analysis], Any]) -> Callable[[Analysis], Analysis]:
    return lambda analysis: analysis.model_copy(
        update={name: make(analysis) for name, make in parts.items()}
    )


def _counted(name: str, noun: str, before: str = "") -> Callable[[Analysis], str]:
    def said(analysis: Analysis) -> str:
        number = len(getattr(analysis, name))
        return before + fmt.count(number, noun) if number else ""

    return said


CUTS = (
    Cut("evidence", _counted("evidence", "evidence item", "the details of "),
        _update(evidence=lambda a: _bare(a.evidence))),
    Cut("", _groups_left_out, _first_groups),
    Cut("timeline", lambda a: "the timeline" if a.timeline.slots else "", lambda a: a),
    Cut("prose", lambda a: "what the groups mean" if a.groups else "",
        _update(groups=lambda a: _without_prose(a.groups))),
    Cut("", lambda a: fmt.count(len(a.models) - MODELS, "model") if len(a.models) > MODELS else "",
        _worst_models),
    Cut("tables", lambda a: "impact, alternatives, billing table, inputs and method", lambda a: a),
    Cut("places", _counted("evidence", "place", "the list of "),
        _update(evidence=lambda a: [])),
    Cut("", _more_steps, _first_steps),
    Cut("groups", _counted("groups", "failure group"), lambda a: a),
    Cut("models", _counted("models", "model"), _update(models=lambda a: [])),
    Cut("", lambda a: "the ends of long texts and lists", _clipped),
)  # fmt: skip
"""In the order in which they go: first what nobody needs for deciding what to do."""
