"""One ledger against the attempts: ids first, then what is certain by tokens and by time.

The successes are explained together with the failures, because a row near a failure is mostly that
of the success beside it: the retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from analyzer.billing import candidates, clock, coverage, explain, keys, models
from analyzer.billing.clock import Clock
from analyzer.billing.sides import FAILED, OK, UNMETERED, Attempts, Ledger

ACCEPTED = 0.8
MARGIN = 0.2
SAMPLE = 50_000
"""Rows joined by id from which clocks, names and keys are learnt."""
_FAR = 1 << 60
PAIRS = pl.Schema(
    {"a": pl.UInt64(), "row": pl.UInt32(), "tier": pl.String(), "score": pl.Float64(),
     "margin": pl.Float64()}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matched:
    """What one ledger says of the attempts.

    ``pairs``: :data:`PAIRS`, accepted; ``possible``: ``a n``, failures for which ``n`` rows remain
    (0: too many to list); ``absent``: failures that its silence proves to be free; ``bound``:
    ``a low high``; ``unmatched``: ``row key`` that no attempt explains.
    """

    ledger: Ledger
    pairs: pl.DataFrame
    possible: pl.DataFrame
    absent: pl.Series
    bound: pl.DataFrame
    clocks: Mapping[str, Clock]
    keys: pl.DataFrame
    unmatched: pl.DataFrame
    covered: pl.Series
    """Failures whose time lies within the export."""
    successes: int = 0
    """Successes within the export's time of which it is known whether they have a row."""
    missing: int = 0
    """Those of them without."""
    hidden: pl.Series | None = None
    """Numbers of models that the log has successes of and the export has nothing of."""


