"""What the weekly report says, before any format: cells and sentences as plain text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from analyzer.reliability.headline import success, target
from analyzer.reliability.model import (
    Budget,
    Change,
    Event,
    Gap,
    HygieneRow,
    ModelWeek,
    Quantiles,
    Speed,
    Weekly,
)
from analyzer.reliability.rates import FEW
from analyzer.render import formatting as fmt
from analyzer.render.view import FAIL, NOTE, OK, WARN, Fact, Level, spoken, words
from analyzer.vocabulary import LAYER_WORDS

__all__ = ["LAYERS", "spoken", "success", "target", "words"]

LAYERS = LAYER_WORDS

EMPTY_ACTIONS = "Action, owner and due date: to be filled in by people; carry open ones over."


def level(report: Weekly) -> Level:
    """Return how bad the week was."""
    verdicts = {one.verdict for one in (report.totals, *report.models)}
    if report.totals.verdict == "missed":
        return FAIL
    if "missed" in verdicts:
        return WARN
    return OK if report.totals.verdict == "met" else NOTE


def title(report: Weekly) -> str:
    """Return the week in words: ``2026-W47, 2026-11-16 to 2026-11-22 UTC``."""
    year, week = report.week.split("-W")
    first = date.fromisocalendar(int(year), int(week), 1)
    return f"{report.week}, {first} to {first + timedelta(days=6)} {report.zone}"


def data(report: Weekly) -> str:
    """Return how many hours have data."""
    cover = report.coverage
    told = f"data for {cover.hours_with_data} of {cover.hours}{fmt.TIE}h"
    return f"partial week, {told}" if cover.partial else told


def decided(one: ModelWeek) -> str:
    """Return how many the percentage is of."""
    return fmt.number(one.decided)


def interval(one: ModelWeek) -> str:
    """Return the range of the service's rate: ``98.30..99.70 %``."""
    if one.low is None or one.high is None or one.decided < FEW:
        return fmt.NOT_MEASURED
    return f"{100 * one.low:.2f}..{100 * one.high:.2f}{fmt.TIE}%"


def verdict(one: ModelWeek) -> str:
    """Return the verdict with its target: ``missed 99.5 %``; ``unsure`` is not enough data."""
    word = {"not enough data": "unsure"}.get(one.verdict, one.verdict)
    return f"{word} {target(one.target)}"


def burn(value: float | None) -> str:
    """Return a burn rate: ``1.45x``."""
    if value is None:
        return fmt.NOT_MEASURED
    return f"{value:.2f}x" if value < 100 else f"{value:.0f}x"


def share(value: float | None) -> str:
    """Return a share of the budget in whole percent; it may be negative."""
    return fmt.NOT_MEASURED if value is None else f"{100 * value:.0f}{fmt.TIE}%"


def pair(found: Quantiles) -> str:
    """Return p50 and p95: ``0.9 s / 4.1 s``; p90 where there are too few for p95."""
    if not found.n:
        return fmt.NOT_MEASURED
    high = f"p90 {fmt.duration(found.p90)}" if found.p95 is None else fmt.duration(found.p95)
    return f"{fmt.duration(found.p50)} / {high}"


def failed(one: ModelWeek) -> str:
    """Return the failures that count, of the basis."""
    return fmt.number(one.budget.week_failed)


def everything(report: Weekly) -> str:
    """Return failures by both denominators, client-caused ones too."""
    whole = report.totals
    attempts = f"{fmt.number(whole.failed_attempts)} of {fmt.count(whole.attempts, 'attempt')}"
    if whole.calls is None:
        return f"{attempts} failed; calls are not measured"
    calls = f"{fmt.number(whole.failed_calls)} of {fmt.count(whole.calls, 'call')}"
    rescued = f"; {fmt.number(whole.rescued_calls)} rescued" if whole.rescued_calls else ""
    return f"{calls}, {attempts} failed{rescued}"


def both_ways(one: ModelWeek) -> str:
    """Return availability with and without refusals for too many requests."""
    if one.decided < FEW:
        return success(one)
    if not one.rate_limited:
        return f"{fmt.rate(one.availability)} (no 429)"
    without = fmt.rate(one.availability_without_429)
    return f"{fmt.rate(one.availability)}, or {without} not counting 429"


def points(value: float | None) -> str:
    """Return a change in percentage points: ``-0.44``."""
    return fmt.NOT_MEASURED if value is None else f"{value:+.2f}"


def change(one: Change) -> str:
    """Return a change as a sentence without its model."""
    if one.points is None:
        return f"{one.verdict}: {one.why}"
    told = f" (q {chance(one.q)})" if one.q is not None else ""
    return (
        f"{points(one.points)} points ({points(one.low)} to {points(one.high)}) against "
        f"{fmt.rate(one.before)}: {one.verdict}{told}; {one.why}"
    )


def chance(value: float | None) -> str:
    """Return a p or q value."""
    if value is None:
        return fmt.NOT_MEASURED
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def speed(one: Speed) -> str:
    """Return how p95 of a model moved."""
    values = [f"{value.week[5:]} {fmt.duration(value.p95)}" for value in one.weeks]
    told = f"{one.verdict}{':' if one.verdict == 'cannot tell' else ''} {one.why}"
    return f"{told} ({', '.join(values)})" if any(value.p95 for value in one.weeks) else told


def budget(one: Budget) -> str:
    """Return what is left of the budget, and what the week took."""
    if one.left is None:
        return "too few to tell"
    if one.left >= 0:
        return f"{share(one.left)} left; this week took {share(one.week_share)}"
    # A share above 100 % reads badly; how often the budget was spent does not.
    spent = f"spent {1 - one.left:.1f} times over"
    return f"{spent}; this week {one.week_share or 0:.1f} times"


