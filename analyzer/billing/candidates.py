"""Which usage rows may be an attempt's, by time, model, tokens, key and id.

A row may be an attempt's unless something says that it cannot be: what one side does not know
excludes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from analyzer.billing.clock import Clock
from analyzer.billing.sides import OK, SECOND, Ledger

CROWD = 200
"""An attempt near more rows than this is told from nothing: its rows are not listed."""
MOST_PAIRS = 30_000_000
TOLERANCE = 0.25
"""Ledgers count tokens by other tokenizers; no two counts of one answer are further apart."""
_START_S = 10.0
"""A ledger that notes starts does so within this after the request came."""
PAIRS = pl.Schema({"a": pl.UInt64(), "row": pl.UInt32()})


def windows(
    rows: pl.DataFrame, ledger: Ledger, clocks: Mapping[str, Clock], limit_s: float
) -> pl.DataFrame:
    """Return attempts with ``low`` and ``high``: where a row of theirs may be stamped.

    An attempt that its client gave up may be settled as late as the gateway's own time limit. The
    second inside a generation id is the ledger's own clock: it needs no other.
    """
    table = pl.DataFrame(
        {"view": list(clocks), "ahead": [_us(c.seconds) for c in clocks.values()],
         "slack": [_us(c.slack_s) for c in clocks.values()]},
        schema={"view": pl.Categorical(), "ahead": pl.Int64(), "slack": pl.Int64()},
    )  # fmt: skip
    timed = rows.filter(pl.col("start").is_not_null()).join(
        table, on="view", maintain_order="left", how="left"
    )
    precision = int(str(ledger.rows["p"].max() or 0))
    around = pl.col("slack") + pl.col("blur") + precision
    gone = pl.when("left").then(pl.max_horizontal("end", pl.col("start") + _us(limit_s)))
    last = gone.otherwise(pl.col("end"))
    if ledger.timed == "start":
        last = pl.min_horizontal("end", pl.col("start") + _us(_START_S))
    elif ledger.timed is not None:
        last = last + _us(ledger.lag_s)
    low = pl.col("start") + pl.col("ahead") - around
    high = last + pl.col("ahead") + around
    if ledger.gateway == "openrouter":
        second = pl.col("second") * SECOND
        low = pl.coalesce(second - SECOND - precision, low)
        high = pl.coalesce(second + 3 * SECOND + precision, high)
    # Only an answer that came to its end has counted all its tokens.
    out = pl.when(pl.col("state") == OK).then("out")
    # What is filtered and joined from here on is copied each time: nothing more than is needed.
    return timed.select(
        "a", "state", "start", "end", "input", "gateway", "key_tag", "asked", "served", "inp",
        "cached", "second", low=low, high=high, sure_out=out,
    )  # fmt: skip


def _us(seconds: float) -> int:
    return int(seconds * SECOND)


def pairs(
    attempts: pl.DataFrame, rows: pl.DataFrame, *, exact_tokens: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return ``a row`` that may be one request, and the attempts (``a``) in too dense a crowd.

    An attempt whose id would stand in its row can only have a row that lost its id.
    """
    sure = pl.col("sure_id")
    blank = rows.filter(pl.col("h_request_id").is_null())
    parts = [
        _pairs(attempts.filter(sure), blank, exact_tokens),
        _pairs(attempts.filter(~sure), rows, exact_tokens),
    ]
    return pl.concat([part[0] for part in parts]), pl.concat([part[1] for part in parts])


