"""What hourly and daily sums say: bounds for a group of failures, never for one of them."""

from __future__ import annotations

import polars as pl

from analyzer.billing.sides import OK, SECOND, Attempts

GRAINS = ("minute", "hour", "day")
"""Longer sums are not compared: a log seldom covers them."""
EDGE_S = 120.0
"""An attempt so near to the edge of a sum may be counted in the one beside it."""

GROUPS = pl.Schema(
    {
        "usage_format": pl.String(), "usage_inputs": pl.List(pl.String()), "hop": pl.String(),
        "grain": pl.String(), "start": pl.Datetime("us", "UTC"), "end": pl.Datetime("us", "UTC"),
        "model": pl.String(), "requests": pl.Int64(), "successes": pl.Int64(),
        "failures": pl.Int64(), "low": pl.Int64(), "high": pl.Int64(),
        "input_tokens_over": pl.Int64(), "conclusion": pl.String(),
    }
)  # fmt: skip


def bounds(
    sums: pl.DataFrame, attempts: Attempts, names: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return :data:`GROUPS`, and ``a low high`` of the failures of groups that tell something.

    Only sums that count requests and name a model are compared: others hold more than is logged.
    """
    counted = sums.filter(
        pl.col("grain").is_in(GRAINS), pl.col("requests").is_not_null(), pl.col("hop") != "client",
        pl.col("time").is_not_null(), pl.col("model").is_not_null(),
    )  # fmt: skip
    none = pl.DataFrame(schema={"a": pl.UInt64(), "low": pl.Int64(), "high": pl.Int64()})
    if not counted.height:
        return pl.DataFrame(schema=GROUPS), none
    table = names.select("name", number=pl.col("model"))
    grouped = (
        _once(counted)
        .join(table, left_on="model", right_on="name", how="left", maintain_order="left")
        .group_by("format", "hop", "gateway", "grain", "time", "number", maintain_order=True)
        .agg(
            pl.col("usage_inputs").explode().unique().sort(),
            pl.col("period_end").max(), pl.col("model").first(), pl.col("requests").sum(),
            pl.col("input_tokens").sum(),
        )
        .with_row_index("group")
    )  # fmt: skip
    placed = _placed(grouped, attempts.rows)
    told = _compared(grouped, placed)
    known = told.filter(pl.col("conclusion").is_in(["none", "some", "all"]))
    failed = placed.filter(pl.col("state") != OK, ~pl.col("edge")).select("a", "group")
    hit = failed.join(known.select("group", "low", "high"), on="group").select("a", "low", "high")
    return told.select(GROUPS.names()).match_to_schema(GROUPS), hit


def _once(counted: pl.DataFrame) -> pl.DataFrame:
    """Return the sums, each once: two exports may hold the same one, the later with more in it."""
    own = (
        "format", "hop", "gateway", "grain", "time", "model", "provider", "group", "key_name",
        "key_id", "key_tag",
    )  # fmt: skip
    by_input = counted.group_by(*own, "input", maintain_order=True).agg(
        pl.col("period_end").max(), pl.col("requests", "input_tokens").sum()
    )
    return by_input.group_by(own, maintain_order=True).agg(
        pl.col("input").unique().sort().alias("usage_inputs"),
        pl.col("period_end", "requests", "input_tokens").max(),
    )


def _end() -> pl.Expr:
    length = (
        pl.when(pl.col("grain") == "day").then(86_400).when(pl.col("grain") == "hour").then(3600)
    )
    return pl.coalesce("period_end", pl.col("time") + pl.duration(seconds=length.otherwise(60)))


def _placed(groups: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """Return every metered attempt in each group that holds its time."""
    edge = int(EDGE_S * SECOND)
    bins = groups.select(
        "group", "number", low=pl.col("time").dt.epoch("us"), high=_end().dt.epoch("us")
    )
    asked = attempts.filter(pl.col("start").is_not_null()).select(
        "a", "state", "start", "inp", number=pl.coalesce("asked", "served")
    )
    step = int(str((bins["high"] - bins["low"]).min()))
    step = max(step, 60 * SECOND)
    slots = bins.with_columns(
        slot=pl.int_ranges((pl.col("low") - edge) // step, (pl.col("high") + edge) // step + 1)
    ).explode("slot")
    both = asked.with_columns(slot=pl.col("start") // step).join(slots, on=["slot", "number"])
    near = both.filter(pl.col("start").is_between(pl.col("low") - edge, pl.col("high") + edge))
    inside = pl.col("start").is_between(pl.col("low") + edge, pl.col("high") - edge)
    return near.with_columns(edge=~inside)


def _compared(groups: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    sure = ~pl.col("edge")
    counts = placed.group_by("group").agg(
        (sure & (pl.col("state") == OK)).sum().cast(pl.Int64).alias("successes"),
        (sure & (pl.col("state") != OK)).sum().cast(pl.Int64).alias("failures"),
        pl.col("edge").sum().cast(pl.Int64).alias("loose"),
        pl.col("inp").filter(pl.col("state") == OK).sum().alias("known_tokens"),
    )
    over = pl.col("requests") - pl.col("successes")
    rows = groups.join(counts, on="group").filter(pl.col("failures") > 0)
    bounded = rows.with_columns(
        low=(over - pl.col("loose")).clip(0),
        high=pl.min_horizontal(over.clip(0), "failures"),
        over=over,
    )
    foreign = pl.col("over") > pl.col("failures") + pl.col("loose")
    lacking = pl.col("over") + 0 < -pl.col("loose")
    conclusion = (
        pl.when(foreign).then(pl.lit("others use it too"))
        .when(lacking).then(pl.lit("rows are missing"))
        .when(pl.col("high") == 0).then(pl.lit("none"))
        .when(pl.col("low") == pl.col("failures")).then(pl.lit("all"))
        .otherwise(pl.lit("some"))
    )  # fmt: skip
    vague = pl.col("conclusion").is_in(["others use it too", "rows are missing"])
    return bounded.with_columns(conclusion=conclusion).with_columns(
        low=pl.when(vague).then(0).otherwise(pl.min_horizontal("low", "failures")),
        high=pl.when(vague).then("failures").otherwise("high"),
        usage_format="format",
        start="time",
        end=_end(),
        input_tokens_over=pl.when(~vague).then(pl.col("input_tokens") - pl.col("known_tokens")),
    )
