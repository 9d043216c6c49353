"""What failed: groups, evidence, where the time went, what differs."""

from __future__ import annotations

from analyzer.analysis.incident import Difference
from analyzer.analysis.model import Evidence, Group
from analyzer.render import formatting as fmt
from analyzer.render import prose, view, waterfall
from analyzer.render.incident.document import (
    Badge,
    Block,
    Cite,
    Code,
    Column,
    Fact,
    Facts,
    Fall,
    Folded,
    Item,
    Items,
    Layer,
    Line,
    Para,
    Passage,
    Piece,
    Pre,
    Prose,
    Table,
)
from analyzer.render.incident.sight import Sight

GROUPS = 12
EVIDENCE = 36
EXCERPT = 2048
DIFFERENCES = 12
SAME = 8
NONE = ", "


def groups(sight: Sight) -> tuple[Block, ...]:
    """Return the failures by fingerprint, the commonest first."""
    found = sight.analysis.groups
    if not found:
        return ()
    blocks: list[Block] = [_group(sight, group, i) for i, group in enumerate(found[:GROUPS])]
    rest = found[GROUPS:]
    if rest:
        number = fmt.number(sum(group.count for group in rest))
        text = f"And {fmt.count(len(rest), 'more group')} with {number} failed attempts."
        blocks.append(Para(text, quiet=True))
    return tuple(blocks)


def _group(sight: Sight, group: Group, index: int) -> Folded:
    links = tuple(prose.allowed([ref.url for ref in group.references]))
    wanted = [("Meaning", group.meaning), ("Impact", group.impact)]
    if sight.audience == "operator":
        wanted += [("Diagnosis", group.diagnosis), ("Fix", group.fix)]
        wanted.append(("Not this cause when", group.not_when))
    elif sight.audience == "user":
        wanted.append(("Fix", group.fix))
    blocks: list[Block] = [Passage(name, Prose(text, links)) for name, text in wanted if text]
    blocks.append(Facts(tuple(_facts(sight, group))))
    return Folded(
        title=f"{fmt.number(group.count)} × {group.title}",
        remark=(Layer(group.layer), f", {view.words(group.cause)}, {group.confidence}"),
        blocks=tuple(blocks), open=index == 0,
    )  # fmt: skip


def _facts(sight: Sight, group: Group) -> list[Fact]:
    writer = "nobody: there was no answer" if group.emitted_by == "none" else group.emitted_by
    facts = [
        Fact("Grouped because", group.because, group.fingerprint),
        Fact("First and last", sight.window(group.first, group.last)),
        Fact("Answer written by", writer),
    ]
    lists = [("Models", group.models), ("Endpoints", group.endpoints)]
    if sight.audience != "provider":
        lists += [("Hosts", view.merged([group.hosts])), ("Clients", group.clients)]
    lists += [("Statuses", group.statuses), ("Error codes", group.codes)]
    facts += [Fact(label, view.counted(items)) for label, items in lists if items]
    if group.keys is not None:
        facts.append(Fact("Keys", fmt.number(group.keys), "distinct, by tag"))
    if group.billing and sight.audience != "provider":
        facts.append(Fact("Billing", Line(view.group_billing(group))))
    if group.retry:
        facts.append(Fact("Retry", Line(view.retry(group))))
    cited = sight.cite(group.evidence)
    if cited:
        facts.append(Fact("Samples", cited))
    if group.rule:
        facts.append(Fact("Rule", Code(group.rule)))
    sources = [f"{ref.url} (read {ref.date})" for ref in group.references]
    if sources:
        facts.append(Fact("Sources", view.spoken(sources)))
    return facts


# ------------------------------------------------------------------ evidence


def evidence(sight: Sight) -> tuple[Block, ...]:
    """Return the samples, with the place where each stands."""
    shown = sight.analysis.evidence[:EVIDENCE]
    blocks: list[Block] = [_sample(sight, item, i) for i, item in enumerate(shown)]
    rest = len(sight.analysis.evidence) - len(shown)
    if rest > 0:
        blocks.append(Para(f"And {fmt.count(rest, 'more sample')}.", quiet=True))
    removed = sight.analysis.quality.redactions
    if blocks and removed and sight.audience == "operator":
        told = ", ".join(f"{view.words(kind)} {fmt.number(n)}" for kind, n in removed.items())
        blocks.append(Para(f"Redacted in the whole capture: {told}.", quiet=True))
    return tuple(blocks)


