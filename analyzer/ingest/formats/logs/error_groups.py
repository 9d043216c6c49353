"""Lines of an error log that tell of one request, found by what they share and how near they are.

A proxy writes a line for each server that it tried and another for the request that failed; as
rows they would count one request several times.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

GROUP = "_group"
"""Column with the number of the request that a line tells of."""


def grouped(lines: pl.DataFrame, key: Sequence[str], kind: str, near: pl.Expr) -> pl.DataFrame:
    """Return ``lines`` with :data:`GROUP`; they have ``record`` and ``time`` and are in order.

    Lines with the same ``key`` belong together while each is ``near`` the one before it (an
    expression over ``since``, the time since that one). Each kind of line (a server, a message)
    comes once per request: where it comes again, that is the next request on the connection.
    """
    far = ~near.fill_null(True)
    made = lines.with_columns(since=pl.col("time").diff().over(key))
    made = made.with_columns(_segment=far.cast(pl.Int64).cum_sum().over(key))
    spot = [*key, "_segment"]
    made = made.with_columns(_nth=pl.int_range(pl.len()).over([*spot, kind]))
    first = pl.col("record").min().over([*spot, "_nth"])
    return made.with_columns(first.alias(GROUP)).drop("since", "_segment", "_nth")


def place(source: str) -> pl.Expr:
    """Return ``seen_in`` of the lines of a group: ``input#record`` of each."""
    return pl.format("{}#{}", pl.lit(source), pl.col("record")).alias("seen_in")
