"""Phase 1: batches in, what later phases need out, in bounded memory.

Every batch is read once. Failures are kept as full rows; everything is folded into the ledger, the
rollups and the tallies; slim rows of all attempts go to the spill. Nothing here knows a rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from analyzer import cells, columns, ledger, rollup
from analyzer.ahead import ahead
from analyzer.errors import Problem
from analyzer.ingest import fields
from analyzer.ingest.base import Batch, Format, Source
from analyzer.progress import Progress, Reached
from analyzer.spill import Spill

FAILURES_PER_SIGNATURE = 5_000
"""Failures alike in every column of SIGNATURE beyond this are counted exactly and hash-sampled."""
PRUNE_EVERY_ROWS = 20_000
EXEMPLARS_PER_MINUTE_MODEL = 20

SIGNATURE = (
    "hop", "host", "endpoint", "model", "status", "upstream_status", "error_type", "error_code",
    "client_error", "body_kind", "stream_state", "finish_reason", "proxy_flags", "phase",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What one input held."""

    input: str
    format: str
    hop: str | None
    bytes: int | None
    records: int = 0
    attempts: int = 0
    usage_rows: int = 0
    left_out: int = 0
    problems: int = 0
    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True)
class Collected:
    """What phase 1 hands to phase 2.

    ``failures``: full canonical rows of failed attempts with ``signature`` (UInt64) and ``weight``
    (Float64: how many failures the row stands for; 1 unless its signature was sampled).
    """

    failures: pl.DataFrame
    ledger: pl.DataFrame
    rollup: rollup.Rollup
    usage: pl.DataFrame
    """Usage rows of all exports: those canonical columns that one of them fills."""
    spill: Spill
    tallies: list[Tally]
    problems: list[Problem]
    hosts_left_out: Counter[str]
    sampled: int = 0
    """Failures that are counted but not kept."""
    formats: dict[str, Format] = field(default_factory=dict)
    served: frozenset[tuple[str, str]] = frozenset()
    """(asked model, model that the answer names), as written."""

    @property
    def attempts(self) -> int:
        """Number of attempts on all hops."""
        return self.spill.height


class _Failures:
    """Failed rows under the budget: equal bodies stored once, big signatures sampled by hash."""

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []
        self._bodies: dict[int, str] = {}
        self._counts: list[pl.DataFrame] = []
        self._since_prune = 0
        self.seen = 0
        """Failures that were added, kept or not."""

    def add(self, rows: pl.DataFrame) -> None:
        if not rows.height:
            return
        self._counts.append(rows.group_by("signature").agg(pl.len().alias("n")))
        bodies = rows.select(pl.col("body_text").hash().alias("key"), "body_text").drop_nulls()
        self._bodies.update(bodies.unique("key").iter_rows())
        slim = rows.with_columns(
            pl.when(pl.col("body_text").is_not_null())
            .then(pl.col("body_text").hash())
            .alias("body")
        ).drop("body_text")
        # Wide rows are mostly nulls in any one format: keeping only what is filled bounds memory.
        filled = [s.name for s in slim if s.null_count() < s.len()]
        self._frames.append(_detached(slim.select(filled)))
        self.seen += rows.height
        self._since_prune += rows.height
        if self._since_prune > PRUNE_EVERY_ROWS:
            self._prune()

    def _prune(self) -> None:
        self._since_prune = 0
        self._counts = [self._counted()]
        kept = pl.concat(self._frames, how="diagonal_relaxed")
        order = pl.struct("input", "record").hash().rank("ordinal").over("signature")
        self._frames = [kept.filter(order <= FAILURES_PER_SIGNATURE)]

    def _counted(self) -> pl.DataFrame:
        return pl.concat(self._counts).group_by("signature").agg(pl.col("n").sum())

    def finish(self) -> tuple[pl.DataFrame, int]:
        """Return the kept rows, canonical, and how many were only counted."""
        if not self._frames:
            extra = {"signature": pl.UInt64(), "weight": pl.Float64()}
            return columns.empty().with_columns(
                pl.lit(None, dtype=dtype).alias(name) for name, dtype in extra.items()
            ), 0
        self._prune()
        kept = self._frames[0]
        bodies = pl.DataFrame(
            {"body": list(self._bodies), "body_text": list(self._bodies.values())},
            schema={"body": pl.UInt64(), "body_text": pl.String()},
        )
        self._bodies.clear()
        if "body" in kept.columns:
            kept = kept.join(bodies, on="body", how="left", maintain_order="left")
        weights = (
            kept.group_by("signature")
            .agg(pl.len().alias("kept"))
            .join(self._counted(), on="signature")
        )
        weighted = kept.join(
            weights.select("signature", (pl.col("n") / pl.col("kept")).alias("weight")),
            on="signature",
            how="left",
            maintain_order="left",
        ).sort("attempt_id")
        whole = columns.conform(weighted).with_columns(weighted["signature"], weighted["weight"])
        return whole, self.seen - kept.height


