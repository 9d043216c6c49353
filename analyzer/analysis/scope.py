"""Which rows count: those of the most client-side log that covers their host and time."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer import correlate, rollup
from analyzer import ledger as ledgers
from analyzer.analysis import tables
from analyzer.analysis.context import Context
from analyzer.analysis.parties import Names
from analyzer.collect import Collected


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows that count, named as in reports; text is still raw.

    ``failures`` has ``model_name`` and ``party``, ``counts`` and ``latency`` (the rollup) have
    ``model_name``.
    """

    failures: pl.DataFrame
    counts: pl.DataFrame
    latency: pl.DataFrame
    ledger: pl.DataFrame
    echoed: int
    """Attempts of other hops that are counted already."""
    behind: int
    """Failures that only a hop behind shows."""


def counted(
    collected: Collected, failures: pl.DataFrame, joined: correlate.Joined, context: Context
) -> Counted:
    """Return what counts of phase 1's sums and of the judged, billed failures."""
    scope = Scope(joined.covered, joined.hosts)
    failures, behind = scope.failures(failures)
    counts, echoed = scope.own(collected.rollup.counts, pl.col("minute"))
    latency, _ = scope.own(collected.rollup.latency, pl.col("minute"), rollup.LATENCY_MINUTES)
    ledger, _ = scope.own(collected.ledger, None)
    return Counted(
        failures=with_party(with_model_name(failures, context), context.names),
        counts=with_model_name(counts, context),
        latency=with_model_name(latency, context),
        ledger=ledger,
        echoed=echoed,
        behind=behind,
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows count: those of the most client-side log that covers their host and time."""

    covered: pl.DataFrame
    hosts: pl.DataFrame

    def failures(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return the failures that count, and how many only a hop behind shows."""
        echo = self._echo(rows, pl.col("started_at"))
        if not echo.any():
            return rows, 0
        return rows.filter(~echo), round(float(rows.filter(echo)["weight"].sum()))

    def own(
        self, rows: pl.DataFrame, time: pl.Expr | None, minutes: int = 1
    ) -> tuple[pl.DataFrame, int]:
        """Return the sums that count, and how many attempts the others are.

        Each row stands for ``minutes`` from ``time`` on.
        """
        echo = self._echo(rows, time, minutes)
        if not echo.any():
            return rows, 0
        echoed = int(rows.filter(echo)["attempts"].sum()) if "attempts" in rows.columns else 0
        return rows.filter(~echo), echoed

    def _echo(self, rows: pl.DataFrame, time: pl.Expr | None, minutes: int = 1) -> pl.Series:
        keyed = rows if time is None else rows.with_columns(ledgers.bucket(time).alias("bucket"))
        return correlate.corroborating(keyed, self.covered, self.hosts, minutes)


def with_model_name(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add ``model_name``, under which attempts are counted; each spelling is looked up once."""
    name = context.normalise(pl.col("model")).fill_null(tables.NO_MODEL)
    spelled = rows.select("model").unique().with_columns(name.alias("model_name"))
    return rows.join(spelled, on="model", how="left", nulls_equal=True, maintain_order="left")


def with_party(failures: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Add ``party``: who the layer is, in words."""
    keys = [
        "layer", "provider", "gateway", "edge", "error_provider", "host", "hop", "format",
    ]  # fmt: skip
    unique = failures.select(keys).unique(maintain_order=True)
    parties = [names.party(row) for row in unique.to_dicts()]
    return failures.join(
        unique.with_columns(pl.Series("party", parties, dtype=pl.String)),
        on=keys,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
