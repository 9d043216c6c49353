"""Three sentences for whoever reads no further: the target, the weeks before, the cause."""

from __future__ import annotations

from analyzer.reliability.model import Change, ModelWeek, Weekly
from analyzer.reliability.rates import FEW
from analyzer.render import formatting as fmt


def sentences(report: Weekly) -> list[str]:
    """Return the headline."""
    return [_target(report), _change(report), _cause(report)]


def success(one: ModelWeek) -> str:
    """Return availability in words: a percentage, or the counts where they are few."""
    failed = (one.failed_calls or 0) if one.basis == "calls" else one.failed_attempts
    counted = failed - one.client_caused
    if one.decided < FEW:
        return f"{fmt.number(counted)} of {fmt.number(one.decided)} failed"
    return fmt.rate(one.availability)


def target(value: float) -> str:
    """Return a target as it was told: ``99.5 %``."""
    return f"{100 * value:.6g}{fmt.TIE}%"


def _target(report: Weekly) -> str:
    whole = report.totals
    if whole.decided >= FEW:
        first = f"{success(whole)} of {_decided(whole)} got a usable answer"
    elif whole.decided:
        first = f"{success(whole)}, too few for a percentage"
    else:
        first = "No attempt was decided"
    return f"{first}{_verdicts(report)}"


def _decided(whole: ModelWeek) -> str:
    return fmt.count(whole.decided, whole.basis[:-1])


def _verdicts(report: Weekly) -> str:
    missed = [one for one in report.models if one.verdict == "missed"]
    met = sum(one.verdict == "met" for one in report.models)
    unsure = len(report.models) - len(missed) - met
    if missed:
        told = [f"{one.model} ({success(one)}, target {target(one.target)})" for one in missed[:3]]
        more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
        return f". Target missed: {', '.join(told)}{more}."
    if not met:
        return "; no model has enough data for a verdict on its target."
    told_met = "every model" if not unsure else fmt.count(met, "model")
    rest = f"; {unsure} had not enough data to tell" if unsure else ""
    return f"; {told_met} met the target{rest}."


def _change(report: Weekly) -> str:
    whole, *single = report.changes
    real = [one for one in single if one.verdict == "real"]
    if real:
        return f"Against the weeks before, a real change: {', '.join(map(_moved, real[:3]))}."
    if whole.verdict == "real":
        return f"Against the weeks before, all models together changed by {_points(whole)}: real."
    if whole.verdict == "noise":
        return (
            f"Against the weeks before, {_points(whole)}: noise, days as they come differ as much."
        )
    moved = f"{_points(whole)}, but " if whole.points is not None else ""
    return f"Whether the week was better or worse than others cannot be told: {moved}{whole.why}."


def _moved(one: Change) -> str:
    return f"{one.model} {_points(one)}"


def _points(one: Change) -> str:
    return "–" if one.points is None else f"{one.points:+.2f} points"


def _cause(report: Weekly) -> str:
    if not report.causes:
        return "No attempt failed."
    first = report.causes[0]
    failed = report.totals.failed_attempts
    told = (
        f"Of {fmt.count(failed, 'failed attempt')}, {fmt.number(first.failed)} were "
        f"{first.cause.replace('_', ' ')} ({first.layer})"
    )
    number = len(report.incidents)
    if report.incidents_why:
        return f"{told}."
    return f"{told}; {fmt.count(number, 'incident')}." if number else f"{told}; no incident."