def _telling(counted: cells.Counted, name: str) -> pl.DataFrame | None:
    """Return the attempts that their client counted: first tries per bucket, resends one by one."""
    kinds = counted.kinds.filter(pl.col("resend_count").is_not_null())
    if not kinds.height:
        return None
    number = pl.int_range(pl.len(), dtype=pl.UInt64).alias("attempt_id")
    first = kinds["kind"].filter(kinds["resend_count"] == 0).implode()
    found = counted.rows.with_columns(number).join(kinds.select("kind"), on="kind", how="semi")
    resent = found.filter(~pl.col("kind").is_in(first)).with_columns(
        ended_at=fields.after(pl.col("started_at"), pl.col("duration_ms")),
        count=pl.lit(1, pl.Int64),
    )
    bucket = cells.bucket(pl.col("started_at")).alias("_bucket")
    tries = found.filter(pl.col("kind").is_in(first)).group_by(bucket, "kind").agg(
        pl.len().cast(pl.Int64).alias("count"), pl.col("started_at").min(),
        pl.col("attempt_id").min(),
    )  # fmt: skip
    told = pl.concat([resent, tries.drop("_bucket")], how="diagonal")
    return told.join(kinds, on="kind").with_columns(input=pl.lit(name), ok=pl.lit(True))


