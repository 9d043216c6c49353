"""Which headers stand in a log, and times that are all numbers."""

from __future__ import annotations

import polars as pl
import pytest

from analyzer.ingest import zoneless
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import heads
from analyzer.redact.secrets import SecretStore


@pytest.fixture
def logged() -> heads.Logged:
    return heads.Logged(Wants(frozenset(), SecretStore(b"salt")), heads.in_go)


def test_only_headers_that_stand_in_the_log_are_read(logged) -> None:
    logged.look(pl.Series(['{"headers":{"Host":["a"]}}', "{}", None]))
    assert (logged.asked, logged.answered) == (("host",), ())


def test_a_header_that_comes_late_is_found(logged) -> None:
    many = ['{"headers":{"Host":["a"]}}'] * 500
    late = '{"resp_headers":{"Content-Type":["x"],"Retry-After":["20"]}}'
    logged.look(pl.Series([*many, late]))
    assert (logged.asked, logged.answered) == (("host",), ("content-type", "retry-after"))


def test_names_are_kept_from_block_to_block(logged) -> None:
    logged.look(pl.Series(['{"headers":{"Traceparent":["a"]}}']))
    logged.look(pl.Series(["{}"]))
    logged.look(pl.Series(['{"headers":{"Host":["a"]}}']))
    assert logged.asked == ("host", "traceparent")


def test_one_name_counts_on_both_sides(logged) -> None:
    logged.look(pl.Series(['{"resp_headers":{"Cf-Ray":["8"]}}']))
    assert (logged.asked, logged.answered) == (("cf-ray",), ("cf-ray",))


@pytest.mark.parametrize(
    "texts",
    [
        ["1712790000123000000", "1712790000", None],
        ["1712790000.5", "2024-04-10T23:00:00Z"],
        ["", "inf", "1e9", "-5"],
        [None, None],
        [],
    ],
)
def test_times_of_a_column_are_those_of_its_rows(texts) -> None:
    column = pl.Series("at", texts, dtype=pl.String)
    alone = column.to_frame().select(zoneless.any_time(pl.col("at"), None)).to_series()
    assert zoneless.any_times(column, None).to_list() == alone.to_list()
