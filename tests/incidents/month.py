"""Weeks of per-minute records whose truth is known: healthy noise, and staged incidents.

**Traffic.** Poisson per minute around ``per_minute`` on average, in a curve of the day (least at
03:00, most at 15:00 UTC) and of the week (weekends 40 %); Mondays from 09:00 to 11:00 have two and a
half times as much at the same failure rate. Four models of three providers and one more, shares
50, 30, 15 and 5 %; six keys, 40 to 4 %; two hosts.

**Healthy noise.** Every attempt fails with probability ``base`` (0.4 %, 1.2 % for the smallest
model, which is steadily worse), and besides in bursts: each model has one every six hours on
average that lasts 1 to 4 minutes and makes 10 to 40 % of its attempts fail; every second day all
models have one of 1 or 2 minutes and 20 %. With ``storms_per_week`` there are also unstaged ones,
for tests of what compares weeks: 5 to 40 minutes, 30 to 90 % of a model.

**Staged.** See :data:`STAGED`: what, when, whose attempts, and with what probability they fail.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from analyzer import records as kept
from analyzer.records import Records

START = datetime(2026, 10, 26, tzinfo=UTC)
"""A Monday: the weeks are W44 to W47."""
MINUTE = timedelta(minutes=1)
DAY = 24 * 60
WEEK = 7 * DAY
PER_MINUTE = 12.0
BASE = 0.004

MODELS = {
    "claude-sonnet-5": ("anthropic", "/v1/messages", 0.5),
    "gpt-5.4-mini": ("openai", "/v1/chat/completions", 0.3),
    "gemini-3.5-flash": ("google", "/v1/chat/completions", 0.15),
    "deepseek-chat": ("deepseek", "/v1/chat/completions", 0.05),
}
KEYS = {"key:aa01": 0.4, "key:bb02": 0.2, "key:cc03": 0.15, "key:dd04": 0.13, "key:ee05": 0.08,
        "key:ff06": 0.04}  # fmt: skip
HOSTS = {"llm.example": 0.8, "llm-eu.example": 0.2}
WORSE = {"deepseek-chat": 3.0}
"""By how much the base rate of a model is higher."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One incident of the truth."""

    name: str
    start: datetime
    minutes: int
    probability: float
    """That an attempt of the scope fails because of it."""
    layer: str
    cause: str
    field: str | None = None
    """``model``, ``key_tag`` or ``host``; ``None``: all traffic."""
    value: str | None = None

    @property
    def end(self) -> datetime:
        """First minute after it."""
        return self.start + self.minutes * MINUTE

    def takes(self, row: Sequence[str]) -> bool:
        """Whether an attempt (model, key, host) is of its scope."""
        return self.field is None or row[_FIELDS.index(self.field)] == self.value


