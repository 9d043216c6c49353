"""From slices to the document: the sections in their fixed order, present or left out with why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Analysis
from analyzer.render import formatting as fmt
from analyzer.render import view
from analyzer.render.incident import audience as audiences
from analyzer.render.incident import (
    cause,
    course,
    failures,
    ground,
    opening,
    outcome,
    slices,
    status,
)
from analyzer.render.incident.document import (
    Block,
    Column,
    Document,
    Item,
    Items,
    Link,
    Para,
    Part,
    Section,
    Table,
    Text,
)
from analyzer.render.incident.sight import Sight

if TYPE_CHECKING:
    from analyzer.pipeline import Result

Write = Callable[[Sight], tuple[Block, ...]]

NO_FAILURE = "No failed attempt."
NOT_THERE = "No failed attempt arose at a provider."
SECTIONS: tuple[tuple[str, str, Write, str], ...] = (
    ("verdict", "Verdict", opening.verdict, ""),
    ("now", "What to do now", opening.now, ""),
    ("timeline", "Timeline", course.timeline, "No attempt has a time."),
    ("impact", "Impact", course.impact, ""),
    ("models", "Models and layers", course.models, "No attempt, so no model."),
    ("groups", "Failure groups", failures.groups, NO_FAILURE),
    ("evidence", "Evidence", failures.evidence, NO_FAILURE),
    ("time", "Where the time went", failures.time, "The inputs record no durations of failures."),
    ("differs", "What differs about the failures", failures.differs, ""),
    ("retries", "Retries", outcome.retries, ""),
    ("billing", "Billing", outcome.billing, NO_FAILURE),
    ("contradictions", "Contradictions between hops", cause.contradictions,
     "Only one kind of log was given, so nothing can contradict it."),
    ("hypothesis", "Root-cause hypothesis", cause.hypothesis, NO_FAILURE),
    ("tickets", "Tickets", cause.tickets, NO_FAILURE),
    ("quality", "Coverage and data quality", ground.quality, ""),
    ("method", "Method", ground.method, ""),
    ("people", "To be filled in by people", ground.people, ""),
)  # fmt: skip
"""Name (the anchor is made of it), title, what writes it, and why it may be empty."""
TICKETS = 3
"""Tickets that are written out; the others are a command away."""
_ONCE = ("quality", "method")
"""Sections that hold for all parts of a document; the first part has them."""
_DRAFT = ("status", "Draft for the status page")
_WITHHELD = (
    "All other sections are left out: they hold names, hosts, keys or details that a status page "
    "must not have. The operator's report has them."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for."""

    audience: str = "operator"
    number: int | None = None
    """Which incident, from 1; all without it."""
    zone: tzinfo | None = None
    zone_name: str = ""
    provider: str | None = None
    """Slug; for the provider's page, the one with most failures without it."""
    hide_providers: bool = False
    command: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    view: slices.Slice
    title: str
    notes: tuple[Block, ...] = ()
    tickets: tuple[tuple[str, str], ...] = ()


def build(result: Result, wanted: Wanted) -> Document:
    """Return the report on the incidents of a run, or on all of it where there is none."""
    found = list(result.analysis.incidents)
    chosen = found if wanted.number is None else [found[wanted.number - 1]]
    scopes: list[Incident | None] = [*chosen] or [None]
    pieces = [_piece(result, incident, wanted) for incident in scopes]
    parts = tuple(_part(piece, wanted, i) for i, piece in enumerate(pieces))
    base = result.analysis
    return Document(
        title=_title(wanted.audience, chosen, base),
        audience=wanted.audience,
        preface=tuple(_preface(found, chosen, parts, wanted, base)),
        parts=parts,
        generated_at=base.generated_at,
        tool=_tool(base),
        zone=wanted.zone_name,
    )


def _tool(base: Analysis) -> str:
    tool = base.tool
    rules = fmt.count(tool.rules, "rule")
    return f"{tool.name} {tool.version}, {rules}, knowledge {tool.knowledge_version}"


def _title(audience: str, chosen: Sequence[Incident], base: Analysis) -> str:
    what = "Status page draft" if audience == "public" else "Post-incident report"
    if len(chosen) == 1:
        return f"{what}: {chosen[0].id}"
    if chosen:
        return f"{what}: {len(chosen)} incidents"
    return f"{what}: the whole capture"


# ------------------------------------------------------------------ one part


