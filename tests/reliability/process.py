"""Weeks of attempts whose truth is known, made of the process that the documentation states.

**Traffic.** Each model has a mean number of calls a week, in a curve of the day (least at 03:00,
most at 15:00 UTC), 40 % of a weekday at weekends, half as much again on Mondays; numbers are Poisson.

**Failures.** Every call fails with probability ``base`` (0.3 %), and besides in bursts: on average
``bursts`` (3) a week and model, at any time, lasting 5 to 40 minutes, during which 30 to 90 % of its
calls fail. ``worse`` multiplies both in the last week.

:func:`days` draws this per day, quickly, for simulations; :func:`records` per five minutes, with
calls, durations, verdicts and money, for reports.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from analyzer import records as kept
from analyzer import rollup
from analyzer.records import Records

START = datetime(2026, 10, 19, tzinfo=UTC)
"""A Monday: the weeks are W43 to W47."""
BASE = 0.003
BURSTS = 3.0
WEEK_MINUTES = 7 * 24 * 60
_SLOT = 5
_WEEKLY = (1.5, 1.0, 1.0, 1.0, 1.0, 0.4, 0.4)


def load(minute: int) -> float:
    """Return the traffic of a minute over the average one."""
    day, of_day = minute // 1440 % 7, minute % 1440
    curve = 1 - 0.8 * math.cos(2 * math.pi * (of_day / 1440 - 3 / 24))
    return curve * _WEEKLY[day] / (sum(_WEEKLY) / 7)


def bursts(rng: random.Random, minutes: int, rate: float) -> list[tuple[int, int, float]]:
    """Return ``(first minute, minutes, share that fails)``; ``rate`` is bursts a week."""
    made = []
    at = 0.0
    while rate > 0 and (at := at + rng.expovariate(rate / WEEK_MINUTES)) < minutes:
        made.append((int(at), rng.randint(5, 40), rng.uniform(0.3, 0.9)))
    return made


def days(
    rng: random.Random, weeks: int, weekly: float, *, worse: float = 1.0, base: float = BASE,
    rate: float = BURSTS,
) -> list[tuple[float, float]]:  # fmt: skip
    """Return ``(failed, calls)`` of each day of ``weeks`` weeks, the last one ``worse``."""
    made: list[tuple[float, float]] = []
    for week in range(weeks):
        factor = worse if week == weeks - 1 else 1.0
        counts = [poisson(rng, weekly * share / sum(_WEEKLY)) for share in _WEEKLY]
        failed = [poisson(rng, n * base * factor) for n in counts]
        for first, lasts, severity in bursts(rng, WEEK_MINUTES, rate * factor):
            share = load(first) * lasts / WEEK_MINUTES
            failed[first // 1440] += poisson(rng, weekly * share * severity)
        made += [(float(min(f, n)), float(n)) for f, n in zip(failed, counts, strict=True)]
    return made


def poisson(rng: random.Random, mean: float) -> int:
    """Return a Poisson number; a normal one, rounded, where that is as good."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, number = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        number += 1
    return number


# ------------------------------------------------------------------ whole records


@dataclass(frozen=True)
class Kind:
    """One model of the generated weeks."""

    model: str
    provider: str
    weekly: float
    endpoint: str
    median_ms: float
    ttft_ms: float | None
    worse: float = 1.0
    """In the last week."""


KINDS = (
    Kind("claude-sonnet-5", "anthropic", 8_000, "messages", 2_400, 640, worse=5.0),
    Kind("gpt-5.4-mini", "openai", 4_000, "chat", 900, 310),
    Kind("gemini-3.5-flash", "google", 1_500, "chat", 1_300, None),
    Kind("deepseek-chat", "deepseek", 18, "chat", 3_000, None),
)
KEYS = ("key:7c1e", "key:0b94", "key:d2aa")
_BASE_CAUSES = (
    ("upstream", "internal_error", 500, "upstream.internal-error", "billing"),
    ("upstream", "overloaded", 529, "upstream.overloaded", "free"),
    ("upstream", "rate_limited", 429, "upstream.rate-limited", "free"),
    ("gateway", "upstream_timeout", 504, "gateway.upstream-timeout", "unknown"),
    ("edge", "origin_timeout", 524, "edge.origin-timeout", "unknown"),
    ("client", "client_timeout", None, "client.gave-up", "unknown"),
    ("client", "context_too_long", 400, "client.context-too-long", "free"),
    ("client", "invalid_key", 401, "client.invalid-key", "free"),
)
_BURST = ("upstream", "overloaded", 529, "upstream.overloaded", "free")


