"""Frames from the rows that rule files write down: examples and traces."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from analyzer import columns
from analyzer.engine import operators
from analyzer.engine.rule import Trace
from analyzer.engine.rule_file import trace_seconds

EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""``t: "00:00"`` of a trace; on a bucket's edge."""
_DEFAULTS = {"hop": "client", "endpoint": "chat", "host": "llm.example", "key_tag": "key:00000000"}
"""What a trace's row is, unless it says otherwise."""

Row = Mapping[str, Any]


def frame(rows: Iterable[Row], headers: Iterable[str] = ()) -> pl.DataFrame:
    """Return example rows as a canonical frame; a row is a failure unless it says ``ok``."""
    listed = list(rows)
    cells = {name for row in listed for name in row}.union(headers, ("ok",))
    data = {}
    for name in sorted(cells):
        dtype = columns.dtype_of(name)
        assert dtype is not None, name
        default = False if name == "ok" else None
        data[name] = pl.Series(
            [_cell(row.get(name, default), dtype) for row in listed], dtype=dtype
        )
    table = columns.conform(pl.DataFrame(data), headers=headers)
    numbers = pl.Series("attempt_id", range(table.height), dtype=pl.UInt64)
    return table.with_columns(numbers)


def _cell(value: Any, dtype: pl.DataType) -> Any:
    kind = operators.kind_of(dtype)
    if value is None or kind not in (operators.TIME, operators.MONEY, operators.LIST):
        return value
    if kind == operators.LIST:
        return value if isinstance(value, list) else [value]
    return Decimal(str(value)) if kind == operators.MONEY else operators.literal_value(value, kind)


def trace(of: Trace, headers: Iterable[str] = ()) -> pl.DataFrame:
    """Return the rows of a trace with ``started_at`` from ``t``, and an ``expect`` column."""
    plain = []
    for row in of.rows:
        seconds = trace_seconds(row["t"])
        assert seconds is not None, row["t"]
        at = EPOCH + dt.timedelta(seconds=seconds)
        cells = {name: value for name, value in row.items() if name not in ("t", "_expect")}
        plain.append({**_DEFAULTS, **cells, "started_at": at.isoformat()})
    expect = pl.Series("expect", [row.get("_expect") for row in of.rows], dtype=pl.String)
    return frame(plain, headers).with_columns(expect)


def latency(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the median duration of the successes per host and model."""
    return (
        rows.filter(pl.col("ok"))
        .group_by("host", "model")
        .agg(median_ms=pl.col("duration_ms").median())
    )
