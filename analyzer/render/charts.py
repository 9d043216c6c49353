"""The geometry of the timeline: pure functions from numbers to rectangles, points and ticks.

Nothing here knows SVG or text colours; the templates draw what these functions place, and the same
bins feed the spark line, the text chart and the tables, so that all of them show the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from analyzer.analysis.model import Slot, Timeline
from analyzer.render import formatting as fmt
from analyzer.vocabulary import LAYER_WORDS

MOST_BINS = 240
"""More bins than this are merged: a bar under two pixels shows nothing."""
SPARK = "▁▂▃▄▅▆▇█"
SPARK_ASCII = ":-=+*%#@"
_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
    3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: position in pixels and label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle of a stack, in pixels."""

    x: float
    y: float
    width: float
    height: float
    layer: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment worth naming: number, position, height of its badge, time and words."""

    number: int
    x: float
    y: float
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the SVG of the timeline shows. Two panels share one time axis."""

    width: int
    height: int
    left: int
    right: int
    line_top: int
    line_base: int
    bar_top: int
    bar_base: int
    bars: tuple[Bar, ...]
    line: str
    """Points of the attempts' step line, ``x,y x,y``."""
    line_ticks: tuple[Tick, ...]
    bar_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    markers: tuple[Marker, ...]
    layers: tuple[str, ...]
    """Layers that have a bar, in stacking order."""


