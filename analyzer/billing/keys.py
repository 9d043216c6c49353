"""Ids that join an answer to a usage row, in one spelling, and how far they can be trusted.

Ids are compared by their 64-bit hash: a tenth of the memory of the texts, and millions of rows are
joined in seconds, and no two of ten million are likely to be alike.
"""

from __future__ import annotations

import polars as pl

ATTEMPT_IDS = ("request_id", "upstream_request_id", "ray_id", "said_id")
USAGE_IDS = ("request_id", "upstream_request_id")
TRACE = "trace_id"
_PREFIX = "chatcmpl-"
SHORTEST = 6
"""Shorter ids are counters that repeat."""
SHARED = 16
"""An id that more rows or attempts have is no id of a request."""
RELIABLE = 0.9
"""Share of ids that must be found, before an id that is not found says something."""
FEWEST = 3
_SAID = r"request id: ([0-9A-Za-z_-]{8,80})"
_EMBEDDED = r"^gen-(1\d{9})-"
PAIRS = pl.Schema({"a": pl.UInt64(), "row": pl.UInt32()})


def spelled(column: str) -> pl.Expr:
    """Return an id as it is compared: relays put their own behind OpenAI's prefix."""
    text = pl.col(column).str.strip_prefix(_PREFIX)
    return pl.when(text.str.len_bytes() >= SHORTEST).then(text)


def hashed(column: str, name: str) -> pl.Expr:
    """Return the hash of an id as :func:`spelled`, null for none."""
    # Choosing among hashes costs a third of choosing among texts.
    text = pl.col(column).str.strip_prefix(_PREFIX)
    return pl.when(text.str.len_bytes() >= SHORTEST).then(text.hash()).alias(name)


def said() -> pl.Expr:
    """Return the id that relays write into the text of an error."""
    failed = pl.col("ok") == False  # noqa: E712
    return pl.when(failed).then(pl.col("error_message").str.extract(_SAID)).alias("said_id")


def embedded() -> pl.Expr:
    """Return the unix second inside a generation id, by the clock of the gateway."""
    return pl.col("request_id").str.extract(_EMBEDDED).cast(pl.Int64)


def long(frame: pl.DataFrame, index: str, names: tuple[str, ...]) -> pl.DataFrame:
    """Return ``index id column length`` of hash columns ``h_<name>`` and lengths ``n_<name>``."""
    parts = [
        frame.select(
            index,
            pl.col(f"h_{name}").alias("id"),
            pl.lit(number, pl.UInt8).alias("column"),
            pl.col(f"n_{name}").alias("length")
            if f"n_{name}" in frame.columns
            else pl.lit(0, pl.UInt16).alias("length"),
        ).filter(pl.col("id").is_not_null())
        for number, name in enumerate(names)
        if f"h_{name}" in frame.columns
    ]
    return pl.concat(parts)


def by_id(attempt_ids: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``a row`` of the attempts and usage rows that share an id.

    ``attempt_ids`` is :func:`long` of the attempts; ``rows`` has the hash columns of usage rows.
    """
    asked = attempt_ids.select("a", "id")
    parts = [asked.select("a", pl.lit(0, pl.UInt32).alias("row"), "id").clear()]
    for name in USAGE_IDS:
        given = rows.select("row", pl.col(f"h_{name}").alias("id")).drop_nulls()
        if given.height:
            parts.append(asked.join(given, on="id").select("a", "row", "id"))
    found = pl.concat(parts)
    if not found.height:
        return pl.DataFrame(schema=PAIRS)
    if found["a"].is_duplicated().any() or found["row"].is_duplicated().any():
        # Many rows of one request are possible (a try each); many of one id on both sides are not.
        crowded = (pl.col("a").n_unique().over("id") > SHARED) | (
            pl.col("row").n_unique().over("id") > SHARED
        )
        found = found.filter(~crowded).unique(["a", "row"])
    return found.select("a", "row").match_to_schema(PAIRS)


def by_trace(attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``a row`` that share a trace which no other attempt and no other row has."""
    one, other = (
        side.select(index, pl.col(f"h_{TRACE}").alias("id")).drop_nulls()
        for side, index in ((attempts, "a"), (rows, "row"))
    )
    if not one.height or not other.height:
        return pl.DataFrame(schema=PAIRS)
    alone = one.filter(pl.len().over("id") == 1)
    found = alone.join(other, on="id")
    return found.filter(pl.len().over("id") == 1).select("a", "row").match_to_schema(PAIRS)


def reliable(
    attempt_ids: pl.DataFrame, attempts: pl.DataFrame, rows: pl.DataFrame, exact: pl.DataFrame
) -> pl.Series:
    """Return the attempts (some twice) whose id would stand in a row of theirs that has an id.

    Told by the successes: by view, endpoint and kind of id (its column and length), nearly all of
    them are found; or nearly all rows that have ids are found among the attempts, and a good part
    of the successes is. A gateway whose billed id is another one (it happens) fails both.
    """
    found = exact["a"].unique().implode()
    known = attempt_ids.filter(pl.col("column") != ATTEMPT_IDS.index("ray_id")).join(
        attempts.select("a", "view", "endpoint", "state"), on="a"
    )
    kind = ["view", "endpoint", "column", "length"]
    done = pl.col("state") == 1
    told = known.group_by(kind).agg(
        done.sum().alias("n"),
        (done & pl.col("a").is_in(found)).sum().truediv(done.sum()).alias("share"),
    )
    with_id = rows.filter(pl.col("h_request_id").is_not_null())
    owned = with_id["row"].is_in(exact["row"].implode()).mean() if with_id.height else None
    least = 0.3 if isinstance(owned, float) and owned >= RELIABLE else RELIABLE
    sure = told.filter(pl.col("n") >= FEWEST, pl.col("share") >= least)
    if sure.height == told.height:
        return known["a"]
    return known.join(sure, on=kind, how="semi", nulls_equal=True)["a"].unique()