def match(
    ledger: Ledger, attempts: Attempts, limit_s: float, dates: pl.DataFrame | None
) -> Matched:
    """Join the ledger's rows with the attempts; ``limit_s`` is the gateway's own limit."""
    exact = _exact(ledger, attempts)
    own = _eligible(attempts.rows, ledger, exact)
    some = exact.gather_every(max(1, exact.height // SAMPLE))
    clocks = clock.clocks(Attempts(own, attempts.ids), ledger, some, dates)
    ledger.rows = _mapped(ledger.rows, attempts.rows, some)
    windowed = candidates.windows(own, ledger, clocks, limit_s)
    sure = keys.reliable(attempts.ids, attempts.rows, ledger.rows, exact)
    windowed = windowed.with_columns(sure_id=pl.col("a").is_in(sure.implode()), who=coverage.who())
    windowed = _with_known_key(windowed, ledger, some)
    charges = coverage.inside(ledger.rows.filter(pl.col("entry") == "charge"), windowed)
    left = windowed.filter(~pl.col("a").is_in(exact["a"].implode()))
    rows = charges.filter(~pl.col("row").is_in(exact["row"].implode()))
    tokens = explain.by_tokens(left, rows)
    left = left.filter(~pl.col("a").is_in(tokens["a"].implode()))
    rows = rows.filter(~pl.col("row").is_in(tokens["row"].implode()))
    failed = left.filter(pl.col("state") == FAILED)
    beside = coverage.neighbours(failed, windowed)
    found = explain.by_time(left, rows, pl.concat([failed["a"], beside]).unique())
    return _told(ledger, clocks, windowed, charges, exact, tokens, found)


def _told(
    ledger: Ledger, clocks: Mapping[str, Clock], windowed: pl.DataFrame, charges: pl.DataFrame,
    exact: pl.DataFrame, tokens: pl.DataFrame, found: explain.Explained,
) -> Matched:  # fmt: skip
    done = windowed.filter(pl.col("state") == OK)["a"].implode()
    taken = pl.concat([exact, tokens, found.pairs]).select("row", success=pl.col("a").is_in(done))
    owners = pl.concat([exact["a"], tokens["a"], found.pairs["a"], found.owning])
    windowed = windowed.with_columns(
        own=pl.col("a").is_in(owners.implode()), looked=pl.col("a").is_in(found.looked.implode())
    )
    without = windowed.filter(~pl.col("own"))
    # Which row is theirs is open, so they still may have made any.
    busy = windowed.filter(~pl.col("own") | pl.col("a").is_in(found.owning.implode()))
    told = coverage.keys(charges, taken, busy)
    near = _scored(pl.concat([_tier(tokens, "K2"), _tier(found.pairs, "K4")]), windowed, ledger)
    good, doubtful = _accepted(near, told, ledger, windowed)
    pairs = pl.concat([_tier(exact, "K1"), good])
    ready, seen, missing = _complete(ledger, windowed, found)
    failed = without.filter(
        pl.col("state") == FAILED, ~pl.col("a").is_in(found.open["a"].implode())
    )
    known = failed.filter("looked")
    known = coverage.without_strangers(known, charges, told.left)
    absent = coverage.proven_absent(known, windowed, ledger)["a"] if ready else known["a"].clear()
    # A group is only counted where nobody else can be in it.
    alone = told.familiar and bool((told.table["share"] >= coverage.ENOUGH).all())
    timed = all(one.basis != "unknown" for one in clocks.values())
    bound = found.bound if alone and timed else found.bound.clear()
    unmatched = told.left.join(pairs.select("row"), on="row", how="anti")
    return Matched(
        ledger, pairs, pl.concat([found.open, doubtful]).unique("a", keep="first"), absent,
        bound, clocks, told.table, unmatched,
        _covered(ledger, windowed), seen, missing,
        coverage.models_without_rows(windowed, ledger.rows, ledger),
    )  # fmt: skip


def _exact(ledger: Ledger, attempts: Attempts) -> pl.DataFrame:
    """Return ``a row`` joined by an id; a row that several attempts share goes to one of them."""
    found = keys.by_id(attempts.ids, ledger.rows)
    traced = keys.by_trace(
        attempts.rows.filter(~pl.col("a").is_in(found["a"].implode())),
        ledger.rows.filter(~pl.col("row").is_in(found["row"].implode())),
    )
    both = pl.concat([found, traced])
    several = both.filter(pl.col("row").is_duplicated())
    if not several.height:
        return both
    single = both.filter(~pl.col("row").is_in(several["row"].implode()))
    return pl.concat([single, _share_out(several, attempts.rows, ledger.rows)])


def _share_out(pairs: pl.DataFrame, attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Give each attempt of a shared id one row: charges to successes first, the nearest first."""
    charge, ok = pl.col("entry") == "charge", pl.col("state") == OK
    order = pl.when(charge & ok).then(0).when(charge).then(1).when(~ok).then(2).otherwise(3)
    left = (
        pairs.join(attempts.select("a", "state", "end"), on="a")
        .join(rows.select("row", "t", "entry"), on="row")
        .with_columns(order=order, far=(pl.col("t") - pl.col("end")).abs().fill_null(_FAR))
        .sort("order", "far", "a", "row")
    )
    made = [left.select("a", "row").clear()]
    while left.height:
        best = left.unique("row", keep="first", maintain_order=True).unique(
            "a", keep="first", maintain_order=True
        )
        made.append(best.select("a", "row"))
        left = left.filter(
            ~pl.col("a").is_in(best["a"].implode()), ~pl.col("row").is_in(best["row"].implode())
        )
    return pl.concat(made)


def _eligible(rows: pl.DataFrame, ledger: Ledger, exact: pl.DataFrame) -> pl.DataFrame:
    """Return the attempts that may stand in the ledger by time: those that its party served.

    A provider's ledger has a row for every try of a gateway: there, only ids tell. What went to a
    provider's own host is in no gateway's ledger.
    """
    own = rows.filter(~pl.col("echo"), ~pl.col("endpoint").is_in(UNMETERED))
    direct = pl.col("provider_host") & pl.col("gateway").is_null()
    if ledger.hop == "upstream":
        named = ledger.rows["provider"].drop_nulls().unique().cast(pl.Categorical)
        own = own.filter(direct.fill_null(True), pl.col("gateway").is_null())
        if named.len():
            own = own.filter(pl.col("provider").is_in(named.implode()).fill_null(True))
        return own
    own = own.filter(~direct.fill_null(False))
    if ledger.gateway and (own["gateway"] == ledger.gateway).any():
        return own.filter((pl.col("gateway") == ledger.gateway).fill_null(True))
    joined = own.filter(pl.col("a").is_in(exact["a"].implode()))["gateway"].drop_nulls().unique()
    if joined.len():
        return own.filter(pl.col("gateway").is_in(joined.implode()).fill_null(True))
    return own


def _mapped(rows: pl.DataFrame, attempts: pl.DataFrame, exact: pl.DataFrame) -> pl.DataFrame:
    """Call a row's model what ids show that the caller calls it."""
    table = models.mapped(attempts, rows, exact)
    one = table.filter(pl.len().over("model") == 1)
    if not one.height:
        return rows
    # A name that callers use themselves stays theirs.
    one = one.filter(~pl.col("model").is_in(attempts["asked"].drop_nulls().unique().implode()))
    joined = rows.join(one, on="model", how="left", maintain_order="left")
    return joined.with_columns(model=pl.coalesce("as", "model")).drop("as")


def _with_known_key(windowed: pl.DataFrame, ledger: Ledger, exact: pl.DataFrame) -> pl.DataFrame:
    """Add the ledger's key of an attempt's credential, where rows joined by id agree on it."""
    seen = (
        exact.join(windowed.select("a", "key_tag"), on="a")
        .filter(pl.col("key_tag").is_not_null())
        .join(ledger.rows.select("row", "key"), on="row")
        .group_by("key_tag", "key")
        .len()
        .with_columns(share=pl.col("len") / pl.col("len").sum().over("key_tag"))
    )
    sure = seen.filter(pl.col("len") >= keys.FEWEST, pl.col("share") >= coverage.ENOUGH)
    table = sure.select("key_tag", pl.col("key").alias("known_key"))
    return windowed.join(table, on="key_tag", how="left", maintain_order="left")


def _tier(pairs: pl.DataFrame, tier: str) -> pl.DataFrame:
    full = pairs.select(
        "a", "row", pl.lit(tier).alias("tier"), pl.lit(1.0).alias("score"),
        pl.lit(1.0).alias("margin"),
    )  # fmt: skip
    return full.match_to_schema(PAIRS)


def _scored(pairs: pl.DataFrame, windowed: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Weigh time, model, tokens and key; all of it fits already, more or less closely."""
    told = pairs.join(
        windowed.select("a", "asked", "served", "sure_out", "known_key", "second"), on="a"
    ).join(ledger.rows.select("row", "model", "out", "key"), on="row")
    named = pl.col("model").is_not_null() & pl.coalesce("asked", "served").is_not_null()
    tokens = (
        pl.when(pl.col("tier") == "K2").then(1.0)
        .when(pl.col("sure_out").is_not_null() & pl.col("out").is_not_null()).then(0.8)
        .otherwise(0.6)
    )  # fmt: skip
    key = pl.when(pl.col("key") == pl.col("known_key")).then(1.0).otherwise(0.6)
    model = pl.when(named).then(1.0).otherwise(models.SCORES["unknown"])
    score = (0.4 + 0.3 * model + 0.2 * tokens + 0.1 * key).round(3)
    by_second = (pl.col("tier") == "K4") & pl.col("second").is_not_null()
    tier = (
        pl.when(by_second & (ledger.gateway == "openrouter")).then(pl.lit("K3")).otherwise("tier")
    )
    return told.with_columns(score=score, margin=score, tier=tier).select(PAIRS.names())


def _accepted(
    near: pl.DataFrame, known: coverage.Keys, ledger: Ledger, windowed: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split pairs without an id into those that count and ``a n`` of failures that only may be."""
    told = near.join(ledger.rows.select("row", "key"), on="row").join(
        known.table.select("key", "share"), on="key", how="left"
    )
    enough = (pl.col("share") >= coverage.ENOUGH).fill_null(False) & known.familiar
    good = enough & (pl.col("score") >= ACCEPTED) & (pl.col("margin") >= MARGIN)
    failed = windowed.filter(pl.col("state") == FAILED)["a"].implode()
    doubtful = told.filter(~good, pl.col("a").is_in(failed))
    success = ~pl.col("a").is_in(failed)
    return told.filter(good | success).select(PAIRS.names()), doubtful.select(
        "a", n=pl.lit(1, pl.UInt32)
    )


def _complete(
    ledger: Ledger, windowed: pl.DataFrame, found: explain.Explained
) -> tuple[bool, int, int]:
    """Return whether the export has (nearly) all successes of its time, and how many lack a row."""
    if ledger.first is None or ledger.last is None:
        return False, 0, 0
    within = (
        (pl.col("state") == OK)
        & (pl.col("low") >= ledger.first)
        & (pl.col("high") + int(ledger.lag_s * 1e6) <= ledger.last)
    )
    seen = within & (pl.col("own") | pl.col("looked") | pl.col("sure_id"))
    has = pl.col("own") | pl.col("a").is_in(found.open["a"].implode())
    counted = windowed.select(seen=seen.sum(), missing=(seen & ~has).sum())
    known, missing = int(counted["seen"][0]), int(counted["missing"][0])
    return missing <= coverage.MISSING * max(1, known), known, missing


def _covered(ledger: Ledger, windowed: pl.DataFrame) -> pl.Series:
    failed = windowed.filter(pl.col("state") == FAILED)
    if ledger.first is None or ledger.last is None:
        return failed["a"].clear()
    return failed.filter(pl.col("high") >= ledger.first, pl.col("low") <= ledger.last)["a"]