def _detached(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with texts of their own.

    A filtered frame shares the text buffers of the whole batch: keeping one failure of it would
    keep every body of the batch in memory.
    """
    return rows.with_columns(pl.col(pl.String) + "")


def _filled(usage: pl.DataFrame) -> pl.DataFrame:
    """Return the columns in which something stands: an export fills few of them, by the million."""
    return usage.select(s.name for s in usage if s.null_count() < s.len())


def _together(usage: list[pl.DataFrame]) -> pl.DataFrame:
    """Return all usage rows; those columns that no export fills have no memory of their own."""
    if not usage:
        return columns.empty(columns.USAGE)
    return pl.concat(usage, how="diagonal")


class _Collector:
    def __init__(self, spill: Spill) -> None:
        self.spill = spill
        self.failures = _Failures()
        self.ledgers: list[pl.DataFrame] = []
        self.rollups: list[rollup.Rollup] = []
        self.usage: list[pl.DataFrame] = []
        self.tallies: dict[str, Tally] = {}
        self.problems: list[Problem] = []
        self.hosts: Counter[str] = Counter()
        self.formats: dict[str, Format] = {}
        self.served: set[tuple[str, str]] = set()
        self.records = 0

    def batch(self, source: Source, fmt: Format | None, batch: Batch, signals: Signals) -> None:
        self.problems.extend(batch.problems)
        if fmt is None:
            return
        tally = self._tally(source, fmt)
        tally.records += batch.records
        self.records += batch.records
        tally.problems += sum(problem.count for problem in batch.problems)
        if batch.usage is not None and batch.usage.height:
            self.usage.append(_filled(columns.conform(batch.usage, columns.USAGE)))
            tally.usage_rows += batch.usage.height
        if batch.attempts is not None and batch.attempts.height:
            self._attempts(signals(batch.attempts), tally)
        if batch.counted is not None:
            self._counted(batch.counted, tally)

    def _tally(self, source: Source, fmt: Format) -> Tally:
        self.formats.setdefault(fmt.name, fmt)
        hop = fmt.hop if fmt.kind == "attempts" else None
        return self.tallies.setdefault(source.name, Tally(source.name, fmt.name, hop, source.size))

    def _attempts(self, rows: pl.DataFrame, tally: Tally) -> None:
        others = rows.filter(~pl.col("llm").fill_null(False))
        tally.left_out += others.height
        for host, count in others["host"].drop_nulls().value_counts().iter_rows():
            self.hosts[host] += count
        llm = rows.filter(pl.col("llm").fill_null(False))
        if not llm.height:
            return
        start = self.spill.height
        llm = llm.with_columns(
            pl.int_range(start, start + llm.height, dtype=pl.UInt64).alias("attempt_id"),
            cells.number(llm, SIGNATURE).alias("signature"),
        )
        tally.attempts += llm.height
        self._span(tally, llm)
        self.failures.add(llm.filter(~pl.col("ok").fill_null(True)))
        self.spill.append(llm)
        self._served(llm)
        self._fold(cells.fold(llm))

    def _counted(self, counted: cells.Counted, tally: Tally) -> None:
        """Count attempts of which there are no rows."""
        others = counted.kinds.filter(~pl.col("llm").fill_null(False))
        left_out = counted.rows.join(others.select("kind", "host"), on="kind")
        tally.left_out += left_out.height
        for host, count in left_out["host"].drop_nulls().value_counts().iter_rows():
            self.hosts[host] += count
        rows = counted.rows
        if left_out.height:
            rows = rows.join(others, on="kind", how="anti")
        if not rows.height:
            return
        tally.attempts += rows.height
        self._span(tally, rows)
        own = cells.Counted(rows, counted.kinds.filter("llm"))
        self._served(own.kinds)
        self.spill.count(rows.height, _telling(own, tally.input))
        self._fold(cells.fold_counted(own))

    def _served(self, rows: pl.DataFrame) -> None:
        if rows["model_served"].null_count() < rows.height:
            names = rows.select("model", "model_served").drop_nulls().unique()
            self.served.update((asked, answered) for asked, answered in names.iter_rows())

    def _fold(self, counted: cells.Cells) -> None:
        self.ledgers.append(ledger.of(counted))
        self.rollups.append(rollup.of(counted))
        if len(self.ledgers) > 32:
            self.ledgers = [ledger.merge(self.ledgers)]
            self.rollups = [rollup.add(self.rollups)]

    def _span(self, tally: Tally, rows: pl.DataFrame) -> None:
        first, last = rows["started_at"].min(), rows["started_at"].max()
        if isinstance(first, datetime) and isinstance(last, datetime):
            tally.first = min(tally.first or first, first)
            tally.last = max(tally.last or last, last)

    def finish(self) -> Collected:
        failures, sampled = self.failures.finish()
        rolled = self.rollups or [rollup.fold(columns.empty())]
        return Collected(
            failures=failures,
            ledger=ledger.merge(self.ledgers),
            rollup=rollup.merge(rolled),
            usage=_together(self.usage),
            spill=self.spill,
            tallies=list(self.tallies.values()),
            problems=self.problems,
            # Those of equal counts in the order of their names, however rows were read.
            hosts_left_out=Counter(dict(sorted(self.hosts.items()))),
            sampled=sampled,
            formats=self.formats,
            served=frozenset(self.served),
        )


Signals = Callable[[pl.DataFrame], pl.DataFrame]
"""Fills what a row says of itself; see :func:`analyzer.signals.apply`."""


def collect(
    batches: Iterable[tuple[Source, Format | None, Batch]] | Iterator[tuple[Source, Format, Batch]],
    signals: Signals,
    spill: Spill,
    progress: Progress | None = None,
) -> Collected:
    """Fold all batches; ``spill`` is filled and stays the caller's to close."""
    collector = _Collector(spill)
    try:
        for source, fmt, batch in ahead(batches):
            collector.batch(source, fmt, batch, signals)
            if progress:
                progress(Reached(source.name, collector.records, collector.failures.seen))
    finally:
        if progress:
            progress(None)
    return collector.finish()


def exemplars(spill: Spill, k: int = EXEMPLARS_PER_MINUTE_MODEL) -> pl.DataFrame:
    """Return the ``k`` lowest-hash healthy rows per minute and model.

    The choice depends on ``input`` and ``record`` alone, so it is the same however inputs were cut.
    """
    return sampled(spill.scan(), k)


def sampled(rows: pl.LazyFrame, k: int = EXEMPLARS_PER_MINUTE_MODEL) -> pl.DataFrame:
    """Return the exemplars of some slim rows, as :func:`exemplars` does of all."""
    return (
        rows.filter(pl.col("ok"))
        .with_columns(
            pl.col("started_at").dt.truncate("1m").alias("minute"),
            pl.struct("input", "record").hash().alias("order"),
        )
        .sort("order")
        .group_by("minute", "model", maintain_order=True)
        .head(k)
        .drop("minute", "order")
        .sort("attempt_id")
        .collect()
    )
