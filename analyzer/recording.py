"""From a finished run to its :class:`~analyzer.records.Records`: scoped, named, redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analyzer import records, rollup
from analyzer.records import Records

if TYPE_CHECKING:
    from analyzer.pipeline import Result

_TEXT = (
    "host", "endpoint", "model", "provider", "gateway", "client", "party", "input", "error_type",
    "error_code", "error_message", "request_id", "ray_id", "currency",
)  # fmt: skip
"""Columns that can hold what a stranger wrote; tags and words of our vocabulary cannot."""


def record(result: Result) -> Records:
    """Return what is kept of a run; every text is redacted with the run's own salt."""
    failures = _named(result.counted.failures)
    counts = _named(result.counted.counts)
    latency = _named(result.counted.latency)
    return Records(
        counts=_summed(_clean(counts, result), "counts", rollup.SUMS),
        failed=_summed(_clean(_failed(failures), result), "failed", ("failed",)),
        latency=_summed(_clean(latency, result), "latency", ("n",)),
        calls=_fit(_clean(result.chained.calls, result), "calls"),
        failures=_fit(_clean(_booked(failures), result), "failures"),
        inputs=_inputs(result),
    )


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("model_name").alias("model"))


def _failed(failures: pl.DataFrame) -> pl.DataFrame:
    return failures.with_columns(
        pl.col("started_at").dt.truncate("1m").alias("minute"), pl.col("weight").alias("failed")
    )


def _booked(failures: pl.DataFrame) -> pl.DataFrame:
    """Return the failures with the ledger's currency: an answer may state a cost in another."""
    return failures.with_columns(
        pl.col("billed_currency").alias("currency"), pl.col("billed_layer").alias("payer")
    )


def _clean(rows: pl.DataFrame, result: Result) -> pl.DataFrame:
    """Return the rows with their texts redacted; each distinct one is looked at once."""
    return rows.with_columns(
        _clean_text(rows[name], result) for name in _TEXT if name in rows.columns
    )


def _clean_text(texts: pl.Series, result: Result) -> pl.Series:
    spelled = texts.unique().drop_nulls()
    cleaned = [result.secrets.redact(text) for text in spelled]
    return texts.replace_strict(
        spelled, pl.Series(cleaned, dtype=pl.String), default=None, return_dtype=pl.String
    )


def _summed(rows: pl.DataFrame, name: str, amounts: tuple[str, ...]) -> pl.DataFrame:
    fitted = _fit(rows, name)
    keys = [key for key in records.SCHEMAS[name] if key not in amounts]
    return fitted.group_by(keys).agg(pl.col(amounts).sum()).sort(keys, nulls_last=True)


def _fit(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the columns of a schema, typed null where the rows lack one."""
    schema = records.SCHEMAS[name]
    return rows.select(
        (pl.col(column) if column in rows.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in schema.items()
    )


def _inputs(result: Result) -> pl.DataFrame:
    settling = {
        name for row in result.analysis.billing.coverage if row.settles for name in row.inputs
    }
    rows = [
        {name: getattr(row, name, None) for name in records.INPUTS}
        | {"settles": row.input in settling}
        for row in result.analysis.inputs
    ]
    return pl.DataFrame(rows, schema=records.INPUTS)
