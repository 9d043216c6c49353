"""Predicates about how long the failed attempt itself took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from analyzer.engine.context.base import Param, Params, Predicate, duration_text
from analyzer.engine.context.ledger import Ledger, points

FLOOR_MS = 2_000.0
"""No wait is long below this, however fast the successes are: it would be immediate as well."""


class Immediate(Predicate):
    """It failed at once, before a model can have done any work."""

    name = "immediate"
    doc = "True: the last byte came in less than below. Unknown: the duration is not recorded."
    params: ClassVar[Mapping[str, Param]] = {
        "below": Param("duration", 2, "Time to the last byte that still counts as immediate.")
    }

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        return rows["duration_ms"] < params["below"] * 1000

    def says(self, params: Params) -> str:
        """See the base class."""
        return f"it failed in less than {duration_text(params['below'])}"

    def needs(self, params: Params) -> str:
        """See the base class."""
        return "the duration of the attempt"


class LongWait(Predicate):
    """It failed after a wait that is long in itself or for this model."""

    name = "long_wait"
    doc = (
        "True: the attempt took at_least, or factor times the model's median success on the host "
        "and no less than 2 s; without a success there, at_least alone decides. Unknown: the "
        "duration is not recorded."
    )
    params: ClassVar[Mapping[str, Param]] = {
        "at_least": Param("duration", 20, "A wait that is long for any model."),
        "factor": Param("factor", 5, "Multiple of the model's median success that is long."),
    }

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        at = points(rows).select("host", "model").with_columns(rows["duration_ms"])
        known = at.join(ledger.latency, on=["host", "model"], how="left", maintain_order="left")
        took = pl.col("duration_ms")
        long = took >= params["at_least"] * 1000
        # Five times very little is no long wait.
        longer = (took >= params["factor"] * pl.col("median_ms")) & (took >= FLOOR_MS)
        return known.select((long | longer.fill_null(value=False)).alias("answer")).to_series()

    def says(self, params: Params) -> str:
        """See the base class."""
        return (
            f"it waited at least {duration_text(params['at_least'])} or "
            f"{params['factor']:g} times the model's median"
        )

    def needs(self, params: Params) -> str:
        """See the base class."""
        return "the duration of the attempt"
