"""Predicate: the failure goes on for minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from analyzer.engine.context.base import Param, Params, Predicate, duration_text
from analyzer.engine.context.ledger import COUNTS, Ledger, attach, buckets, points

_KEYS = ["host", "model"]


class RepeatsFor(Predicate):
    """The model keeps failing on the host, with no success between."""

    name = "repeats_for"
    doc = (
        "True: the run of failures of the model on the host around this one, with no success in "
        "any bucket between and no silence longer than within, spans at_least. Unknown: there is "
        "only one attempt of that model on that host."
    )
    params: ClassVar[Mapping[str, Param]] = {
        "at_least": Param("window", 180, "Span from the first to the last failure of the run."),
        "within": Param("window", 300, "A longer silence ends the run."),
    }

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        at = points(rows)
        counted = ledger.by_model.group_by([*_KEYS, "bucket"]).agg(pl.col(COUNTS).sum())
        ok = pl.col("ok") > 0
        silence = pl.col("bucket").diff() > buckets(params["within"])
        # A success's bucket belongs to no run: it starts a new number, and so does what follows it.
        breaks = (ok | ok.shift(1) | silence).fill_null(value=False)
        runs = counted.sort("bucket").with_columns(
            run=breaks.cum_sum().over(_KEYS),
            attempts=(pl.col("ok") + pl.col("failed")).sum().over(_KEYS),
        )
        span = (pl.col("bucket").max() - pl.col("bucket").min()).over([*_KEYS, "run"])
        spans = runs.with_columns(span=span)
        answer = pl.when(pl.col("attempts") > 1).then(pl.col("span") >= buckets(params["at_least"]))
        return attach(at, spans, [*_KEYS, "bucket"], answer)

    def says(self, params: Params) -> str:
        """See the base class."""
        span = duration_text(params["at_least"])
        return f"the failures went on for at least {span} without a success"

    def needs(self, params: Params) -> str:
        """See the base class."""
        return "another attempt of that model on that host"
