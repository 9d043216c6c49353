"""Where the time of the shown attempts went: one lane an attempt, all lanes on one time scale.

Pure functions from recorded phases to lanes, pixels and letters. What was not recorded is never
drawn as a phase: the part of the duration that no phase accounts for is hatched, and a phase
without a number is a dash in the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analyzer.analysis.model import Evidence
from analyzer.render import formatting as fmt
from analyzer.render.charts import Tick, scale

PHASES = ("blocked", "dns", "connect", "tls", "send", "wait", "receive")
"""In the order in which they follow each other."""
REST = "not_recorded"
"""The part of the duration that no recorded phase accounts for."""
MOST_LANES = 24
"""Lanes that are drawn; the numbers of the others stand with each attempt."""
_SLACK = 0.01
"""Recorders round: less of the duration than this is no gap."""
_LEFT, _RIGHT, _WIDTH = 52, 96, 760
_ROW, _BAR, _TOP = 24, 16, 30
_HATCH = 6
_CHAR = 6.3
"""Pixels that a character of a label takes at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """One phase of an attempt, in milliseconds from its start."""

    phase: str
    start: float
    ms: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One attempt."""

    id: str
    parts: tuple[Part, ...]
    """Only what took time; ``connect`` is without the ``tls`` in it."""
    total: float
    recorded: dict[str, float]
    """As recorded, zeros included: what the table shows."""


@dataclass(frozen=True, slots=True)
class Block:
    """One rectangle, in pixels, with the label that fits into it."""

    phase: str
    x: float
    y: float
    width: float
    height: float
    label: str
    hatch: str
    """Path of the hatching; empty for a recorded phase."""


@dataclass(frozen=True, slots=True)
class Row:
    """One drawn lane: its name and total with the height of their text."""

    id: str
    y: float
    total: str
    end: float
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Everything that the SVG shows."""

    width: int
    height: int
    left: int
    right: int
    base: int
    rows: tuple[Row, ...]
    lanes: tuple[Lane, ...]
    """What the rows show, for the table."""
    ticks: tuple[Tick, ...]
    phases: tuple[str, ...]
    """Phases that have a block, in order, for the legend."""
    rest: int
    """Lanes that are not drawn."""


def lanes(evidence: Iterable[Evidence]) -> list[Lane]:
    """Return a lane for each attempt of which a phase or the whole duration is recorded."""
    return [lane for lane in map(_lane, evidence) if lane is not None]


def _lane(item: Evidence) -> Lane | None:
    recorded = {name: ms for name, ms in item.timings_ms.items() if name in PHASES and ms >= 0}
    whole = _number(item.fields.get("duration_ms"))
    if not recorded and whole is None:
        return None
    parts: list[Part] = []
    at = 0.0
    for phase in PHASES:
        ms = recorded.get(phase, 0.0)
        if phase == "connect":
            ms = max(0.0, ms - recorded.get("tls", 0.0))
        if ms > 0:
            parts.append(Part(phase, at, ms))
            at += ms
    total = max(at, whole or 0.0)
    if total - at > _SLACK * total:
        parts.append(Part(REST, at, total - at))
    return Lane(item.id, tuple(parts), total, recorded)


def _drawn(all_lanes: Sequence[Lane], most: int) -> list[Lane]:
    """Return the lanes that are drawn: none at all where every bar would only be hatched."""
    if not any(lane.recorded for lane in all_lanes):
        return []
    return [lane for lane in all_lanes if lane.total > 0][:most]


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def told(item: Evidence) -> str:
    """Return the phases that matter in words: ``wait 3.0 s``; nothing if none is recorded."""
    lane = _lane(item)
    if lane is None or not lane.recorded:
        return ""
    named = [part for part in lane.parts if part.ms >= 0.05 * lane.total]
    return ", ".join(f"{part.phase.replace('_', ' ')} {fmt.duration(part.ms)}" for part in named)


# ------------------------------------------------------------------ pixels


