"""How one audience looks at one slice: its times, its evidence ids, its reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Analysis
from analyzer.render import formatting as fmt
from analyzer.render.incident.document import Cite, Moment, Piece
from analyzer.render.incident.slices import Slice


@dataclass(frozen=True, slots=True)
class Sight:
    """What the sections of one part are written from."""

    view: Slice
    audience: str = "operator"
    zone: tzinfo | None = None
    """Second zone of all times; the first is always UTC."""
    files: tuple[str, ...] = ()
    """Base names of the inputs, for command lines."""
    tickets: tuple[tuple[str, str], ...] = ()
    """Receiver and text of the tickets that follow."""

    @property
    def analysis(self) -> Analysis:
        """The Analysis of the slice."""
        return self.view.analysis

    @property
    def incident(self) -> Incident | None:
        """The incident, or ``None`` for a whole capture."""
        return self.view.incident

    def cite(self, ids: Iterable[str], most: int = 3) -> Cite | str:
        """Return the ids of what is shown in this report; nothing if nothing of it is."""
        known = {item.id for item in self.analysis.evidence}
        kept = tuple(name for name in ids if name in known)[:most]
        return Cite(kept) if kept else ""

    def moment(self, at: datetime | None) -> Piece:
        """Return a time, UTC first and the second zone behind it."""
        return fmt.NOT_MEASURED if at is None else Moment(at, self.local(at))

    def local(self, at: datetime) -> str:
        """Return ``15:21:44 +01:00``, with the date where it is another day; empty without zone."""
        if self.zone is None:
            return ""
        own = at.astimezone(self.zone)
        day = "" if own.date() == at.date() else f"{own:%Y-%m-%d} "
        return f"{day}{own:%H:%M:%S} {own.isoformat()[-6:]}"

    def window(self, start: datetime | None, end: datetime | None) -> str:
        """Return a stretch of time: ``2026-11-22 14:21-14:38 UTC (15:21-15:38 +01:00)``."""
        told = fmt.window(start, end, dated=True)
        if self.zone is None or start is None or end is None:
            return told
        low, high = start.astimezone(self.zone), end.astimezone(self.zone)
        first, last = f"{low:%Y-%m-%d %H:%M}", f"{high:%H:%M}"
        if low.utcoffset() != high.utcoffset():
            first += f" {low.isoformat()[-6:]}"
        if low.date() != high.date():
            last = f"{high:%Y-%m-%d %H:%M}"
        own = first if low.date() != start.date() else first[11:]
        if (low.date(), last) == (high.date(), first[11:]):
            return f"{told} ({own} {high.isoformat()[-6:]})"
        return f"{told} ({own}-{last} {high.isoformat()[-6:]})"
