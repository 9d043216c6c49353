"""What is searched on: counts and failures, minute by minute, with an index of the minutes."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

import polars as pl

from analyzer.incidents.series import is_of
from analyzer.incidents.window import ALL, Scope


class Cells:
    """The rows of :func:`analyzer.incidents.series.cells`, sorted by ``at``.

    An index in Python finds the rows of a stretch without a query: a search asks for hundreds.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        runs = rows["at"].rle().struct.unnest()
        self.minutes: list[int] = runs["value"].to_list()
        """Minutes with any row, rising."""
        self._starts = [0, *accumulate(runs["len"].to_list())]

    def of(self, scope: Scope, first: float, behind: float, *wanted: str | pl.Expr) -> pl.DataFrame:
        """Return columns of a scope's rows in the minutes from ``first`` to before ``behind``."""
        start, end = (self._starts[bisect_left(self.minutes, at)] for at in (first, behind))
        near = self.rows.slice(start, end - start)
        if scope.field == ALL:
            return near.select(*wanted)
        # Only what is wanted is copied: the filter costs as much as all the rest.
        mine = near.select(is_of(scope)).to_series()
        return near.select(*wanted).filter(mine)

    def summed(self, scope: Scope, first: float, behind: float, failed: pl.Expr) -> pl.DataFrame:
        """Return ``at attempts failed`` of a scope in time order; ``failed`` says which count."""
        return (
            self.of(scope, first, behind, "at", "attempts", failed.alias("failed"))
            .group_by("at", maintain_order=True)
            .agg(pl.col("attempts", "failed").sum())
            .with_columns(pl.max_horizontal("attempts", "failed").alias("attempts"))
        )

    def without(self, scope: Scope, first: float, behind: float) -> Cells:
        """Return the cells less those of a scope in the minutes ``first`` to before ``behind``."""
        inside = pl.col("at").is_between(first, behind, closed="left")
        return Cells(self.rows.filter(~(inside & is_of(scope))))
