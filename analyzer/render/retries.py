"""Calls and retries in words that every report shares."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.analysis.calls import Calls
from analyzer.analysis.model import Analysis
from analyzer.render import formatting as fmt
from analyzer.render.view import Fact

_TOLD_BY = {
    "counter": "the client's own counter",
    "request_hash": "the same request body",
    "session": "the session",
}
NOTHING = "Nothing failed, so nothing had to be asked again."
UNKNOWN = "Not measured: attempts were not joined into calls when this analysis was made."


def measured(analysis: Analysis) -> Calls | None:
    """Return the calls, if they are told of all attempts."""
    calls = analysis.calls
    return calls if calls is not None and calls.measured is None else None


def of_model(analysis: Analysis) -> dict[str, str]:
    """Return ``26 of 1 860`` calls that failed, by model; empty where they are not measured."""
    calls = measured(analysis)
    if calls is None:
        return {}
    return {
        row.model: f"{fmt.number(row.failed)} of {fmt.number(row.calls)}" for row in calls.models
    }


def tally(analysis: Analysis) -> str:
    """Return ``4 522: 4 463 ok, 57 failed; 98.74 % succeeded``; nothing without any retry."""
    calls = measured(analysis)
    if calls is None or not calls.retries:
        return ""
    parts = f"{fmt.number(calls.ok)} ok, {fmt.number(calls.failed)} failed{_undecided(calls)}"
    return f"{fmt.number(calls.calls)}: {parts}; {fmt.rate(calls.success_rate)} succeeded"


def briefly(analysis: Analysis) -> str:
    """Return in a line what retries did; nothing where nothing failed or none is told."""
    calls = measured(analysis)
    if calls is None or not calls.rescued + calls.given_up + calls.never_retried:
        return ""
    if not calls.retries:
        return f"0: each attempt is a call of its own, {fmt.number(calls.failed)} failed"
    parts = [
        f"{fmt.number(calls.rescued)} rescued",
        f"{fmt.number(calls.given_up)} given up",
        f"{fmt.number(calls.never_retried)} not retried",
    ]
    if calls.paid_twice:
        parts.append(f"{fmt.number(calls.paid_twice)} paid twice")
    storm = f"; {fmt.count(len(calls.storms), 'storm')}" if calls.storms else ""
    return f"{fmt.number(calls.retries)}: {', '.join(parts)}{storm}"


def facts(analysis: Analysis) -> list[Fact]:
    """Return what the section on retries says, as far as it is measured."""
    calls = analysis.calls
    if calls is None or not calls.calls or not analysis.totals.failed:
        return []
    part = "" if calls.measured is None else f"of {fmt.count(calls.attempts, 'attempt')} that tell"
    rows = [
        Fact("Calls", f"{fmt.number(calls.calls)}: {fmt.number(calls.ok)} ok, "
             f"{fmt.number(calls.failed)} failed{_undecided(calls)}", part),
        Fact("Success rate of calls", fmt.rate(calls.success_rate), "ok / (ok + failed)"),
        Fact("Retries", fmt.number(calls.retries), _told_by(calls)),
        Fact("Rescued", fmt.number(calls.rescued), "failed at first, succeeded by a retry"),
        Fact("Given up", fmt.number(calls.given_up), "retried, and failed in the end"),
        Fact("Never retried", fmt.number(calls.never_retried), "failed with the only attempt"),
        Fact("Paid twice", fmt.number(calls.paid_twice),
             "calls with two attempts that were answered or billed in full"),
    ]  # fmt: skip
    return [*rows, *_how(calls)]


def _how(calls: Calls) -> Iterable[Fact]:
    """Yield how the retrying was done."""
    if calls.retries:
        waits = calls.retry_after
        asked = waits.get("honoured", 0) + waits.get("ignored", 0)
        told = f"honoured {fmt.number(waits.get('honoured', 0))}, ignored "
        told += f"{fmt.number(waits.get('ignored', 0))}"
        every = fmt.count(calls.retries, "retry", "retries")
        absent = f"absent before {fmt.number(waits.get('absent', 0))} of {every}"
        yield Fact("Retry-after", told if asked else "never asked for", absent)
        yield Fact("Against advice", fmt.number(calls.against_advice),
                   "retries of what asking again as before cannot help")  # fmt: skip
    if calls.lost_s is not None:
        until = "sum, until the attempt that succeeded began, or until the last one failed"
        yield Fact("Time lost", fmt.duration(calls.lost_s * 1000), until)
    if calls.unclear:
        why = "the first attempt is not in the capture; each is counted as a call"
        yield Fact("Retries of what is not shown", fmt.number(calls.unclear), why)


def _undecided(calls: Calls) -> str:
    return f", {fmt.number(calls.undecided)} undecided" if calls.undecided else ""


def _told_by(calls: Calls) -> str:
    ways = (f"{_TOLD_BY.get(way, way)} {fmt.number(n)}" for way, n in calls.chained_by.items())
    told = ", ".join(ways)
    return f"told by {told}" if told else "no failed attempt was asked again"


def caveat(analysis: Analysis) -> str:
    """Return why calls are not or not all measured, or that there is nothing to say of them."""
    calls = analysis.calls
    if calls is None:
        return UNKNOWN
    if calls.measured:
        return calls.measured
    return "" if analysis.totals.failed else NOTHING
