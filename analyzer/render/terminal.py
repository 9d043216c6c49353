"""The summary on a terminal: the verdict first, at most one screen, plain text.

No rich, no templates: start-up time is a feature, and the text must survive being pasted into a
ticket. Blocks are lists of lines; the model table takes the lines that the other blocks leave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analyzer.analysis.model import Analysis, ModelRow, Step
from analyzer.render import charts, retries, steps, tickets, view, windows
from analyzer.render import formatting as fmt
from analyzer.render.paper import Paper
from analyzer.render.text import shown

FORMAT = "text"
SUFFIXES = (".txt",)
TITLE = "summary for a terminal"

SCREEN = 24
"""Lines of the first screen at most."""
PROSE = 100
"""Columns beyond which text is not stretched."""
_INDENT = 10
_NAME = 20
_FEWEST_BINS = 3
"""A spark line of fewer bins shows less than the window does."""
_ALL_MODELS = 60
_NARROW = 60
_WIDE = 120


def render(
    analysis: Analysis,
    width: int = 80,
    color: bool = False,
    unicode: bool = True,
    verbosity: int = 0,
) -> str:
    """Return the summary, ending in a line feed.

    Args:
        analysis: what to show.
        width: columns of the terminal, at least 20 are assumed.
        color: whether SGR escape sequences may be used.
        unicode: whether the stream can show more than ASCII.
        verbosity: 0 for one screen, 1 adds groups with evidence, 2 adds why and what else.
    """
    analysis = shown(analysis)
    paper = Paper(max(width, 20), color=color, unicode=unicode)
    lines = _blocks(analysis, paper, _Budget()) if verbosity else _screen(analysis, paper)
    if verbosity:
        from analyzer.render import details

        lines += details.lines(analysis, paper, verbosity)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def verdict_line(analysis: Analysis, color: bool = False, unicode: bool = True) -> str:
    """Return the verdict in one line, as ``-q`` prints it, ending in a line feed."""
    analysis = shown(analysis)
    paper = Paper(80, color=color, unicode=unicode)
    return f"{paper.badge(view.level(analysis))} {paper.flat(analysis.verdict.text)}\n"


@dataclass(frozen=True, slots=True)
class _Budget:
    """How many lines each text may take on the first screen; ``None`` is no limit."""

    verdict: int | None = None
    detail: int | None = None
    text: int | None = None

    @property
    def whole(self) -> bool:
        """Whether everything is shown, as with ``-v``."""
        return self.verdict is None


_ROOMY = _Budget(4, 3, 2)
_TIGHT = _Budget(3, 2, 1)


def _screen(analysis: Analysis, paper: Paper) -> list[str]:
    """Return the first screen; texts are cut harder where the terminal is narrow."""
    lines = _blocks(analysis, paper, _ROOMY)
    return lines if len(lines) <= SCREEN else _blocks(analysis, paper, _TIGHT)


def _blocks(analysis: Analysis, paper: Paper, budget: _Budget) -> list[str]:
    top = [*_verdict(analysis, paper, budget), "", *_numbers(analysis, paper, budget)]
    steps_, ticket = _next(analysis, paper, budget), _ticket(analysis, paper)
    bottom = [*steps_, *_note(analysis, paper, budget)]
    if not budget.whole:
        bottom += _more(analysis, paper)
    room = _ALL_MODELS if budget.whole else SCREEN - len(top) - len(bottom) - 2
    told = budget.whole or analysis.totals.failed
    table = _matrix(analysis, paper, room) if told else []
    if steps_ and (budget.whole or len(top) + len(table) + len(bottom) + 2 < SCREEN):
        # A model's row tells more than the command does, so the table is not cut for it.
        bottom[len(steps_) : len(steps_)] = ticket
    return [*top, *(["", *table] if table else []), "", *bottom]


def _verdict(analysis: Analysis, paper: Paper, budget: _Budget) -> list[str]:
    level, verdict = view.level(analysis), analysis.verdict
    room = min(paper.width, PROSE) - 8
    lines = paper.wrap(verdict.text, room, budget.verdict)
    lines = [paper.bold(line) for line in lines]
    lines += paper.wrap(_detail(analysis), room, budget.detail)
    calm = view.reassurance(analysis)
    lines += paper.wrap(calm, room, 2) if calm else []
    return paper.hang(f"{paper.badge(level)} ", 8, lines)


def _detail(analysis: Analysis) -> str:
    """Return what the headline leaves open: the words of the lists, or the causes beyond three."""
    verdict = analysis.verdict
    ids = f" [{fmt.TIE.join(verdict.evidence[:3])}]" if verdict.evidence else ""
    if verdict.layer and verdict.cause:
        told = f"layer {view.words(verdict.layer)}, cause {view.words(verdict.cause)}"
        writer = view.answered_by(analysis)
        return told + (f", answered by {writer}" if writer else "") + ids
    rest = [cause for cause in view.causes(analysis) if cause.title not in verdict.text]
    tie = fmt.TIE
    told = "; ".join(f"{fmt.number(c.count)}{tie}×{tie}{c.layer}: {c.title}" for c in rest)
    return f"Also: {told}{ids}" if told else ids.strip()


def _numbers(analysis: Analysis, paper: Paper, budget: _Budget) -> list[str]:
    totals, window = analysis.totals, analysis.window
    rows = [
        ("Calls", retries.tally(analysis)),
        ("Attempts", view.tally(analysis)),
        ("Retries", retries.briefly(analysis)),
    ]
    if totals.attempts:
        when = fmt.window(window.start, window.end, dated=True)
        rows.append(("Window", when if window.start else f"{when} (no attempt has a time)"))
    elif analysis.quality.hosts_left_out:
        rows.append(("Hosts", view.counted(analysis.quality.hosts_left_out, 3)))
    if told := view.hops_briefly(analysis):
        rows.append(("Hops", told))
    if analysis.incidents and (budget is _ROOMY or budget.whole):
        # Only where room is: the spark line shows the same, without words.
        rows.append(("Incidents", windows.briefly(analysis)))
    if totals.failed or analysis.billing.rows:
        rows.append(("Billing", analysis.billing.text))
    elif totals.attempts and not budget.whole:
        rows.append(("Models", view.spoken((row.model for row in analysis.models), 6)))
    told_of = (row for row in rows if row[1])
    lines = [line for row in told_of for line in _labelled(*row, paper, budget.text)]
    return lines + _sparkline(analysis, paper)


def _labelled(label: str, text: str, paper: Paper, most: int | None) -> list[str]:
    room = min(paper.width, PROSE) - _INDENT - 2
    return paper.hang(f"  {label}", _INDENT + 2, paper.wrap(text, room, most))


def _sparkline(analysis: Analysis, paper: Paper) -> list[str]:
    slots = analysis.timeline.slots
    if len(slots) < _FEWEST_BINS or not any(slot.failed for slot in slots):
        return []
    room = min(paper.width, PROSE) - _INDENT - 2
    ends = 2 * len("14:00:00 ")
    timeline = charts.rebin(analysis.timeline, max(4, min(60, room - ends)))
    slots = timeline.slots
    clock = "%H:%M:%S" if timeline.bin_s < 60 else "%H:%M"
    peak = max(slots, key=lambda slot: slot.failed)
    last = analysis.window.end or slots[-1].start
    bars = charts.spark(slots, unicode=paper.unicode)
    line = f"{slots[0].start:{clock}} {bars} {last:{clock}}"
    width = fmt.bin_width(timeline.bin_s)
    words = f"failed per {width}, peak {fmt.number(peak.failed)} at {peak.start:{clock}}"
    whole = f"{line}  {words}"
    both = [whole] if paper.cells(whole) <= room else [line, words]
    return paper.hang("  Failures", _INDENT + 2, [paper.fit(text, _INDENT + 2) for text in both])


def _next(analysis: Analysis, paper: Paper, budget: _Budget) -> list[str]:
    lines: list[str] = []
    room = min(paper.width, PROSE) - _INDENT - 2
    for party in steps.parties(analysis):
        taken = party.steps if budget.whole else party.steps[:1]
        name = "Operator" if party.key == "operator" else party.title
        texts = [_step(step, analysis) for step in taken] or [party.empty]
        marks = [f"{i}. " if len(texts) > 1 else "" for i in range(1, len(texts) + 1)]
        body = [
            line
            for mark, text in zip(marks, texts, strict=True)
            for line in paper.hang(mark, len(mark), paper.wrap(text, room - len(mark), budget.text))
        ]
        if taken or budget.whole:
            lines += paper.hang(f"  {name}", _INDENT + 2, body)
    if not lines and analysis.totals.failed:
        lines = ["  No step follows from the evidence."]
    return [paper.bold("What to do now"), *lines] if lines else []


def _ticket(analysis: Analysis, paper: Paper) -> list[str]:
    """Return the line that writes the ticket to the verdict's party, whole, since it is copied."""
    told = tickets.command(analysis)
    if told is None:
        return []
    lines = [f"  Ticket    {paper.text(text)}" for text in (told, tickets.brief(told))]
    return next(([line] for line in lines if paper.cells(line) <= paper.width), [])


