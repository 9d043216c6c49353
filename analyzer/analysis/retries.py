"""The calls of an Analysis: what users felt after retries, and how the retrying was done."""

from __future__ import annotations

import polars as pl

from analyzer.analysis.calls import Calls, ModelCalls, Storm
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.context import Context
from analyzer.analysis.evidence import Exhibits
from analyzer.analysis.scope import Counted, with_model_name
from analyzer.calls import Chained, storms
from analyzer.calls.storms import LOOP_S

SHOWN = 5
"""Storms that are written up."""
WOULD_TELL = (
    "What would tell: a HAR file of the client with request bodies, or a log with the header "
    "x-stainless-retry-count or a session id."
)
OUTCOMES = ("rescued", "given_up", "never_retried")
WAITS = ("honoured", "ignored", "absent")


def calls(
    chained: Chained, counted: Counted, context: Context, exhibits: Exhibits, clean: Cleaner
) -> Calls:
    """Return the calls; where nothing tells retries, no number but the reason."""
    told = not chained.covered.is_empty() and (chained.whole or chained.calls.height > 0)
    if not told:
        return Calls(calls=0, ok=0, failed=0, untold=chained.untold, measured=_why(chained))
    sums = _sums(chained, counted)
    ended = dict(chained.calls["outcome"].value_counts().iter_rows())
    number = sums["attempts"] - chained.retries
    failed = ended.get("given_up", 0) + ended.get("never_retried", 0)
    undecided = sums["undecided"]
    ok = number - failed - undecided
    tries = chained.attempts.filter(pl.col("before").is_not_null())
    return Calls(
        calls=number,
        ok=ok,
        failed=failed,
        undecided=undecided,
        attempts=sums["attempts"],
        untold=chained.untold,
        unclear=chained.unclear,
        success_rate=ok / (ok + failed) if ok + failed else None,
        retries=chained.retries,
        **{name: ended.get(name, 0) for name in OUTCOMES},
        paid_twice=int(chained.calls["paid_twice"].sum()),
        chained_by=_counted(tries["basis"]),
        retry_after=_in_order(_counted(tries["retry_after"])),
        against_advice=int(tries["in_vain"].sum()),
        lost_s=_lost(chained),
        attempts_per_call=_lengths(chained, number),
        storms=_storms(chained, counted, exhibits, clean),
        models=_models(chained, counted, context, clean),
        measured=None if chained.whole else _why(chained),
    )


def _why(chained: Chained) -> str:
    """Say why calls are not counted, or only those of a part of the attempts."""
    if chained.calls.height:
        return (
            f"Retries are told of a part of the attempts only: {chained.untold} failed ones have "
            f"no retry counter, no recorded body and no session. {WOULD_TELL}"
        )
    return (
        "Nothing in the inputs tells a retry from a new request: no retry counter, no recorded "
        f"body, no session. {WOULD_TELL}"
    )


def _sums(chained: Chained, counted: Counted) -> dict[str, int]:
    """Return the attempts that the calls are made of: all, or those that tell."""
    rows = counted.counts if chained.whole else chained.covered
    return {name: int(rows[name].sum()) for name in ("attempts", "undecided")}


def _counted(words: pl.Series) -> dict[str, int]:
    found = words.drop_nulls().value_counts().sort("count", words.name, descending=[True, False])
    return dict(found.iter_rows())


def _in_order(found: dict[str, int]) -> dict[str, int]:
    return {name: found.get(name, 0) for name in WAITS} if found else {}


def _lost(chained: Chained) -> float | None:
    lost = chained.calls["lost_s"].drop_nulls()
    return round(float(lost.sum()), 3) if lost.len() else None


def _lengths(chained: Chained, number: int) -> list[tuple[int, int, int]]:
    """Return (attempts, calls, of these failed); calls without any failure have one attempt."""
    failed = pl.col("outcome").is_in(["given_up", "never_retried"])
    found = (
        chained.calls.group_by("attempts")
        .agg(pl.len().alias("calls"), failed.sum().alias("failed"))
        .sort("attempts")
    )
    table = {tries: (calls, failed) for tries, calls, failed in found.iter_rows()}
    single, lost = table.pop(1, (0, 0))
    fine = number - chained.calls.height
    first = [(1, single + fine, lost)] if single + fine else []
    return first + [(tries, *counts) for tries, counts in table.items()]


def _models(
    chained: Chained, counted: Counted, context: Context, clean: Cleaner
) -> list[ModelCalls]:
    rows = counted.counts if chained.whole else with_model_name(chained.covered, context)
    attempts = rows.group_by(pl.col("model_name").alias("model")).agg(pl.col("attempts").sum())
    lost = pl.col("outcome").is_in(["given_up", "never_retried"])
    ended = chained.calls.group_by("model").agg(
        (pl.col("attempts") - 1).sum().alias("retries"), lost.sum().cast(pl.Int64).alias("failed")
    )
    table = (
        attempts.join(ended, on="model", how="left")
        .with_columns(pl.col("retries", "failed").fill_null(0))
        .with_columns(calls=pl.col("attempts") - pl.col("retries"))
        .sort("failed", "calls", "model", descending=[True, True, False])
    )
    return [
        ModelCalls(model=clean.value(row["model"]), calls=row["calls"], failed=row["failed"])
        for row in table.to_dicts()
    ]


def _storms(chained: Chained, counted: Counted, exhibits: Exhibits, clean: Cleaner) -> list[Storm]:
    found = storms(chained.attempts, counted.counts)
    said: list[tuple[int, str, int]] = []
    for row in found.storms.to_dicts():
        minutes = round((row["end"] - row["start"]).total_seconds() / 60)
        during = f"{minutes} min" if minutes > 1 else "1 min"
        text = (
            f"{row['start']:%H:%M} UTC, {during}: {row['retries']} of {row['attempts']} attempts "
            f"for {_model(row)} were retries, up to {row['peak']} a minute."
        )
        said.append((row["retries"], text, row["first"]))
    for row in found.loops.to_dicts():
        calls = "1 call" if row["calls"] == 1 else f"{row['calls']} calls"
        text = (
            f"{row['start']:%H:%M} UTC: {calls} for {_model(row)} retried without backing off, "
            f"{row['retries']} times in all, up to {row['most']} times in {LOOP_S:.0f} s."
        )
        said.append((row["retries"], text, row["first"]))
    said.sort(key=lambda item: (-item[0], item[1]))
    return [
        Storm(text=clean.value(text), attempts=retries, evidence=_cited(first, counted, exhibits))
        for retries, text, first in said[:SHOWN]
    ]


def _model(row: dict[str, object]) -> str:
    return f"{row['model_name']} at {row['host']}" if row["host"] else str(row["model_name"])


def _cited(attempt: int, counted: Counted, exhibits: Exhibits) -> list[str]:
    """Return the id of an attempt, if its row was kept."""
    kept = counted.failures.filter(pl.col("attempt_id") == attempt)
    return [exhibits.cite(kept.row(0, named=True))] if kept.height else []
