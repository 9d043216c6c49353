"""Why: contradictions, the root-cause hypothesis with its trigger apart, and who is told."""

from __future__ import annotations

import shlex

from analyzer.analysis.incident import Marker
from analyzer.analysis.model import Group
from analyzer.render import formatting as fmt
from analyzer.render import view
from analyzer.render.incident.document import (
    Block,
    Code,
    Fact,
    Facts,
    Folded,
    Head,
    Item,
    Items,
    Layer,
    Line,
    Para,
    Piece,
    Pre,
    Text,
)
from analyzer.render.incident.sight import Sight
from analyzer.vocabulary import CONFIDENCE

NEAR_S = 1800.0
"""A marker so long before the start, or :data:`AFTER_S` after it, may have to do with it."""
AFTER_S = 120.0
FEWEST = 2
"""Models that went well at the same time: from so many on it says something."""

CAUSES = 6
"""Causes that are named where none leads."""

_OTHERWISE = {
    "client": (
        "The gateway changed what it asks of its callers, and the callers are as before.",
        "the gateway's record of changes; another client with the same key",
    ),
    "network": (
        "A server closed the connection, and the network carried that faithfully.",
        "the access log of the first hop behind the network, for the same minutes",
    ),
    "edge": (
        "What is behind the edge failed, and the edge only said so.",
        "the access log of the hop behind the edge, for the same minutes",
    ),
    "gateway": (
        "What is behind the gateway failed, and the gateway answered in its place.",
        "the gateway's own log with the status that it got from behind",
    ),
    "upstream": (
        "The gateway, or an account of its own at the provider, has run into a limit, and the "
        "answer looks like the provider's own trouble.",
        "the provider's word on the request ids; the gateway's limits at that provider",
    ),
    "unknown": (
        "Any of the hops; nothing in the inputs excludes one.",
        "response headers and bodies, or the access log of a gateway or proxy",
    ),
}


# ------------------------------------------------------------------ contradictions


def contradictions(sight: Sight) -> tuple[Block, ...]:
    """Return where two hops tell different stories; nothing if one kind of log was given."""
    a = sight.analysis
    if not view.hops(a):
        return ()
    blocks: list[Block] = [Para(f"In the whole capture: {view.hops(a)}")]
    if a.hops.contradictions:
        items = []
        for found in a.hops.contradictions:
            text = f"{fmt.number(found.count)} × {view.words(found.kind)}: {found.text}"
            seen: Text = ("Seen in ", Code(", ".join(found.places[:4])))
            items.append(Item(text, (seen,)))
        blocks.append(Items(tuple(items)))
    else:
        blocks.append(Para("The records of the hops agree.", quiet=True))
    clocks = tuple(Item(f"Clocks: {view.skew(item)}") for item in a.hops.skews)
    if clocks:
        blocks.append(Items(clocks))
    return tuple(blocks)


# ------------------------------------------------------------------ hypothesis


def hypothesis(sight: Sight) -> tuple[Block, ...]:
    """Return root cause, trigger and alternatives, each with what speaks for and against it."""
    a = sight.analysis
    if not a.totals.failed:
        return ()
    blocks: list[Block] = [Head("Root cause")]
    blocks += _root(sight)
    if a.verdict.layer is not None:
        against = _against(sight)
        blocks += [Head("Speaks for it"), Items(tuple(_for(sight)))]
        blocks.append(Head("Speaks against it"))
        blocks.append(Items(tuple(against)) if against else Para("Nothing found.", quiet=True))
    blocks += [Head("Trigger"), *_trigger(sight)]
    blocks += [Head("What else it could be"), Items(tuple(_alternatives(sight)))]
    decided = _decided(sight)
    if decided:
        blocks += [Head("Would be decided by"), Items(tuple(Item(Line(text)) for text in decided))]
    return tuple(blocks)


def _lead(sight: Sight) -> Group | None:
    groups = sight.analysis.groups
    wanted = sight.analysis.verdict.group
    return next((g for g in groups if g.fingerprint == wanted), groups[0] if groups else None)


def _root(sight: Sight) -> list[Block]:
    verdict, lead = sight.analysis.verdict, _lead(sight)
    if verdict.layer is None or lead is None:
        items = tuple(
            Item(
                (Layer(c.layer), f": {c.title}, {fmt.count(c.count, 'failed attempt')} ",
                 sight.cite(c.evidence))
            )
            for c in view.causes(sight.analysis)[:CAUSES]
        )  # fmt: skip
        text = "No single one: no cause has half of the failures. Each is to be looked at apart."
        return [Para(text), Items(items)]
    who = f" ({verdict.party})" if verdict.party else ""
    facts = [
        Fact("Hypothesis", (Layer(verdict.layer), f"{who}: {lead.title}")),
        Fact("Confidence", verdict.confidence or fmt.NOT_MEASURED,
             view.meaning(CONFIDENCE, verdict.confidence)),
    ]  # fmt: skip
    return [Facts(tuple(facts))]


