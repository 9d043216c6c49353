"""Incidents as every output lists them: in a line, and as the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Analysis
from analyzer.render import formatting as fmt
from analyzer.render import view

MOST = 20
"""Incidents that a table lists; more are counted."""
NOTE = (
    "Stretches of minutes in which more failed than the target allows: start and end are where the "
    "failure rate changed. What is not in one is still in all other tables."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One incident of the table."""

    id: str
    when: str
    lasted: str
    what: str
    where: str
    failed: str
    peak: str
    text: str


def rows(analysis: Analysis) -> list[Row]:
    """Return the incidents in the order of their start."""
    return [_row(incident, analysis) for incident in analysis.incidents[:MOST]]


def more(analysis: Analysis) -> str:
    """Say how many are not listed; empty if none."""
    rest = len(analysis.incidents) - MOST
    return f"And {fmt.count(rest, 'more incident')}." if rest > 0 else ""


def briefly(analysis: Analysis) -> str:
    """Return the incidents in a line; empty where they are all there is in the capture.

    A capture that fails from its first minute to its last is what the headline tells already.
    """
    found = analysis.incidents
    if all(incident.baseline_rate is None for incident in found):
        return ""
    worst = min(found, key=lambda incident: (-incident.failed, incident.start))
    start, end = analysis.window.start, analysis.window.end
    dated = start is None or end is None or start.date() != end.date()
    when = fmt.window(worst.start, worst.end or end, dated=dated)
    failed = f"{fmt.number(worst.failed)} of {fmt.count(worst.attempts, 'attempt')} failed"
    told = f"{_kind(worst)} {when}, {where(worst)}, {failed}"
    rest = len(found) - 1
    return told + (f"; {fmt.number(rest)} more (-o report.html)" if rest else "")


def where(incident: Incident) -> str:
    """Return whose attempts an incident concerns."""
    if incident.scope == "all":
        return "all traffic"
    field = incident.scope.replace("_tag", "")
    value = incident.scope_value or view.words(None)
    return value if value.startswith(f"{field}:") else f"{field} {value}"


def _row(incident: Incident, analysis: Analysis) -> Row:
    party = f", {incident.party}" if incident.party else ""
    end = incident.end or analysis.window.end
    return Row(
        id=incident.id,
        when=_when(incident, analysis),
        lasted=fmt.span(incident.start, end) + ("" if incident.end else ", not over"),
        what=f"{_kind(incident)}: {view.words(incident.cause)} "
        f"({view.words(incident.layer)}{party})",
        where=where(incident),
        failed=f"{fmt.number(incident.failed)} of {fmt.number(incident.attempts)}",
        peak=f"{fmt.number(round(incident.peak_per_minute))} at {fmt.clock(incident.peak)}",
        text=incident.text,
    )


def _when(incident: Incident, analysis: Analysis) -> str:
    return fmt.window(incident.start, incident.end or analysis.window.end, dated=True)


def _kind(incident: Incident) -> str:
    return view.words(incident.kind)