def records(
    seed: int = 3, weeks: int = 5, kinds: tuple[Kind, ...] = KINDS, *,
    gap: tuple[int, int] | None = (4 * WEEK_MINUTES + 1440 + 180, 60), priced: bool = True,
) -> Records:  # fmt: skip
    """Return weeks of records from :data:`START` on.

    Args:
        seed: the same seed gives the same records.
        weeks: how many weeks from :data:`START` on.
        kinds: the models.
        gap: ``(minute, minutes)`` in which nothing was recorded.
        priced: whether a usage export settles the failures of the first model.
    """
    rng = random.Random(seed)
    made = _Made(rng, gap, priced)
    for kind in kinds:
        made.model(kind, weeks)
    return made.finish(weeks)


class _Made:
    def __init__(self, rng: random.Random, gap: tuple[int, int] | None, priced: bool) -> None:
        self.rng, self.gap, self.priced = rng, gap, priced
        self.counts: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.latency: list[tuple[datetime, str, str, float]] = []
        self.calls: list[dict[str, Any]] = []

    def model(self, kind: Kind, weeks: int) -> None:
        storms = []
        for week in range(weeks):
            rate = BURSTS * (kind.worse if week == weeks - 1 else 1.0)
            start = week * WEEK_MINUTES
            found = bursts(self.rng, WEEK_MINUTES, rate)
            storms += [(start + first, lasts, severity) for first, lasts, severity in found]
        for minute in range(0, weeks * WEEK_MINUTES, _SLOT):
            if self.gap and self.gap[0] <= minute < sum(self.gap):
                continue
            factor = kind.worse if minute >= (weeks - 1) * WEEK_MINUTES else 1.0
            severity = max((s for first, lasts, s in storms if first <= minute < first + lasts),
                           default=0.0)  # fmt: skip
            self._slot(kind, minute, min(1.0, BASE * factor), severity)

    def _slot(self, kind: Kind, minute: int, base: float, severity: float) -> None:
        n = poisson(self.rng, kind.weekly * _SLOT / WEEK_MINUTES * load(minute))
        if not n:
            return
        at = START + timedelta(minutes=minute)
        sums = {key: [0, 0, 0, 0] for key in KEYS}
        for _ in range(n):
            key = self.rng.choices(KEYS, (5, 3, 2))[0]
            tried, lost = self._call(kind, at, base, severity, key)
            for i, more in enumerate((tried, tried > lost, lost)):
                sums[key][i] += more
        if self.rng.random() < 0.002:
            sums[KEYS[0]][0] += 1
            sums[KEYS[0]][3] += 1
        names = ("attempts", "ok", "failed", "undecided")
        for key, row in sums.items():
            if row[0]:
                told = dict(zip(names, row, strict=True))
                self.counts.append(self._key(kind, at) | told | {"key_tag": key})
        self._durations(kind, at, sum(row[1] for row in sums.values()))

    def _call(
        self, kind: Kind, at: datetime, base: float, severity: float, key: str
    ) -> tuple[int, int]:
        """Return attempts and failed ones of one call; up to three are made of it."""
        rng, causes = self.rng, []
        while len(causes) < 3:
            cause = None
            if rng.random() < severity:
                cause = _BURST
            elif rng.random() < base:
                cause = rng.choice(_BASE_CAUSES)
            if cause is None:
                break
            causes.append(cause)
            if cause[0] == "client" or rng.random() < 0.3:
                break
        answered = not causes or (len(causes) < 3 and causes[-1][0] != "client"
                                  and rng.random() < 0.9)  # fmt: skip
        if causes:
            self._failed(kind, at, causes, answered, key)
        return len(causes) + answered, len(causes)

    def _failed(
        self, kind: Kind, at: datetime, causes: list[Any], answered: bool, key: str
    ) -> None:
        shared = {"model": kind.model, "host": "llm.example", "endpoint": kind.endpoint,
                  "key_tag": key, "client": "sdk-python"}  # fmt: skip
        outcome = "rescued" if answered else "given_up" if len(causes) > 1 else "never_retried"
        layer, cause = causes[-1][:2]
        self.calls.append(
            shared | {"started_at": at, "ended_at": at + timedelta(seconds=20),
                      "attempts": len(causes) + answered, "failed": len(causes),
                      "outcome": outcome, "lost_s": 10.0 * len(causes), "layer": layer,
                      "cause": cause, "weight": 1.0}
        )  # fmt: skip
        for layer, cause, status, rule, bill in causes:
            self.failures.append(
                shared | {"input": "gateway.jsonl", "record": len(self.failures) + 1,
                          "started_at": at, "provider": kind.provider, "status": status,
                          "layer": layer, "emitted_by": layer, "cause": cause, "rule": rule,
                          "confidence": "high", "party": kind.provider, "weight": 1.0,
                          "duration_ms": 800.0} | self._bill(kind, bill)
            )  # fmt: skip

    def _bill(self, kind: Kind, bill: str) -> dict[str, Any]:
        if self.priced and kind is KINDS[0] and bill != "unknown":
            paid = bill == "billing"
            return {"billing": "billed" if paid else "unbilled", "billing_basis": "usage_export",
                    "billed_cost": Decimal("0.021") if paid else None, "currency": "USD",
                    "payer": "gateway"}  # fmt: skip
        expected = {"billing": "unknown", "free": "unbilled", "unknown": "unknown"}[bill]
        return {"billing": expected, "billing_basis": "policy" if bill == "free" else "none"}

    def _key(self, kind: Kind, at: datetime) -> dict[str, Any]:
        return {"minute": at, "hop": "client", "format": "jsonl", "host": "llm.example",
                "endpoint": kind.endpoint, "model": kind.model, "provider": kind.provider,
                "stream": kind.ttft_ms is not None}  # fmt: skip

    def _durations(self, kind: Kind, at: datetime, ok: int) -> None:
        for measure, median in (("duration", kind.median_ms), ("ttft", kind.ttft_ms)):
            for _ in range(ok if median else 0):
                ms = self.rng.lognormvariate(math.log(median or 1), 0.6)
                self.latency.append((at, measure, kind.model, ms))

    def finish(self, weeks: int) -> Records:
        self.durations = pl.DataFrame(
            self.latency, schema={"minute": pl.Datetime("us", "UTC"), "measure": pl.String,
                                  "model": pl.String, "ms": pl.Float64}, orient="row",
        )  # fmt: skip
        bucket = (pl.col("ms").log() / math.log(rollup.GAMMA)).ceil().cast(pl.Int32)
        latency = self.durations.with_columns(
            pl.col("minute").dt.truncate("10m"), bucket.alias("bucket"), pl.lit("client").alias("hop"),
            pl.lit("jsonl").alias("format"), pl.lit("llm.example").alias("host"),
            pl.lit(1, pl.Int64).alias("n"),
        )  # fmt: skip
        failures = _frame(self.failures, kept.FAILURES)
        failed = failures.with_columns(
            pl.col("started_at").alias("minute"), pl.col("weight").alias("failed"),
            pl.lit("client").alias("hop"),
        )  # fmt: skip
        total = sum(row["attempts"] for row in self.counts)
        inputs = [
            {"input": "gateway.jsonl", "format": "jsonl", "hop": "client", "bytes": total * 300,
             "first": START, "last": START + timedelta(weeks=weeks) - timedelta(minutes=1),
             "records": total, "attempts": total, "usage_rows": 0, "left_out": 0,
             "problems": total // 200, "settles": False},
            {"input": "usage.csv", "format": "litellm_spend", "first": START,
             "last": START + timedelta(weeks=weeks), "records": total, "attempts": 0,
             "usage_rows": total, "left_out": 0, "problems": 0, "settles": self.priced},
        ]  # fmt: skip
        return kept.add(
            [Records(counts=_frame(self.counts, kept.COUNTS), failed=_fit(failed, kept.FAILED),
                     latency=_fit(latency, kept.LATENCY), calls=_frame(self.calls, kept.CALLS),
                     failures=failures, inputs=_frame(inputs, kept.INPUTS))]
        )  # fmt: skip


def exact(seed: int = 3, **told: Any) -> pl.DataFrame:
    """Return ``minute measure model ms`` of the successes of :func:`records`, as they were drawn."""
    made = _Made(random.Random(seed), told.get("gap", (4 * WEEK_MINUTES + 1440 + 180, 60)), True)
    weeks = told.get("weeks", 5)
    for kind in told.get("kinds", KINDS):
        made.model(kind, weeks)
    made.finish(weeks)
    return made.durations


def _frame(rows: list[dict[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    data = {name: [row.get(name) for row in rows] for name in schema}
    for name in rollup.SUMS if "ok" in schema else ():
        data[name] = [value or 0 for value in data[name]]
    return pl.DataFrame(data, schema=schema)


def _fit(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
