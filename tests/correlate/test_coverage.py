"""Attempts are counted on the most client-side hop that covers their host and time."""

from __future__ import annotations

import polars as pl
import pytest

from analyzer import correlate, ledger


def rows(*cells: tuple[str, str | None, int]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "hop": [c[0] for c in cells],
            "host": [c[1] for c in cells],
            "bucket": [c[2] for c in cells],
        },
        schema={"hop": pl.String, "host": pl.String, "bucket": pl.Int64},
    )
    filled = {n: t for n, t in ledger.SCHEMA.items() if n not in frame.columns}
    return frame.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in filled.items())


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([("client", "a", 1), ("client", "a", 5)], [False, False]),
        ([("gateway", "a", 1)], [False]),
        ([("client", "a", 1), ("client", "a", 9), ("gateway", "a", 5)], [False, False, True]),
        ([("client", "a", 1), ("client", "a", 9), ("gateway", "a", 12)], [False, False, False]),
        ([("client", "a", 1), ("client", "a", 9), ("gateway", "a", 11)], [False, False, True]),
        ([("client", "a", 1), ("client", "a", 9), ("gateway", "b", 5)], [False, False, False]),
        ([("client", "a", 1), ("client", "a", 9), ("gateway", None, 5)], [False, False, True]),
        ([("client", "a", 5), ("edge", "a", 5), ("gateway", "a", 5)], [False, True, True]),
    ],
)
def test_corroborating(cells: list[tuple[str, str | None, int]], expected: list[bool]) -> None:
    frame = rows(*cells)
    assert correlate.corroborating(frame, correlate.spans(frame)).to_list() == expected
