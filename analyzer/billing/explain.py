"""Which attempt each row belongs to: what is certain first, what remains is told as ambiguous.

Two rules, applied until neither says anything more. A row that only one attempt is left for is
that attempt's, for somebody must have made the request. A success for which only one row is left
owns it, for a ledger charges successes. A failure is never given a row because it is near: it gets
the one that nobody else can have made.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.billing.candidates import MOST_PAIRS, PAIRS, pairs
from analyzer.billing.sides import OK

ROUNDS = 200
SMALL = 20
"""Groups of more attempts are not counted: one stranger's row among so many would spoil it."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found by time.

    ``pairs``: ``a row``, certain. ``open``: ``a n``, attempts for which ``n`` rows remain
    (0: more than can be told apart). ``owning``: successes that own one of several rows, whichever.
    ``looked``: every attempt that was looked at.
    """

    pairs: pl.DataFrame
    open: pl.DataFrame
    owning: pl.Series
    looked: pl.Series
    bound: pl.DataFrame
    """``a low high``: failures of which, together with others, so many must be charged."""


def by_tokens(attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``a row`` of one model, time and exact count of tokens, unique both ways."""
    counted = attempts.filter(pl.col("sure_out") > 0, pl.col("inp").is_not_null())
    found, _ = pairs(counted, rows, exact_tokens=True)
    return found.filter(pl.len().over("a") == 1, pl.len().over("row") == 1)


def by_time(attempts: pl.DataFrame, rows: pl.DataFrame, probes: pl.Series) -> Explained:
    """Explain the rows near the ``probes``.

    Rows near a probe are held against every attempt, and attempts near these rows against every
    row, so that no certainty rests on somebody who was not asked.
    """
    asked = attempts.filter(pl.col("a").is_in(probes.implode()))
    first, crowded = pairs(asked, rows)
    near = rows.filter(pl.col("row").is_in(first["row"].implode()))
    second, too_many = pairs(_around(attempts, near), near)
    taking = attempts.filter(pl.col("a").is_in(second["a"].implode()))
    if second.height > MOST_PAIRS:
        return _gave_up(asked)
    third, unheld = pairs(taking, rows)
    every = pl.concat([second, third]).unique()
    whole = ~pl.col("a").is_in(unheld["a"].implode())
    state = attempts.select("a", ((pl.col("state") == OK) & whole).alias("success"))
    held = near if not too_many.height else near.clear()
    marked = every.join(state, on="a").with_columns(
        closed=pl.col("row").is_in(held["row"].implode())
    )
    certain, rest = peel(marked)
    left = rest.filter(pl.col("a").is_in(probes.implode())).group_by("a").agg(pl.len().alias("n"))
    dense = pl.concat([crowded, too_many]).unique().with_columns(n=pl.lit(0, pl.UInt32))
    owning, bound, none = _shared(rest)
    left = left.filter(~pl.col("a").is_in(none.implode()))
    dense = dense.filter(pl.col("a").is_in(probes.implode()))
    opened = pl.concat([left, dense]).unique("a", keep="first")
    looked = pl.concat([asked["a"], taking["a"]]).unique()
    return Explained(certain, opened, owning, looked, bound)


def _around(attempts: pl.DataFrame, near: pl.DataFrame) -> pl.DataFrame:
    low, high = near["t"].min(), near["t"].max()
    if low is None:
        return attempts.clear()
    return attempts.filter(pl.col("high") >= low, pl.col("low") <= high)


def _gave_up(asked: pl.DataFrame) -> Explained:
    none = pl.DataFrame(schema={"a": pl.UInt64(), "low": pl.UInt32(), "high": pl.UInt32()})
    opened = asked.select("a", n=pl.lit(0, pl.UInt32))
    return Explained(pl.DataFrame(schema=PAIRS), opened, asked["a"].clear(), asked["a"], none)


def peel(marked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Apply both rules to ``a row success closed``; return the certain pairs and what remains."""
    certain: list[pl.DataFrame] = []
    left = marked.with_columns(contested=pl.lit(False))
    for _ in range(ROUNDS):
        counted = left.with_columns(rows=pl.len().over("a"), attempts=pl.len().over("row"))
        only = (pl.col("closed") & (pl.col("attempts") == 1)) | (
            pl.col("success") & (pl.col("rows") == 1)
        )
        told = counted.filter(only & ~pl.col("contested"))
        good = told.filter(pl.len().over("a") == 1, pl.len().over("row") == 1)
        bad = told.filter((pl.len().over("a") > 1) | (pl.len().over("row") > 1))
        if not told.height:
            break
        # Two rows that only one attempt can have made, two successes with one row: somebody is
        # missing, so neither is certain.
        odd = pl.col("a").is_in(bad["a"].implode()) | pl.col("row").is_in(bad["row"].implode())
        certain.append(good.select("a", "row"))
        left = left.filter(
            ~pl.col("a").is_in(good["a"].implode()), ~pl.col("row").is_in(good["row"].implode())
        )
        if bad.height:
            left = left.with_columns(contested=pl.col("contested") | odd)
    return pl.concat(certain) if certain else pl.DataFrame(schema=PAIRS), left


def _shared(rest: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame, pl.Series]:
    """Count in groups that hang together: successes that own a row, failures that must or cannot.

    A group whose rows all have been held against everybody is closed; in it, every success has a
    row, and what is left over is the failures'.
    """
    schema = {"a": pl.UInt64(), "low": pl.UInt32(), "high": pl.UInt32()}
    if not rest.height:
        nobody = rest["a"].clear()
        return nobody, pl.DataFrame(schema=schema), nobody
    parts = _components(rest)
    sums = parts.group_by("part").agg(
        pl.col("row").n_unique().alias("rows"),
        pl.col("a").filter(pl.col("success")).n_unique().alias("successes"),
        pl.col("a").filter(~pl.col("success")).n_unique().alias("failures"),
        (pl.col("closed") & ~pl.col("contested")).all().alias("whole"),
    )
    small = pl.col("successes") + pl.col("failures") <= SMALL
    told = parts.join(sums, on="part").filter("whole", small, pl.col("rows") >= pl.col("successes"))
    owning = told.filter("success")["a"].unique()
    failed = told.filter(~pl.col("success")).unique("a")
    over = (pl.col("rows") - pl.col("successes")).cast(pl.UInt32)
    bound = failed.with_columns(over=pl.min_horizontal(over, pl.col("failures").cast(pl.UInt32)))
    none = bound.filter(pl.col("over") == 0)["a"]
    some = bound.filter(pl.col("over") > 0)
    return (
        owning,
        some.select(
            "a",
            pl.when(pl.col("over") == pl.col("failures"))
            .then(1)
            .otherwise(0)
            .cast(pl.UInt32)
            .alias("low"),
            pl.lit(1, pl.UInt32).alias("high"),
        ),
        none,
    )


def _components(rest: pl.DataFrame) -> pl.DataFrame:
    """Add ``part``: the lowest attempt of all that hang together by common rows."""
    parts = rest.with_columns(part=pl.col("a"))
    for _ in range(ROUNDS):
        lower = parts.with_columns(part=pl.col("part").min().over("row"))
        lower = lower.with_columns(part=pl.col("part").min().over("a"))
        if (lower["part"] == parts["part"]).all():
            return parts
        parts = lower
    # Too long a chain to follow: nothing is counted in it.
    return parts.with_columns(closed=pl.lit(False))
