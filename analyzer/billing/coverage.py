"""How far a ledger's exports carry: whose traffic they hold, and what their silence proves.

A row that is not there proves that nothing was charged only if the export is per request, goes on
past the attempt and the time of settling, and has the rows of the successes around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.billing.sides import OK, SECOND, Ledger

ENOUGH = 0.95
"""Share of a key's rows that the log must explain before a row without an id is laid to it."""
FAMILIAR = 0.5
FEWEST = 3
HORIZON_S = 6 * 3600
"""Successes further away say nothing about an attempt."""
MISSING = 0.05
"""Share of successes without a row from which on an export is taken for incomplete."""


@dataclass(frozen=True, slots=True)
class Keys:
    """``table``: ``key rows explained share``, per key of a ledger, within the time of the log."""

    table: pl.DataFrame
    left: pl.DataFrame
    """``row key``: rows that no attempt explains."""
    familiar: bool
    """Whether the log's successes explain at least half of the rows.

    Where a log holds little but failures, any row of another client would fit one of them.
    """


def inside(rows: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that lie within the time of one of the attempts' inputs."""
    spans = windows.group_by("input").agg(pl.col("low").min(), pl.col("high").max()).sort("low")
    merged: list[list[int]] = []
    for low, high in spans.select("low", "high").iter_rows():
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    within = pl.any_horizontal(
        pl.lit(False), *(pl.col("t").is_between(low, high) for low, high in merged[:200])
    )
    return rows.filter(within)


def keys(rows: pl.DataFrame, taken: pl.DataFrame, attempts: pl.DataFrame) -> Keys:
    """Return how much of each key's traffic the log explains.

    ``rows`` are the charges within the log's time, ``taken`` (``row success``) those that are an
    attempt's; ``attempts`` (windows) are those without a row yet. Rows that nobody can have made
    are not explained, nor are those by which rows outnumber attempts.
    """
    rest = rows.filter(~pl.col("row").is_in(taken["row"].implode()))
    lonely = _lonely(rest, attempts)
    near = rest.join(lonely, on="row", how="anti")
    excess = near.height - _most(near, attempts)
    share = excess / near.height if near.height else 0.0
    totals = rows.group_by("key").agg(pl.len().alias("rows"))
    alone = lonely.group_by("key").agg(pl.len().alias("lonely"))
    beside = near.group_by("key").agg(pl.len().alias("near"))
    explained = pl.col("rows") - pl.col("lonely") - pl.col("near") * share
    table = (
        totals.join(alone, on="key", how="left")
        .join(beside, on="key", how="left")
        .with_columns(pl.col("lonely", "near").fill_null(0))
        .with_columns(explained=explained.clip(0).round().cast(pl.Int64))
        .with_columns(share=pl.col("explained") / pl.col("rows"))
    )
    known = taken.filter("success").join(rows, on="row", how="semi").height
    known += _most(near, attempts.filter(pl.col("state") == OK))
    return Keys(
        table.select("key", "rows", "explained", "share").sort("key"),
        lonely,
        known >= max(FEWEST, FAMILIAR * rows.height),
    )


def _most(near: pl.DataFrame, attempts: pl.DataFrame) -> int:
    """Return how many of the rows these attempts can have made at most, by number alone."""
    if near["model"].has_nulls():
        return min(near.height, attempts.height)
    asked = attempts.group_by(model=pl.coalesce("asked", "served")).len("asked")
    unnamed = asked.filter(pl.col("model").is_null())["asked"].sum()
    both = near.group_by("model").len("rows").join(asked, on="model", how="left")
    made = both.select(pl.min_horizontal("rows", pl.col("asked").fill_null(0)).sum()).item()
    return min(near.height, int(made or 0) + int(unnamed))


def _lonely(rows: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """Return ``row key`` of rows near which there is no attempt of their model without a row."""
    given = rows.select("row", "key", "t", "model")
    if not attempts.height or not rows.height:
        return given.select("row", "key")
    length = attempts.select((pl.col("high") - pl.col("low")).median()).item()
    step = max(SECOND, int(length) // 2)
    asked = attempts.select(
        model=pl.coalesce("asked", "served"),
        slot=pl.int_ranges(pl.col("low") // step, pl.col("high") // step + 1),
    ).explode("slot")
    other = attempts.filter(pl.col("served") != pl.col("asked")).select(
        model="served", slot=pl.int_ranges(pl.col("low") // step, pl.col("high") // step + 1)
    ).explode("slot")  # fmt: skip
    places = pl.concat([asked, other]).unique()
    slotted = given.filter(pl.col("t").is_not_null()).with_columns(slot=pl.col("t") // step)
    blank = places.filter(pl.col("model").is_null()).select("slot").unique()
    named = slotted.join(places, on=["model", "slot"], how="anti")
    lonely = named.join(blank, on="slot", how="anti")
    unnamed = lonely.filter(pl.col("model").is_null()).join(
        places.select("slot").unique(), on="slot", how="semi"
    )
    return lonely.join(unnamed, on="row", how="anti").select("row", "key")


def without_strangers(
    failed: pl.DataFrame, charges: pl.DataFrame, unmatched: pl.DataFrame
) -> pl.DataFrame:
    """Return the ``failed`` near which there is no row that nobody explains, of whatever model.

    A gateway that falls back to another model, or names models its own way, would charge there.
    """
    rows = charges.filter(pl.col("row").is_in(unmatched["row"].implode()))
    sure = pl.col("sure_id")
    return pl.concat(
        [
            _none_between(failed.filter(sure), rows.filter(pl.col("h_request_id").is_null())["t"]),
            _none_between(failed.filter(~sure), rows["t"]),
        ]
    )


def _none_between(failed: pl.DataFrame, times: pl.Series) -> pl.DataFrame:
    if not failed.height or not times.drop_nulls().len():
        return failed
    at = times.drop_nulls().sort()
    before, after = (
        at.search_sorted(failed["low"], side="left"),
        at.search_sorted(failed["high"], side="right"),
    )
    return failed.filter(before == after)


def proven_absent(failed: pl.DataFrame, attempts: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Return the ``failed`` (windows) of which silence proves that nothing was charged.

    The nearest successes before and after, of the same model by the same key, must have a row
    (``own``); at least one must be there.
    """
    if ledger.first is None or ledger.last is None or not failed.height:
        return failed.clear()
    lag = int(ledger.lag_s * SECOND)
    over = failed.filter(pl.col("low") >= ledger.first, pl.col("high") + lag <= ledger.last)
    done = attempts.lazy().filter(pl.col("state") == OK)
    around = done.select("who", "start", has="own").collect().sort("start")
    found = over.sort("start")
    horizon = int(HORIZON_S * SECOND)
    for strategy in ("backward", "forward"):
        found = found.join_asof(
            around.rename({"has": strategy}), on="start", by="who", strategy=strategy,
            tolerance=horizon, check_sortedness=False,
        )  # fmt: skip
    seen = pl.col("backward").fill_null(True) & pl.col("forward").fill_null(True)
    some = pl.col("backward").is_not_null() | pl.col("forward").is_not_null()
    return found.filter(seen & some).select(failed.columns)


def who() -> pl.Expr:
    """Return who asked for what: an export may be filtered by both."""
    return pl.struct(model=pl.coalesce("asked", "served"), key="key_tag", host="gateway").hash()


def neighbours(failed: pl.DataFrame, attempts: pl.DataFrame) -> pl.Series:
    """Return the successes next to failures: what is known of them decides what silence proves."""
    done = attempts.lazy().filter(pl.col("state") == OK)
    around = done.select("who", "start", b="a").collect().sort("start")
    asked = failed.select("a", "who", "start").sort("start")
    found = [
        asked.join_asof(
            around, on="start", by="who", strategy=strategy, tolerance=int(HORIZON_S * SECOND),
            check_sortedness=False,
        )["b"]
        for strategy in ("backward", "forward")
    ]  # fmt: skip
    return pl.concat(found).drop_nulls().unique()


def models_without_rows(attempts: pl.DataFrame, rows: pl.DataFrame, ledger: Ledger) -> pl.Series:
    """Return models of which the log has successes in the export's time and the export nothing."""
    if ledger.first is None or ledger.last is None:
        return pl.Series([], dtype=pl.UInt32)
    seen = attempts.filter(
        pl.col("state") == OK, pl.col("low") >= ledger.first, pl.col("high") <= ledger.last
    )
    told = seen.group_by(model=pl.coalesce("asked", "served")).agg(
        pl.len().alias("n"), pl.col("own").any().alias("any")
    )
    there = rows["model"].drop_nulls().unique().implode()
    none = told.filter(pl.col("n") >= 3, ~pl.col("any"), ~pl.col("model").is_in(there))
    return none["model"].drop_nulls()
