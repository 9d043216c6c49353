"""Which rows of two logs are one request: by id, else by the one time and call that fit.

What fits more than one is left apart and counted: a wrong join is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.correlate.coverage import VIEW
from analyzer.correlate.probes import IDS, LATE_MINUTES, SHORTEST_ID

LEAST_TOLERANCE_S = 1.5
SEARCH_S = 120.0
"""Clocks that differ by more than this are not looked for."""
VOTES = 3
AGREEMENT = 0.6
"""Share of the rows that must agree on a difference of clocks before it is believed."""
SHARED_ID = 16
"""An id that more rows of one log have is no id of a request."""

PAIRS = pl.Schema(
    {"outer": pl.UInt64(), "inner": pl.UInt64(), "tier": pl.String(), "delta_s": pl.Float64()}
)
SKEWS = pl.Schema(
    {
        "outer_format": pl.String(), "inner_format": pl.String(), "skew_s": pl.Float64(),
        "spread_s": pl.Float64(), "based_on": pl.Int64(), "basis": pl.String(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of rows that are one request, and how they were found.

    ``pairs``: :data:`PAIRS`, the outer row being nearer to the client; ``tier`` is ``id`` or
    ``time``. ``skews``: by how much the inner clock is ahead. ``ambiguous``: probes that fit more
    than one row.
    """

    pairs: pl.DataFrame
    skews: pl.DataFrame
    ambiguous: int


def match(asked: pl.DataFrame, found: pl.DataFrame, order: pl.DataFrame) -> Matches:
    """Join the probes with the candidates; ``order`` has ``hop format rank``."""
    placed = found.join(order, on=VIEW, how="left", nulls_equal=True)
    views = placed.select(*VIEW, "rank").unique().sort("rank", *VIEW, nulls_last=True)
    parts = {
        (view["hop"], view["format"]): placed.filter(
            pl.col("hop").eq_missing(view["hop"]) & pl.col("format").eq_missing(view["format"])
        )
        for view in views.to_dicts()
    }
    names = list(parts)
    wanted = asked["attempt_id"]
    made = [
        _two(parts[outer], parts[inner], wanted)
        for number, outer in enumerate(names)
        for inner in names[number + 1 :]
    ]
    if not made:
        return Matches(pl.DataFrame(schema=PAIRS), pl.DataFrame(schema=SKEWS), 0)
    return Matches(
        pl.concat([one.pairs for one in made]).unique(["outer", "inner"], maintain_order=True),
        pl.concat([one.skews for one in made]),
        sum(one.ambiguous for one in made),
    )


def _two(outer: pl.DataFrame, inner: pl.DataFrame, wanted: pl.Series) -> Matches:
    """Join two views; only pairs that a probe is part of are kept."""
    exact = by_id(outer, inner)
    skew = _skew(outer, inner, exact)
    rest_outer = outer.filter(~pl.col("attempt_id").is_in(exact["outer"].implode()))
    rest_inner = inner.filter(~pl.col("attempt_id").is_in(exact["inner"].implode()))
    near, ambiguous = by_time(rest_outer, rest_inner, skew, wanted)
    pairs = pl.concat([exact, near])
    asked = pl.col("outer").is_in(wanted.implode()) | pl.col("inner").is_in(wanted.implode())
    told = pl.DataFrame(
        [[outer["format"][0], inner["format"][0], *skew.cells()]], schema=SKEWS, orient="row"
    )
    return Matches(pairs.filter(asked), told if pairs.height else told.clear(), ambiguous)


