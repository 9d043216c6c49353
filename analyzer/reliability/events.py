"""The incidents of the week, as far as a weekly report lists them."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from analyzer import incidents
from analyzer.incidents.window import ALL, PLANNED, Window
from analyzer.records import CALLS, Records
from analyzer.reliability import tally
from analyzer.reliability.model import Event
from analyzer.reliability.options import Options
from analyzer.reliability.week import Week
from analyzer.render import formatting as fmt

_EDGE = timedelta(days=1)
"""Looked at on both sides, so that what goes on over midnight is found whole."""
_MODELS = 5


def events(
    records: Records, week: Week, options: Options, measured: bool
) -> tuple[list[Event], str | None]:
    """Return the incidents that touch the week by start, and why none could be looked for."""
    near = tally.between(records, week.start - _EDGE, week.end + _EDGE)
    if not near.counts.height:
        return [], "no attempt has a time"
    found = incidents.find(
        near.counts, near.failed, options=incidents.Options(target=options.target)
    )
    touching = [one for one in found if one.start < week.end and one.end > week.start]
    prefix = week.name[5:]
    return [
        _event(f"{prefix}-{number}", window, near, measured)
        for number, window in enumerate(touching, start=1)
    ], None


def _event(name: str, window: Window, near: Records, measured: bool) -> Event:
    cause = window.causes[0]
    inside = tally.between(near, window.start, window.end)
    broken = _of(inside.failed, window)
    party = _most(broken.filter(layer=cause.layer, cause=cause.cause), "party")
    models = _models(broken)
    failed = round(window.failed)
    return Event(
        id=name,
        text=_text(window, models, party),
        kind=window.kind,
        start=window.start,
        end=None if window.ongoing else window.end,
        layer=cause.layer, cause=cause.cause, party=party,
        confidence=_most(broken.filter(layer=cause.layer, cause=cause.cause), "confidence"),
        models=models, attempts=max(window.attempts, failed), failed=failed,
        burn=window.burn,
        **(_calls(inside, window) if measured else {}),
    )  # fmt: skip


def _of(rows: pl.DataFrame, window: Window) -> pl.DataFrame:
    scope = window.scope
    if scope.field == ALL:
        return rows
    return rows.filter(pl.col(scope.field).eq_missing(scope.value))


def _calls(inside: Records, window: Window) -> dict[str, int]:
    """Return the calls that began in the window; nothing where calls do not tell the scope."""
    if window.scope.field != ALL and window.scope.field not in CALLS:
        return {}
    counts, calls = _of(inside.counts, window), _of(inside.calls, window)
    less = float(calls.select(((pl.col("attempts") - 1) * pl.col("weight")).sum()).item() or 0)
    lost = float(tally.lost_calls(calls)["weight"].sum())
    made = max(float(counts["attempts"].sum()) - less, lost)
    return {"calls": round(made), "failed_calls": round(lost)}


def _models(broken: pl.DataFrame) -> list[str]:
    """Return the models with failures, most first."""
    sums = broken.group_by("model").agg(pl.col("failed").sum())
    ranked = sums.sort("failed", "model", descending=[True, False], nulls_last=True)
    return ranked["model"].drop_nulls().head(_MODELS).to_list()


def _most(rows: pl.DataFrame, name: str) -> str | None:
    sums = rows.drop_nulls(name).group_by(name).agg(pl.col("failed").sum())
    ranked = sums.sort("failed", name, descending=[True, False])
    return str(ranked[name][0]) if ranked.height else None


def _text(window: Window, models: list[str], party: str | None) -> str:
    """Return what and who: ``overloaded (upstream, Anthropic), model claude-sonnet-5, 17 min``."""
    cause = window.causes[0]
    who = f"{cause.layer}, {party}" if party else cause.layer
    scope = window.scope
    if scope.field == ALL:
        where = f"{len(models)} models" if len(models) > 1 else "all traffic"
    else:
        where = f"{scope.field.replace('_tag', '')} {scope.value}"
    lasted = fmt.span(window.start, window.end)
    planned = " (announced)" if window.family == PLANNED else ""
    more = ", still going on" if window.ongoing else ""
    return f"{cause.cause.replace('_', ' ')} ({who}), {where}, {lasted}{planned}{more}"
