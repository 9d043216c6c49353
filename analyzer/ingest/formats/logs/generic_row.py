"""From a table of text whose columns were chosen to the columns of an attempt."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from analyzer import columns
from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs.generic import Choice, Taken
from analyzer.ingest.zoneless import any_time

_SLASHED = r"^\d{4}/\d\d/\d\d"
_TRUE, _FALSE = ("true", "1", "yes", "t"), ("false", "0", "no", "f")


_APART = ("path", "key_tag", "started_at", "ended_at")
"""Columns that are made of more than one text, or of one that must be learnt."""


def rows_of(table: pl.DataFrame, choice: Choice, wants: Wants) -> pl.DataFrame:
    """Return attempts of ``table``: ``record`` and a text column for each source.

    A time that is not called a start is taken as the end: access logs are written when a request
    is through.
    """
    taken = {item.column: item for item in choice.taken}
    table, made = _target(table, taken, wants)
    for item in choice.taken:
        if item.column in _APART:
            continue
        if columns.is_header(item.column):
            made |= fields.headers(wants, {item.column: pl.col(item.source)})
        elif item.column == "host" and "host" in made:
            made["host"] = pl.coalesce("_named_host", _value(item))
        else:
            made[item.column] = _value(item)
    made |= _times(taken, wants, made.get("duration_ms"))
    return table.select("record", **made)


def _target(
    table: pl.DataFrame, taken: dict[str, Taken], wants: Wants
) -> tuple[pl.DataFrame, dict[str, pl.Expr]]:
    """Take the path or URL apart, and learn the credentials in it and in a column of keys."""
    made: dict[str, pl.Expr] = {}
    tags = []
    if "path" in taken:
        target = table.select(_target=fields.known(pl.col(taken["path"].source)))
        parts = ("path", "scheme", "named_host", "key_tag")
        split = fields.target(target, "_target", wants).select(
            pl.col(name).alias(f"_{name}") for name in parts
        )
        table = table.hstack(split)
        made = {"path": pl.col("_path"), "scheme": pl.col("_scheme"), "host": pl.col("_named_host")}
        tags.append("_key_tag")
    if "key_tag" in taken:
        own = fields.credential_tags(table[taken["key_tag"].source], wants)
        table = table.with_columns(own.alias("_own_tag"))
        tags.insert(0, "_own_tag")
    if tags:
        made["key_tag"] = pl.coalesce(tags)
    return table, made


def stamps(table: pl.DataFrame, choice: Choice) -> pl.Series:
    """Return the texts of all times, for the note about their zone."""
    found = [item.source for item in choice.taken if item.column in ("started_at", "ended_at")]
    parts = [table[name].drop_nulls().alias("t") for name in found]
    return pl.concat(parts) if parts else pl.Series("t", [], pl.String())


def _times(taken: dict[str, Taken], wants: Wants, duration: pl.Expr | None) -> dict[str, pl.Expr]:
    start, end = (
        _time(pl.col(taken[name].source), wants) if name in taken else None
        for name in ("started_at", "ended_at")
    )
    if start is not None:
        if end is None:
            end = fields.after(start, duration) if duration is not None else start
        elif duration is None:
            span = (end - start).dt.total_microseconds() / 1000
            return {"started_at": start, "ended_at": end, "time_kind": pl.lit("start"),
                    "duration_ms": pl.when(span >= 0).then(span)}  # fmt: skip
        return {"started_at": start, "ended_at": end, "time_kind": pl.lit("start")}
    if end is None:
        return {}
    begun = fields.before(end, duration) if duration is not None else end
    return {"started_at": begun, "ended_at": end, "time_kind": pl.lit("end")}


def _time(text: pl.Expr, wants: Wants) -> pl.Expr:
    zone = wants.reading.zone
    slashed = pl.when(text.str.contains(_SLASHED)).then(
        text.str.head(10).str.replace_all("/", "-", literal=True) + text.str.slice(10)
    )
    return pl.coalesce(any_time(text, zone), clock.clf_time(text), any_time(slashed, zone))


def _value(item: Taken) -> pl.Expr:
    """Read one column by the type that it has here."""
    text, name = fields.known(pl.col(item.source)), item.column
    dtype = columns.dtype_of(name)
    if name.endswith("status"):
        return fields.status(text)
    if name in ("host", "method"):
        return fields.host(text) if name == "host" else fields.method(text.str.to_uppercase())
    if name.endswith("_ms"):
        told = clock.go_duration_ms(text)
        return pl.coalesce(fields.number(text) * item.factor, told)
    if dtype == columns.TIME or dtype is None:
        return text
    if dtype == pl.Boolean:
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    if dtype == columns.MONEY:
        rough = text.cast(pl.Float64, strict=False).round(12)
        return rough.cast(pl.Decimal(38, 12), strict=False).cast(columns.MONEY)
    if dtype.is_numeric():
        return fields.number(text).cast(dtype, strict=False)
    return text


def status_share(values: Iterable[str | None]) -> float:
    """Return how many of some values look like an HTTP status."""
    told = [value for value in values if value is not None]
    fits = sum(value in ("0", "-", "000") or (len(value) == 3 and value[0] in "12345"
               and value.isdigit()) for value in told)  # fmt: skip
    return fits / len(told) if told else 0.0
