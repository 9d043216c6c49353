"""What joining the records of several hops gave, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analyzer.analysis.clean import Cleaner
from analyzer.analysis.evidence import lasted
from analyzer.analysis.model import Contradiction, Hops, Skew
from analyzer.correlate import Contradiction as Found
from analyzer.correlate import Joined, contradictions

EXAMPLES = 3
_HOPS = {
    "client": "the client",
    "network": "the forward proxy",
    "edge": "the edge",
    "gateway": "the gateway",
    "upstream": "the provider's side",
}

Row = Mapping[str, Any]


def hops(joined: Joined, clean: Cleaner) -> Hops:
    """Return what the joined records show; empty if one kind of log was given."""
    tiers = joined.members["tier"]
    return Hops(
        joined=joined.attempts,
        by_id=int((tiers == "id").sum()),
        by_time=int((tiers == "time").sum()),
        ambiguous=joined.ambiguous,
        skews=[
            Skew(
                outer=row["outer_format"],
                inner=row["inner_format"],
                seconds=row["skew_s"],
                spread_s=row["spread_s"],
                based_on=row["based_on"],
                basis=row["basis"],
            )
            for row in joined.skews.to_dicts()
        ],
        contradictions=_folded(contradictions(joined), clean),
    )


def _folded(found: Sequence[Found], clean: Cleaner) -> list[Contradiction]:
    """Fold contradictions of the same kind between the same logs; the commonest first."""
    groups: dict[tuple[object, ...], list[Found]] = {}
    for one in found:
        groups.setdefault(_key(one), []).append(one)
    ordered = sorted(groups.values(), key=lambda group: -len(group))
    return [
        Contradiction(
            kind=group[0].kind,
            text=clean.text(_sentence(group[0])),
            count=len(group),
            places=[clean.value(place) for one in group[:EXAMPLES] for place in one.places],
        )
        for group in ordered
    ]


def _key(one: Found) -> tuple[object, ...]:
    sides = [(row["hop"], row["format"], row["status"]) for row in (one.outer, one.inner)]
    return (one.kind, one.limit_s, *sides)


def _sentence(one: Found) -> str:
    outer, inner = _who(one.outer), _who(one.inner)
    if one.kind == "finished_after_client_left":
        hop = _HOPS.get(str(one.outer["hop"]), "that hop")
        limit = f" {one.limit_s:g} s looks like a time limit of {hop}." if one.limit_s else ""
        return (
            f"{_capital(outer)} gave up{_after(one.outer)}; {inner} logged {_status(one.inner)}"
            f"{_after(one.inner)}.{limit} The work was done, so expect it to be billed."
        )
    if one.kind == "rescued":
        return (
            f"{_capital(inner)} logged {_status(one.inner)}, {outer} got {_status(one.outer)}: "
            "something between them tried again. It is no failed attempt."
        )
    return (
        f"{_capital(outer)} noted {_status(one.outer)}, {inner} logged {_status(one.inner)}: what "
        "stands between the two replaced the answer."
    )


def _who(row: Row) -> str:
    return f"{_HOPS.get(str(row['hop']), 'a hop')} ({row['format']})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _after(row: Row) -> str:
    return "" if row["duration_ms"] is None else f" after {lasted(float(row['duration_ms']))}"


def _status(row: Row) -> str:
    return "no status" if row["status"] is None else str(row["status"])
