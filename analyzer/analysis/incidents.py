"""The incidents of an Analysis: windows that were found, written up with who, what and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from analyzer import collect, correlate
from analyzer import incidents as search
from analyzer.analysis import differs
from analyzer.analysis import groups as grouping
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.context import Context
from analyzer.analysis.incident import Differs, Incident, Marker, Share
from analyzer.analysis.model import Group
from analyzer.analysis.parties import LAYER_LABELS
from analyzer.analysis.scope import Counted, with_model_name
from analyzer.analysis.tables import NO_MODEL
from analyzer.analysis.verdict import span
from analyzer.billing import traffic
from analyzer.calls import Chained
from analyzer.collect import Collected
from analyzer.incidents import markers, series
from analyzer.incidents.window import ALL, CALLER, PLANNED, SCOPES, Window
from analyzer.vocabulary import LAYER_WORDS

SHARES = 10
COMPARED = 20
"""Incidents whose failures are compared with the successes beside them."""
MARKERS_BEFORE = timedelta(hours=2)
FOUND_BEFORE = timedelta(minutes=30)
FOUND = ("cooldown", "config_error", "maintenance", "tunnel_down", "no_healthy_upstream")
"""Causes that say what somebody or something did, and not only that it failed."""
_NEEDED = {
    *grouping.KEYS, *SCOPES, *differs.NEEDED, "confidence", "weight", "minute", "started_at",
    "attempt_id", "input", "record",
}  # fmt: skip
"""Columns of failures that are looked at here: rows are copied for each window."""
_UNFINISHED = ("given_up", "never_retried")
_WHERE = {
    "model": " of {}", "key_tag": " with {}", "provider": " to {}", "host": " to {}",
    "endpoint": " to {}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that a window is about: its scope and time, less what other windows are about."""

    failures: pl.DataFrame
    """Of the window's family."""
    counts: pl.DataFrame


def incidents(
    collected: Collected, counted: Counted, joined: correlate.Joined, chained: Chained,
    groups: Sequence[Group], context: Context, clean: Cleaner,
) -> list[Incident]:  # fmt: skip
    """Return the incidents by start, ``I1`` first.

    ``groups`` are the written failure groups. What the user's own knowledge suppresses is in none.

    Raises:
        UsageError: a marker without a date fits several days of the capture.
    """
    failures, counts = _named(counted)
    first, last = counts["minute"].min(), counts["minute"].max()
    moments = markers.place(
        context.marks,
        first if isinstance(first, datetime) else None,
        last if isinstance(last, datetime) else None,
    )
    failed = failures.select("minute", *SCOPES, "layer", "cause", pl.col("weight").alias("failed"))
    windows = search.find(counts, failed, options=search.Options(target=context.target))
    if not windows:
        return []
    healthy = _healthy(collected, joined, counts, windows, context)
    titles = {group.fingerprint: group.title for group in groups}
    ids = {window: f"I{i}" for i, window in enumerate(windows, start=1)}
    written: list[Incident] = []
    for window, name in ids.items():
        rows = _rows(window, windows, failures, counts)
        beside = healthy.filter(_inside(window)) if healthy.height else healthy
        compared = (
            differs.differs(rows.failures, rows.counts, beside)
            if len(written) < COMPARED
            else Differs(not_tested=f"only the first {COMPARED} incidents are compared")
        )
        incident = _write(window, rows, titles, clean).model_copy(
            update={
                "id": name,
                "markers": _markers(window, moments, failures, clean),
                "overlaps": [ids[w] for w in windows if w != window and _overlap(w, window)],
                "differs": _cleaned(compared, clean),
                **_calls(window, rows, chained),
            }
        )
        written.append(incident)
    return written


