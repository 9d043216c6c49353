"""The attempts that several hops saw, and what follows for counting.

``join`` works on what phase 1 left: failures, the spill of all rows, the ledger. It reads the spill
once, and only if more than one kind of log was given.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.correlate.broken import BROKEN, broken
from analyzer.correlate.coverage import HOP_ORDER, VIEW, ranks, spans
from analyzer.correlate.match import SKEWS, match
from analyzer.correlate.probes import candidates, probes

SAME_TRAFFIC = 0.5
"""Share of a log's probes that another log of the same hop must have, to be the hop behind it."""

LEFT = (499, 460)
"""Statuses by which a proxy notes that its own client left."""

MEMBERS = pl.Schema(
    {
        "primary": pl.UInt64(), "attempt_id": pl.UInt64(), "rank": pl.Int32(),
        "tier": pl.String(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Joined:
    """Attempts that more than one log shows.

    ``members``: :data:`MEMBERS`, every row of such an attempt but its most client-side one, which
    is ``primary``. ``rows``: what is known of all rows that take part. ``order``: ``hop format
    rank``. ``hosts``: ``host outer_host``, names of one host on two hops.
    """

    members: pl.DataFrame
    rows: pl.DataFrame
    skews: pl.DataFrame
    order: pl.DataFrame
    hosts: pl.DataFrame
    covered: pl.DataFrame
    """Which minutes each view covers: see :func:`analyzer.correlate.coverage.spans`."""
    broken: pl.DataFrame
    """``primary by``: successes of which a record behind shows that they were none."""
    slim: pl.DataFrame
    """The slim rows of those successes."""
    ambiguous: int = 0

    @property
    def attempts(self) -> int:
        """Number of attempts that more than one log shows."""
        return self.members["primary"].n_unique()


def join(failures: pl.DataFrame, every: pl.LazyFrame, ledger: pl.DataFrame) -> Joined:
    """Return the attempts that more than one log shows."""
    order = ranks(ledger)
    if order.height < 2:
        return nothing(order, spans(ledger, order))
    asked = probes(failures, every)
    found = candidates(asked, every)
    met = match(asked, found, order)
    order = _ordered(order, met.pairs, asked, found)
    pairs = _oriented(met.pairs, found, order)
    members = _members(pairs, found, order)
    taking_part = pl.concat([members["primary"], members["attempt_id"]]).unique()
    rows = found.filter(pl.col("attempt_id").is_in(taking_part.implode()))
    cut = broken(members, rows)
    slim = every.filter(pl.col("attempt_id").is_in(cut["primary"].implode())).collect()
    covered = spans(ledger, order)
    hosts = _hosts(members, rows)
    return Joined(members, rows, met.skews, order, hosts, covered, cut, slim, met.ambiguous)


def nothing(order: pl.DataFrame, covered: pl.DataFrame) -> Joined:
    """Return that there is only one kind of log."""
    hosts = pl.DataFrame(schema={"host": pl.String(), "outer_host": pl.String()})
    none = pl.DataFrame(schema={"attempt_id": pl.UInt64()})
    cut = pl.DataFrame(schema=BROKEN)
    members, skews = pl.DataFrame(schema=MEMBERS), pl.DataFrame(schema=SKEWS)
    return Joined(members, none, skews, order, hosts, covered, cut, none)


def _ordered(
    order: pl.DataFrame, pairs: pl.DataFrame, asked: pl.DataFrame, found: pl.DataFrame
) -> pl.DataFrame:
    """Give logs of one hop different ranks if they have shown to see the same requests.

    Logs without common requests stay equal: nodes side by side, of which each counts.
    """
    ranked = {tuple(row[:2]): int(row[2]) for row in order.rows()}
    views = found.select("attempt_id", *VIEW, "duration_ms", "status")
    both = pairs.join(views, left_on="outer", right_on="attempt_id").join(
        views, left_on="inner", right_on="attempt_id", suffix="_inner"
    )
    for hop in HOP_ORDER:
        names = [view for view in ranked if view[0] == hop]
        for number, one in enumerate(names):
            for other in names[number + 1 :]:
                shared = both.filter(_view(one, ""), _view(other, "_inner"))
                if shared.height < max(1.0, SAME_TRAFFIC * _asked(asked, one, other)):
                    continue
                first = _signs(shared) or _lone(asked, both, one) - _lone(asked, both, other)
                above, below = (one, other) if first >= 0 else (other, one)
                ranked[below] = max(ranked[below], ranked[above] + 1)
    table = [[*view, rank] for view, rank in ranked.items()]
    return pl.DataFrame(table, schema=order.schema, orient="row")


def _signs(shared: pl.DataFrame) -> int:
    """Return by how many signs the first log of joined records is the outer one; negative: inner.

    Who notes 499 beside the other's 5xx was left by the other; who notes it beside an answer was
    left by its own client. Else the outer record lasts longer. Medians and means would not do:
    most records of two proxies last equally long.
    """
    one, other = pl.col("status"), pl.col("status_inner")
    left, right = one.is_in(LEFT).fill_null(False), other.is_in(LEFT).fill_null(False)
    outer = (right & (one >= 500)) | (left & (other < 400))
    inner = (left & (other >= 500)) | (right & (one < 400))
    statuses = (outer.cast(pl.Int64) - inner.cast(pl.Int64)).sum()
    longer = (pl.col("duration_ms") - pl.col("duration_ms_inner")).sign().sum()
    by_status, by_time = shared.select(statuses.alias("s"), longer.alias("d")).row(0)
    return int(by_status or by_time or 0)


def _lone(asked: pl.DataFrame, both: pl.DataFrame, view: tuple[str, ...]) -> int:
    """Return how many probes of a log have no partner: what was refused never reached the inner."""
    joined = pl.concat([both["outer"], both["inner"]])
    return asked.filter(_view(view, ""), ~pl.col("attempt_id").is_in(joined.implode())).height


def _view(view: tuple[str, ...], suffix: str) -> pl.Expr:
    return pl.all_horizontal(
        pl.col(f"{name}{suffix}").eq_missing(pl.lit(value, pl.String))
        for name, value in zip(VIEW, view, strict=True)
    )


def _asked(asked: pl.DataFrame, *views: tuple[str, ...]) -> int:
    """Return the number of probes of the view that has fewer."""
    return min(asked.filter(_view(view, "")).height for view in views) or asked.height


def _oriented(pairs: pl.DataFrame, found: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    """Turn pairs round whose inner row is the more client-side one; equal ranks are no pair."""
    placed = found.select("attempt_id", *VIEW).join(order, on=VIEW, nulls_equal=True)
    rank = placed.select("attempt_id", "rank")
    both = (
        pairs.join(rank, left_on="outer", right_on="attempt_id")
        .join(rank, left_on="inner", right_on="attempt_id", suffix="_inner")
        .filter(pl.col("rank") != pl.col("rank_inner"))
    )
    swap = pl.col("rank") > pl.col("rank_inner")
    return both.select(
        pl.when(swap).then("inner").otherwise("outer").alias("outer"),
        pl.when(swap).then("outer").otherwise("inner").alias("inner"),
        pl.max_horizontal("rank", "rank_inner").alias("rank"),
        "tier",
        pl.min_horizontal("rank", "rank_inner").alias("outer_rank"),
    )


def _members(pairs: pl.DataFrame, found: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    """Follow every inner row outwards to the most client-side row of its attempt."""
    if not pairs.height:
        return pl.DataFrame(schema=MEMBERS)
    best = pairs.sort("outer_rank", "tier", "outer").unique(
        "inner", keep="first", maintain_order=True
    )
    outer_of: dict[int, int] = dict(best.select("inner", "outer").iter_rows())
    tops = []
    for inner in best["inner"]:
        top = outer_of[inner]
        while top in outer_of:
            top = outer_of[top]
        tops.append(top)
    made = best.select(
        pl.Series("primary", tops, dtype=pl.UInt64),
        pl.col("inner").alias("attempt_id"),
        "rank",
        "tier",
    )
    return made.match_to_schema(MEMBERS).sort("primary", "rank", "attempt_id")


def _hosts(members: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of host names that joined attempts have shown to be one."""
    names = rows.select("attempt_id", "host")
    return (
        members.join(names, on="attempt_id")
        .join(names, left_on="primary", right_on="attempt_id", suffix="_outer")
        .select("host", pl.col("host_outer").alias("outer_host"))
        .drop_nulls()
        .filter(pl.col("host") != pl.col("outer_host"))
        .unique()
        .sort("host", "outer_host")
    )
