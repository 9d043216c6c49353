"""One verdict for an attempt that several hops saw.

Every record was judged by itself. The record that is surest counts; of two that are equally sure,
the one nearest to the fault, unless the client ended the attempt itself: nobody knows that better
than the client. The attempt keeps the identity of its most client-side record.
"""

from __future__ import annotations

import polars as pl

from analyzer.correlate.broken import promoted
from analyzer.correlate.join import Joined

VERDICT = (
    "layer", "emitted_by", "cause", "rule", "rev", "tier", "confidence", "confidence_steps",
    "ambiguous", "also", "possible", "billing_expected", "billing_basis", "suppressed",
)  # fmt: skip
FROM_BEHIND = (
    "upstream_status", "proxy_flags", "proxy_detail", "phase", "upstream_address",
    "upstream_tries", "hop_limit_ms", "model", "provider", "gateway", "edge", "ray_id", "trace_id",
    "request_id", "upstream_request_id", "error_type", "error_code", "error_message",
    "error_provider", "model_served", "key_tag", "input_tokens", "output_tokens",
)  # fmt: skip
"""What the records of hops behind add where the most client-side one has nothing."""

_SURE = {"low": 0, "medium": 1, "high": 2, "certain": 3}
_UNKNOWN = "unknown"


def settle(judged: pl.DataFrame, joined: Joined) -> pl.DataFrame:
    """Return one row per failed attempt: the members' verdicts and words folded into the primary.

    Rows of attempts that more than one log shows get ``seen_in`` of all of them.
    """
    if not joined.members.height:
        return judged
    own = pl.DataFrame({"attempt_id": joined.members["primary"].unique()}).with_columns(
        primary=pl.col("attempt_id"), rank=pl.lit(-1, pl.Int32), place=pl.lit(-1, pl.Int32)
    )
    inner = joined.members.select("attempt_id", "primary", "rank", place=pl.col("rank"))
    views = pl.concat([own, inner], how="diagonal")
    rows = judged.join(views, on="attempt_id", how="inner", maintain_order="left")
    chosen = _chosen(rows)
    added = _added(rows)
    alone = judged.filter(~pl.col("attempt_id").is_in(inner["attempt_id"].implode()))
    alone = pl.concat([alone, promoted(judged, joined.broken, joined.slim)])
    merged = _merged(alone, chosen, added)
    return (
        merged.join(seen_in(joined), on="attempt_id", how="left", maintain_order="left")
        .with_columns(seen_in=pl.coalesce("_seen_in", "seen_in"))
        .drop("_seen_in")
    )


def _chosen(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the verdict that counts for each attempt, and by which record it is."""
    sure = pl.col("confidence").replace_strict(_SURE, default=-1, return_dtype=pl.Int32)
    told = pl.when(pl.col("layer") == _UNKNOWN).then(-1).otherwise(sure)
    # The client's own decision to leave is known best by the client: its record goes first.
    left = (pl.col("layer") == "client") & pl.col("status").is_null()
    depth = pl.when(left).then(-pl.col("place") + 1000).otherwise(pl.col("place"))
    best = (
        rows.with_columns(told.alias("_sure"), depth.alias("_depth"))
        .sort("primary", "_sure", "_depth", "ended_at", descending=[False, True, True, True],
              nulls_last=True)
        .unique("primary", keep="first", maintain_order=True)
    )  # fmt: skip
    agree = _agreement(rows)
    return best.select(
        pl.col("primary").alias("attempt_id"),
        *(pl.col(name).alias(f"_{name}") for name in VERDICT),
        _by=pl.when(pl.col("attempt_id") != pl.col("primary")).then(
            pl.format("{}#{} ({})", "input", "record", "format")
        ),
    ).join(agree, on="attempt_id", how="left", maintain_order="left")


def _agreement(rows: pl.DataFrame) -> pl.DataFrame:
    """Return of how many logs the known verdicts agree in layer and cause, per attempt."""
    known = rows.filter(pl.col("layer") != _UNKNOWN)
    same = known.group_by("primary", "layer", "cause").agg(pl.col("format").n_unique().alias("n"))
    return (
        same.group_by("primary")
        .agg(pl.col("n").max().alias("_agree"))
        .rename({"primary": "attempt_id"})
    )


def _added(rows: pl.DataFrame) -> pl.DataFrame:
    """Return, per attempt, what the innermost record that knows it says."""
    behind = rows.filter(pl.col("place") >= 0).sort("primary", "place", descending=[False, True])
    status = pl.col("status").filter(pl.col("hop") == "gateway").first()
    edge = pl.col("status").filter(pl.col("hop") == "edge").first()
    return (
        behind.group_by("primary", maintain_order=True)
        .agg(
            *(pl.col(name).drop_nulls().first().alias(f"+{name}") for name in FROM_BEHIND),
            status.alias("+gateway_status"),
            edge.alias("+edge_status"),
        )
        .rename({"primary": "attempt_id"})
    )


def _merged(alone: pl.DataFrame, chosen: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    rows = alone.join(chosen, on="attempt_id", how="left", maintain_order="left").join(
        added, on="attempt_id", how="left", maintain_order="left"
    )
    other = pl.col("_by").is_not_null()
    agreed = (pl.col("_agree") >= 2).fill_null(False) & pl.col("_confidence").is_in(
        ["low", "medium"]
    )
    said = pl.format("decided by {}, which saw the same request", "_by")
    steps = pl.col("_confidence_steps").fill_null([])
    both = pl.lit(["two hops say the same"])
    taken = {name: pl.when(other).then(f"_{name}").otherwise(name) for name in VERDICT}
    taken["confidence"] = pl.when(agreed).then(pl.lit("high")).otherwise(taken["confidence"])
    with_source = pl.when(other).then(steps.list.concat(pl.concat_list(said)))
    taken["confidence_steps"] = pl.coalesce(with_source, pl.col("confidence_steps").fill_null([]))
    rows = rows.with_columns(**taken)
    rows = rows.with_columns(
        confidence_steps=pl.when(agreed)
        .then(pl.col("confidence_steps").list.concat(both))
        .otherwise("confidence_steps")
    )
    names = [*FROM_BEHIND, "gateway_status", "edge_status"]
    filled = [pl.coalesce(name, f"+{name}").alias(name) for name in names]
    return rows.with_columns(filled).select(alone.columns)


def seen_in(joined: Joined) -> pl.DataFrame:
    """Return ``attempt_id _seen_in``: the places of each joined attempt, client's first."""
    if not joined.members.height:
        return pl.DataFrame(schema={"attempt_id": pl.UInt64(), "_seen_in": pl.List(pl.String())})
    place = joined.rows.select("attempt_id", place=pl.format("{}#{}", "input", "record"))
    primary = joined.members.select(
        "primary", attempt_id=pl.col("primary"), rank=pl.lit(-1, pl.Int32)
    ).unique()
    every = pl.concat([primary, joined.members.select("primary", "attempt_id", "rank")])
    return (
        every.join(place, on="attempt_id")
        .sort("primary", "rank", "attempt_id")
        .group_by("primary", maintain_order=True)
        .agg(pl.col("place").alias("_seen_in"))
        .rename({"primary": "attempt_id"})
    )
