"""What ``-v`` and ``-vv`` add to the terminal summary: groups, evidence, why, what else."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.analysis.model import Analysis, Group
from analyzer.render import bills, retries, view, waterfall
from analyzer.render import formatting as fmt
from analyzer.render.paper import Paper

MOST_GROUPS = 30
_INDENT = 13
_PROSE = 100


def lines(analysis: Analysis, paper: Paper, verbosity: int) -> list[str]:
    """Return the lines to add for a verbosity of 1 or more."""
    out = ["", paper.bold("Failure groups")]
    if not analysis.groups:
        out.append("  No failed attempts, so there are no groups.")
    for group in analysis.groups[:MOST_GROUPS]:
        out += _group(group, analysis, paper, verbosity)
    rest = analysis.groups[MOST_GROUPS:]
    if rest:
        failed = fmt.count(sum(group.count for group in rest), "failed attempt")
        out += ["", f"and {fmt.count(len(rest), 'more group')} with {failed}: -o report.json"]
    out += _retries(analysis, paper)
    out += _bills(analysis, paper)
    out += _hops(analysis, paper)
    if verbosity > 1:
        out += _more(analysis, paper)
    return out


def _retries(analysis: Analysis, paper: Paper) -> list[str]:
    room = min(paper.width, _PROSE)
    out = ["", paper.bold("Retries")]
    for fact in retries.facts(analysis):
        text = fact.value + (f" ({fact.remark})" if fact.remark else "")
        out += paper.wrap(f"{fact.label}: {text}", room)
    for storm in analysis.calls.storms if analysis.calls else ():
        out += paper.wrap(f"Retry storm: {storm.text} [{fmt.TIE.join(storm.evidence)}]", room)
    told = retries.caveat(analysis)
    return [*out, *(paper.wrap(told, room) if told else [])]


def _bills(analysis: Analysis, paper: Paper) -> list[str]:
    """Return what usage exports show; nothing where there are none."""
    billing = analysis.billing
    told = [*bills.lines(billing), *([billing.note] if billing.note else [])]
    if not told:
        return []
    room = min(paper.width, _PROSE)
    return [
        "",
        paper.bold("Usage exports"),
        *(row for text in told for row in paper.wrap(text, room)),
    ]


def _hops(analysis: Analysis, paper: Paper) -> list[str]:
    told = view.hops(analysis)
    if told is None:
        return []
    room = min(paper.width, _PROSE)
    out = ["", paper.bold("Across the hops"), *paper.wrap(told, room)]
    for item in analysis.hops.contradictions:
        places = ", ".join(item.places)
        out += paper.wrap(f"{view.contradiction(item)} Seen in {places}", room)
    for clocks in analysis.hops.skews:
        out += paper.wrap(f"Clocks: {view.skew(clocks)}", room)
    return out


def _group(group: Group, analysis: Analysis, paper: Paper, verbosity: int) -> list[str]:
    room = min(paper.width, _PROSE)
    title = paper.wrap(f"{fmt.number(group.count)} × {group.title}", room)
    facts = [*_facts(group), *(_reasons(group) if verbosity > 1 else ())]
    out = ["", *(paper.bold(line) for line in title)]
    for label, text in facts:
        out += paper.hang(f"  {label}", _INDENT, paper.wrap(text, room - _INDENT))
    for item in analysis.evidence:
        if item.id in group.evidence:
            at = f" at {fmt.clock(item.started_at)}" if item.started_at else ""
            phases = waterfall.told(item)
            text = f"{item.place}{at}: {item.summary}" + (f"; {phases}" if phases else "")
            out += paper.hang(f"  {item.id}", _INDENT, paper.wrap(text, room - _INDENT))
    return out


def _facts(group: Group) -> Iterator[tuple[str, str]]:
    yield "Cause", view.group_cause(group)
    yield "When", fmt.window(group.first, group.last, dated=True)
    for label, items in (
        ("Models", group.models), ("Hosts", group.hosts), ("Statuses", group.statuses),
        ("Codes", group.codes), ("Clients", group.clients),
    ):  # fmt: skip
        if items:
            yield label, view.counted(items)
    yield "Billing", view.group_billing(group)
    if group.retry:
        yield "Retry", view.retry(group)
    for text in group.decided_by:
        yield "To decide", text
    yield "Rule", f"{group.rule} (analyze kb show {view.rule_id(group.rule)})"


def _reasons(group: Group) -> Iterator[tuple[str, str]]:
    yield "Grouped", group.because
    for step in group.confidence_steps:
        yield "Confidence", step
    if group.ambiguous:
        yield "Ambiguous", "rules of the same rank disagree about layer or billing"
    if group.also:
        yield "Also fits", view.counted(group.also)
    for item in group.possible:
        yield "Possible", f"{item.title} ({item.layer}); needs {item.needs} [{item.rule}]"
    for reference in group.references:
        yield "Source", f"{reference.url} ({reference.date})"


def _more(analysis: Analysis, paper: Paper) -> list[str]:
    room = min(paper.width, _PROSE)
    out = ["", paper.bold("What else it could be")]
    if not analysis.alternatives:
        out.append("  No alternative was found.")
    for item in analysis.alternatives:
        text = f"{view.words(item.layer)}, {view.words(item.cause)}: {item.why}"
        decided = f" Would be decided by: {' '.join(item.decided_by)}" if item.decided_by else ""
        out += paper.hang("  -", 4, paper.wrap(text + decided, room - 4))
    out += ["", paper.bold("Inputs")]
    for source in analysis.inputs:
        read = f"{fmt.count(source.records, 'record')}, {fmt.count(source.attempts, 'attempt')}"
        known = source.format or "format not recognised"
        out += paper.hang("  -", 4, paper.wrap(f"{source.input}: {known}, {read}", room - 4))
    tool = analysis.tool
    made = f"{tool.name} {tool.version}, {tool.rules} rules, knowledge {tool.knowledge_version}"
    return [*out, "", *paper.wrap(made, room)]
