"""The document for a terminal or a plain file: wrapped, without markup."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.render import charts, waterfall
from analyzer.render import formatting as fmt
from analyzer.render.incident import document as doc
from analyzer.render.incident.markdown import plain
from analyzer.render.paper import Paper
from analyzer.render.text import one_line

PROSE = 100
"""Columns beyond which text is not stretched."""
LABEL = 26
"""Columns that labels get at most."""
_NARROW = 60
_BAR = 40
_NAME = 18
"""Columns below which the names of rows are not squeezed."""


def render(
    document: doc.Document, *, width: int = 80, color: bool = False, unicode: bool = True,
    verbosity: int = 0,
) -> str:  # fmt: skip
    """Return the document, ending in a line feed.

    Without ``verbosity`` what may be folded away (samples, tables of the same numbers, the prose of
    groups) is one line each.
    """
    page = _Page(Paper(max(width, 20), color=color, unicode=unicode), verbosity > 0)
    lines = [page.paper.bold(page.paper.fit(document.title)), ""]
    for block in document.preface:
        lines += [*page.block(block, 0), ""]
    for part in document.parts:
        lines += page.part(part, several=len(document.parts) > 1)
    lines += page.wrap(f"{document.tool}. Times are UTC. “–” is not measured.", 0)
    if not page.whole:
        more = page.paper.fit("More: -v | -o report.html | -o report.md")
        lines.append(page.paper.dim(more))
    return "\n".join(_joined(lines)) + "\n"


def _joined(lines: list[str]) -> list[str]:
    """Return lines without trailing space and without two empty ones in a row."""
    kept: list[str] = []
    for line in lines:
        bare = line.rstrip()
        if bare or (kept and kept[-1]):
            kept.append(bare)
    return kept


@dataclass(frozen=True, slots=True)
class _Page:
    paper: Paper
    whole: bool

    def wrap(self, text: str, indent: int, head: str = "") -> list[str]:
        room = min(self.paper.width, PROSE) - indent - len(head)
        lines = self.paper.wrap(one_line(text), room)
        space = " " * indent
        return self.paper.hang(space + head, indent + len(head), lines)

    def part(self, part: doc.Part, *, several: bool) -> list[str]:
        lines: list[str] = []
        if several:
            rule = "=" * min(self.paper.width, PROSE)
            lines += [rule, *self.wrap(part.title, 0, ""), ""]
        for section in part.sections:
            title = f"{section.number}. {section.title}"
            lines.append(self.paper.bold(self.paper.fit(title)))
            if section.omitted:
                lines += self.wrap(f"Left out: {section.omitted}", 3)
            for i, block in enumerate(section.blocks):
                close = (doc.Folded, doc.Blank)
                after = section.blocks[i - 1] if i else None
                if i and not isinstance(block, close) and not isinstance(after, doc.Head):
                    lines.append("")
                lines += self.block(block, 3)
            lines.append("")
        return lines

    def block(self, block: doc.Block, indent: int) -> list[str]:
        match block:
            case doc.Para():
                return self.wrap(_text(block.text), indent)
            case doc.Passage():
                return [*self.wrap(f"{block.label}:", indent), *self._prose(block, indent + 2)]
            case doc.Facts():
                wide = min(LABEL, max(self.paper.cells(fact.label) for fact in block.items))
                return [line for fact in block.items for line in self._fact(fact, indent, wide)]
            case doc.Items():
                return self._items(block, indent)
            case doc.Table():
                return self._table(block, indent)
            case doc.Chart():
                return self._chart(block, indent)
            case doc.Fall():
                drawn = waterfall.text_waterfall(
                    block.lanes, _BAR if self.paper.width >= 80 else 16
                )
                return [self.paper.fit(" " * indent + line) for line in drawn.splitlines()]
            case doc.Pre():
                lines = [" " * (indent + 2) + self.paper.text(one) for one in _lines(block.text)]
                return [*self.wrap(f"{block.label}:", indent), *lines]
            case doc.Head():
                return [self.paper.bold(line) for line in self.wrap(_text(block.text), indent)]
            case doc.Blank():
                return [*self.wrap(f"{block.label} ({block.hint}):", indent), ""]
            case doc.Folded():
                return self._folded(block, indent)

    def _prose(self, block: doc.Passage, indent: int) -> list[str]:
        parts = [part for part in block.prose.text.split("\n\n") if part.strip()]
        return [line for part in parts for line in self.wrap(part, indent)]

    def _fact(self, fact: doc.Fact, indent: int, wide: int) -> list[str]:
        remark = _text(fact.remark)
        text = _text(fact.value) + (f" · {remark}" if remark else "")
        if self.paper.width < _NARROW:
            return self.wrap(f"{fact.label}: {text}", indent)
        room = min(self.paper.width, PROSE) - indent - wide - 2
        head = " " * indent + self.paper.pad(self.paper.text(fact.label), wide)
        return self.paper.hang(head, indent + wide + 2, self.paper.wrap(one_line(text), room))

    def _items(self, block: doc.Items, indent: int) -> list[str]:
        lines: list[str] = []
        for number, item in enumerate(block.items, start=1):
            head = f"{number}. " if block.ordered else "- "
            lines += self.wrap(_text(item.text), indent, head)
            for text in item.below:
                lines += self.wrap(_text(text), indent + len(head))
        return lines

    def _folded(self, block: doc.Folded, indent: int) -> list[str]:
        remark = _text(block.remark)
        told = one_line(_text(block.title)) + (f"  [{remark}]" if remark else "")
        if not self.whole and not remark and not block.id:
            return []
        lines = self.wrap(told, indent)
        if self.whole:
            for inner in block.blocks:
                lines += self.block(inner, indent + 2)
            lines.append("")
        return lines

    def _chart(self, block: doc.Chart, indent: int) -> list[str]:
        room = max(8, min(60, self.paper.width - indent - 14))
        drawn = charts.rebin(block.timeline, room)
        slots = drawn.slots
        bars = charts.spark(slots, unicode=self.paper.unicode)
        space = " " * indent
        lines = [f"{space}{slots[0].start:%H:%M} {bars} {slots[-1].start:%H:%M}"]
        if block.start and block.end:
            lines.append(f"{space}      {_under(block, drawn.bin_s, len(slots))}")
        peak = max(slots, key=lambda slot: slot.failed)
        per = fmt.bin_width(drawn.bin_s)
        most = f"most {fmt.number(peak.failed)} at {peak.start:%H:%M:%S}"
        under = "; ~ marks the incident" if block.start else ""
        lines = [self.paper.fit(line) for line in lines]
        return [*lines, *self.wrap(f"failed per {per}, {most}{under}", indent)]

    def _table(self, block: doc.Table, indent: int) -> list[str]:
        cells = [[self.paper.flat(_text(cell)) for cell in row] for row in block.rows]
        if block.total:
            cells.append([self.paper.flat(_text(cell)) for cell in block.total])
        heads = [self.paper.text(column.title) for column in block.columns]
        if not any(any(row) for row in cells):
            return self.wrap(f"{block.caption}: {', '.join(heads)}", indent)
        kept = self._kept(block, heads, cells, self.paper.width - indent)
        if not kept:
            return self._stacked(block, heads, cells, indent)
        heads, cells = [heads[i] for i in kept], [[row[i] for i in kept] for row in cells]
        widths = _widths(self.paper, heads, cells)
        over = sum(widths) + 2 * (len(widths) - 1) - (self.paper.width - indent)
        widths[0] -= max(0, over)
        right = [block.columns[i].number and i > 0 for i in kept]

        def line(row: list[str]) -> str:
            padded = zip(row, widths, right, strict=True)
            whole = "  ".join(self.paper.pad(c, w, right=r) for c, w, r in padded)
            return (" " * indent + whole).replace(fmt.TIE, " ")

        caption = self.wrap(block.caption, indent)
        return [*caption, self.paper.bold(line(heads)), *(line(row) for row in cells)]

    def _kept(
        self, block: doc.Table, heads: list[str], cells: list[list[str]], room: int
    ) -> list[int]:
        """Return the columns that fit, spare ones left out from the right; none if it cannot be."""
        kept = list(range(len(heads)))
        while True:
            widths = _widths(self.paper, [heads[i] for i in kept],
                             [[row[i] for i in kept] for row in cells])  # fmt: skip
            fixed = sum(widths[1:]) + 2 * (len(widths) - 1)
            if fixed + min(widths[0], _NAME) <= room:
                return kept
            first = [i for i in kept if block.columns[i].spare == 1]
            last = [i for i in kept if block.columns[i].spare == 2]
            if not first and not last:
                return []
            gone = first[-1:] or last
            kept = [i for i in kept if i not in gone]

    def _stacked(
        self, block: doc.Table, heads: list[str], cells: list[list[str]], indent: int
    ) -> list[str]:
        """Return a table that is too wide for the sheet: each row as a sentence."""
        lines = self.wrap(f"{block.caption}:", indent)
        for row in cells:
            told = [f"{head} {cell}" for head, cell in zip(heads[1:], row[1:], strict=True)
                    if cell and cell != "0"]  # fmt: skip
            lines += self.wrap(f"{row[0]}: {', '.join(told)}", indent, "- ")
        return lines


def _widths(paper: Paper, heads: list[str], cells: list[list[str]]) -> list[int]:
    return [max(paper.cells(row[i]) for row in [heads, *cells]) for i in range(len(heads))]


def _under(block: doc.Chart, bin_s: int, bins: int) -> str:
    """Return marks under the bins that the incident has a part in."""
    first = block.timeline.slots[0].start
    assert block.start is not None
    assert block.end is not None
    low = int((block.start - first).total_seconds() // bin_s)
    high = int((block.end - first).total_seconds() // bin_s)
    return "".join("~" if low <= i <= high else " " for i in range(bins))


def _lines(text: str) -> list[str]:
    return [line.replace("\t", "    ") for line in text.split("\n")]


def _text(text: doc.Text) -> str:
    pieces = text if isinstance(text, tuple) else (text,)
    return "".join(_shown(piece) for piece in pieces)


def _shown(piece: object) -> str:
    if isinstance(piece, doc.Cite):
        return f"[{' '.join(piece.ids)}]"
    if isinstance(piece, doc.Line):
        return piece.text.replace("`", "")
    return plain(piece)