def _piece(result: Result, incident: Incident | None, wanted: Wanted) -> _Piece:
    provider: str | None = None
    notes: tuple[Block, ...] = ()
    if wanted.audience == "provider":
        provider, notes = _provider(result, incident, wanted)
    made = (
        slices.whole(result, provider)
        if incident is None
        else slices.within(result, incident, provider)
    )
    seen = audiences.fitted(made, result, wanted.audience, hide_providers=wanted.hide_providers)
    if wanted.command and wanted.audience == "operator":
        method = seen.analysis.method.model_copy(update={"command": wanted.command})
        seen = replace(seen, analysis=seen.analysis.model_copy(update={"method": method}))
    named = seen.incident
    title = f"{named.id}: {seen.analysis.verdict.text}" if named else seen.analysis.verdict.text
    if provider == "":
        title = NOT_THERE
    told = _tickets(result, made) if wanted.audience == "operator" else ()
    return _Piece(seen, title, notes, told)


def _tickets(result: Result, view: slices.Slice) -> tuple[tuple[str, str], ...]:
    """Return the tickets to whom the failures of a slice arose at."""
    from analyzer import ticket
    from analyzer.ticket import layout

    if view.counted is None or not view.analysis.totals.failed:
        return ()
    narrowed = replace(result, analysis=view.analysis, counted=view.counted)
    return tuple(
        (party, layout.as_plain(ticket.write(narrowed, party)))
        for party in ticket.receivers(narrowed)[:TICKETS]
    )


def _provider(
    result: Result, incident: Incident | None, wanted: Wanted
) -> tuple[str, tuple[Block, ...]]:
    """Return whose page it is; without any failure of a provider's own, nobody's."""
    found = slices.providers(result, incident)
    names = result.facts.names()
    if wanted.provider is not None:
        return wanted.provider, ()
    if not found:
        return "", (Para(f"{NOT_THERE} There is nothing here that a provider could look up."),)
    name = names.get(found[0][0], found[0][0])
    return found[0][0], (Para(f"Only attempts that reached {name} are on this page.", quiet=True),)


def other_providers(result: Result, wanted: Wanted) -> list[str]:
    """Return the slugs of providers with failures that a page of one provider leaves out.

    For whoever makes the page, not for the page: no provider is told of another.
    """
    found = list(result.analysis.incidents)
    chosen = found if wanted.number is None else [found[wanted.number - 1]]
    scopes: list[Incident | None] = [*chosen] or [None]
    named: dict[str, None] = {}
    for incident in scopes:
        listed = [slug for slug, _ in slices.providers(result, incident)]
        first = wanted.provider or next(iter(listed), None)
        named.update(dict.fromkeys(slug for slug in listed if slug != first))
    return list(named)


def _part(piece: _Piece, wanted: Wanted, index: int) -> Part:
    sight = Sight(piece.view, wanted.audience, wanted.zone, wanted.files, piece.tickets)
    incident = piece.view.incident
    sections = _public(sight) if wanted.audience == "public" else _sections(sight, index)
    if piece.notes:
        first = sections[0]
        sections = (replace(first, blocks=(*piece.notes, *first.blocks)), *sections[1:])
    return Part(
        id=incident.id if incident is not None else "",
        level=view.level(piece.view.analysis),
        title=incident.id if wanted.audience == "public" and incident else piece.title,
        sections=sections,
    )


def _sections(sight: Sight, index: int) -> tuple[Section, ...]:
    hidden = audiences.OMITTED.get(sight.audience, {})
    if sight.audience == "provider" and not sight.analysis.totals.attempts:
        hidden = {name: NOT_THERE for name, *_ in SECTIONS[1:]}
    made = []
    for number, (name, title, write, empty) in enumerate(SECTIONS, start=1):
        why = hidden.get(name, "")
        if not why and index and name in _ONCE:
            why = "As for the first incident of this document: the inputs are the same."
        blocks = () if why else write(sight)
        if not blocks and not why:
            why = empty if empty and not _failed_but_hidden(sight, name) else _why(sight, name)
        made.append(Section(name, number, title, blocks, why))
    return tuple(made)


def _failed_but_hidden(sight: Sight, name: str) -> bool:
    return name in ("evidence", "groups") and sight.analysis.totals.failed > 0


def _why(sight: Sight, name: str) -> str:
    """Return why a section that has something to say in other reports has nothing here."""
    reasons: Mapping[str, Callable[[Sight], str]] = {
        "differs": _no_difference,
        "retries": _no_retries,
        "evidence": _no_samples,
        "groups": lambda _: "The failures are of kinds that your knowledge.yaml suppresses.",
    }
    return reasons[name](sight) if name in reasons else "Nothing to say."


