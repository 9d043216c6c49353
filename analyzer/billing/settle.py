"""Settling: what usage exports say of failed attempts, against what was expected of them.

Nothing is called billed because it is likely: it takes an id, or the one row that nobody else can
have made, by a key whose traffic the log explains. Nothing is called free because no row was found,
unless the export is shown to be whole around it. The rest is told as what it is: ambiguous, bounded
as a group, or not covered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from analyzer.billing import bills, buckets, clock, sides, tables
from analyzer.billing.match import Matched, match
from analyzer.billing.models import Normalise
from analyzer.billing.sides import FAILED, LAYERS, Attempts, Usage

MATCH = pl.Struct(
    {
        "tier": pl.String(), "score": pl.Float64(), "margin": pl.Float64(),
        "usage_input": pl.String(), "usage_record": pl.Int64(),
    }
)  # fmt: skip
LAGS = {"gateway": 15.0, "upstream": 120.0}
"""Seconds until a ledger has settled a request, by whose it is."""
LIMIT_S = 600.0
"""How long a gateway goes on with a request whose client has left, unless it says so."""
DATE = clock.DATE
"""The header column by which a server's clock is told, where it was asked for."""
ADDED = ("billing_match", "billing_outcome", "billed_cost", "billed_currency", "billed_layer")


@dataclass(frozen=True, slots=True)
class Options:
    """What settling needs to know besides the rows."""

    normalise: Normalise = lambda name: name
    """Spellings of one model become one; :func:`analyzer.signals.model.normalise`."""
    lags_s: Mapping[str, float] = field(default_factory=lambda: LAGS)
    limit_s: float = LIMIT_S
    members: pl.DataFrame | None = None
    """``attempt_id primary``: records of hops behind, whose ids count for the primary."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Failures with what was observed, and what follows.

    ``failures``: as given, ``billing`` and ``billing_basis`` updated, with :data:`ADDED` and
    ``billing_basis_expected``. ``observed``: ``attempt_id`` and the same for every failed attempt
    of which something is observed, those too that were only counted. The other frames are
    described in :mod:`analyzer.billing.tables`.
    """

    failures: pl.DataFrame
    observed: pl.DataFrame
    unmatched_usage: pl.DataFrame
    coverage: pl.DataFrame
    mismatches: pl.DataFrame
    money: pl.DataFrame
    expected_by_observed: pl.DataFrame
    groups: pl.DataFrame
    wasted_by_retries: pl.DataFrame | None
    """``hop cost_basis currency cost count``; null where nothing tells which calls are retries."""
    usage: pl.DataFrame
    """``attempt_id``, names and tokens from the row of each observed attempt."""


def settle(
    failures: pl.DataFrame, usage: pl.DataFrame, attempts: pl.LazyFrame,
    options: Options | None = None,
) -> Settled:  # fmt: skip
    """Settle billed ``failures`` against the rows of all exports.

    ``attempts`` are slim rows of every attempt, healthy ones too; a column ``echo`` marks records
    of hops behind that another record stands for already.
    """
    options = options or Options()
    rows = Usage(usage)
    every = sides.attempts(attempts, options.members)
    ledgers, sums = sides.ledgers(rows, every, options.lags_s, options.limit_s)
    names = sides.model_names(ledgers, sums, every.rows, options.normalise)
    sides.number_models(ledgers, names)
    every = Attempts(sides.with_models(every.rows, names), every.ids)
    stamped = clock.dates(failures)
    own = [ledger for ledger in ledgers if ledger.hop in LAYERS]
    matched = [match(ledger, every, options.limit_s, stamped) for ledger in own]
    made = _bills(matched, every, rows)
    bill = bills.chosen(made)
    groups, bound = buckets.bounds(sums, every, names)
    observed = _observed(bill, matched)
    settled = _applied(failures, observed, matched, bound)
    named = bill.select(
        "a", "key_name", "group", "usage_request_id", "cost_basis", "used_input", "used_output",
        "used_cached",
    )  # fmt: skip
    return Settled(
        failures=settled,
        observed=observed,
        unmatched_usage=tables.unmatched(matched, rows),
        coverage=tables.coverage(matched, ledgers, sums, rows, names),
        mismatches=tables.mismatches(settled, matched, every.rows),
        money=tables.money(made),
        expected_by_observed=tables.two_by_two(settled),
        groups=groups,
        wasted_by_retries=tables.wasted(bill, every.rows),
        usage=named.rename({"a": "attempt_id"}),
    )


def _bills(matched: Sequence[Matched], every: Attempts, usage: Usage) -> list[pl.DataFrame]:
    """Return the bills of the failed attempts, per ledger."""
    failed = pl.col("a").is_in(every.rows.filter(pl.col("state") == FAILED)["a"].implode())
    return [bills.bills(one.pairs.filter(failed), usage, one.ledger.priced) for one in matched]


def unsettled(failures: pl.DataFrame) -> pl.DataFrame:
    """Return failures with the columns that settling adds, empty: there is no usage export."""
    none = {
        "billing_match": MATCH, "billing_outcome": pl.String(), "billed_cost": pl.Decimal(38, 18),
        "billed_currency": pl.String(), "billed_layer": pl.String(),
    }  # fmt: skip
    return failures.with_columns(
        *(pl.lit(None, dtype=dtype).alias(name) for name, dtype in none.items()),
        pl.col("billing_basis").alias("billing_basis_expected"),
    )


