"""Whether the model names of two sides mean the same model.

Levels, from the surest: ``exact`` (written alike), ``alias`` (alike once vendor prefix, snapshot
date and tag are off), ``family`` (the same words and numbers in another order or spelling:
``Claude4.6Opus`` and ``claude-opus-4-6``), ``mapped`` (a relay maps one to the other: rows that
were joined by id show it), ``unknown`` (one side names none).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

Normalise = Callable[[pl.Expr], pl.Expr]

SCORES = {"exact": 1.0, "alias": 0.95, "family": 0.9, "mapped": 0.9, "unknown": 0.5}
_AUTO = r"^auto:\s*"
_MAPPED_FROM = 3
"""Rows joined by id that must agree before names are taken as one."""


def plain(name: pl.Expr) -> pl.Expr:
    """Return a name as it is compared first: lower case, without what a plan puts before it."""
    return name.str.strip_chars().str.to_lowercase().str.replace(_AUTO, "")


def family(alias: pl.Expr) -> pl.Expr:
    """Return the words and numbers of a name, sorted."""
    words = alias.str.extract_all(r"[a-z]+|[0-9]+").list.unique().list.sort()
    return pl.when(alias.is_not_null()).then(words.list.join("-"))


def names(normalise: Normalise, *series: pl.Series) -> pl.DataFrame:
    """Return ``name model alias``: the number of its family for every name that is used."""
    every = pl.concat([one.drop_nulls().unique() for one in series]).unique().sort()
    alias = normalise(plain(pl.col("name")))
    table = pl.DataFrame({"name": every.cast(pl.String)}).with_columns(alias=alias)
    return table.with_columns(model=family(pl.col("alias")).rank("dense").cast(pl.UInt32)).select(
        "name", "model", "alias"
    )


def mapped(attempts: pl.DataFrame, rows: pl.DataFrame, exact: pl.DataFrame) -> pl.DataFrame:
    """Return ``model as``: models of rows that ids show to be an attempt's model by another name.

    ``exact`` has ``a row``; attempts have ``asked served``, rows ``model``.
    """
    seen = (
        exact.join(attempts.select("a", "asked", "served"), on="a")
        .join(rows.select("row", "model"), on="row")
        .filter(
            pl.col("model").is_not_null(),
            pl.col("asked").is_not_null(),
            pl.col("model") != pl.col("asked"),
            pl.col("model").ne_missing(pl.col("served")),
        )
    )
    told = seen.group_by("model", pl.col("asked").alias("as")).len()
    return told.filter(pl.col("len") >= _MAPPED_FROM).select("model", "as")


def level(asked: pl.Expr, row: pl.Expr, asked_alias: pl.Expr, row_alias: pl.Expr) -> pl.Expr:
    """Return the level word of two names, of which is known that they may be one."""
    return (
        pl.when(asked.is_null() | row.is_null())
        .then(pl.lit("unknown"))
        .when(plain(asked) == plain(row))
        .then(pl.lit("exact"))
        .when(asked_alias == row_alias)
        .then(pl.lit("alias"))
        .when(family(asked_alias) == family(row_alias))
        .then(pl.lit("family"))
        .otherwise(pl.lit("mapped"))
    )
