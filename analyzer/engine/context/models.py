"""Predicates that compare models on one host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from analyzer.engine.context.base import Param, Params, Predicate, duration_text
from analyzer.engine.context.ledger import ABSENT, Ledger, attach, buckets, points, window_sums

WITHIN = Param("window", 300, "How far before and after the failure to look.")
_HAS_MODEL = pl.col("model") != ABSENT


class OnlyThisModelFails(Predicate):
    """This model fails on the host while other models there work."""

    name = "only_this_model_fails"
    doc = (
        "True: the model has at least min_failures failures on the host in the window, and of the "
        "attempts of other models there at most max_other_error_rate failed. Unknown: no attempt "
        "of another model, or the model is not known."
    )
    params: ClassVar[Mapping[str, Param]] = {
        "within": WITHIN,
        "min_failures": Param("count", 2, "Failures of this model that make a pattern."),
        "max_other_error_rate": Param(
            "share", 0.1, "Share of other models' attempts that may fail."
        ),
    }

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        at = points(rows)
        width = buckets(params["within"])
        named = ledger.by_model.filter(_HAS_MODEL)
        own = window_sums(at.filter(_HAS_MODEL), named, ["host", "model"], -width, width)
        host = window_sums(at, named, ["host"], -width, width)
        both = own.join(host, on=["host", "bucket"], how="left", suffix="_host").with_columns(
            others_failed=pl.col("failed_host") - pl.col("failed"),
            others=pl.col("ok_host") + pl.col("failed_host") - pl.col("ok") - pl.col("failed"),
        )
        calm = pl.col("others_failed") <= params["max_other_error_rate"] * pl.col("others")
        answer = (
            pl.when(pl.col("failed") < params["min_failures"])
            .then(statement=False)
            .when(pl.col("others") > 0)
            .then(calm)
        )
        return attach(at, both, ["host", "model", "bucket"], answer)

    def says(self, params: Params) -> str:
        """See the base class."""
        return f"other models on that host worked within {duration_text(params['within'])}"

    def needs(self, params: Params) -> str:
        """See the base class."""
        within = duration_text(params["within"])
        return f"an attempt of another model on that host within {within}"


class AllModelsFail(Predicate):
    """Every model that was tried on the host fails."""

    name = "all_models_fail"
    doc = (
        "True: at least two models were tried on the host in the window, each has failures and "
        "none a success. Unknown: fewer than two models were tried."
    )
    params: ClassVar[Mapping[str, Param]] = {"within": WITHIN}

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        at = points(rows)
        width = buckets(params["within"])
        named = ledger.by_model.filter(_HAS_MODEL)
        models = named.select("host", "model").unique()
        pairs = at.select("host", "bucket").drop_nulls().unique().join(models, on="host")
        sums = window_sums(pairs, named, ["host", "model"], -width, width)
        tried = sums.filter(pl.col("ok") + pl.col("failed") > 0)
        per_host = tried.group_by("host", "bucket").agg(
            models=pl.len(), dead=((pl.col("ok") == 0) & (pl.col("failed") > 0)).sum()
        )
        answer = pl.when(pl.col("models") >= 2).then(pl.col("dead") == pl.col("models"))
        return attach(at, per_host, ["host", "bucket"], answer)

    def says(self, params: Params) -> str:
        """See the base class."""
        return f"every model on that host failed within {duration_text(params['within'])}"

    def needs(self, params: Params) -> str:
        """See the base class."""
        return f"attempts of a second model on that host within {duration_text(params['within'])}"