def _sample(sight: Sight, item: Evidence, index: int) -> Folded:
    facts = []
    if item.place:
        also = f"also {view.spoken(item.seen_in)}" if item.seen_in[1:] else ""
        facts.append(Fact("Stands in", Code(item.place), also))
    facts.append(Fact("Time", sight.moment(item.started_at)))
    facts += [Fact(view.words(name), Code(value)) for name, value in item.request_ids.items()]
    known = item.request_ids
    facts += [Fact(name, Code(v)) for name, v in item.fields.items() if name not in known]
    blocks: list[Block] = [Facts(tuple(facts))]
    if item.excerpt is not None:
        cut = item.excerpt_cut or len(item.excerpt) > EXCERPT
        label = "Answer (cut)" if cut else "Answer"
        blocks.append(Pre(item.excerpt[:EXCERPT], f"{label} of {item.id}"))
    else:
        blocks.append(Para("The text of the answer is not here.", quiet=True))
    return Folded(
        title=(f"{item.id} ", Code(item.summary)),
        remark=item.place or ", ".join(item.request_ids.values()) or "no id", blocks=tuple(blocks),
        open=index == 0, id=item.id, look="evidence",
    )  # fmt: skip


# ------------------------------------------------------------------ time


def time(sight: Sight) -> tuple[Block, ...]:
    """Return where the time of the samples went, and how long failures and successes took."""
    lanes = waterfall.lanes(sight.analysis.evidence)
    blocks: list[Block] = []
    if any(lane.recorded for lane in lanes):
        blocks.append(Fall(tuple(lanes)))
        blocks.append(Folded("The same numbers as a table", "", (_phases(lanes),)))
    facts = []
    reach = sight.view.reach
    if reach.failed_p50_ms is not None:
        facts.append(Fact("Failed, median", fmt.duration(reach.failed_p50_ms)))
    during = [s for s in reach.speeds if s.measure == "duration" and s.phase == "during"]
    if during:
        facts.append(Fact("Successes, median", fmt.duration(during[0].p50), "at the same time"))
    if facts and (blocks or len(facts) > 1):
        blocks.append(Facts(tuple(facts)))
    if blocks and not any(lane.recorded for lane in lanes):
        blocks.append(Para("The inputs do not record the phases of an attempt.", quiet=True))
    return tuple(blocks)


def _phases(lanes: list[waterfall.Lane]) -> Table:
    rows: tuple[tuple[Piece, ...], ...] = tuple(
        (
            Cite((lane.id,)),
            *(fmt.duration(lane.recorded.get(name)) for name in waterfall.PHASES),
            fmt.duration(lane.total),
        )
        for lane in lanes[: waterfall.MOST_LANES]
    )
    columns = (Column("Sample", False), *(Column(name) for name in waterfall.PHASES))
    caption = "Time per phase; “–” is not recorded; connect includes tls"
    return Table(caption, (*columns, Column("in all")), rows)


# ------------------------------------------------------------------ differs


def differs(sight: Sight) -> tuple[Block, ...]:
    """Return what failures have oftener than successes of the same time: associated, not caused."""
    incident = sight.incident
    if incident is None or not (incident.differs.differences or incident.differs.same):
        return ()
    found = incident.differs
    blocks: list[Block] = [
        Para(
            f"Compared: {fmt.count(found.failed, 'failed attempt')} with {fmt.number(found.ok)} "
            "that succeeded in the same minutes. Associated with the failures, never their cause."
        )
    ]
    if found.differences:
        rows = tuple(_difference(row) for row in found.differences[:DIFFERENCES])
        columns = (
            Column("Field and value", False), Column("Failed"), Column("Ok"),
            Column("Difference (95 %)"), Column("q"),
        )  # fmt: skip
        blocks.append(Table("Share that has the value; q after Benjamini-Hochberg", columns, rows))
    else:
        blocks.append(Para("No value differs by 10 points with q below 0.05.", quiet=True))
    if found.same:
        alike = view.spoken((_same(row) for row in found.same), SAME)
        blocks.append(Para(f"No difference found: {alike}."))
    return tuple(blocks)


def _difference(row: Difference) -> tuple[Piece, ...]:
    points = f"{100 * (row.failed_share - row.ok_share):+.1f}"
    interval = f"({100 * row.low:+.1f} to {100 * row.high:+.1f})"
    return (
        f"{view.words(row.field)} = {row.value}", fmt.rate(row.failed_share),
        fmt.rate(row.ok_share), f"{points} {interval}", _q(row.q),
    )  # fmt: skip


def _same(row: Difference) -> str:
    return f"{view.words(row.field)} = {row.value}"


def _q(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def quality_items(sight: Sight, most: int) -> Items:
    """Return the remarks on the data, the gravest first."""
    lines = view.remarks(sight.analysis)
    items = tuple(Item((Badge(line.level), f" {line.text}")) for line in lines[:most])
    return Items(items)
