"""How it went: timeline, impact, models and layers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from analyzer.analysis.incident import Incident, Share
from analyzer.analysis.model import Count, Timeline
from analyzer.render import charts, view
from analyzer.render import formatting as fmt
from analyzer.render.incident.document import (
    Block,
    Chart,
    Column,
    Fact,
    Facts,
    Folded,
    Item,
    Items,
    Para,
    Piece,
    Table,
    Text,
)
from analyzer.render.incident.sight import Sight
from analyzer.render.incident.slices import Speed

MODELS = 30
ROWS = 60
"""Rows of the timeline's table; the bins around the peak are kept."""


# ------------------------------------------------------------------ timeline


def timeline(sight: Sight) -> tuple[Block, ...]:
    """Return the picture, the moments worth naming, and the numbers."""
    drawn = sight.view.around
    if not drawn.slots:
        return ()
    marks = moments(sight)
    drawn = drawn.model_copy(update={"markers": [(at, text) for at, text in marks]})
    width = fmt.bin_width(drawn.bin_s)
    failed = sum(slot.failed for slot in drawn.slots)
    tries = sum(slot.attempts for slot in drawn.slots)
    summary = f"Stacked bars per {width}, {fmt.number(failed)} failed of {fmt.number(tries)}."
    incident = sight.incident
    blocks: list[Block] = [
        Chart(
            f"Attempts, and failed attempts by layer, per {width}, UTC", summary, drawn,
            incident.start if incident else None,
            (incident.end or sight.analysis.window.end) if incident else None,
        ),
    ]  # fmt: skip
    if marks:
        # The numbers of the list are those in the picture.
        items = tuple(Item((sight.moment(at), f" {text}")) for at, text in marks)
        blocks.append(Items(items, ordered=True))
    blocks.append(Folded("The same numbers as a table", "", (_table(sight, drawn),)))
    return tuple(blocks)


def moments(sight: Sight) -> list[tuple[datetime, str]]:
    """Return the moments worth naming, in order: of the incident, and what it coincides with."""
    incident = sight.incident
    if incident is None:
        return sorted(sight.analysis.timeline.markers)
    peak = f"peak: {fmt.number(incident.peak_per_minute)} failed a minute"
    if sight.audience == "provider":
        # The number is of all that failed then, and not all of it may have been the provider's.
        peak = "peak"
    marks = [
        (incident.start, "the incident begins"),
        # The peak is a minute, and may have begun before the first failure in it.
        (max(incident.peak, incident.start), peak),
    ]
    if incident.recovery:
        marks.append((incident.recovery, "the failure rate is back within the budget"))
    if incident.end and incident.end != incident.recovery:
        marks.append((incident.end, "the incident ends"))
    firsts = [g.first for g in sight.analysis.groups if g.first]
    lasts = [g.last for g in sight.analysis.groups if g.last]
    if firsts and lasts:
        marks += [(min(firsts), "first failure in it"), (max(lasts), "last failure in it")]
    marks += [(marker.at, f"marker: {marker.text}") for marker in incident.markers]
    return sorted(marks, key=lambda mark: mark[0])