def _step(step: Step, analysis: Analysis) -> str:
    """Return a step; where there are several causes, with how many failures it is for."""
    failed = analysis.totals.failed
    if analysis.verdict.layer or not 0 < step.count < failed:
        return step.action
    return f"For {fmt.number(step.count)} of {fmt.number(failed)}: {step.action}"


def _note(analysis: Analysis, paper: Paper, budget: _Budget) -> list[str]:
    """Return the remarks on the data; the first screen shows only the gravest one, if it is grave.

    A note that is no warning changes nothing for who is in a hurry, so it is only counted there.
    """
    remarks = view.remarks(analysis)
    kept = remarks if budget.whole else _grave(remarks)[:1]
    lines: list[str] = []
    for remark in kept:
        rest = len(_grave(remarks)) - 1 if not budget.whole else 0
        text = remark.text + (f" (+{fmt.count(rest, 'more warning')}: -v)" if rest else "")
        body = paper.wrap(text, min(paper.width, PROSE) - 8, budget.text)
        lines += paper.hang(f"{paper.badge(remark.level)} ", 8, body)
    return lines


def _grave(remarks: list[view.Line]) -> list[view.Line]:
    return [remark for remark in remarks if remark.level is view.WARN]


def _more(analysis: Analysis, paper: Paper) -> list[str]:
    remarks = view.remarks(analysis)
    notes = len(remarks) - len(_grave(remarks))
    words = "More: -v" + (f" ({fmt.count(notes, 'note')})" if notes else "") + " | -o report.html"
    if paper.width >= _NARROW:
        words += " | analyze explain FILE RECORD"
    return [paper.dim(paper.fit(words))]