_FIELDS = ("model", "key_tag", "host")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a moment ``day`` days after the first Monday."""
    return START + timedelta(days=day, hours=hour, minutes=minute)


STAGED = (
    Staged("storm", at(3, 14, 21), 17, 0.7, "upstream", "overloaded", "model", "claude-sonnet-5"),
    Staged("one model", at(8, 10, 7), 55, 0.95, "gateway", "no_route_for_model", "model",
           "gemini-3.5-flash"),
    Staged("one key", at(10, 9, 30), 180, 1.0, "client", "invalid_key", "key_tag", "key:cc03"),
    Staged("maintenance", at(12, 2, 0), 45, 1.0, "gateway", "maintenance"),
    Staged("edge-wide", at(15, 13, 0), 25, 0.5, "edge", "origin_timeout"),
    Staged("slow burn", at(18, 6, 0), 26 * 60, 0.04, "upstream", "upstream_error", "model",
           "gpt-5.4-mini"),
    Staged("small model", at(24, 11, 3), 70, 0.9, "upstream", "rate_limited", "model",
           "deepseek-chat"),
)  # fmt: skip
"""Base rate 0.4 %, bursts as above; the rate of failures during each is base + probability."""


def records(
    seed: int, staged: Sequence[Staged] = STAGED, *, weeks: int = 4,
    per_minute: float = PER_MINUTE, base: float = BASE, bursts: float = 1.0,
    week_factors: Sequence[float] = (), storms_per_week: float = 0.0,
) -> Records:  # fmt: skip
    """Return the records of ``weeks`` from :data:`START` on.

    Args:
        seed: the same seed gives the same records.
        staged: incidents to stage.
        weeks: how many weeks from :data:`START` on.
        per_minute: attempts per minute on average.
        base: failure rate of a healthy attempt outside bursts.
        bursts: how many times as many bursts as stated above; 0 for none.
        week_factors: by which the base rate and the number of bursts of each week is multiplied.
        storms_per_week: unstaged storms, on average.
    """
    rng = random.Random(seed)
    total = weeks * WEEK
    factors = [week_factors[i // WEEK] if i // WEEK < len(week_factors) else 1.0
               for i in range(0, total, WEEK)]  # fmt: skip
    noise = _noise(rng, total, bursts, factors, storms_per_week)
    sizes = [_poisson(rng, per_minute * load(i)) for i in range(total)]
    n = sum(sizes)
    models = rng.choices(list(MODELS), [share for *_, share in MODELS.values()], k=n)
    keys = rng.choices(list(KEYS), list(KEYS.values()), k=n)
    hosts = rng.choices(list(HOSTS), list(HOSTS.values()), k=n)
    minutes = [minute for minute, size in enumerate(sizes) for _ in range(size)]
    windows = [(_minute(s.start), _minute(s.end), s) for s in staged]
    bases = {model: base * WORSE.get(model, 1.0) for model in MODELS}
    most = max(bases.values()) * max(factors)
    drawn = [rng.random() for _ in range(n)]
    causes: list[tuple[int, str, str]] = []
    row = 0
    for minute, size in enumerate(sizes):
        active = [s for first, last, s in windows if first <= minute < last]
        shaky = noise.get(minute)
        factor = factors[minute // WEEK]
        for i in range(row, row + size):
            why = None
            if active or shaky:
                why = _why(rng, (models[i], keys[i], hosts[i]), active, shaky)
            if why is None and drawn[i] < most and drawn[i] < bases[models[i]] * factor:
                why = rng.choice(_USUAL)
            if why is not None:
                causes.append((i, *why))
        row += size
    failed = [0] * n
    for i, *_ in causes:
        failed[i] = 1
    return _frames(minutes, models, keys, hosts, failed, causes)


def load(minute: int) -> float:
    """Return the traffic of a minute over the average one (weekly mean 1, within a percent)."""
    day, of_day = minute // DAY % 7, minute % DAY
    curve = 1 - 0.8 * math.cos(2 * math.pi * (of_day / DAY - 3 / 24))
    weekly = 0.4 if day >= 5 else 1.2
    peak = 2.5 if day == 0 and 9 * 60 <= of_day < 11 * 60 else 1.0
    return curve * weekly * peak


def _noise(
    rng: random.Random, total: int, bursts: float, factors: Sequence[float], storms: float
) -> dict[int, dict[str, float]]:
    """Return minute -> model -> probability to fail in a burst."""
    noise: dict[int, dict[str, float]] = {}

    def add(names: Sequence[str], rate: float, lasts: tuple[int, int], p: tuple[float, float],
            scaled: bool = True) -> None:  # fmt: skip
        start = 0.0
        while rate > 0:
            start += rng.expovariate(rate * max(factors))
            if start >= total:
                return
            keep = rng.random() * max(factors) <= (factors[int(start) // WEEK] if scaled else 1.0)
            severity = rng.uniform(*p)
            for minute in range(int(start), int(start) + rng.randint(*lasts)):
                for name in names if keep else ():
                    noise.setdefault(minute, {})[name] = severity

    for model in MODELS:
        add([model], bursts / (6 * 60), (1, 4), (0.1, 0.4))
        add([model], storms / len(MODELS) / WEEK, (5, 40), (0.3, 0.9), scaled=False)
    add(list(MODELS), bursts / (2 * DAY), (1, 2), (0.2, 0.2))
    return noise


def _why(
    rng: random.Random, row: tuple[str, str, str], active: Sequence[Staged],
    shaky: dict[str, float] | None,
) -> tuple[str, str] | None:  # fmt: skip
    for incident in active:
        if incident.takes(row) and rng.random() < incident.probability:
            return incident.layer, incident.cause
    if shaky and rng.random() < shaky.get(row[0], 0.0):
        return "upstream", "overloaded"
    return None


_USUAL = (
    ("upstream", "internal_error"), ("upstream", "overloaded"), ("upstream", "rate_limited"),
    ("gateway", "upstream_timeout"), ("client", "invalid_request"), ("edge", "origin_timeout"),
)  # fmt: skip


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = -1, mean
    while left > 0:
        left -= rng.expovariate(1.0)
        count += 1
    return max(count, 0)


def _minute(moment: datetime) -> int:
    return int((moment - START) / MINUTE)


def _frames(
    minutes: list[int], models: list[str], keys: list[str], hosts: list[str], failed: list[int],
    causes: list[tuple[int, str, str]],
) -> Records:  # fmt: skip
    known = pl.DataFrame(
        [(name, provider, endpoint) for name, (provider, endpoint, _) in MODELS.items()],
        schema=["model", "provider", "endpoint"],
        orient="row",
    )
    rows = (
        pl.DataFrame(
            {"n": minutes, "model": models, "key_tag": keys, "host": hosts, "failed": failed},
            schema_overrides={"failed": pl.Int64},
        )
        .with_columns(
            (pl.lit(START).cast(pl.Datetime("us", "UTC")) + pl.duration(minutes="n")).alias(
                "minute"
            ),
            pl.lit("client").alias("hop"),
            pl.lit("jsonl").alias("format"),
        )
        .join(known, on="model", how="left", maintain_order="left")
    )
    why = pl.DataFrame(
        causes, schema={"row": pl.Int64, "layer": pl.String, "cause": pl.String}, orient="row"
    )
    broken = rows[why["row"]].with_columns(why["layer"], why["cause"])
    counts = rows.with_columns(
        pl.lit(1, pl.Int64).alias("attempts"), (1 - pl.col("failed")).alias("ok"),
        *(pl.lit(0, pl.Int64).alias(name) for name in kept.COUNTS if name.endswith("_tokens")),
        pl.lit(0, pl.Int64).alias("undecided"),
    )  # fmt: skip
    base = kept.empty()
    calls = broken.select(
        pl.col("minute").alias("started_at"), pl.col("minute").alias("ended_at"), "model", "host",
        "endpoint", "key_tag", "layer", "cause", pl.lit(1, pl.Int64).alias("attempts"),
        pl.lit(1, pl.Int64).alias("failed"), pl.lit("never_retried").alias("outcome"),
        pl.lit(1.0).alias("weight"),
    )  # fmt: skip
    listed = Records(
        counts=_fit(counts, kept.COUNTS),
        failed=_fit(broken.with_columns(pl.col("failed").cast(pl.Float64)), kept.FAILED),
        latency=base.latency,
        calls=_fit(calls, kept.CALLS),
        failures=base.failures,
        inputs=base.inputs,
    )
    return kept.add([listed])


def _fit(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
