"""Predicates about calls of the list of models, the test call that needs no model to be up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from analyzer.engine.context.base import Param, Params, Predicate, duration_text
from analyzer.engine.context.ledger import Ledger, attach, buckets, points, window_sums
from analyzer.engine.context.models import WITHIN

_OK, _FAILED = pl.col("ok"), pl.col("failed")


class ModelsEndpoint(Predicate):
    """Shared by the two questions: how calls of /models on the host went."""

    params: ClassVar[Mapping[str, Param]] = {"within": WITHIN}
    holds: ClassVar[pl.Expr]

    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """See the base class."""
        at = points(rows)
        width = buckets(params["within"])
        probes = ledger.by_model.filter(pl.col("endpoint") == "models")
        sums = window_sums(at, probes, ["host"], -width, width)
        answer = pl.when(_OK + _FAILED > 0).then(self.holds)
        return attach(at, sums, ["host", "bucket"], answer)

    def needs(self, params: Params) -> str:
        """See the base class."""
        return f"a call of /models on that host within {duration_text(params['within'])}"


class ModelsEndpointOk(ModelsEndpoint):
    """Calls of /models worked."""

    name = "models_endpoint_ok"
    doc = (
        "True: /models on the host answered in the window and never failed. Unknown: it was not "
        "called."
    )
    holds = (_OK > 0) & (_FAILED == 0)

    def says(self, params: Params) -> str:
        """See the base class."""
        return f"/models answered within {duration_text(params['within'])}"


class ModelsEndpointFails(ModelsEndpoint):
    """Calls of /models failed too."""

    name = "models_endpoint_fails"
    doc = (
        "True: /models on the host failed in the window and never answered. Unknown: it was not "
        "called."
    )
    holds = (_FAILED > 0) & (_OK == 0)

    def says(self, params: Params) -> str:
        """See the base class."""
        return f"/models failed too within {duration_text(params['within'])}"
