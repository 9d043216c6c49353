"""The headline: one sentence that is the same in every output."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from analyzer.analysis.model import Alternative, Group, Totals, Verdict, Window
from analyzer.analysis.parties import LAYER_LABELS

HEADLINE_SHARE = 0.5
"""A (layer, cause, party) is the headline from this share of the failed attempts on."""
_MODELS_NAMED = 2


def headline(groups: Sequence[tuple[Group, str | None]], totals: Totals, window: Window) -> Verdict:
    """Return the verdict over written-up groups, each with its party, most failures first."""
    if totals.attempts == 0 or totals.failed == 0:
        return _nothing_failed(totals, window)
    shown = sum(group.count for group, _ in groups)
    if not shown:
        return _all_suppressed(totals, window)
    combined: dict[tuple[str, str, str | None], list[Group]] = {}
    for group, party in groups:
        combined.setdefault((group.layer, group.cause, party), []).append(group)
    ranked = sorted(combined.items(), key=lambda item: -sum(g.count for g in item[1]))
    (layer, cause, party), members = ranked[0]
    covered = sum(group.count for group in members)
    if covered < HEADLINE_SHARE * shown:
        return _several([group for _, members in ranked for group in members], shown)
    return _one(layer, cause, party, members, covered, shown)


def _one(
    layer: str, cause: str, party: str | None, members: list[Group], covered: int, failed: int
) -> Verdict:
    lead = members[0]
    models = _models(members)
    first = min((g.first for g in members if g.first), default=None)
    last = max((g.last for g in members if g.last), default=None)
    told = "Cannot tell which hop failed" if layer == "unknown" else LAYER_LABELS[layer]
    told += f" ({party})" if party else ""
    where = ", ".join(part for part in (_named(models), span(first, last)) if part)
    text = f"{told}: {lead.title.rstrip('.')}; {_of(covered, failed)}"
    return Verdict(
        text=f"{text}{', ' + where if where else ''} (confidence: {lead.confidence}).",
        status="unsure" if layer == "unknown" else "fail",
        layer=layer,
        cause=cause,
        party=party,
        confidence=lead.confidence,
        failed=covered,
        of=failed,
        models=models,
        first=first,
        last=last,
        evidence=[place for group in members for place in group.evidence][:3],
        group=lead.fingerprint,
    )


def _several(groups: list[Group], failed: int) -> Verdict:
    # No party is named here: what is said of several parties in the same words is one cause.
    same: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        same.setdefault((group.layer, group.title), []).append(group)
    ranked = sorted(same.values(), key=lambda members: -sum(g.count for g in members))
    causes = [
        f"{members[0].title.rstrip('.')} ({members[0].layer}, {sum(g.count for g in members)})"
        for members in ranked[:3]
    ]
    rest = len(ranked) - len(causes)
    more = f" and {rest} more" if rest > 0 else ""
    text = f"Several causes: {', '.join(causes)}{more}; {failed} failed attempts."
    return Verdict(
        text=text,
        status="mixed",
        failed=sum(g.count for members in ranked[:3] for g in members),
        of=failed,
        models=_models([g for members in ranked for g in members]),
        first=min((g.first for ms in ranked for g in ms if g.first), default=None),
        last=max((g.last for ms in ranked for g in ms if g.last), default=None),
        evidence=[members[0].evidence[0] for members in ranked[:3] if members[0].evidence],
    )


def _nothing_failed(totals: Totals, window: Window) -> Verdict:
    if totals.attempts == 0:
        return Verdict(text="No LLM API traffic was found.", status="unsure")
    when = span(window.start, window.end)
    text = f"No failures in {count(totals.ok, 'attempt')}{', ' + when if when else ''}"
    if totals.undecided:
        text += f"; {totals.undecided} more end outside the capture"
    return Verdict(text=f"{text}.", status="ok", first=window.start, last=window.end)


def _all_suppressed(totals: Totals, window: Window) -> Verdict:
    text = (
        f"All {count(totals.failed, 'failure')} are of kinds that your knowledge.yaml suppresses."
    )
    return Verdict(text=text, status="ok", of=totals.failed, first=window.start, last=window.end)


def alternatives(groups: Sequence[Group]) -> list[Alternative]:
    """Return what else the failures could be: possible rules, ambiguity, and what would decide."""
    found: dict[tuple[str, str], Alternative] = {}
    for group in groups:
        for possible in group.possible:
            key = (possible.layer, possible.cause)
            if key != (group.layer, group.cause) and key not in found:
                found[key] = Alternative(
                    layer=possible.layer,
                    cause=possible.cause,
                    why=f"{possible.title.rstrip('.')} ({possible.rule} fits).",
                    decided_by=[possible.needs] if possible.needs else [],
                )
        if group.confidence != "certain" and group.decided_by:
            found.setdefault(
                (group.layer, group.cause),
                Alternative(
                    layer=group.layer,
                    cause=group.cause,
                    why=f"{group.title.rstrip('.')}: concluded with {group.confidence} confidence.",
                    decided_by=group.decided_by,
                ),
            )
    return list(found.values())


def count(number: int, noun: str) -> str:
    """Return ``1 attempt`` or ``3 attempts``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(first: datetime | None, last: datetime | None) -> str:
    """Return ``2026-11-22 14:21-14:38 UTC``; seconds within a minute, both dates past midnight."""
    if first is None or last is None:
        return ""
    start = f"{first:%Y-%m-%d %H:%M}"
    if f"{last:%Y-%m-%d %H:%M}" == start:
        second = f"{first:%Y-%m-%d %H:%M:%S}"
        return f"{second} UTC" if f"{last:%S}" == second[-2:] else f"{second}-{last:%H:%M:%S} UTC"
    end = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{start}-{end} UTC"


def _of(covered: int, failed: int) -> str:
    if covered == failed:
        return f"{failed} failed attempt" if failed == 1 else f"all {failed} failed attempts"
    return f"{covered} of {failed} failed attempts"


def _models(groups: Sequence[Group]) -> list[str]:
    named: dict[str, int] = {}
    for group in groups:
        for model in group.models:
            named[model.value] = named.get(model.value, 0) + model.count
    return sorted(named, key=lambda name: (-named[name], name))


def _named(models: Sequence[str]) -> str:
    real = [model for model in models if model != "(no model)"]
    shown = ", ".join(real[:_MODELS_NAMED])
    more = len(real) - _MODELS_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
