"""What is searched on: counts and failures, minute by minute, with an index of the minutes."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

import polars as pl

from analyzer.incidents.series import FAMILIES, is_of
from analyzer.incidents.window import ALL, SCOPES, Scope

Values = dict[str, set[str | None]]
"""Values by scope field."""


class Cells:
    """The rows of :func:`analyzer.incidents.series.cells`, sorted by ``at``.

    An index in Python finds the rows of a stretch without a query: a search asks for hundreds, and
    often for the same again.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        runs = rows["at"].rle().struct.unnest()
        self.minutes: list[int] = runs["value"].to_list()
        """Minutes with any row, rising."""
        self._starts: list[int] = [0, *accumulate(runs["len"].to_list())]
        self._series: dict[tuple[Scope, float, float], pl.DataFrame] = {}
        self._broken: dict[str, pl.DataFrame] = {}

    def of(self, scope: Scope, first: float, behind: float, *wanted: str | pl.Expr) -> pl.DataFrame:
        """Return columns of a scope's rows in the minutes from ``first`` to before ``behind``."""
        start = self._start(first)
        near = self.rows.slice(start, self._start(behind) - start)
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

    def series(self, scope: Scope, first: float, behind: float) -> pl.DataFrame:
        """Return ``at attempts service caller planned`` of a scope in time order, as counted."""
        if not self.minutes:
            return self.rows.select("at", "attempts", *FAMILIES)
        # Nearly all ask for the whole capture, if not in the same words.
        key = scope, max(first, self.minutes[0]), min(behind, self.minutes[-1] + 1)
        if key not in self._series:
            self._series[key] = (
                self.of(scope, first, behind, "at", "attempts", *FAMILIES)
                .group_by("at", maintain_order=True)
                .agg(pl.col("attempts", *FAMILIES).sum())
            )
        return self._series[key]

    def broken(self, scope: Scope, first: float, behind: float, family: str) -> Values:
        """Return the values that the failures of a stretch have, by field."""
        if family not in self._broken:
            # Thousands of failures have a few values a minute.
            failed = self.rows.filter(pl.col(family) > 0)
            self._broken[family] = failed.select("at", *SCOPES).unique()
        return _values(self._broken[family].filter(_inside(scope, first, behind)))

    def without(self, scope: Scope, first: float, behind: float) -> tuple[Cells, Values]:
        """Return the cells less those of a scope in the minutes ``first`` to before ``behind``.

        And the values of what went: a scope with another value is as it was, and keeps its series.
        """
        others = ~_inside(scope, first, behind)
        left = Cells(self.rows.filter(others))
        gone = _values(self.of(scope, first, behind, *SCOPES))
        left._broken = {family: rows.filter(others) for family, rows in self._broken.items()}
        left._series = {
            key: rows for key, rows in self._series.items() if not is_among(key[0], gone)
        }
        return left, gone

    def _start(self, at: float) -> int:
        return self._starts[bisect_left(self.minutes, at)]


def is_among(scope: Scope, values: Values) -> bool:
    """Whether a scope has some of the rows with these values."""
    return scope.field == ALL or scope.value in values[scope.field]


def _values(rows: pl.DataFrame) -> Values:
    unique = rows.select(pl.col(SCOPES).unique().implode()).row(0)
    return {field: set(values) for field, values in zip(SCOPES, unique, strict=True)}


def _inside(scope: Scope, first: float, behind: float) -> pl.Expr:
    return pl.col("at").is_between(first, behind, closed="left") & is_of(scope)