def _named(counted: Counted) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return failures and counts with the model as in reports, and the minute."""
    model = pl.col("model_name").replace(NO_MODEL, None).alias("model")
    shown = counted.failures.filter(pl.col("suppressed").is_null())
    failures = shown.with_columns(model, pl.col("started_at").dt.truncate("1m").alias("minute"))
    failures = failures.select(name for name in failures.columns if name in _NEEDED)
    return failures, counted.counts.with_columns(model)


def _inside(window: Window) -> pl.Expr:
    time = pl.col("minute").is_between(window.start, window.end, closed="left")
    return time & series.is_of(window.scope)


def _rows(
    window: Window, windows: Sequence[Window], failures: pl.DataFrame, counts: pl.DataFrame
) -> _Rows:
    """Return the rows of a window; those of one found before it, in the same family, are its."""
    mine = _inside(window)
    for other in windows:
        if other.family == window.family and other.rank < window.rank and _overlap(other, window):
            mine = mine & ~_inside(other)
    return _Rows(
        failures.filter(mine & series.families()[window.family]),
        counts.filter(mine),
    )


def _write(window: Window, rows: _Rows, titles: Mapping[str, str], clean: Cleaner) -> Incident:
    lead = window.causes[0]
    # Rows of an incident are much alike: what is told of its causes is told by their kinds.
    kinds = rows.failures.group_by(*grouping.KEYS, "confidence").agg(pl.col("weight").sum())
    of_lead = kinds.filter(
        pl.col("layer").eq_missing(lead.layer) & pl.col("cause").eq_missing(lead.cause)
    )
    prints = _fingerprints(kinds)
    of_lead_prints = _fingerprints(of_lead)
    party = clean.value(_most(of_lead, "party"))
    failed = round(window.failed)
    attempts = max(window.attempts, failed)
    title = next((titles[name] for name in of_lead_prints if name in titles), None)
    value = clean.value(window.scope.value)
    by_layer = dict(kinds.group_by("layer").agg(pl.col("weight").sum()).iter_rows())
    return Incident(
        id="",
        text=_text(window, rows, party, title or lead.cause.replace("_", " "), value),
        kind=window.kind,
        family=window.family,
        scope=window.scope.field,
        scope_value=value,
        start=_began(window, rows),
        end=None if window.ongoing else window.end,
        peak=window.peak,
        peak_per_minute=window.peak_failed,
        recovery=None if window.ongoing else window.end,
        layer=lead.layer,
        cause=lead.cause,
        confidence=_most(of_lead, "confidence"),
        party=party,
        attempts=attempts,
        failed=failed,
        failure_rate=failed / attempts if attempts else 0.0,
        baseline_rate=window.base,
        burn=window.burn,
        by_layer={name: round(by_layer[name]) for name in LAYER_WORDS if name in by_layer},
        causes=_causes(window),
        models=_shares(rows, "model", clean),
        keys=_shares(rows, "key_tag", clean),
        endpoints=_shares(rows, "endpoint", clean),
        hosts=_shares(rows, "host", clean),
        groups=list(prints),
    )


def _began(window: Window, rows: _Rows) -> datetime:
    """Return the first failure of the first minute; else the minute, before a gap in failures."""
    first = rows.failures["started_at"].min()
    if isinstance(first, datetime) and first < window.start + timedelta(minutes=1):
        return first.replace(microsecond=0)
    return window.start


def _text(window: Window, rows: _Rows, party: str | None, title: str, value: str | None) -> str:
    """Return one sentence: what, how much of what, and when."""
    lead = window.causes[0]
    told = "Cannot tell which hop" if lead.layer == "unknown" else LAYER_LABELS[lead.layer]
    who = f"{told} ({party})" if party else told
    failed = round(window.failed)
    attempts = max(window.attempts, failed)
    where = _WHERE[window.scope.field].format(value) if window.scope.field != ALL else ""
    all_or = "all" if failed == attempts else f"{failed:,} of"
    began, last = _began(window, rows), rows.failures["started_at"].max()
    end = last if window.ongoing and isinstance(last, datetime) else window.end
    when = span(began, end)
    lasted = "not over when the capture ends" if window.ongoing else _lasted(end - began)
    mixed = "" if lead.failed >= window.failed / 2 else "several causes, first of all "
    text = (
        f"{who}: {mixed}{title.rstrip('.')}; {all_or} {attempts:,} attempts{where} failed, {when} "
        f"({lasted})"
    )
    if window.family == PLANNED:
        return f"Announced maintenance. {text}."
    if window.family == CALLER and window.scope.field == "key_tag":
        return f"{text}: a matter of this key, not of the service."
    return f"{text}."


def _lasted(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    days, hours = divmod(minutes // 60, 24)
    if minutes < 120:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{days} d {hours} h"


def _causes(window: Window) -> list[Share]:
    """Return the causes; ``attempts`` of a cause are its failures."""
    return [
        Share(value=f"{cause.layer}/{cause.cause}", attempts=round(cause.failed),
              failed=round(cause.failed))
        for cause in window.causes[:SHARES]
    ]  # fmt: skip


def _shares(rows: _Rows, field: str, clean: Cleaner) -> list[Share]:
    """Return what the incident did to each value of a field, most failures first."""
    broken = rows.failures.group_by(field).agg(pl.col("weight").sum().alias("failed"))
    tried = rows.counts.group_by(field).agg(
        (pl.col("ok") + pl.col("failed")).sum().alias("attempts")
    )
    joined = broken.drop_nulls(field).join(tried.drop_nulls(field), on=field, how="left")
    ranked = joined.sort("failed", field, descending=[True, False]).head(SHARES)
    return [
        Share(
            value=clean.value(str(row[field])),
            attempts=max(row["attempts"] or 0, round(row["failed"])),
            failed=round(row["failed"]),
        )
        for row in ranked.to_dicts()
    ]


def _fingerprints(kinds: pl.DataFrame) -> dict[str, float]:
    sums: dict[str, float] = {}
    for row in kinds.iter_rows(named=True):
        name = grouping.fingerprint(row)
        sums[name] = sums.get(name, 0.0) + row["weight"]
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _most(rows: pl.DataFrame, name: str) -> str | None:
    sums = rows.drop_nulls(name).group_by(name).agg(pl.col("weight").sum())
    ranked = sums.sort("weight", name, descending=[True, False])
    return str(ranked[name][0]) if ranked.height else None


def _overlap(one: Window, two: Window) -> bool:
    return one.start < two.end and two.start < one.end


def _markers(
    window: Window, moments: Sequence[tuple[datetime, str]], failures: pl.DataFrame, clean: Cleaner
) -> list[Marker]:
    """Return what the user and the capture say happened just before the window or in it."""
    told = [
        Marker(
            at=at, text=clean.value(text), source="user",
            seconds_before=(window.start - at).total_seconds(),
        )
        for at, text in moments
        if window.start - MARKERS_BEFORE <= at < window.end
    ]  # fmt: skip
    near = failures.filter(
        pl.col("started_at").is_between(window.start - FOUND_BEFORE, window.end)
        & pl.col("cause").is_in(FOUND)
        & series.is_of(window.scope)
    ).sort("started_at", "attempt_id")
    told += [
        Marker(
            at=row["started_at"],
            text=f"first {row['cause'].replace('_', ' ')} ({row['layer']})",
            source=clean.value(f"{row['input']}#{row['record']}"),
            seconds_before=(window.start - row["started_at"]).total_seconds(),
        )
        for row in near.unique("cause", keep="first", maintain_order=True).to_dicts()
    ]
    return sorted(told, key=lambda marker: (marker.at, marker.text))


def _calls(window: Window, rows: _Rows, chained: Chained) -> dict[str, int]:
    """Return the calls that began in the window; nothing where they are not told everywhere."""
    calls = chained.calls
    if not chained.whole or (window.scope.field not in (ALL, *calls.columns)):
        return {}
    begun = calls.filter(
        pl.col("started_at").is_between(window.start, window.end, closed="left")
        & series.is_of(window.scope)
    )
    less = float(begun.select(((pl.col("attempts") - 1) * pl.col("weight")).sum()).item() or 0)
    lost = float(begun.filter(pl.col("outcome").is_in(_UNFINISHED))["weight"].sum())
    tried = int(rows.counts["attempts"].sum())
    return {"calls": max(round(tried - less), round(lost)), "failed_calls": round(lost)}


def _healthy(
    collected: Collected, joined: correlate.Joined, counts: pl.DataFrame,
    windows: Sequence[Window], context: Context,
) -> pl.DataFrame:  # fmt: skip
    """Return exemplars of the windows with ``weight``; empty unless healthy rows are kept."""
    inner = joined.members["attempt_id"].implode()
    own = traffic.attempts(collected.spill.scan(), joined).filter(
        ~pl.col("echo"),
        ~pl.col("attempt_id").is_in(inner),
        pl.any_horizontal(
            pl.col("started_at").is_between(w.start, w.end, closed="left") for w in windows
        ),
    )
    rows = with_model_name(collect.sampled(own), context).with_columns(
        pl.col("model_name").replace(NO_MODEL, None).alias("model"),
        pl.col("started_at").dt.truncate("1m").alias("minute"),
    )
    keys = ["minute", "model"]
    all_ok = counts.group_by(keys).agg(pl.col("ok").sum().alias("all_ok"))
    return rows.join(all_ok, on=keys, how="left", nulls_equal=True).with_columns(
        (pl.col("all_ok") / pl.len().over(keys)).fill_null(1.0).clip(1.0).alias("weight")
    )


def _cleaned(found: Differs, clean: Cleaner) -> Differs:
    return found.model_copy(
        update={
            name: [
                part.model_copy(update={"value": clean.value(part.value)})
                for part in getattr(found, name)
            ]
            for name in ("differences", "same")
        }
    )
