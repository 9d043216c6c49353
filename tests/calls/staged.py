"""Attempts as a table: one line each, and what chaining makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from analyzer import columns
from analyzer.calls import Chained, chain

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADVICE = {"busy": "after-backoff", "key": "after-fix", "filter": "never"}
TYPES: dict[str, Any] = {
    **{name: columns.BY_NAME[name].dtype for name in columns.CHAINED}, "signature": pl.UInt64(),
}  # fmt: skip


def attempt(
    start: float, lasted: float = 1.0, ok: bool | None = False, **told: Any
) -> dict[str, Any]:
    """Return an attempt that began ``start`` seconds after noon."""
    begun = NOON + timedelta(seconds=start)
    return {
        "input": "a.har", "format": "har", "hop": "client", "ok": ok, "started_at": begun,
        "ended_at": begun + timedelta(seconds=lasted), "duration_ms": lasted * 1000,
        "time_precision_ms": 1.0, "method": "POST", "host": "api.example", "endpoint": "chat",
        "model": "m", "client": "sdk", "key_tag": "key:1", "rule": "busy", "billing": "unbilled",
        "billing_basis": "policy", **told,
    }  # fmt: skip


def frames(rows: Sequence[Mapping[str, Any]]) -> tuple[pl.DataFrame, pl.LazyFrame]:
    """Return the failures as judged, and the slim rows of all."""
    numbered = [
        {"record": number, "attempt_id": number, "signature": 1, **row}
        for number, row in enumerate(rows)
    ]
    slim = pl.DataFrame([{name: row.get(name) for name in TYPES} for row in numbered], schema=TYPES)
    words = ("rule", "billing", "billing_basis")
    said = pl.DataFrame(
        [{"attempt_id": row["attempt_id"], **{w: row[w] for w in words}} for row in numbered],
        schema={"attempt_id": pl.UInt64(), **dict.fromkeys(words, pl.String())},
    )
    failures = (
        slim.filter(~pl.col("ok").fill_null(True))
        .join(said, on="attempt_id")
        .with_columns(
            layer=pl.lit("upstream"), cause=pl.lit("overloaded"), weight=pl.lit(1.0),
            model_name=pl.col("model"),
        )
    )  # fmt: skip
    telling = pl.any_horizontal(pl.col(name).is_not_null() for name in columns.TELLING)
    return failures, slim.filter(telling).with_columns(count=pl.lit(1, pl.Int64)).lazy()


def chained(rows: Sequence[Mapping[str, Any]], finished: Sequence[int] = ()) -> Chained:
    failures, slim = frames(rows)
    return chain(failures, slim, ADVICE, pl.Series(finished, dtype=pl.UInt64))


def calls_of(found: Chained) -> list[list[int]]:
    """Return the attempts of each call with a failure, in the order of time."""
    calls: dict[int, list[int]] = {}
    for attempt_id, call in found.attempts.select("attempt_id", "call_id").iter_rows():
        calls.setdefault(call, []).append(attempt_id)
    return sorted(calls.values())