def _table(sight: Sight, drawn: Timeline) -> Table:
    layers = view.layers(sight.analysis)
    slots = [slot for slot in drawn.slots if slot.attempts or slot.failed]
    peak = max(range(len(slots)), key=lambda i: slots[i].failed, default=0)
    first = max(0, min(peak - ROWS // 2, len(slots) - ROWS))
    kept = slots[first : first + ROWS]
    more = f"; {len(kept)} of {len(slots)} rows, around the peak" if len(kept) < len(slots) else ""
    rows = tuple(
        (
            sight.moment(slot.start), fmt.number(slot.attempts), fmt.number(slot.ok),
            fmt.number(slot.failed),
            *(fmt.number(slot.by_layer.get(name, 0)) for name in layers),
        )
        for slot in kept
    )  # fmt: skip
    columns = ("From (UTC)", "Attempts", "Ok", "Failed", *(_word(name) for name in layers))
    return Table(
        f"Per {fmt.bin_width(drawn.bin_s)}; times without attempts are left out{more}",
        tuple(Column(title, number=i > 0) for i, title in enumerate(columns)), rows,
    )  # fmt: skip


def _word(layer: str) -> str:
    return view.words(layer).capitalize()


# ------------------------------------------------------------------ impact


def impact(sight: Sight) -> tuple[Block, ...]:
    """Return whom it touched and how much."""
    a = sight.analysis
    facts = [*_counts(sight), *_who(sight), *_streams(sight), *_waiting(sight)]
    blocks: list[Block] = [Facts(tuple(facts))]
    speeds = sight.view.reach.speeds
    if speeds and sight.audience != "provider":
        blocks.append(_speeds(speeds))
    elif not a.totals.ok:
        blocks.append(Para("No attempt succeeded, so there is no latency to compare.", quiet=True))
    return tuple(blocks)


def _counts(sight: Sight) -> list[Fact]:
    a, incident, totals = sight.analysis, sight.incident, sight.analysis.totals
    decided = totals.ok + totals.failed
    facts = [
        Fact("Attempts", fmt.number(totals.attempts), "one HTTP exchange each"),
        Fact("Failed attempts", fmt.number(totals.failed), fmt.percent(totals.failed, decided)),
    ]
    calls = a.calls
    if sight.audience == "provider":
        facts.append(Fact("Calls", fmt.NOT_MEASURED, "the provider sees attempts, not calls"))
    elif calls is None or not calls.calls:
        why = calls.measured if calls is not None and calls.measured else "retries cannot be told"
        facts.append(Fact("Calls", fmt.NOT_MEASURED, f"not measured: {why}"))
    else:
        part = " of the whole capture" if sight.view.partial_calls else ""
        facts.append(Fact(f"Calls{part}", fmt.number(calls.calls), "requests with their retries"))
        share = fmt.percent(calls.failed, calls.ok + calls.failed)
        facts.append(Fact(f"Failed calls{part}", fmt.number(calls.failed), share))
    if incident is not None:
        facts += _rates(sight, incident)
    if totals.undecided:
        facts.append(
            Fact("Undecided", fmt.number(totals.undecided), "cut by the capture; in no rate")
        )
    return facts


def _rates(sight: Sight, incident: Incident) -> list[Fact]:
    facts = []
    if sight.view.aside:
        why = "failed at the same time for other reasons, as callers' own errors; in no number here"
        facts.append(Fact("Set aside", fmt.number(sight.view.aside), why))
    if sight.audience == "provider":
        return facts
    why = "" if incident.baseline_rate is not None else "not measured: no time outside incidents"
    facts.append(Fact("Failure rate outside", fmt.rate(incident.baseline_rate), why))
    if incident.burn is not None:
        facts.append(
            Fact("Highest burn rate", f"{fmt.number(round(incident.burn, 1))} ×",
                 "failure rate over what the target allows")
        )  # fmt: skip
    return facts


def _who(sight: Sight) -> list[Fact]:
    a, reach, incident = sight.analysis, sight.view.reach, sight.incident
    hit = [row.model for row in a.models if row.failed]
    facts = [
        Fact("Models with failures", f"{fmt.number(len(hit))} of {fmt.number(len(a.models))}",
             view.spoken(hit, 6))
    ]  # fmt: skip
    if sight.audience == "operator":
        for label, number in (("Keys", reach.keys), ("Sessions", reach.sessions),
                              ("Client programs", reach.clients)):  # fmt: skip
            why = (
                "distinct, with failures"
                if number is not None
                else "not measured: none is recorded"
            )
            facts.append(Fact(label, fmt.number(number), why))
    else:
        facts.append(Fact("Users, keys", fmt.NOT_MEASURED, "not shown to this audience"))
    endpoints = view.merged(group.endpoints for group in a.groups)
    if endpoints:
        facts.append(Fact("Endpoints", view.counted(endpoints)))
    hosts = view.merged(group.hosts for group in a.groups)
    if hosts and sight.audience != "provider":
        facts.append(Fact("Hosts", view.counted(_together(hosts))))
    if incident is not None and incident.keys and sight.audience != "provider":
        facts.append(Fact("Keys, most failures first", _shares(incident.keys)))
    return facts


def _together(counts: Sequence[Count]) -> list[Count]:
    """Return counts with equal names added: hidden hosts have one."""
    return view.merged([list(counts)])


def _shares(shares: Sequence[Share], most: int = 4) -> str:
    return view.spoken(
        (f"{s.value} ({fmt.number(s.failed)} of {fmt.number(s.attempts)})" for s in shares), most
    )


def _streams(sight: Sight) -> list[Fact]:
    reach = sight.view.reach
    if not reach.broken_streams:
        return []
    tokens = reach.delivered_tokens
    told = (
        f"{fmt.number(tokens)} output tokens had been delivered"
        if tokens is not None
        else "how many tokens had been delivered is not measured"
    )
    return [Fact("Streams that broke", fmt.number(reach.broken_streams), told)]


def _waiting(sight: Sight) -> list[Fact]:
    calls, reach = sight.analysis.calls, sight.view.reach
    facts = []
    if not sight.analysis.totals.failed:
        return []
    if sight.audience != "provider":
        lost = calls.lost_s if calls is not None else None
        why = "all calls with a failed attempt, from first to last try"
        facts.append(
            Fact("Added waiting time", fmt.duration(None if lost is None else lost * 1000),
                 why if lost is not None else "not measured: retries cannot be told")
        )  # fmt: skip
    facts.append(Fact("Median time to fail", fmt.duration(reach.failed_p50_ms)))
    return facts


def _speeds(speeds: Sequence[Speed]) -> Table:
    names = {"duration": "Duration", "ttft": "Time to first token"}
    rows = tuple(
        (
            f"{names.get(s.measure, s.measure)}, {s.phase}", fmt.number(s.n),
            fmt.duration(s.p50), fmt.duration(s.p95),
        )
        for s in speeds
    )  # fmt: skip
    columns = (Column("Successes", False), Column("Attempts"), Column("Median"), Column("95 %"))
    return Table("Speed of successes; sums are of ten minutes, within 1 %", columns, rows)


# ------------------------------------------------------------------ models


def models(sight: Sight) -> tuple[Block, ...]:
    """Return the matrix of models and layers."""
    a = sight.analysis
    if not a.models:
        return ()
    matrix = view.matrix(a, MODELS)
    columns = [Column("Model", False), Column("Attempts")]
    # On a narrow terminal a layer in which nothing failed may go.
    columns += [
        Column(_word(name), spare=0 if a.totals.by_layer.get(name) else 2) for name in matrix.layers
    ]
    columns += [Column("Success"), Column("Median", spare=1), Column("95 %", spare=1)]
    columns.append(Column("Top cause", number=False, spare=1))
    rows: list[tuple[Text, ...]] = []
    heat: list[tuple[int, ...]] = []
    for row in matrix.rows:
        cells = [row.by_layer.get(name) for name in matrix.layers]
        rows.append(
            (
                view.served(row), fmt.number(row.attempts), *(_cell(n, row.failed) for n in cells),
                fmt.rate(row.success_rate), fmt.duration(row.duration_p50_ms),
                fmt.duration(row.duration_p95_ms), view.words(row.top_cause),
            )
        )  # fmt: skip
        shades = (charts.heat(n, matrix.peak) if n else 0 for n in cells)
        heat.append((0, 0, *shades, 0, 0, 0, 0))
    totals = a.totals
    total: tuple[Piece, ...] = (
        "All models", fmt.number(totals.attempts),
        *(fmt.number(totals.by_layer.get(name)) for name in matrix.layers),
        fmt.rate(totals.success_rate), "", "", "",
    )  # fmt: skip
    caption = (
        "Failed attempts by asked model and layer, with the share of the model's failures where it "
        "has several layers. “–” is not measured. Times are of successes"
    )
    blocks: list[Block] = [
        Table(caption, tuple(columns), tuple(rows), total=total, heat=tuple(heat))
    ]
    if matrix.rest:
        tried = fmt.count(matrix.rest_attempts, "attempt")
        text = f"And {fmt.count(matrix.rest, 'more model')}: {fmt.number(matrix.rest_failed)}"
        blocks.append(Para(f"{text} of {tried} failed.", quiet=True))
    return tuple(blocks)


def _cell(value: int | None, failed: int) -> str:
    if not value or value == failed:
        return fmt.number(value)
    return f"{fmt.number(value)} ({100 * value / failed:.0f}{fmt.TIE}%)"