def by_id(outer: pl.DataFrame, inner: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that share an id of a request; one outer row may have several inner ones.

    An inner row whose id several outer rows have goes to the one whose time holds its end.
    """
    both = _ids(outer, "outer").join(_ids(inner, "inner"), on="id")
    pairs = both.select("outer", "inner").unique()
    if not pairs.height:
        return pl.DataFrame(schema=PAIRS)
    timed = _timed(pairs, outer, inner)
    distance = (
        pl.when(pl.col("inner_end").is_between("outer_start", "outer_end"))
        .then(0.0)
        .otherwise(pl.col("delta_s").abs())
    )
    return (
        timed.with_columns(distance.alias("_distance"))
        .sort("_distance", "outer")
        .unique("inner", keep="first", maintain_order=True)
        .sort("outer", "inner")
        .select("outer", "inner", pl.lit("id").alias("tier"), "delta_s")
    )


def _ids(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    long = rows.unpivot(IDS, index="attempt_id", value_name="id").select(
        pl.col("attempt_id").alias(name), pl.col("id").str.to_lowercase()
    )
    long = long.filter(pl.col("id").str.len_chars() >= SHORTEST_ID).unique()
    return long.filter(pl.len().over("id") <= SHARED_ID)


def _timed(pairs: pl.DataFrame, outer: pl.DataFrame, inner: pl.DataFrame) -> pl.DataFrame:
    """Add the times of both rows and ``delta_s``: by how much the inner one ended later."""
    times = {
        side: rows.select(
            pl.col("attempt_id").alias(side),
            pl.coalesce("started_at", "end").alias(f"{side}_start"),
            _middle_of("end").alias(f"{side}_end"),
        )
        for side, rows in (("outer", outer), ("inner", inner))
    }
    joined = pairs.join(times["outer"], on="outer").join(times["inner"], on="inner")
    return joined.with_columns(delta_s=_seconds(pl.col("inner_end") - pl.col("outer_end")))


@dataclass(frozen=True, slots=True)
class Skew:
    """By how much the inner clock is ahead of the outer one, in seconds."""

    seconds: float = 0.0
    spread: float = 0.0
    based_on: int = 0
    basis: str = "assumed"

    def cells(self) -> list[object]:
        """Return the row of :data:`SKEWS` behind the names."""
        return [round(self.seconds, 3), round(self.spread, 3), self.based_on, self.basis]


def _skew(outer: pl.DataFrame, inner: pl.DataFrame, exact: pl.DataFrame) -> Skew:
    """Estimate the difference of the clocks: from exact pairs, else as most rows agree."""
    finished = outer.filter(pl.col("status").is_not_null())["attempt_id"]
    sure = exact.filter(pl.col("outer").is_in(finished.implode()))
    if sure.height >= VOTES:
        return _middle(sure["delta_s"], "ids")
    pairs = _compatible(outer, inner, 0.0, SEARCH_S).filter(pl.col("outer_status").is_not_null())
    if not pairs.height:
        return Skew()
    votes = pairs.with_columns(bin=pl.col("delta_s").floor().cast(pl.Int64))
    counted = votes.group_by("bin").agg(pl.col("outer").n_unique().alias("n"))
    beside = counted.with_columns(pl.col("bin") + 1)
    summed = (
        counted.join(beside, on="bin", how="left", suffix="_below")
        .with_columns(total=pl.col("n") + pl.col("n_below").fill_null(0))
        .sort(pl.col("total"), -pl.col("bin").abs(), descending=True)
    )
    top, total = summed["bin"][0], int(summed["total"][0])
    rows = pairs["outer"].n_unique()
    if total < VOTES or total < AGREEMENT * rows:
        return Skew()
    near = votes.filter(pl.col("bin").is_between(top - 1, top))
    return _middle(near["delta_s"], "times")


def _middle(deltas: pl.Series, basis: str) -> Skew:
    middle = float(str(deltas.median()))
    spread = float(str((deltas - middle).abs().median()))
    return Skew(middle, spread, deltas.len(), basis)


def by_time(
    outer: pl.DataFrame, inner: pl.DataFrame, skew: Skew, wanted: pl.Series
) -> tuple[pl.DataFrame, int]:
    """Return the pairs that fit only each other, and how many probes fit several rows."""
    tolerance = max(LEAST_TOLERANCE_S, 3 * skew.spread)
    fits = _compatible(outer, inner, skew.seconds, tolerance)
    fits = fits.filter(_inside(tolerance)).with_columns(_distance().alias("far"))
    alone = _alone(fits, "outer", tolerance) & _alone(fits, "inner", tolerance)
    marked = fits.with_columns(alone.alias("alone"))
    pairs = marked.filter("alone").select("outer", "inner", pl.lit("time").alias("tier"), "delta_s")
    several = marked.filter(
        ~pl.col("outer").is_in(pairs["outer"].implode()),
        ~pl.col("inner").is_in(pairs["inner"].implode()),
    )
    asked = pl.concat([several["outer"], several["inner"]]).unique()
    return pairs.sort("outer"), int(asked.is_in(wanted.implode()).sum())


def _distance() -> pl.Expr:
    """Return how far apart two records are: by their starts, and by their ends if both waited."""
    end = (pl.col("delta_s") - pl.col("skew")).abs()
    start = pl.col("start_delta_s").abs()
    timed = pl.col("outer_s").is_not_null() & pl.col("inner_s").is_not_null()
    both = start + pl.when(_left("outer")).then(0.0).otherwise(end)
    open_end = _left("outer") & pl.col("outer_s").is_null() & pl.col("inner_s").is_not_null()
    return pl.when(timed).then(both).when(open_end).then(start).otherwise(end)


def _alone(fits: pl.DataFrame, side: str, tolerance: float) -> pl.Series:
    """Whether a pair is the one that fits a row, or nearer than any other by what clocks tell."""
    nearest = pl.col("far").rank("ordinal").over(side) == 1
    second = pl.col("far").sort().get(1, null_on_oob=True).over(side)
    margin = tolerance + pl.col("slack_s")
    clear = (second - pl.col("far") >= margin).fill_null(True)
    return fits.select((nearest & clear).alias("alone"))["alone"]


def _inside(tolerance: float) -> pl.Expr:
    """Whether the inner row's time lies in the outer one's, clocks put right.

    A hop may go on after its client has left; and a log without durations tells only its end.
    """
    slack = pl.col("slack_s") + tolerance
    left = pl.col("outer_status").is_null() | (pl.col("outer_status") == 499)
    starts = pl.col("start_delta_s") >= -slack
    # Behind a client that left, other requests began while it still waited.
    latest = pl.when(left).then(slack).otherwise(pl.col("outer_s") + slack)
    begun = pl.col("start_delta_s") <= latest
    ends = pl.when(left).then(pl.lit(True)).otherwise(pl.col("delta_s") - pl.col("skew") <= slack)
    both_long = pl.col("outer_s").is_not_null() & pl.col("inner_s").is_not_null()
    same_end = (pl.col("delta_s") - pl.col("skew")).abs() <= slack
    # Of a client that left, a recorder may not know when: only that it began.
    same_start = pl.col("start_delta_s").abs() <= slack
    open_end = left & pl.col("outer_s").is_null() & pl.col("inner_s").is_not_null()
    return (
        pl.when(both_long)
        .then(starts & begun & ends)
        .when(open_end)
        .then(same_start)
        .otherwise(same_end)
    )


def _compatible(
    outer: pl.DataFrame, inner: pl.DataFrame, skew: float, window: float
) -> pl.DataFrame:
    """Return the pairs of rows that may be one request by call, model, host, status and time."""
    left, right = _side(outer, "outer"), _side(inner, "inner")
    # Only neighbours in time are compared: minutes of both, one to each side for the window.
    late = pl.when(_left("outer")).then(LATE_MINUTES).otherwise(1)
    shift = int(skew // 60)
    slots = left.with_columns(
        slot=pl.int_ranges(
            pl.col("outer_minute") + shift - 2, pl.col("outer_minute") + shift + 3 + late
        )
    ).explode("slot")
    both = slots.join(
        right.with_columns(slot=pl.col("inner_minute").cast(pl.Int64)), on=["slot", "place"]
    )
    both = both.with_columns(
        delta_s=_seconds(pl.col("inner_end") - pl.col("outer_end")),
        start_delta_s=_seconds(pl.col("inner_start") - pl.col("outer_start")) - skew,
        skew=pl.lit(skew),
        slack_s=(pl.col("outer_precision") + pl.col("inner_precision")) / 1000,
    )
    near = (pl.col("delta_s") - skew).abs() <= window + pl.col("slack_s")
    return both.filter(_same_call() & (near | _left("outer")))


def _same_call() -> pl.Expr:
    def same(name: str) -> pl.Expr:
        one, other = pl.col(f"outer_{name}"), pl.col(f"inner_{name}")
        return (one == other).fill_null(True)

    gone = pl.col("inner_status").is_in([499, 460]).fill_null(True)
    status = same("status") | gone | _left("outer")
    return same("method") & same("model") & status


def _left(side: str) -> pl.Expr:
    status = pl.col(f"{side}_status")
    return status.is_null() | (status == 499)


def _side(rows: pl.DataFrame, side: str) -> pl.DataFrame:
    model = pl.col("model").str.to_lowercase().str.replace(r"^.*/", "")
    told = {
        "status": pl.col("status"),
        "method": pl.col("method"),
        "model": model,
        "minute": pl.col("minute"),
        "start": pl.coalesce(_middle_of("started_at"), _middle_of("end")),
        "end": _middle_of("end"),
        "s": pl.col("duration_ms") / 1000,
        "precision": pl.col("time_precision_ms").fill_null(1000.0),
    }
    return rows.filter(pl.col("place").is_not_null()).select(
        "place",
        pl.col("attempt_id").alias(side),
        **{f"{side}_{name}": value for name, value in told.items()},
    )


def _middle_of(name: str) -> pl.Expr:
    """Return a time in the middle of what it may be: logs cut the fractions of their seconds."""
    return pl.col(name) + pl.duration(microseconds=pl.col("time_precision_ms").fill_null(1.0) * 500)


def _seconds(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_microseconds() / 1e6