def _for(sight: Sight) -> list[Item]:
    a, verdict, lead = sight.analysis, sight.analysis.verdict, _lead(sight)
    items = []
    if verdict.of:
        told = f"{fmt.number(verdict.failed)} of {fmt.count(verdict.of, 'failed attempt')} have it "
        items.append(Item((told, sight.cite(verdict.evidence))))
    if lead is not None:
        items.append(Item(f"They are alike: {lead.because[:1].lower()}{lead.because[1:]}."))
        items += [Item(f"How sure: {step}.") for step in lead.confidence_steps]
    hit = {model for group in a.groups for model in (c.value for c in group.models)}
    well = [row for row in a.models if row.ok and not row.failed and row.model not in hit]
    if len(well) >= FEWEST and verdict.layer in ("upstream", "gateway"):
        told = fmt.count(sum(row.ok for row in well), "success", "successes")
        items.append(Item(f"{len(well)} other models went well at the same time ({told})."))
    reach = sight.view.reach
    if reach.well and verdict.layer in ("upstream", "gateway"):
        told = fmt.count(reach.well_ok, "success", "successes")
        names = fmt.count(len(reach.well), "other model")
        items.append(Item(f"{names} went well at the same time, through the same hops ({told})."))
    if sight.incident is not None and sight.incident.differs.differences:
        first = sight.incident.differs.differences[0]
        share = (
            f"{fmt.rate(first.failed_share)} of failures, {fmt.rate(first.ok_share)} of the rest"
        )
        items.append(Item(f"Associated with {view.words(first.field)} = {first.value}: {share}."))
    return items


def _against(sight: Sight) -> list[Item]:
    a, verdict, lead = sight.analysis, sight.analysis.verdict, _lead(sight)
    items = []
    if lead is not None and lead.ambiguous:
        items.append(Item("Rules of the same rank disagree about the layer or the billing."))
    others = [g for g in a.groups if (g.layer, g.cause) != (verdict.layer, verdict.cause)]
    if verdict.layer and others:
        number = fmt.number(sum(group.count for group in others))
        names = view.spoken(f"{g.title} ({fmt.number(g.count)})" for g in others)
        items.append(Item(f"{number} failed in other ways: {names}."))
    if sight.audience == "operator":
        items += [
            Item(f"Hops contradict each other: {view.contradiction(c)}")
            for c in a.hops.contradictions[:3]
            if c.kind == "status_differs"
        ]
    if a.unknown.count:
        items.append(Item(f"{fmt.number(a.unknown.count)} are explained by no rule."))
    return items


def _trigger(sight: Sight) -> list[Block]:
    """Return what coincides with the start: never more is said of it."""
    incident = sight.incident
    if incident is None:
        return [Para("A trigger is looked for only where an incident begins.", quiet=True)]
    near = [m for m in incident.markers if -AFTER_S <= m.seconds_before <= NEAR_S]
    if near:
        items = tuple(Item(_coincides(sight, marker)) for marker in near)
        text = "Candidates only: what coincides need not have caused anything."
        return [Items(items), Para(text, quiet=True)]
    begins: tuple[Piece, ...] = ("The failures begin at ", sight.moment(incident.start))
    if incident.markers:
        why = "No marker is within half an hour before the start."
    elif sight.audience == "provider":
        why = "Please look for a change of yours at that time."
    else:
        why = (
            "Nothing in the inputs says what changed then. Deploys, key rotations and traffic "
            "changes can be given: --marker '14:19Z deploy 4.2'."
        )
    return [
        Para((*begins, f". {why}")),
    ]


def _coincides(sight: Sight, marker: Marker) -> tuple[Piece, ...]:
    away = fmt.duration(abs(marker.seconds_before) * 1000)
    when = f"{away} before the start" if marker.seconds_before >= 0 else f"{away} after the start"
    told = f"Coincides with: “{marker.text}” at "
    return (told, sight.moment(marker.at), f", {when} (told by: {marker.source})")


def _alternatives(sight: Sight) -> list[Item]:
    a = sight.analysis
    layer = a.verdict.layer or "unknown"
    items = [
        Item(
            (Layer(alt.layer), f", {view.words(alt.cause)}: ", Line(alt.why)),
            tuple(("Would be decided by: ", Line(text)) for text in alt.decided_by[:3]),
        )
        for alt in a.alternatives[:5]
        if (alt.layer, alt.cause) != (a.verdict.layer, a.verdict.cause)
    ]
    if not items:
        why, decided = _OTHERWISE[layer]
        items.append(Item(why, (f"Would be decided by: {decided}",)))
    return items


def _decided(sight: Sight) -> list[str]:
    """Return what would make the hypothesis surer, each once."""
    lead = _lead(sight)
    texts = list(lead.decided_by) if lead is not None else []
    if sight.analysis.verdict.confidence == "certain":
        return texts
    verdict = sight.analysis.verdict
    for alt in sight.analysis.alternatives:
        if (alt.layer, alt.cause) == (verdict.layer, verdict.cause):
            texts += alt.decided_by
    return list(dict.fromkeys(texts))


# ------------------------------------------------------------------ tickets


def tickets(sight: Sight) -> tuple[Block, ...]:
    """Return the commands that write the ticket of each party that must act."""
    a = sight.analysis
    if not a.totals.failed:
        return ()
    files = " ".join(shlex.quote(name) for name in sight.files) or "FILE…"
    if sight.audience == "user":
        if a.totals.by_layer.get("client", 0) == a.totals.failed:
            text = "All of it is the caller's own to mend; the steps above say how."
            return (Para(text, quiet=True),)
        text = "To the operator of the gateway, with exactly the ids that it can look up:"
        return (Pre(f"analyze ticket gateway {files}", text),)
    if not sight.tickets:
        text = "No single party outside can act on this; the steps above say who can."
        return (Para(text, quiet=True),)
    blocks: list[Block] = [
        Para("Ready to send, with exactly the ids that their readers can look up. Read them first.")
    ]
    for party, text in sight.tickets:
        line = f"analyze ticket {party} {files} -o {party}.md"
        inside: tuple[Block, ...] = (
            Pre(text, "Text"),
            Pre(line, "As a file, on the whole capture"),
        )
        blocks.append(Folded(f"Ticket to {party}", line, inside))
    return tuple(blocks)