def _no_difference(sight: Sight) -> str:
    if sight.incident is None:
        return "Compared are the failures of an incident with its successes; there is no incident."
    found = sight.incident.differs
    if found.not_tested:
        return f"{found.not_tested[:1].upper()}{found.not_tested[1:]}."
    if sight.audience != "operator":
        return "Nothing that this audience may see differs."
    return (
        f"{fmt.count(found.failed, 'failed attempt')} were compared with {fmt.number(found.ok)} "
        "that succeeded; no value differs, and none is alike for sure."
    )


def _no_retries(sight: Sight) -> str:
    calls = sight.analysis.calls
    if calls is not None and calls.measured:
        return f"Not measured. {calls.measured}"
    return "Not measured: nothing in the inputs tells retries."


def _no_samples(sight: Sight) -> str:
    if sight.audience == "user":
        return (
            "Samples of logs that several users share are not shown to one of them. A HAR file of "
            "the user's own among the inputs gives some."
        )
    return "No sample was kept."


def _public(sight: Sight) -> tuple[Section, ...]:
    name, title = _DRAFT
    withheld = Section("rest", 2, "Everything else", (), _WITHHELD)
    return (Section(name, 1, title, status.updates(sight)), withheld)


# ------------------------------------------------------------------ before the parts


def _preface(
    found: Sequence[Incident], chosen: Sequence[Incident], parts: Sequence[Part],
    wanted: Wanted, base: Analysis,
) -> list[Block]:  # fmt: skip
    public = wanted.audience == "public"
    insider = wanted.audience in ("operator", "user")
    blocks: list[Block] = []
    if not found:
        blocks.append(Para(nothing_found(base)))
    elif len(chosen) > 1:
        blocks.append(Para(f"{len(chosen)} incidents; each has a report of its own below."))
        blocks.append(_index(chosen, parts, wanted))
    elif len(found) > 1 and insider:
        others = ", ".join(one.id for one in found if one is not chosen[0])
        text = f"This is one of {len(found)} incidents in the capture; also there: {others}."
        blocks.append(Para(text, quiet=True))
    if not public:
        readers = f"Written for {audiences.MEANING[wanted.audience]}."
        blocks.append(Para(readers, quiet=True))
    if wanted.zone_name:
        blocks.append(Para(f"Second times are {wanted.zone_name}.", quiet=True))
    return blocks


def nothing_found(base: Analysis) -> str:
    """Say that there is no incident, what was looked for, and what the report is about then."""
    start, end = base.window.start, base.window.end
    seen = fmt.count(base.totals.attempts, "attempt")
    looked = (
        "stretches of minutes in which a model, key, endpoint, host, or all traffic failed so "
        "often that it burnt its error budget, by a fast and by a slow window"
    )
    if start is None:
        return f"No incident can be looked for: none of {seen} has a time. This is on all of them."
    return (
        f"No incident was found in {seen} of {fmt.window(start, end, dated=True)} "
        f"({fmt.span(start, end)}). Looked for: {looked}. Single failures and captures of a few "
        "minutes make none. This report is on the whole capture."
    )


def _index(chosen: Sequence[Incident], parts: Sequence[Part], wanted: Wanted) -> Block:
    if wanted.audience == "public":
        items = (Item(Link(part.anchor("status"), part.id)) for part in parts)
        return Items(tuple(items))
    rows: list[tuple[Text, ...]] = []
    for incident, part in zip(chosen, parts, strict=True):
        rows.append(
            (
                Link(part.anchor("verdict"), incident.id), _when(incident, wanted.zone),
                fmt.span(incident.start, incident.end),
                f"{fmt.number(incident.failed)} of {fmt.number(incident.attempts)}",
                part.title.partition(": ")[2],
            )
        )  # fmt: skip
    names = (("Incident", False), ("When (UTC)", False), ("Lasted", False), ("Failed", True),
             ("What", False))  # fmt: skip
    return Table("Incidents, by start", tuple(Column(*name) for name in names), tuple(rows))


def _when(incident: Incident, zone: tzinfo | None) -> str:
    end: datetime | None = incident.end
    if end is None:
        return f"{fmt.stamp(incident.start)}, open"
    return fmt.window(incident.start, end, dated=True)
