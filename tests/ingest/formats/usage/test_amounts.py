from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.formats.usage.amounts import amount, amounts


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("$1,234.56", "1234.56", None), ("1.234,56 €", "1234.56", "EUR"), ("(1.50)", "-1.5", None),
        ("−3,5", "-3.5", None), ("1e-5", "0.00001", None), ("US$ 5", "5", "USD"),
        ("5 EUR", "5", "EUR"), ("1 234,50", "1234.5", None), ("1\u202f234,5", "1234.5", None),
        ("1'234.5", "1234.5", None), (".5", "0.5", None), ("1-", "-1", None),
        ("£-2", "-2", "GBP"), ("0,125", "0.125", None), ("1.234.567", "1234567", None),
        ("1,234,567", "1234567", None), ("￥3", "3", "CNY"), ("+0.10", "0.1", None),
        # One comma before three digits could be either; a group of two is none.
        ("1,234", None, None), ("12,34,567.00", None, None), ("1.23.4", None, None),
        ("--1", None, None), ("(1", None, None), ("$", None, None), ("Included", None, None),
        ("USD 1 EUR", None, None), ("1e30", None, None), ("Infinity", None, None),
    ],
)  # fmt: skip
def test_an_amount(text, value, currency) -> None:
    found = amount(text, None)
    if value is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0], found[1], found[2]) == (Decimal(value), currency, True)


@pytest.mark.parametrize(
    ("texts", "grouped", "delimiter", "values"),
    [
        # The column decides what a comma means.
        (["1,234", "5,5"], False, ",", ["1.234", "5.5"]),
        (["1,234", "1,234.5"], False, ",", ["1234", "1234.5"]),
        (["1,234", "7"], True, ",", ["1234", "7"]),
        (["1,234", "7"], False, ";", ["1.234", "7"]),
        (["1,234", "7"], False, ",", [None, "7"]),
        (["1.234", "0,5"], False, ",", ["1234", "0.5"]),
        (["1.234", "5.6"], False, ";", ["1.234", "5.6"]),
        (["", None, " 2 "], False, ",", [None, None, "2"]),
    ],
)
def test_a_column(texts, grouped, delimiter, values) -> None:
    found = amounts(pl.Series(texts), grouped=grouped, delimiter=delimiter)
    assert found.values.to_list() == [None if v is None else Decimal(v) for v in values]
    told = [text is not None and text.strip() != "" for text in texts]
    unread = [value is None and said for value, said in zip(values, told, strict=True)]
    assert found.unread.to_list() == unread


@given(st.lists(st.decimals(-(10**15), 10**15, allow_nan=False, places=18), max_size=5))
@settings(max_examples=100, deadline=None)
def test_european_amounts_survive(values) -> None:
    texts = [f"{value:,.18f}".translate(str.maketrans(",.", ".,")) for value in values]
    found = amounts(pl.Series(texts, dtype=pl.String))
    assert found.values.to_list() == values


@given(st.lists(st.text(max_size=12), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_amount_or_told(texts) -> None:
    found = amounts(pl.Series(texts, dtype=pl.String))
    for text, value, unread in zip(texts, found.values, found.unread, strict=True):
        assert (value is None) == (unread or not pl.Series([text]).str.strip_chars()[0])