def scale(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map ``value`` linearly from ``low..high`` to ``start..end``, one decimal."""
    share = 0.0 if high == low else (value - low) / (high - low)
    return round(start + share * (end - start), 1)


def nice_ticks(maximum: int, most: int = 4) -> tuple[int, ...]:
    """Return round whole numbers from 0 to at least ``maximum``, at most ``most`` steps."""
    if maximum < 1:
        return (0, 1)
    raw = maximum / most
    power = 10 ** math.floor(math.log10(raw)) if raw >= 1 else 1
    step = next(int(power * m) for m in (1, 2, 5, 10) if power * m >= raw)
    return tuple(range(0, maximum + step, step))


def time_step(seconds: float, most: int = 7) -> int:
    """Return the round step in seconds that gives at most ``most`` marks in ``seconds``."""
    for step in _STEPS_S:
        if seconds / step <= most:
            return step
    return math.ceil(seconds / most / 604_800) * 604_800


def time_marks(start: datetime, end: datetime, most: int = 7) -> list[tuple[datetime, str]]:
    """Return round moments between ``start`` and ``end`` with labels; dates where days change."""
    step = time_step((end - start).total_seconds(), most)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = math.ceil((start - midnight).total_seconds() / step)
    moment = midnight + timedelta(seconds=skipped * step)
    marks: list[tuple[datetime, str]] = []
    shown = start.date() if end.date() == start.date() else None
    while moment <= end:
        clock = f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"
        if step >= 86_400:
            clock = f"{moment:%m-%d}"
        elif moment.date() != shown:
            clock, shown = f"{moment:%m-%d} {clock}", moment.date()
        marks.append((moment, clock))
        moment += timedelta(seconds=step)
    return marks


def rebin(timeline: Timeline, most: int = MOST_BINS) -> Timeline:
    """Merge neighbouring bins until there are at most ``most``; sums are kept."""
    slots = timeline.slots
    if len(slots) <= most:
        return timeline
    by = math.ceil(len(slots) / most)
    merged = [_sum(slots[i : i + by]) for i in range(0, len(slots), by)]
    return Timeline(bin_s=timeline.bin_s * by, slots=merged, markers=timeline.markers)


def _sum(slots: list[Slot]) -> Slot:
    layers: dict[str, int] = {}
    for slot in slots:
        for layer, value in slot.by_layer.items():
            layers[layer] = layers.get(layer, 0) + value
    return Slot(
        start=slots[0].start,
        attempts=sum(slot.attempts for slot in slots),
        ok=sum(slot.ok for slot in slots),
        failed=sum(slot.failed for slot in slots),
        by_layer=layers,
    )


def spark(slots: Iterable[Slot], *, unicode: bool = True) -> str:
    """Return one character a bin: a space without attempts, a dot without failures, else a bar."""
    bins = list(slots)
    peak = max((slot.failed for slot in bins), default=0)
    levels = SPARK if unicode else SPARK_ASCII
    return "".join(_level(slot, peak, levels, "·" if unicode else ".") for slot in bins)


def _level(slot: Slot, peak: int, levels: str, none: str) -> str:
    if not slot.failed:
        return none if slot.attempts else " "
    return levels[max(1, math.ceil(slot.failed / peak * len(levels))) - 1]


def letters(slot: Slot, unit: float) -> str:
    """Return a bar of layer letters (``UUUE``): one per ``unit`` failures, at least one each."""
    parts = ((layer, slot.by_layer.get(layer, 0)) for layer in LAYER_WORDS)
    return "".join(letter(layer) * max(1, round(n / unit)) for layer, n in parts if n)


def letter(layer: str) -> str:
    """Return the letter of a layer: C N E G U, and ? for unknown."""
    return "?" if layer == "unknown" else layer[:1].upper()


def timeline_chart(timeline: Timeline, width: int = 760, height: int = 250) -> Chart | None:
    """Place the timeline; ``None`` if there is no bin to show."""
    slots = timeline.slots
    if not slots:
        return None
    frame = _Frame(slots[0].start, timeline.bin_s * len(slots), 52, width - 12)
    line_top, line_base, bar_top, bar_base = 34, 84, 112, height - 26
    line_ticks = nice_ticks(max(slot.attempts for slot in slots), 2)
    bar_ticks = nice_ticks(max(slot.failed for slot in slots), 4)
    bars = tuple(_bars(slots, timeline.bin_s, frame, bar_ticks[-1], bar_top, bar_base))
    points: list[str] = []
    for i, slot in enumerate(slots):
        y = scale(slot.attempts, 0, line_ticks[-1], line_base, line_top)
        points += [f"{frame.x(i * timeline.bin_s)},{y}", f"{frame.x((i + 1) * timeline.bin_s)},{y}"]
    used = {bar.layer for bar in bars}
    return Chart(
        width=width, height=height, left=frame.left, right=frame.right,
        line_top=line_top, line_base=line_base, bar_top=bar_top, bar_base=bar_base,
        bars=bars, line=" ".join(points),
        line_ticks=_ticks(line_ticks, line_base, line_top),
        bar_ticks=_ticks(bar_ticks, bar_base, bar_top),
        time_ticks=tuple(Tick(frame.at(at), label) for at, label in frame.marks()),
        markers=_markers(timeline, frame),
        layers=tuple(layer for layer in LAYER_WORDS if layer in used),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Frame:
    """The time axis: from ``start`` over ``seconds``, drawn between two pixels."""

    start: datetime
    seconds: int
    left: int
    right: int

    def x(self, offset_s: float) -> float:
        return scale(offset_s, 0, self.seconds, self.left, self.right)

    def at(self, moment: datetime) -> float:
        return self.x((moment - self.start).total_seconds())

    def marks(self) -> list[tuple[datetime, str]]:
        # A label at the very end would stick out of the picture.
        return time_marks(self.start, self.start + timedelta(seconds=self.seconds * 0.97))


def _ticks(values: tuple[int, ...], base: int, top: int) -> tuple[Tick, ...]:
    return tuple(Tick(scale(v, 0, values[-1], base, top), fmt.number(v)) for v in values)


def _bars(
    slots: list[Slot], bin_s: int, frame: _Frame, peak: int, top: int, base: int
) -> Iterable[Bar]:
    step = (frame.right - frame.left) / len(slots)
    gap = 1.0 if step > 4 else 0.0
    for i, slot in enumerate(slots):
        done = 0
        for layer in LAYER_WORDS:
            failed = slot.by_layer.get(layer, 0)
            if not failed:
                continue
            low = scale(done, 0, peak, base, top)
            done += failed
            high = scale(done, 0, peak, base, top)
            x = round(frame.x(i * bin_s) + gap / 2, 1)
            yield Bar(
                x, high, round(max(1.0, step - gap), 1), round(max(0.5, low - high), 1), layer
            )


def _markers(timeline: Timeline, frame: _Frame) -> tuple[Marker, ...]:
    placed: list[Marker] = []
    ends = [float("-inf"), float("-inf")]
    for number, (at, text) in enumerate(sorted(timeline.markers), start=1):
        x = min(max(frame.at(at), frame.left), frame.right)
        row = 0 if x - ends[0] >= 18 else 1  # two rows of badges, so that close moments stay apart
        ends[row] = x
        placed.append(Marker(number, x, 10 + row * 15, at, text))
    return tuple(placed)


def heat(value: int, peak: int) -> int:
    """Return a shade from 1 to 4 for a count of at least 1, by its share of the largest one."""
    return min(4, max(1, math.ceil(value / max(peak, 1) * 4)))