def layers(counts: dict[str, int], between: str = " | ") -> str:
    """Return the layers with failures, most first: ``upstream 71 %``."""
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{name} {share(n / total)}" for name, n in ranked if n]
    return between.join(told) if told else "nothing"


def event(one: Event) -> str:
    """Return an incident in one line."""
    return f"{one.id} {one.text}"


def span(one: Event) -> str:
    """Return when an incident was."""
    if one.end is None:
        return f"{fmt.stamp(one.start)}, still going on"
    return f"{fmt.window(one.start, one.end, dated=True)} ({fmt.span(one.start, one.end)})"


def gap(one: Gap) -> str:
    """Return a stretch without attempts."""
    why = {
        "before": "before the first record", "after": "after the last record",
        "within": "no attempt",
    }[one.kind]  # fmt: skip
    hours = fmt.count(one.hours, "hour")
    return f"{one.start:%a %H:%M} to {one.end:%a %H:%M} UTC ({hours}, {why})"


def gaps(report: Weekly, most: int = 3) -> str:
    """Return the stretches without attempts."""
    found = [gap(one) for one in report.coverage.gaps]
    if not found:
        return "no hour without an attempt"
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"{'; '.join(found[:most])}{more}: no downtime, but nothing is known of them"


def unread(report: Weekly) -> str:
    """Return how many records could not be read."""
    rows = report.coverage.sources
    bad, total = sum(row.problems for row in rows), sum(row.records for row in rows)
    if not total:
        return "the store does not tell how many records were read"
    return f"{fmt.percent(bad, total + bad)} of records not read" if bad else "all records read"


def caller(one: HygieneRow) -> str:
    """Return who sent what was refused."""
    parts = [one.key_tag or "(no key)", one.client or ""]
    return " ".join(part for part in parts if part)


def rows(report: Weekly) -> list[ModelWeek]:
    """Return the models, and all of them together last where there are several."""
    return [*report.models, report.totals] if len(report.models) > 1 else list(report.models)


def changed(report: Weekly) -> list[Change]:
    """Return the changes: of each model, all models together last where there are several."""
    whole, *single = report.changes
    return [*single, whole] if len(single) > 1 else single


def badge(one: ModelWeek) -> Level:
    """Return the glyph of a verdict."""
    return {"met": OK, "missed": FAIL}.get(one.verdict, NOTE)


def enough(one: ModelWeek) -> Budget:
    """Return the budget of a model; emptied where so few calls are no rate."""
    if one.decided >= FEW:
        return one.budget
    return one.budget.model_copy(update={"burn": None, "left": None, "week_share": None})


def without(one: ModelWeek) -> str:
    """Return availability that does not count refusals for too many requests."""
    if one.decided < FEW:
        return fmt.NOT_MEASURED
    return fmt.rate(one.availability_without_429) if one.rate_limited else "no 429"


def left_out(report: Weekly) -> str:
    """Return what is in no percentage."""
    caused, undecided = report.totals.client_caused, report.totals.undecided_attempts
    told = []
    if caused:
        told.append(f"{fmt.number(caused)} client-caused 4xx")
    if undecided:
        told.append(f"{fmt.count(undecided, 'attempt')} whose end is not in the capture")
    return f"In no percentage: {' and '.join(told)}." if told else "Nothing was left out."


def allowed(one: Budget) -> str:
    """Return how many failures the target allows."""
    return f"{one.allowed:.1f}" if one.allowed < 100 else fmt.number(round(one.allowed))


def fastest(one: Budget, minutes: int) -> str:
    """Return the worst window of a length: ``12.5x at 2026-11-17 14:00``."""
    for found in one.fastest:
        if found.minutes == minutes:
            return f"{burn(found.rate)} at {found.start:%a %H:%M}"
    return fmt.NOT_MEASURED


def moved(report: Weekly, model: str, measure: str) -> str:
    """Return how p95 of a model moved over the weeks."""
    for one in report.speeds:
        if (one.model, one.measure) == (model, measure):
            return speed(one)
    return fmt.NOT_MEASURED


def measured(report: Weekly, measure: str) -> bool:
    """Return whether any success of the week tells a measure."""
    whole = report.totals
    return (whole.latency_ms if measure == "duration" else whole.ttft_ms).n > 0


def peak(report: Weekly) -> int:
    """Return the largest count of one model and layer, for shading."""
    return max((n for one in report.models for n in one.failed_by_layer.values()), default=1)


def facts(report: Weekly) -> list[Fact]:
    """Return the numbers of the first block."""
    whole = report.totals
    made = []
    if whole.calls is not None:
        rescued = f"{fmt.number(whole.rescued_calls)} rescued by a retry"
        told = f"{fmt.number(whole.failed_calls)} of {fmt.number(whole.calls)} failed"
        made.append(Fact("Calls", told, rescued))
    else:
        made.append(Fact("Calls", fmt.NOT_MEASURED, "nothing tells which attempts are retries"))
    attempts = f"{fmt.number(whole.failed_attempts)} of {fmt.number(whole.attempts)} failed"
    made += [
        Fact("Attempts", attempts, left_out(report)),
        Fact("Success", both_ways(whole), f"of {whole.basis}"),
        Fact("Budget, 28 days", budget(enough(whole)), f"target {target(whole.target)}"),
        Fact("Burnt by", layers(whole.budget.by_layer, ", ")),
        Fact("Incidents", report.incidents_why or fmt.number(len(report.incidents))),
        Fact("Data", data(report)),
    ]
    return made


def several(names: Iterable[str]) -> str:
    """Return up to three names."""
    return spoken(names) or "–"