def waterfall(all_lanes: Sequence[Lane]) -> Waterfall | None:
    """Place the lanes; ``None`` if no phase of any attempt is recorded."""
    shown = _drawn(all_lanes, MOST_LANES)
    if not shown:
        return None
    right = _WIDTH - _RIGHT
    ticks = time_ticks(max(lane.total for lane in shown))
    peak = ticks[-1]
    rows = tuple(_row(lane, i, peak, right) for i, lane in enumerate(shown))
    base = _TOP + _ROW * len(shown)
    used = {part.phase for lane in shown for part in lane.parts}
    return Waterfall(
        width=_WIDTH, height=base + 8, left=_LEFT, right=right, base=base, rows=rows,
        lanes=tuple(shown),
        ticks=tuple(Tick(scale(ms, 0, peak, _LEFT, right), _axis(ms)) for ms in ticks),
        phases=tuple(name for name in (*PHASES, REST) if name in used),
        rest=sum(lane.total > 0 for lane in all_lanes) - len(shown),
    )  # fmt: skip


_LEAST_MS = 1e-6
"""A nanosecond: nothing is measured finer, and a number that is hardly one has no logarithm."""


def time_ticks(peak: float, most: int = 5) -> tuple[float, ...]:
    """Return round times in milliseconds from 0 to at least ``peak``, at most ``most`` steps."""
    raw = max(peak / most, _LEAST_MS)
    for step in _steps(raw):
        if step >= raw:
            return tuple(i * step for i in range(math.ceil(peak / step) + 1))
    return (0.0, peak)


def _steps(raw: float) -> Iterator[float]:
    if raw > 10_000:  # round in seconds, minutes and hours from here on
        for seconds in (15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400):
            yield seconds * 1000.0
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 5, 10):
        yield factor * power


def _axis(ms: float) -> str:
    return "0" if ms == 0 else fmt.duration(ms)


def _row(lane: Lane, index: int, peak: float, right: int) -> Row:
    y = _TOP + _ROW * index + (_ROW - _BAR) / 2
    blocks = []
    for part in lane.parts:
        x = scale(part.start, 0, peak, _LEFT, right)
        end = scale(part.start + part.ms, 0, peak, _LEFT, right)
        wide = round(max(0.5, end - x), 1)
        hatch = _hatch(x, y, wide, _BAR) if part.phase == REST else ""
        blocks.append(Block(part.phase, x, y, wide, _BAR, _label(part, wide), hatch))
    last = scale(lane.total, 0, peak, _LEFT, right)
    return Row(lane.id, y + _BAR - 4, fmt.duration(lane.total), last + 6, tuple(blocks))


def _label(part: Part, width: float) -> str:
    if part.phase == REST:
        return ""  # text on hatching cannot be read
    for text in (f"{part.phase} {fmt.duration(part.ms)}", part.phase):
        if len(text) * _CHAR + 6 <= width:
            return text
    return ""


def _hatch(x: float, y: float, width: float, height: float) -> str:
    """Return slanted lines that fill a rectangle, cut at its edges."""
    lines = []
    offset = -height + _HATCH
    while offset < width:
        x0, y0 = (x + offset, y + height) if offset >= 0 else (x, y + height + offset)
        over = max(0.0, offset + height - width)
        x1, y1 = x + offset + height - over, y + over
        lines.append(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}")
        offset += _HATCH
    return "".join(lines)


# ------------------------------------------------------------------ letters


def text_waterfall(all_lanes: Sequence[Lane], width: int = 40, most: int = 10) -> str:
    """Return the lanes as text: a letter of its phase for every stretch of time."""
    shown = _drawn(all_lanes, most)
    if not shown:
        return ""
    peak = max(lane.total for lane in shown)
    wide = max(len(lane.id) for lane in shown)
    bars = [_bar(lane, peak, width) for lane in shown]
    rows = [
        f"{lane.id:<{wide}}  {bar}  {fmt.duration(lane.total)}"
        for lane, bar in zip(shown, bars, strict=True)
    ]
    used = set("".join(bars))
    words = [f"{letter(p)} {p.replace('_', ' ')}" for p in (*PHASES, REST) if letter(p) in used]
    legend = f"1 letter = {fmt.duration(peak / width)}; {', '.join(words)}"
    more = sum(lane.total > 0 for lane in all_lanes) - len(shown)
    return "\n".join([*rows, *([f"and {more} more"] if more else []), legend])


def _bar(lane: Lane, peak: float, width: int) -> str:
    cells = ""
    for part in lane.parts:
        end = round((part.start + part.ms) / peak * width)
        cells += letter(part.phase) * (end - len(cells))
    # An attempt too short for one cell still shows what took longest.
    longest = max(lane.parts, key=lambda part: part.ms)
    return (cells or letter(longest.phase)).ljust(width)


def letter(phase: str) -> str:
    """Return the letter of a phase: b d c t s w r, and ? for what was not recorded."""
    return "?" if phase == REST else phase[0]
