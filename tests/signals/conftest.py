"""The packaged data of signals, loaded once."""

from __future__ import annotations

import pytest

from analyzer import data, signals
from analyzer.signals.catalogue import SignalData


@pytest.fixture(scope="session")
def known() -> SignalData:
    return signals.load_data(data.root("knowledge"))