# ------------------------------------------------------------------ the models × layers table


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: heading, cell, and whether it is a number."""

    title: str
    cell: Callable[[ModelRow], str]
    right: bool = True


def _matrix(analysis: Analysis, paper: Paper, room: int) -> list[str]:
    """Return the table in at most ``room`` lines (but at least one model)."""
    if not analysis.models:
        return []
    if paper.width < _NARROW:
        return _narrow(analysis, paper, room)
    lines_for_models = room - 1
    most = max(1, lines_for_models)
    if len(analysis.models) > most:
        most = max(1, most - 1)
    matrix = view.matrix(analysis, most)
    columns = _columns(matrix.layers, wide=paper.width >= _WIDE)
    cells = [[paper.flat(column.cell(row)) for column in columns] for row in matrix.rows]
    heads = [paper.text(column.title) for column in columns]
    widths = [
        max(len(head), *(paper.cells(row[i]) for row in cells)) for i, head in enumerate(heads)
    ]
    # Two spaces between columns where that leaves enough of the model's name.
    fixed = sum(widths[1:]) + 2 * (len(widths) - 1)
    gap = 2 if fixed + min(widths[0], _NAME) <= paper.width else 1
    widths[0] = max(5, min(widths[0], paper.width - sum(widths[1:]) - gap * (len(widths) - 1)))

    def line(row: list[str]) -> str:
        padded = zip(row, columns, widths, strict=True)
        parts = [paper.pad(cell, wide, right=column.right) for cell, column, wide in padded]
        whole = (" " * gap).join(parts).rstrip()
        if paper.cells(whole) > paper.width:
            return paper.fit(whole)
        # Zeros step back, so that the eye finds where the failures are.
        zeros = (paper.dim(part) if part.strip() == "0" else part for part in parts)
        return (" " * gap).join(zeros).replace(fmt.TIE, " ")

    lines = [paper.bold(line(heads)), *(line(row) for row in cells)]
    return [*lines, paper.dim(paper.fit(_rest(matrix)))] if matrix.rest else lines


def _columns(layers: tuple[str, ...], *, wide: bool) -> list[_Column]:
    def layer(name: str) -> _Column:
        return _Column(name.upper(), lambda row: fmt.number(row.by_layer.get(name)))

    columns = [
        _Column("MODEL", view.served if wide else lambda row: row.model, right=False),
        _Column("ATTEMPTS", lambda row: fmt.number(row.attempts)),
        *(layer(name) for name in layers),
        _Column("SUCCESS", lambda row: fmt.rate(row.success_rate)),
    ]
    if wide:
        columns += [
            _Column("P50 OK", lambda row: fmt.duration(row.duration_p50_ms)),
            _Column("P95 OK", lambda row: fmt.duration(row.duration_p95_ms)),
            _Column("TOP CAUSE", lambda row: view.words(row.top_cause), right=False),
        ]
    return columns


def _narrow(analysis: Analysis, paper: Paper, room: int) -> list[str]:
    most = max(1, room if len(analysis.models) <= room else room - 1)
    matrix = view.matrix(analysis, most)
    lines = []
    for row in matrix.rows:
        ranked = sorted(row.by_layer.items(), key=lambda item: -item[1])
        split = ", ".join(f"{name} {fmt.number(n)}" for name, n in ranked if n)
        told = f": {fmt.number(row.failed)} failed" + (f" ({split})" if split else "")
        name = paper.clip(row.model, max(16, paper.width - paper.cells(told)))
        lines.append(paper.fit(name + told))
    return [*lines, paper.dim(paper.fit(_rest(matrix)))] if matrix.rest else lines


def _rest(matrix: view.Matrix) -> str:
    tried = f"{fmt.number(matrix.rest_failed)} of {fmt.count(matrix.rest_attempts, 'attempt')}"
    return f"and {fmt.count(matrix.rest, 'more model')}: {tried} failed"
