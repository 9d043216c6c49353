"""Predicate: the same call worked a little later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from analyzer.engine.context.base import Param, Params, Predicate, duration_text
from analyzer.engine.context.ledger import KEYS, Ledger, attach, buckets, points, window_sums
from analyzer.engine.context.models import WITHIN

_BY = list(KEYS)


class RetrySucceeded(Predicate):
    """An attempt of the same kind succeeded after this one."""

    name = "retry_succeeded"
    doc = (
        "True: an attempt of the same host, endpoint, model and key succeeded in a later bucket of "
        "the window. Unknown: the only success is in the failure's own bucket, so which came first "
        "is not known."
    )
    params: ClassVar[Mapping[str, Param]] = {"within": WITHIN}

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        at = points(rows)
        later = window_sums(at, ledger.by_key, _BY, 1, buckets(params["within"]))
        same = window_sums(at, ledger.by_key, _BY, 0, 0).select(*_BY, "bucket", now="ok")
        both = later.join(same, on=[*_BY, "bucket"], how="left")
        # Not "when(now > 0).then(None)": a row that is in no bucket must stay unknown as well.
        answer = (
            pl.when(pl.col("ok") > 0)
            .then(statement=True)
            .when(pl.col("now") == 0)
            .then(statement=False)
        )
        return attach(at, both, [*_BY, "bucket"], answer)

    def says(self, params: Params) -> str:
        """See the base class."""
        return f"the same call worked within {duration_text(params['within'])}"

    def needs(self, params: Params) -> str:
        """See the base class."""
        return "times precise enough to tell which of the two attempts came first"
