"""By how much the clock of a ledger is ahead of that of a log.

From the surest source that there is: rows joined by id; the second inside generation ids; Date
headers of answers; else the one difference on which the successes agree. Where nothing tells, the
difference is unknown and windows are widened by all that is looked for: a wrong clock would join
strangers.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.billing.sides import OK, SECOND, Attempts, Ledger, us

DATE = "resp_header.date"
SEARCH_S = 150.0
"""Clocks that differ by more than this are not looked for."""
LEAST_S = 2.0
FEWEST = 3
AGREEMENT = 0.6
SAMPLE = 300
"""Successes that vote, spread over the whole time."""
COARSE_S = 90.0
"""Times that are rounded to more than this tell no clock."""
_ENDS = ("end", "settled")


@dataclass(frozen=True, slots=True)
class Clock:
    """A difference in seconds and how far single rows stray from it."""

    seconds: float = 0.0
    spread_s: float = SEARCH_S / 3
    basis: str = "unknown"
    based_on: int = 0

    @property
    def slack_s(self) -> float:
        """Return how far a row may lie from where it is looked for."""
        return max(LEAST_S, 3 * self.spread_s)


def clock(
    view: pl.DataFrame, ledger: Ledger, exact: pl.DataFrame, dates: pl.DataFrame | None
) -> Clock:
    """Return the clock of ``ledger`` against one view of the attempts.

    ``exact`` (``a row``) was joined by id; ``dates`` (``a date``) are Date headers in microseconds.
    """
    done = view.filter(pl.col("state") == OK)
    if float(str(ledger.rows["p"].max() or 0)) / SECOND > COARSE_S:
        return Clock()
    sure = exact.join(done.select("a", "start", "end"), on="a")
    if sure.height >= FEWEST:
        charge = pl.col("entry") == "charge"
        timed = sure.join(ledger.rows.filter(charge).select("row", "t"), on="row")
        told = _best(timed, ledger)
        if told is not None:
            return told
    seconds = view.filter(pl.col("second").is_not_null() & pl.col("start").is_not_null())
    if seconds.height and ledger.gateway == "openrouter":
        delta = (pl.col("second") * SECOND + SECOND // 2 - pl.col("start")) / SECOND
        return _middle(seconds.select(delta).to_series(), "embedded", least=0.5)
    if dates is not None and ledger.hop == "gateway":
        stamped = view.join(dates, on="a").filter(pl.col("start").is_not_null())
        if stamped.height >= FEWEST:
            delta = (pl.col("date") + SECOND // 2 - pl.col("first")) / SECOND
            return _middle(stamped.select(delta).to_series(), "date", least=0.5)
    return voted(done, ledger)


def _best(timed: pl.DataFrame, ledger: Ledger) -> Clock | None:
    """Return the difference to starts or to ends; where nobody says which, the steadier one."""
    timed = timed.filter(pl.col("t").is_not_null() & pl.col("start").is_not_null())
    if timed.height < FEWEST:
        return None
    ends = [ledger.timed in _ENDS] if ledger.timed in ("start", *_ENDS) else [True, False]
    made = [
        _middle(timed.select((pl.col("t") - pl.col("end" if by_end else "start")) / SECOND)
                .to_series(), "ids")
        for by_end in ends
    ]  # fmt: skip
    return min(made, key=lambda one: one.spread_s)


def _middle(deltas: pl.Series, basis: str, least: float = 0.0) -> Clock:
    middle = float(str(deltas.median()))
    spread = float(str((deltas - middle).abs().median()))
    # Half the deltas lie within the median distance; the rest must fit the slack as well.
    far = float(str((deltas - middle).abs().quantile(0.95))) / 3
    return Clock(round(middle, 3), round(max(least, spread, far), 3), basis, deltas.len())


def voted(done: pl.DataFrame, ledger: Ledger) -> Clock:
    """Return the difference on which successes agree, unknown if any other fits about as well."""
    rows = ledger.rows.filter(pl.col("entry") == "charge", pl.col("t").is_not_null())
    known = done.filter(pl.col("start").is_not_null())
    if known.height < FEWEST or rows.height < FEWEST:
        return Clock()
    sample = known.sort("start").gather_every(max(1, known.height // SAMPLE))
    by_end = ledger.timed in _ENDS
    at = pl.col("end" if by_end else "start")
    precise = float(str(rows["p"].max())) / SECOND
    width = max(2.0, precise, ledger.lag_s if by_end else 0.0)
    if width > SEARCH_S / 3:
        return Clock()
    pairs = _near(sample.with_columns(at=at), rows)
    half = width / 2
    bins = pl.col("delta").truediv(half).floor().cast(pl.Int32)
    votes = pairs.select("a", pl.concat_list(bins, bins - 1).alias("window")).explode("window")
    counted = (
        votes.group_by("window").agg(pl.col("a").n_unique().alias("n"))
        .sort("n", "window", descending=[True, False])
    )  # fmt: skip
    if not counted.height:
        return Clock()
    top, best = int(counted["window"][0]), int(counted["n"][0])
    others = counted.filter((pl.col("window") - top).abs() > 2)
    second = int(str(others["n"].max() or 0))
    chance = second / sample.height
    noise = 3 * (sample.height * chance * (1 - min(chance, 1.0))) ** 0.5
    if best < max(FEWEST, AGREEMENT * sample.height) or best - second < max(FEWEST, noise):
        return Clock()
    near = pairs.filter(pl.col("delta").is_between(top * half, (top + 2) * half))
    own = near.group_by("a").agg(pl.col("delta").median())["delta"]
    return _middle(own, "times", least=width / 6)


def _near(sample: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``a delta`` of the successes and all rows of their model in the time searched.

    Where both sides count tokens, only rows with the same output count: these are few and telling.
    """
    step = int(SEARCH_S * SECOND)
    slots = pl.concat_list(*((pl.col("at") // step + shift) for shift in (-1, 0, 1)))
    asked = sample.with_columns(slot=slots).explode("slot")
    given = rows.with_columns(slot=pl.col("t") // step)
    both = asked.select("a", "at", "asked", "served", "out", "slot").join(
        given.select("t", "model", "slot", pl.col("out").alias("row_out")), on="slot"
    )
    same_model = (
        (pl.col("asked") == pl.col("model")) | (pl.col("served") == pl.col("model"))
    ).fill_null(True)
    same_out = (pl.col("out") == pl.col("row_out")).fill_null(True)
    return (
        both.filter(same_model & same_out)
        .select("a", ((pl.col("t") - pl.col("at")) / SECOND).alias("delta"))
        .filter(pl.col("delta").abs() <= SEARCH_S)
    )


def dates(failures: pl.DataFrame) -> pl.DataFrame | None:
    """Return ``a date first``: Date headers of failed answers and when their first byte came."""
    if DATE not in failures.columns:
        return None
    stamp = pl.col(DATE).str.to_datetime(
        "%a, %d %b %Y %H:%M:%S GMT", strict=False, time_zone="UTC", time_unit="us"
    )
    first = pl.col("started_at").dt.epoch("us") + us("ttfb_ms").fill_null(0)
    told = failures.select(
        pl.col("attempt_id").alias("a"), stamp.dt.epoch("us").alias("date"), first.alias("first")
    )
    return told.drop_nulls() if told["date"].null_count() < told.height else None


def clocks(
    attempts: Attempts, ledger: Ledger, exact: pl.DataFrame, dates: pl.DataFrame | None
) -> dict[str, Clock]:
    """Return the clock of a ledger against every view."""
    rows = attempts.rows
    one = rows["view"].n_unique() == 1
    parts = [rows] if one else rows.partition_by("view", maintain_order=True)
    return {str(part["view"][0]): clock(part, ledger, exact, dates) for part in parts}
