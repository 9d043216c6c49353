"""The facts under the headline and in the impact section, the same in every report."""

from __future__ import annotations

from analyzer.analysis.model import Analysis, Group
from analyzer.render import formatting as fmt
from analyzer.render import retries, view
from analyzer.render.view import Fact
from analyzer.vocabulary import CAUSES, CONFIDENCE, LAYERS


def verdict_facts(analysis: Analysis) -> list[Fact]:
    """Return what stands under the headline: layer, cause, how sure, how many, when, models."""
    verdict = analysis.verdict
    facts: list[Fact] = []
    if verdict.layer:
        where = view.words(verdict.layer) + (f" ({verdict.party})" if verdict.party else "")
        facts.append(Fact("Layer", where, view.meaning(LAYERS, verdict.layer)))
    if verdict.cause:
        facts.append(Fact("Cause", view.words(verdict.cause), view.meaning(CAUSES, verdict.cause)))
    writer = view.answered_by(analysis)
    if writer:
        facts.append(Fact("Answer written by", writer, "not where the failure arose"))
    if verdict.confidence:
        sure = view.meaning(CONFIDENCE, verdict.confidence)
        facts.append(Fact("Confidence", verdict.confidence, sure, tuple(verdict.evidence)))
    if verdict.of and verdict.layer:
        share = f"{fmt.number(verdict.failed)} of {fmt.count(verdict.of, 'failed attempt')}"
        facts.append(Fact("Covers", share))
    if verdict.first and verdict.last:
        when = fmt.window(verdict.first, verdict.last, dated=True)
        length = fmt.span(verdict.first, verdict.last) if verdict.last > verdict.first else ""
        facts.append(Fact("When", when, length))
    if verdict.models:
        facts.append(Fact("Models", view.spoken(verdict.models, 6)))
    if calls := retries.tally(analysis):
        facts.append(Fact("Calls", calls))
    facts.append(Fact("Attempts", view.tally(analysis)))
    return facts


def impact(analysis: Analysis) -> list[Fact]:
    """Return how far the failures reach: counts, rates, who was affected."""
    totals = analysis.totals
    hit = [row.model for row in analysis.models if row.failed]
    share = fmt.percent(totals.failed, totals.ok + totals.failed)
    return [
        Fact("Attempts", fmt.number(totals.attempts), "one HTTP exchange each"),
        Fact("Calls", fmt.number(totals.calls), "logical requests, with their retries"
             if totals.calls is not None else "not measured: see Retries"),
        *_calls(analysis),
        Fact("Failed attempts", fmt.number(totals.failed), share if totals.failed else ""),
        Fact("Success rate", fmt.rate(totals.success_rate), "ok / (ok + failed)"
             if totals.success_rate is not None else "not measured: no attempt was decided"),
        *_apart(analysis),
        Fact("Models with failures",
             f"{fmt.number(len(hit))} of {fmt.number(len(analysis.models))}", view.spoken(hit, 6)),
        *_affected(analysis.groups),
    ]  # fmt: skip


def _calls(analysis: Analysis) -> list[Fact]:
    calls = retries.measured(analysis)
    if calls is None:
        return []
    share = fmt.percent(calls.failed, calls.ok + calls.failed)
    return [Fact("Failed calls", fmt.number(calls.failed), share if calls.failed else "")]


def _apart(analysis: Analysis) -> list[Fact]:
    totals = analysis.totals
    facts = []
    if totals.undecided:
        facts.append(Fact("Undecided", fmt.number(totals.undecided),
                          "the capture ends before the answer does; in no rate"))  # fmt: skip
    if totals.corroborating:
        facts.append(Fact("Seen by other hops too", fmt.number(totals.corroborating),
                          "records of attempts that are already counted"))  # fmt: skip
    return facts


def _affected(groups: list[Group]) -> list[Fact]:
    facts = []
    for label, name in (("Hosts", "hosts"), ("Endpoints", "endpoints"), ("Clients", "clients")):
        found = view.merged(getattr(group, name) for group in groups)
        if found:
            facts.append(Fact(f"{label} with failures", view.counted(found)))
    keys = max((group.keys for group in groups if group.keys is not None), default=None)
    if keys is not None:
        facts.append(Fact("Credentials with failures", f"at least {fmt.number(keys)}",
                          "most in one failure group; equal secrets have equal tags"))  # fmt: skip
    firsts = [group.first for group in groups if group.first]
    lasts = [group.last for group in groups if group.last]
    if firsts and lasts:
        first, last = min(firsts), max(lasts)
        facts.append(Fact("First to last failure", fmt.window(first, last, dated=True),
                          fmt.span(first, last)))  # fmt: skip
    return facts
