"""The weekly report on a terminal: the answer on the first screen, plain text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analyzer.reliability.model import ALL, ModelWeek, Weekly
from analyzer.reliability.rates import FEW
from analyzer.render import formatting as fmt
from analyzer.render.paper import Paper
from analyzer.render.text import shown
from analyzer.render.weekly import words

SCREEN = 24
_PROSE = 100
_INDENT = 12
_NARROW = 60
_WIDE = 100
_FEWEST = 4
"""Lines of the table that the first screen has even where others need the room."""
_SHOWN = 6
_SPARE = ("Callers", "Causes", "Money")
"""Blocks that the first screen can do without, the first one first."""

Column = tuple[str, Callable[[ModelWeek], str], bool]


def render(
    report: Weekly, width: int = 80, color: bool = False, unicode: bool = True, all_: bool = False
) -> str:
    """Return the report, ending in a line feed; ``all_`` leaves nothing out."""
    report = shown(report)
    paper = Paper(max(width, 20), color=color, unicode=unicode)
    head = _head(report, paper)
    if all_:
        lines = [*head, "", *_table(report, paper, None), "", *_foot(report, paper, None)]
    else:
        lines = _screen(report, paper, head)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _screen(report: Weekly, paper: Paper, head: list[str]) -> list[str]:
    """Return one screen: lines that others tell too go first, then models."""
    more = [paper.dim(paper.fit("More: -v | -o report.html | analyze run FILE"))]
    wanted = min(len(words.rows(report)), _SHOWN) + 1
    room = 0
    for left_out in range(len(_SPARE) + 1):
        foot = _foot(report, paper, _SPARE[:left_out])
        room = SCREEN - len(head) - len(foot) - len(more) - 2
        if room >= wanted:
            break
    return [*head, "", *_table(report, paper, max(_FEWEST, room)), "", *foot, *more]


def _head(report: Weekly, paper: Paper) -> list[str]:
    left, right = f"Week {words.title(report)}", words.data(report)
    room = paper.width - paper.cells(left) - paper.cells(right)
    if room >= 2:
        first = [paper.text(left) + " " * room + paper.text(right)]
    else:
        first = [*paper.wrap(left, paper.width), *paper.wrap(right, paper.width)]
    width = min(paper.width, _PROSE) - 8
    body = [line for text in report.headline for line in paper.wrap(text, width, 3)]
    body[0] = paper.bold(body[0])
    return [*first, "", *paper.hang(f"{paper.badge(words.level(report))} ", 8, body)]


# ------------------------------------------------------------------ the models


def _columns(report: Weekly, width: int) -> list[Column]:
    basis = report.totals.basis.upper()
    columns: list[Column] = [
        ("MODEL", lambda one: one.model, False),
        (basis, words.decided, True),
        ("FAILED", words.failed, True),
        ("SUCCESS", lambda one: words.success(one) if one.decided >= FEW else "too few", True),
        ("95 % RANGE", words.interval, True),
        ("TARGET", words.verdict, True),
        ("BURN", lambda one: words.burn(one.budget.burn), True),
    ]
    if width >= _WIDE:
        columns += [("P50 / P95", lambda one: words.pair(one.latency_ms), True)]
        if any(one.ttft_ms.n for one in report.models):
            columns += [("TTFT P50 / P95", lambda one: words.pair(one.ttft_ms), True)]
    return columns


def _table(report: Weekly, paper: Paper, room: int | None) -> list[str]:
    rows = words.rows(report)
    # The first line is the heading, and where some are left out the last one says how many.
    most = len(rows) if room is None or len(rows) < room else max(2, room - 2)
    kept = rows if most >= len(rows) else [*rows[: most - 1], rows[-1]]
    if paper.width < _NARROW:
        lines = [line for one in kept for line in paper.wrap(_told(one), paper.width)]
    else:
        lines = _grid(_columns(report, paper.width), kept, paper)
    left = len(rows) - len(kept)
    if not left:
        return lines
    return [*lines, paper.dim(f"and {fmt.count(left, 'more model')}: -v")]


def _told(one: ModelWeek) -> str:
    return (
        f"{one.model}: {words.success(one)} of {words.decided(one)}, {words.verdict(one)}, "
        f"burn {words.burn(one.budget.burn)}"
    )


def _grid(columns: list[Column], rows: list[ModelWeek], paper: Paper) -> list[str]:
    cells = [[paper.flat(cell(row)) for _, cell, _ in columns] for row in rows]
    heads = [paper.text(title) for title, _, _ in columns]
    widths = [max(paper.cells(line[i]) for line in [heads, *cells]) for i in range(len(columns))]
    fixed = sum(widths[1:]) + 2 * (len(widths) - 1)
    gap = 2 if fixed + min(widths[0], 16) <= paper.width else 1
    widths[0] = max(5, min(widths[0], paper.width - sum(widths[1:]) - gap * (len(widths) - 1)))

    def line(row: list[str]) -> str:
        parts = [
            paper.pad(cell, width, right=right)
            for cell, width, (_, _, right) in zip(row, widths, columns, strict=True)
        ]
        return paper.fit((" " * gap).join(parts).rstrip())

    return [paper.bold(line(heads)), *map(line, cells)]


# ------------------------------------------------------------------ the other blocks


def _foot(report: Weekly, paper: Paper, spared: Sequence[str] | None) -> list[str]:
    """Return the labelled lines; the first screen has the first entry of blocks not spared."""
    all_ = spared is None
    blocks = [
        ("All", [words.everything(report), *_limits(report)]),
        ("Budget", _budgets(report)),
        ("Changed", _changes(report)),
        ("Speed", _speeds(report)),
        ("Causes", _causes(report)),
        ("Money", [report.money.text]),
        ("Callers", _callers(report)),
        ("Incidents", _incidents(report, all_)),
        ("Data", [f"{words.gaps(report)}; {words.unread(report)}", *report.coverage.remarks]),
    ]
    if all_:
        blocks.append(("Means", [f"{word}: {text}" for word, text in report.definitions]))
    lines: list[str] = []
    for label, texts in blocks:
        if all_:
            lines += _labelled(label, texts, paper, None) if texts else []
        elif texts and label not in ("Changed", "Speed", *(spared or ())):
            # The headline tells of changes, and percentiles need the room of a wider table.
            lines += _labelled(label, texts[:1], paper, 2 if label == "Incidents" else 1)
    return lines


def _labelled(label: str, texts: list[str], paper: Paper, most: int | None) -> list[str]:
    room = min(paper.width, _PROSE) - _INDENT
    body = [line for text in texts for line in paper.wrap(text, room, most)]
    return paper.hang(label, _INDENT, body)


def _limits(report: Weekly) -> list[str]:
    told = [f"{one.model}: {words.both_ways(one)}" for one in report.models if one.rate_limited]
    caused = report.totals.client_caused
    if caused:
        told.append(f"{fmt.number(caused)} client-caused 4xx are in no percentage")
    return told


def _budgets(report: Weekly) -> list[str]:
    whole = report.totals
    burnt = words.layers(whole.budget.by_layer, ", ")
    told = [f"{words.budget(words.enough(whole))}, burnt by {burnt}"]
    if len(report.models) > 1:
        told += [f"{one.model}: {words.budget(words.enough(one))}" for one in report.models]
    told += [
        f"fastest {fast.minutes} min: {words.burn(fast.rate)} from {fmt.stamp(fast.start)} "
        f"({fmt.number(fast.failed)} of {fmt.number(fast.attempts)} attempts failed)"
        for fast in whole.budget.fastest
    ]
    return told


def _changes(report: Weekly) -> list[str]:
    """Return the changes, real ones first; models of which the same is to be said in one line."""
    order = {"real": 0, "noise": 1}
    alike: dict[str, list[str]] = {}
    for one in sorted(words.changed(report), key=lambda one: order.get(one.verdict, 2)):
        alike.setdefault(words.change(one), []).append(one.model)
    return [f"{words.several(names)} {told}" for told, names in alike.items()]


def _speeds(report: Weekly) -> list[str]:
    order = {"above": 0, "below": 1, "within": 2}
    single = [one for one in report.speeds if one.model != ALL]
    found = sorted(single, key=lambda one: order.get(one.verdict, 3))
    return [f"{one.model} {one.measure} p95 {words.speed(one)}" for one in found]


def _causes(report: Weekly) -> list[str]:
    parts = [
        f"{words.words(row.cause)} ({row.layer}) {words.share(row.share)}" for row in report.causes
    ]
    return [" | ".join(parts[:4]), *parts[4:]] if parts else ["nothing failed"]


def _callers(report: Weekly) -> list[str]:
    return [
        f"{fmt.number(row.failed)} x {words.words(row.cause)} by {words.caller(row)}"
        for row in report.hygiene
    ]


def _incidents(report: Weekly, all_: bool) -> list[str]:
    if report.incidents_why:
        return [report.incidents_why]
    if not report.incidents:
        return ["none found"]
    if all_:
        return [f"{words.event(one)}; {words.span(one)}" for one in report.incidents]
    return [f"{len(report.incidents)}: " + "; ".join(map(words.event, report.incidents))]
