"""Four updates for a status page, written from numbers and times alone: no name can slip in."""

from __future__ import annotations

from datetime import datetime, timedelta

from analyzer.analysis.model import Analysis
from analyzer.render import formatting as fmt
from analyzer.render import steps
from analyzer.render.incident.document import Block, Head, Para, Piece
from analyzer.render.incident.sight import Sight

WHO = {
    "client": "the way some requests were made",
    "network": "the network between some users and our service",
    "edge": "the network edge in front of our service",
    "gateway": "our gateway",
    "upstream": "a model provider that we depend on",
    "unknown": "a part of our service that we are still narrowing down",
}
_SYMPTOMS = {
    "rate_limited": "were refused for exceeding a limit",
    "overloaded": "were refused because of overload",
    "quota_exhausted": "were refused because a quota was used up",
    "budget_exceeded": "were refused because a budget was used up",
    "stream_interrupted": "were cut off while the answer was being sent",
    "stream_error": "were cut off while the answer was being sent",
}
_TIMEOUTS = ("origin_timeout", "upstream_timeout", "client_timeout", "connect_timeout")
LATER = timedelta(minutes=30)
"""How long after the recovery it is called resolved."""
FEW = 20
"""Requests below which a share says nothing."""


def updates(sight: Sight) -> tuple[Block, ...]:
    """Return Investigating, Identified, Monitoring and Resolved, each with its time."""
    a = sight.analysis
    if not a.totals.failed:
        return (Para(steps.NOTHING, quiet=True),)
    start, end, recovery = _times(sight)
    blocks: list[Block] = [
        Para("Drafts: read each before it is posted. Times are when the logs show it, which is "
             "the earliest that it could have been posted.", quiet=True)
    ]  # fmt: skip
    symptom, share = _symptom(a), _share(sight)
    blocks += _update(
        sight, "Investigating", start,
        f"Some requests fail. {share} of requests to {_models(a)} {symptom}. We are looking for "
        "the cause.",
    )  # fmt: skip
    blocks += _update(
        sight, "Identified", max(filter(None, (_peak(sight), start)), default=None), _identified(a)
    )
    if end is None:
        text = "The failures go on when our data ends. This update is for when they stop."
        blocks += [Head("Monitoring"), Para(text)]
        blocks += [Head("Resolved"), Para("Not yet: our data ends before the failures do.")]
        return tuple(blocks)
    text = "Requests succeed again as before. We keep watching."
    blocks += _update(sight, "Monitoring", recovery or end, text)
    blocks += _update(sight, "Resolved", (recovery or end) + LATER, _resolved(sight, start, end))
    return tuple(blocks)


def _times(sight: Sight) -> tuple[datetime | None, datetime | None, datetime | None]:
    incident, verdict = sight.incident, sight.analysis.verdict
    if incident is not None:
        return incident.start, incident.end, incident.recovery
    return verdict.first, verdict.last, None


def _peak(sight: Sight) -> datetime | None:
    return sight.incident.peak if sight.incident is not None else None


def _update(sight: Sight, name: str, at: datetime | None, text: str) -> list[Block]:
    when: tuple[Piece, ...] = (sight.moment(at), " " if at else "")
    return [Head(name), Para((*when, text))]


def _symptom(a: Analysis) -> str:
    cause = a.verdict.cause or ""
    if cause in _TIMEOUTS:
        return "took too long and were broken off"
    return _SYMPTOMS.get(cause, "ended with an error")


def _share(sight: Sight) -> str:
    """Return how much failed: of calls where they are known, as users feel those."""
    totals, calls = sight.analysis.totals, sight.analysis.calls
    failed, decided = totals.failed, totals.ok + totals.failed
    if calls is not None and calls.calls and not sight.view.partial_calls:
        failed, decided = calls.failed, calls.ok + calls.failed
    if not failed or decided < FEW:
        return "Some"
    return f"About {max(1, round(100 * failed / decided))}{fmt.TIE}% of"


def _models(a: Analysis) -> str:
    hit = sum(1 for row in a.models if row.failed)
    if hit == len(a.models):
        return "all models" if hit > 1 else "a model"
    return "one model" if hit == 1 else f"{hit} of {len(a.models)} models"


def _identified(a: Analysis) -> str:
    layer, confidence = a.verdict.layer, a.verdict.confidence
    if layer is None:
        return "There are several causes, and we work on each of them."
    where = WHO[layer]
    if confidence in ("certain", "high"):
        return f"The cause is {where}. We are working on it with those concerned."
    return f"The cause is probably {where}. We are working to confirm it."


def _resolved(sight: Sight, start: datetime | None, end: datetime) -> str:
    calls = sight.analysis.calls
    length = fmt.span(start, end)
    told = f"The incident is over. It lasted {length}; {_share(sight).lower()} requests failed"
    if calls is not None and calls.calls and not sight.view.partial_calls and calls.rescued:
        told += "; others went through when they were retried"
    return f"{told}. We will publish what we learnt."
