"""What settling needs of the packaged knowledge."""

from __future__ import annotations

import polars as pl
import pytest

from analyzer import data
from analyzer.billing.settle import Options
from analyzer.engine import load
from analyzer.signals import catalogue, model


@pytest.fixture(scope="session")
def options() -> Options:
    facts = catalogue.from_data(load.load(data.root("knowledge")).data)

    def normalise(name: pl.Expr) -> pl.Expr:
        return model.normalise(name, facts)

    return Options(normalise=normalise)