def _pairs(
    attempts: pl.DataFrame, rows: pl.DataFrame, exact_tokens: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    none = attempts.select("a").clear()
    if not attempts.height or not rows.height:
        return pl.DataFrame(schema=PAIRS), none
    length = attempts.select((pl.col("high") - pl.col("low")).median()).item()
    step = max(SECOND, int(length))
    rows = rows.filter(pl.col("t").is_not_null()).with_columns(slot=pl.col("t") // step)
    asked = _by_model(attempts).with_columns(
        slot=pl.int_ranges(pl.col("low") // step, pl.col("high") // step + 1)
    ).explode("slot")  # fmt: skip
    on = ["slot", "out"] if exact_tokens else ["slot"]
    if exact_tokens:
        asked = asked.with_columns(out=pl.col("sure_out")).filter(pl.col("out") > 0)
    crowded = _crowded(asked, rows, on)
    asked = asked.join(crowded, on="a", how="anti") if crowded.height else asked
    found = pl.concat(_join(one, other, on, same) for one, other, same in _kinds(asked, rows))
    close = found.filter(_fits(exact_tokens)).select("a", "row").unique()
    return close.match_to_schema(PAIRS), crowded


def _by_model(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return an attempt once for the model it asked for and once for the one that answered."""
    other = attempts.filter(
        pl.col("served").is_not_null(), pl.col("served").ne_missing(pl.col("asked"))
    )
    both = [attempts.with_columns(model=pl.coalesce("asked", "served"))]
    if other.height:
        both.append(
            other.filter(pl.col("asked").is_not_null()).with_columns(model=pl.col("served"))
        )
    return pl.concat(both).select(
        "a", "low", "high", "model", "sure_out", "inp", "cached", "known_key"
    )


def _kinds(
    asked: pl.DataFrame, rows: pl.DataFrame
) -> list[tuple[pl.DataFrame, pl.DataFrame, bool]]:
    """Split both sides by whether they name a model: what names none may be any."""
    named, other = (
        asked.filter(pl.col("model").is_not_null()),
        asked.filter(pl.col("model").is_null()),
    )
    known, blank = (
        rows.filter(pl.col("model").is_not_null()),
        rows.filter(pl.col("model").is_null()),
    )
    return [(named, known, True), (other, rows, False), (named, blank, False)]


def _join(asked: pl.DataFrame, rows: pl.DataFrame, on: list[str], same: bool) -> pl.DataFrame:
    given = rows.select(
        "row", "t", "model", "slot", "out", "key", pl.col("out").alias("row_out"),
        "inp_low", "inp_high",
    )  # fmt: skip
    keys = [*on, "model"] if same else on
    extra = given.drop("model") if not same else given
    extra = extra if "out" in on else extra.drop("out")
    return asked.drop("model" if not same else []).join(extra, on=keys).select(
        "a", "row", "t", "low", "high", "sure_out", "row_out", "inp", "cached", "inp_low",
        "inp_high", "key", "known_key",
    )  # fmt: skip


def _crowded(asked: pl.DataFrame, rows: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Return the attempts in whose slots there are too many rows to tell them apart."""
    by_model = rows.group_by(*on, "model").len("n")
    by_slot = rows.group_by(on).len("all")
    blank = by_model.filter(pl.col("model").is_null()).drop("model").rename({"n": "blank"})
    near = (
        asked.select("a", "model", *on)
        .join(by_model, on=[*on, "model"], how="left")
        .join(by_slot, on=on, how="left")
        .join(blank, on=on, how="left")
    )
    n = (
        pl.when(pl.col("model").is_null())
        .then(pl.col("all").fill_null(0))
        .otherwise(pl.col("n").fill_null(0) + pl.col("blank").fill_null(0))
    )
    sums = near.group_by("a").agg(n.sum().alias("n"))
    return sums.filter(pl.col("n") > CROWD).select("a")


def _fits(exact_tokens: bool) -> pl.Expr:
    low, high = pl.col("inp"), pl.col("inp") + pl.col("cached").fill_null(0)
    if exact_tokens:
        given = pl.col("inp_low") + (pl.col("inp_high") - pl.col("inp_low")) // 2
        same = (
            given.is_in(pl.concat_list(low, high))
            | pl.col("inp_low").is_in(pl.concat_list(low, high))
            | pl.col("inp_high").is_in(pl.concat_list(low, high))
        ).fill_null(False)
    else:
        near_out = (pl.col("sure_out") - pl.col("row_out")).abs() <= (
            TOLERANCE * pl.max_horizontal("sure_out", "row_out") + 2
        )
        near_in = (pl.col("inp_high") * (1 + TOLERANCE) + 2 >= low) & (
            pl.col("inp_low") * (1 - TOLERANCE) - 2 <= high
        )
        same = near_out.fill_null(True) & near_in.fill_null(True)
    in_time = pl.col("t").is_between("low", "high")
    own_key = (pl.col("key") == pl.col("known_key")).fill_null(True)
    return in_time & same & own_key
