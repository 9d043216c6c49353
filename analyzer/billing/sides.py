"""Both sides of the join as narrow frames of numbers: the attempts, and the ledgers' rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from analyzer import columns
from analyzer.billing import keys, models

SECOND = 1_000_000
"""Times are microseconds since 1970."""
OK, FAILED, OPEN = 1, 0, 2
"""States of an attempt; open: its end is not in the capture."""
UNMETERED = ("models", "count_tokens")
"""Endpoints that no ledger has rows of."""
GAVE_UP = (408, 460, 499, 504, 524)
"""Statuses behind which the work may have gone on."""
ASKED = ("charge", "error")
"""Entries that stand for a request."""
REPEATED = ("view", "endpoint", "input", "gateway", "provider")
"""Texts of which an attempts' log has few; they are kept as numbers."""
LONGEST_MS = 32 * 86_400_000.0
"""What claims to last longer is no duration of a request and no precision of a time."""
ZONES_S = 15 * 3600.0
"""An export read in the wrong zone is off by less than this."""
LEDGER = ("format", "hop", "gateway")
"""What makes a ledger: exports that agree in these are parts of one."""
LAYERS = ("gateway", "upstream")
"""Whose money it is, from the caller inwards; a client's own estimate is nobody's bill."""

USED = (
    "input", "record", "format", "hop", "time", "time_kind", "time_precision_ms", "period_end",
    "grain", "entry", "request_id", "upstream_request_id", "trace_id", "model", "provider",
    "gateway", "group", "key_name", "key_id", "key_tag", "cancelled", "requests", "input_tokens",
    "output_tokens", "cached_tokens", "cache_write_tokens", "cost", "currency", "cost_basis",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempts:
    """``rows``: one per attempt; ``ids``: :func:`analyzer.billing.keys.long`, other hops' too."""

    rows: pl.DataFrame
    ids: pl.DataFrame


@dataclass(slots=True)
class Ledger:
    """The rows of all exports of one ledger."""

    number: int
    format: str
    hop: str
    gateway: str | None
    rows: pl.DataFrame
    inputs: tuple[str, ...] = ()
    every: int = 0
    """Number of its rows; ``rows`` are those that can matter."""
    lag_s: float = 0.0
    first: int | None = None
    last: int | None = None
    """Times of the first and the last row, of whatever kind."""
    priced: bool = True
    """Whether it tells money."""
    duplicates: int = 0
    """Rows that another export of it has too."""
    overlapping: tuple[str, ...] = ()
    """Exports of it that hold the same time."""
    unknown_grain: int = 0
    timed: str | None = None
    """What its times mean, where that is known."""


def us(milliseconds: str) -> pl.Expr:
    """Return milliseconds as whole microseconds; null for what is no stretch of time."""
    value = pl.col(milliseconds)
    sane = value.is_finite() & value.is_between(0, LONGEST_MS)
    return (pl.when(sane).then(value) * 1000).cast(pl.Int64)


def attempts(every: pl.LazyFrame, members: pl.DataFrame | None) -> Attempts:
    """Return the attempts; ``members`` (``attempt_id primary``) lend their ids to the primary."""
    present = every.collect_schema().names()
    echo = pl.col("echo") if "echo" in present else pl.lit(False)
    end = pl.coalesce(
        "ended_at", pl.col("started_at") + pl.duration(microseconds=us("duration_ms"))
    )
    left = pl.col("status").is_null() | pl.col("status").is_in(GAVE_UP)
    broken = pl.col("stream_state").is_in(["truncated", "capture_cut"]).fill_null(False)
    ids = (*keys.ATTEMPT_IDS, keys.TRACE)
    chosen = every.with_columns(keys.said()).select(
        pl.col("attempt_id").alias("a"),
        pl.concat_str("hop", "format", separator="/", ignore_nulls=True).alias("view"),
        pl.when("ok").then(OK).when(pl.col("ok").is_null()).then(OPEN).otherwise(FAILED)
        .cast(pl.Int8).alias("state"),
        pl.coalesce("started_at", end).dt.epoch("us").alias("start"),
        pl.coalesce(end, "started_at").dt.epoch("us").alias("end"),
        (pl.col("ok").fill_null(False).not_() & (left | broken)).alias("left"),
        us("time_precision_ms").fill_null(0).alias("blur"),
        pl.coalesce("endpoint", pl.lit("other")).alias("endpoint"),
        "input", "model", "model_served", "gateway", "provider", "provider_host",
        pl.when(pl.col("key_tag").is_not_null()).then(pl.col("key_tag").hash()).alias("key_tag"),
        pl.when(pl.col("request_hash").is_not_null()).then(pl.col("request_hash").hash())
        .alias("request_hash"),
        pl.col("input_tokens").alias("inp"), pl.col("output_tokens").alias("out"),
        pl.col("cached_tokens").alias("cached"),
        keys.embedded().alias("second"), echo.alias("echo"),
        *(keys.hashed(name, f"h_{name}") for name in ids),
        *(keys.spelled(name).str.len_bytes().cast(pl.UInt16).alias(f"n_{name}") for name in ids),
    ).with_columns(pl.col(REPEATED).cast(pl.Categorical)).collect()  # fmt: skip
    long = keys.long(chosen, "a", keys.ATTEMPT_IDS)
    # Rows are filtered and joined again and again: what is not needed any more would be copied.
    chosen = chosen.drop(
        *(f"h_{name}" for name in keys.ATTEMPT_IDS), *(f"n_{name}" for name in ids)
    )
    if members is not None and members.height:
        inner = members.select(pl.col("attempt_id").alias("a"), "primary")
        long = long.join(inner, on="a", how="left").with_columns(
            pl.coalesce("primary", "a").alias("a")
        )
        long = long.drop("primary")
        chosen = chosen.join(inner, on="a", how="anti")
    return Attempts(chosen, long)


def with_models(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Add the numbers of the models that were asked for and that answered."""
    table = names.select("name", "model")
    return (
        rows.join(table.rename({"name": "model", "model": "asked"}), on="model", how="left",
                  maintain_order="left")
        .join(table.rename({"name": "model_served", "model": "served"}), on="model_served",
              how="left", maintain_order="left")
        .drop("model", "model_served")
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """The rows of all exports; columns that none of them fills take no memory."""

    frame: pl.DataFrame

    def lazy(self) -> pl.LazyFrame:
        """Return all rows with every column that is used."""
        return self.frame.lazy().select(self._columns())

    def at(self, rows: pl.Series) -> pl.DataFrame:
        """Return some rows, in that order, with every column that is used."""
        return self.frame[rows].select(self._columns())

    def _columns(self) -> list[pl.Expr]:
        types = columns.schema(columns.USAGE)
        there = self.frame.columns
        return [
            pl.col(name) if name in there else pl.lit(None, dtype=types[name]).alias(name)
            for name in USED
        ]


def ledgers(
    usage: Usage, asked: Attempts, lags: Mapping[str, float], limit_s: float
) -> tuple[list[Ledger], pl.DataFrame]:
    """Return the ledgers that have a row per request, and the rows that are sums of many.

    Only rows that can matter are kept of a ledger: those of the log's time, give or take a wrong
    zone, and those that share an id with an attempt. A row whose grain nobody knows is neither.
    """
    numbered = _numbered(usage)
    kinds = _kinds(numbered)
    single = kinds.filter(pl.col("grain") == "request")
    there = frozenset(usage.frame.columns)
    wanted = _wanted(asked, limit_s, there)
    made: list[Ledger] = []
    for told in single.partition_by(*LEDGER, maintain_order=True) if single.height else []:
        part = numbered
        if told.height < kinds.height:
            part = part.filter(pl.col("run").is_in(told["run"].implode()))
        made.append(_ledger(len(made), part, told, wanted, lags, there))
    if made:
        made[0].unknown_grain = int(kinds.filter(pl.col("grain").is_null())["n"].sum())
    other = kinds.filter(pl.col("grain") != "request")
    if not other.height:
        return made, usage.at(pl.Series([], dtype=pl.UInt32))
    sums = numbered.filter(pl.col("run").is_in(other["run"].implode()))
    return made, sums.select(USED).collect()


def _numbered(usage: Usage) -> pl.LazyFrame:
    """Add ``row``, and ``run``: rows of one input in a row that are of one kind."""
    named = pl.when(pl.col("request_id").is_not_null()).then(pl.lit("request"))
    told = ("input", *LEDGER, "grain", "time_kind")
    changed = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift()) for name in told
    ).cum_sum()
    return (
        usage.lazy()
        .with_columns(pl.col("hop").fill_null("gateway"), grain=pl.coalesce("grain", named))
        .with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), run=changed)
    )


def _kinds(numbered: pl.LazyFrame) -> pl.DataFrame:
    """Return one row per run: what it is, how long, from when to when."""
    told = ["run", "input", *LEDGER, "grain", "time_kind"]
    starts = numbered.filter(pl.col("run").ne_missing(pl.col("run").shift())).select(told).collect()
    sums = (
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("time").min().dt.epoch("us").alias("first"),
        pl.col("time").max().dt.epoch("us").alias("last"),
        pl.col("cost").is_not_null().any().alias("priced"),
    )
    if starts.height == 1:
        # One export of one kind, by the million: nothing to group.
        return pl.concat([starts, numbered.select(sums).collect()], how="horizontal")
    counted = numbered.group_by("run").agg(sums).collect()
    return starts.join(counted, on="run").sort("run")


def _wanted(asked: Attempts, limit_s: float, there: frozenset[str]) -> pl.Expr:
    rows = asked.rows
    low, high = rows["start"].min(), rows["end"].max()
    ids = asked.ids["id"].implode()
    traces = rows[f"h_{keys.TRACE}"].drop_nulls().implode()
    named = pl.any_horizontal(
        pl.lit(False),
        *(pl.col(f"h_{name}").is_in(ids) for name in keys.USAGE_IDS if name in there),
        *(pl.col(f"h_{name}").is_in(traces) for name in (keys.TRACE,) if name in there),
    ).fill_null(False)
    if low is None or high is None:
        return named
    margin = int((ZONES_S + limit_s) * SECOND)
    near = pl.col("t").is_between(
        int(str(low)) - margin - pl.col("p"), int(str(high)) + margin + pl.col("p")
    )
    return near.fill_null(False) | named


def _ledger(
    number: int, part: pl.LazyFrame, runs: pl.DataFrame, wanted: pl.Expr, lags: Mapping[str, float],
    there: frozenset[str],
) -> Ledger:  # fmt: skip
    inputs = runs["input"].unique().sort().to_list()
    hop = str(runs["hop"][0])
    every = int(runs["n"].sum())
    duplicates = 0
    if len(inputs) > 1:
        doubled = part.filter(_duplicate()).select("row").collect()["row"]
        part = part.filter(~pl.col("row").is_in(doubled.implode()))
        duplicates = doubled.len()
    kinds = runs["time_kind"].drop_nulls().unique().to_list()
    first, last = runs["first"].min(), runs["last"].max()
    return Ledger(
        number=number,
        format=str(runs["format"][0]),
        hop=hop,
        gateway=runs["gateway"][0],
        rows=_rows(part, wanted, hop, there),
        inputs=tuple(inputs),
        every=every,
        lag_s=lags.get(hop, 0.0),
        first=None if first is None else int(str(first)),
        last=None if last is None else int(str(last)),
        priced=bool(runs["priced"].any()),
        duplicates=duplicates,
        overlapping=overlapping(runs),
        timed=kinds[0] if len(kinds) == 1 else None,
    )


def overlapping(runs: pl.DataFrame) -> tuple[str, ...]:
    """Return the inputs (``input first last``) whose time another one holds as well."""
    spans = (
        runs.group_by("input").agg(pl.col("first").min(), pl.col("last").max())
        .drop_nulls().sort("first", "last", "input")
    )  # fmt: skip
    latest = pl.col("last").cum_max().shift()
    into_next = pl.col("first").shift(-1) < pl.col("last").cum_max()
    told = spans.filter((pl.col("first") < latest).fill_null(False) | into_next.fill_null(False))
    return tuple(told["input"].sort())


def _duplicate() -> pl.Expr:
    """Return where a row stands in an earlier export of the same ledger already.

    Only rows with an id: equal rows without one may be two requests.
    """
    same = pl.struct(
        "request_id", "time", "entry", "cost", "input_tokens", "output_tokens", "currency"
    )
    return pl.col("request_id").is_not_null() & (
        pl.col("input") != pl.col("input").first().over(same)
    )


def _rows(part: pl.LazyFrame, wanted: pl.Expr, hop: str, there: frozenset[str]) -> pl.DataFrame:
    """Return a ledger's rows as numbers; ``name`` is the model as written."""
    ids = (*keys.USAGE_IDS, keys.TRACE)
    written = pl.col("cached_tokens").fill_null(0) + pl.col("cache_write_tokens").fill_null(0)
    label = pl.coalesce("key_tag", "key_id", "key_name", "group", pl.lit(""))
    entry = pl.coalesce("entry", pl.lit("charge"))
    # Who served it matters to a provider's own ledger alone.
    provider = pl.col("provider") if hop == "upstream" else pl.lit(None, pl.String)
    return (
        part.select(
            "row",
            pl.col("time").dt.epoch("us").alias("t"),
            us("time_precision_ms").fill_null(1000).alias("p"),
            pl.col("model").alias("name"),
            label.alias("key"),
            entry.alias("entry"),
            provider.alias("provider"),
            pl.col("output_tokens").alias("out"),
            (pl.col("input_tokens") - written).alias("inp_low"),
            (pl.col("input_tokens") + written).alias("inp_high"),
            *(keys.hashed(name, f"h_{name}") for name in ids if name in there),
            *(pl.lit(None, pl.UInt64).alias(f"h_{name}") for name in ids if name not in there),
        )
        .filter(wanted)
        .collect(engine="streaming")
        .sort("row")
        .with_columns(
            pl.col("key").rank("dense").cast(pl.UInt32),
            pl.col("entry").cast(pl.Categorical),
        )
    )  # fmt: skip


def model_names(
    made: list[Ledger], sums: pl.DataFrame, rows: pl.DataFrame, normalise: models.Normalise
) -> pl.DataFrame:
    """Return the table of all names; see :func:`analyzer.billing.models.names`."""
    told = [ledger.rows["name"] for ledger in made]
    return models.names(normalise, *told, sums["model"], rows["model"], rows["model_served"])


def number_models(made: list[Ledger], names: pl.DataFrame) -> None:
    """Replace the models of all ledgers' rows by their numbers."""
    table = names.select("name", "model")
    for ledger in made:
        joined = ledger.rows.join(table, on="name", how="left", maintain_order="left")
        ledger.rows = joined.drop("name")
