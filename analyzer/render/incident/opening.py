"""The first two sections: the verdict, and what to do now."""

from __future__ import annotations

from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Input
from analyzer.render import facts as common
from analyzer.render import formatting as fmt
from analyzer.render import steps, view
from analyzer.render.incident.document import (
    Block,
    Code,
    Fact,
    Facts,
    Head,
    Item,
    Items,
    Line,
    Para,
    Piece,
    Strong,
    Text,
)
from analyzer.render.incident.sight import Sight

DRAFT = "Automatic draft, not reviewed."
_BILLED = {
    "billed": "billed", "partial": "billed in part", "unbilled": "not billed",
    "unknown": "not known",
}  # fmt: skip
_AHEAD = 4
"""Steps of a party that are shown."""


def verdict(sight: Sight) -> tuple[Block, ...]:
    """Return the sentence, how sure it is, and the three numbers."""
    a = sight.analysis
    blocks: list[Block] = [Para(Strong(a.verdict.text))]
    causes = view.causes(a)
    if causes:
        blocks.append(
            Items(
                tuple(
                    Item((f"{fmt.number(c.count)} × {c.layer}: {c.title} ", sight.cite(c.evidence)))
                    for c in causes[:6]
                ),
                ordered=True,
            )
        )
    blocks.append(Facts((*_who(sight), *_numbers(sight), *_origin(sight))))
    return tuple(blocks)


def _who(sight: Sight) -> list[Fact]:
    """Return the facts of the headline; times in both zones."""
    a, facts = sight.analysis, []
    for fact in common.verdict_facts(a):
        value: Text = fact.value
        if fact.label in ("Attempts", "Calls", "Covers"):
            continue
        if fact.label == "When":
            value = sight.window(a.verdict.first, a.verdict.last)
        cited = sight.cite(fact.evidence)
        facts.append(
            Fact(fact.label, (value, " ", cited) if cited and isinstance(value, str) else value,
                 fact.remark)
        )  # fmt: skip
    if sight.incident is not None:
        facts += _course(sight, sight.incident)
    return facts


def _course(sight: Sight, incident: Incident) -> list[Fact]:
    kind = {"storm": "a short burst of failures", "slow_burn": "a slow burn: few failures, long"}
    end = incident.end
    length = fmt.span(incident.start, end) if end else "it goes on when the capture ends"
    facts = [
        Fact("Incident", sight.window(incident.start, end or sight.analysis.window.end), length),
        Fact("Kind", kind.get(incident.kind, incident.kind), _scope(incident)),
    ]
    if incident.overlaps and sight.audience != "provider":
        facts.append(Fact("At the same time", ", ".join(incident.overlaps)))
    return facts


def _scope(incident: Incident) -> str:
    if incident.scope == "all":
        return "in all traffic"
    return f"only where {view.words(incident.scope)} is {incident.scope_value or 'not named'}"


def _numbers(sight: Sight) -> list[Fact]:
    """Return the three numbers: calls, attempts, money."""
    a, calls = sight.analysis, sight.analysis.calls
    lost = Fact("Calls failed", fmt.NOT_MEASURED, "not measured: retries cannot be told")
    if sight.audience == "provider":
        lost = Fact("Calls failed", fmt.NOT_MEASURED, "the provider sees attempts, not calls")
    elif calls is not None and calls.calls:
        whole = " (of the whole capture)" if sight.view.partial_calls else ""
        saved = f"{fmt.number(calls.rescued)} rescued by a retry"
        lost = Fact(
            "Calls failed",
            f"{fmt.number(calls.failed)} of {fmt.number(calls.ok + calls.failed)}{whole}", saved,
        )  # fmt: skip
    totals = a.totals
    share = fmt.percent(totals.failed, totals.ok + totals.failed)
    told = f"{fmt.number(totals.failed)} of {fmt.number(totals.ok + totals.failed)}"
    return [
        lost,
        Fact("Attempts failed", told, share if totals.failed else ""),
        Fact("Money", money(sight)),
    ]


def money(sight: Sight) -> Text:
    """Return the sentence on money; a provider gets counts, no amounts of others' ledgers."""
    if sight.audience != "provider":
        return Line(sight.analysis.billing.text)
    counts: dict[str, int] = {}
    for row in sight.analysis.billing.rows:
        counts[row.billing] = counts.get(row.billing, 0) + row.count
    told = ", ".join(f"{fmt.number(n)} {_BILLED.get(word, word)}" for word, n in counts.items())
    return f"As far as we can tell: {told}. Please confirm." if told else "Nothing failed."


def _origin(sight: Sight) -> list[Fact]:
    a = sight.analysis
    files: tuple[Piece, ...] = ()
    for row in a.inputs[:6]:
        files += (", " if files else "", Code(row.input), _digest(row))
    if a.inputs[6:]:
        files += (f" and {len(a.inputs) - 6} more",)
    facts = [Fact("Status", DRAFT)]
    if files:
        facts.append(Fact("Made from", files))
    return facts


def _digest(row: Input) -> str:
    return f" ({row.sha256})" if row.sha256 else ""


def now(sight: Sight) -> tuple[Block, ...]:
    """Return what each party should do first."""
    a = sight.analysis
    if not a.totals.failed:
        return (Para(steps.NOTHING, quiet=True),)
    blocks: list[Block] = []
    wanted = {"user": ("user",), "provider": ("provider",)}.get(sight.audience)
    for party in steps.parties(a):
        if wanted and party.key not in wanted:
            continue
        if not wanted:
            blocks.append(Head(party.title))
        blocks += _party(sight, party)
    return tuple(blocks)


def _party(sight: Sight, party: steps.Party) -> list[Block]:
    if not party.steps:
        return [Para(party.empty, quiet=True)]
    items = []
    for block in party.blocks:
        for step in block.steps:
            first = step is block.steps[0]
            why = _why(sight, block) if first else ()
            items.append(Item(Line(step.action), (why,) if why else ()))
    kept = items[:_AHEAD]
    blocks: list[Block] = [Items(tuple(kept), ordered=True)]
    if items[_AHEAD:]:
        more = fmt.count(len(items) - _AHEAD, "more step")
        blocks.append(Para(f"And {more} in the failure groups below.", quiet=True))
    return blocks


def _why(sight: Sight, block: steps.Block) -> tuple[Piece, ...]:
    """Return against what a step is, with its evidence and its rule."""
    parts: list[Piece] = []
    if block.title:
        parts.append(f"Against: {block.title}")
    if block.count:
        lead = ", " if parts else "For "
        parts.append(f"{lead}{fmt.count(block.count, 'failed attempt')}")
    cited = sight.cite(block.evidence)
    if cited:
        parts += [" ", cited]
    if block.rule and sight.audience != "provider":
        parts += ["; ", Code(f"analyze kb show {block.rule}")]
    return tuple(parts)
