"""Hypothesis strategies for canonical attempt rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from analyzer import columns

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)

_row = st.fixed_dictionaries(
    {
        "second": st.integers(0, 900),
        "hop": st.just("client"),
        "host": st.sampled_from(["a.example", "b.example"]),
        "endpoint": st.sampled_from(["chat", "models", "messages"]),
        "model": st.sampled_from(["m1", "m2", "m3", None]),
        "key_tag": st.sampled_from(["key:1", "key:2"]),
        "status": st.sampled_from([200, 429, 503, None]),
        "ok": st.sampled_from([True, False, None]),
        "duration_ms": st.one_of(st.none(), st.floats(0.01, 1e6)),
        "input_tokens": st.one_of(st.none(), st.integers(0, 1000)),
        "output_tokens": st.one_of(st.none(), st.integers(0, 1000)),
        "provider": st.sampled_from(["openai", None]),
    }
)


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Canonical rows of drawn ones; numbered in order."""
    names = [name for name in rows[0] if name != "second"] if rows else []
    data: dict[str, list[object]] = {name: [row[name] for row in rows] for name in names}
    if rows:
        data["started_at"] = [START + timedelta(seconds=int(str(r["second"]))) for r in rows]
        data["input"] = ["x.har"] * len(rows)
        data["record"] = list(range(1, len(rows) + 1))
    schema = {name: columns.dtype_of(name) for name in data}
    made = columns.conform(pl.DataFrame(data, schema=schema))
    return made.with_columns(pl.int_range(made.height, dtype=pl.UInt64).alias("attempt_id"))


attempts = st.lists(_row, min_size=1, max_size=60).map(frame)