def _observed(bill: pl.DataFrame, matched: Sequence[Matched]) -> pl.DataFrame:
    """Return what is observed of failed attempts, by a row or by its proven absence.

    The ledger nearest to the caller decides: what a provider charged its gateway is told as money
    of its own layer.
    """
    exact = pl.col("tier") == "K1"
    outcome = (
        pl.when("refunded").then(pl.lit("refunded"))
        .when(pl.col("verdict") == "unbilled").then(pl.lit("unbilled_proven"))
        .when(exact & (pl.col("charges") > 1)).then(pl.lit("duplicate_suspected"))
        .when(exact).then(pl.lit("billed_exact"))
        .otherwise(pl.lit("billed_matched"))
    )  # fmt: skip
    billing = (
        pl.when((pl.col("verdict") == "billed") & pl.col("cancelled").fill_null(False))
        .then(pl.lit("partial"))
        .otherwise("verdict")
    )
    by_row = bill.select(
        pl.col("a").alias("attempt_id"),
        billing.alias("observed"),
        outcome.alias("billing_outcome"),
        pl.struct("tier", "score", "margin", "usage_input", "usage_record").alias("billing_match"),
        pl.col("cost").alias("billed_cost"),
        pl.col("currency").alias("billed_currency"),
        pl.col("hop").alias("billed_layer"),
    )
    by_row = by_row.cast({"billing_match": MATCH})
    parts = [by_row.clear()]
    for layer in LAYERS:
        parts.append(by_row.filter(pl.col("billed_layer") == layer))
        silent = [one for one in matched if one.ledger.hop == layer and one.absent.len()]
        for one in silent:
            told = pl.concat([part["attempt_id"] for part in parts])
            absent = one.absent.filter(~one.absent.is_in(told.implode()))
            parts.append(_absent(absent, layer, _others(matched, one, absent)))
    return pl.concat(parts, how="diagonal").unique("attempt_id", keep="first").sort("attempt_id")


def _others(matched: Sequence[Matched], one: Matched, absent: pl.Series) -> pl.Series:
    """Return those of ``absent`` for which another ledger of the same layer may have a row."""
    same = [m for m in matched if m.ledger.hop == one.ledger.hop and m is not one]
    possible = [m.possible["a"] for m in same]
    every = pl.concat(possible).unique() if possible else absent.clear()
    return absent.filter(absent.is_in(every.implode()))


def _absent(absent: pl.Series, layer: str, doubtful: pl.Series) -> pl.DataFrame:
    sure = absent.filter(~absent.is_in(doubtful.implode()))
    return sure.to_frame("attempt_id").with_columns(
        observed=pl.lit("unbilled"),
        billing_outcome=pl.lit("unbilled_proven"),
        billing_match=pl.lit(None, dtype=MATCH),
        billed_cost=pl.lit(None, dtype=pl.Decimal(38, 18)),
        billed_currency=pl.lit(None, dtype=pl.String),
        billed_layer=pl.lit(layer),
    )


def _applied(
    failures: pl.DataFrame, observed: pl.DataFrame, matched: Sequence[Matched],
    bound: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """Return the failures with observed billing where there is some, and an outcome for each."""
    told = failures.join(observed, on="attempt_id", how="left", maintain_order="left")
    known = pl.col("observed").is_not_null()
    part = (pl.col("observed") == "billed") & (pl.col("billing_expected") == "partial")
    rest = _rest(matched, bound)
    told = told.join(rest, on="attempt_id", how="left", maintain_order="left")
    free = pl.col("billing_expected") == "unbilled"
    otherwise = (
        pl.when(pl.col("covered").fill_null(False) & free)
        .then(pl.lit("unbilled_expected"))
        .otherwise(pl.lit("not_covered"))
    )
    return told.with_columns(
        billing_basis_expected=pl.col("billing_basis"),
        billing=pl.when(part).then(pl.lit("partial")).otherwise(pl.coalesce("observed", "billing")),
        billing_basis=pl.when(known).then(pl.lit("usage_export")).otherwise("billing_basis"),
        billing_outcome=_with_amount(pl.coalesce("billing_outcome", "rest", otherwise)),
    ).drop("observed", "rest", "covered")


def _with_amount(outcome: pl.Expr) -> pl.Expr:
    """Say where the answer states another amount than was charged."""
    same = pl.col("currency").eq_missing(pl.col("billed_currency"))
    stated, billed = pl.col("cost").cast(pl.Float64), pl.col("billed_cost").cast(pl.Float64)
    off = same & (
        (stated - billed).abs() > tables.SAME * pl.max_horizontal(stated.abs(), billed.abs())
    )
    return (
        pl.when(off.fill_null(False) & (billed > 0))
        .then(pl.lit("amount_mismatch"))
        .otherwise(outcome)
    )


def _rest(matched: Sequence[Matched], bound: pl.DataFrame) -> pl.DataFrame:
    """Return ``attempt_id rest covered`` of what is not decided: ambiguous before bounded."""
    schema = {"attempt_id": pl.UInt64(), "rest": pl.String()}
    open_ = [one.possible["a"] for one in matched]
    grouped = [one.bound.filter(pl.col("low") > 0)["a"] for one in matched]
    grouped.append(bound.filter(pl.col("low") > 0)["a"])
    parts = [
        pl.DataFrame({"attempt_id": series.cast(pl.UInt64)}).with_columns(rest=pl.lit(word))
        for word, several in (("billed_bounded", grouped), ("ambiguous", open_))
        for series in several
    ]
    said = pl.concat([pl.DataFrame(schema=schema), *parts]).unique("attempt_id", keep="first")
    within = [one.covered for one in matched]
    covered = pl.concat([pl.Series([], dtype=pl.UInt64), *within]).unique()
    place = covered.to_frame("attempt_id").with_columns(covered=pl.lit(True))
    return said.join(place, on="attempt_id", how="full", coalesce=True)
