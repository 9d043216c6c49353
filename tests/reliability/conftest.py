"""One generated month for all tests of the weekly report; it takes seconds to draw."""

from __future__ import annotations

import pytest
from reliability import process

from analyzer.records import Records


@pytest.fixture(scope="session")
def generated() -> Records:
    return process.records()
