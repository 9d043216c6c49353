"""Gateways with a known truth: who asked, what failed, what was charged, and two clocks."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from analyzer import columns

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MODELS = ("gpt-5.4-mini", "claude-haiku-4-5", "deepseek-v4")
ALIASES = {
    "gpt-5.4-mini": "openai/gpt-5.4-mini-2026-03-05",
    "claude-haiku-4-5": "Claude Haiku 4.5",
    "deepseek-v4": "deepseek/DeepSeek-V4",
}


@dataclass(frozen=True)
class World:
    """What a gateway and its clients are like."""

    seed: int = 1
    requests: int = 500
    per_second: float = 0.2
    """Requests per second and model, by all clients of the log."""
    models: int = 2
    failing: float = 0.1
    charged: float = 0.3
    """Share of failures that are charged."""
    skew_s: float = 0.0
    rounding_s: float = 0.001
    lost: float = 0.0
    """Share of requests whose id the log does not have."""
    tokens: bool = True
    """Whether the log knows the tokens of its successes."""
    aliases: bool = False
    retries: float = 0.5
    """Share of failures that are asked again at once."""
    foreign: float = 0.0
    """Rows of other clients of the same key, as a share of ours."""
    foreign_key: str = "ours"
    timed: str | None = "settled"
    lag_s: float = 8.0
    around_s: float = 3600.0
    """How far the export goes beyond the log on both sides."""
    gone: float = 0.2
    """Share of the failures that are clients giving up; the gateway goes on for minutes."""


@dataclass
class Truth:
    """A log, its export, and which of its attempts were charged."""

    attempts: pl.DataFrame
    failures: pl.DataFrame
    usage: pl.DataFrame
    charged: dict[int, int] = field(default_factory=dict)
    """Failed attempt -> record of its row."""
    failed: set[int] = field(default_factory=set)


def simulate(world: World) -> Truth:
    """Play one world."""
    return _Play(world).run()


class _Play:
    def __init__(self, world: World) -> None:
        self.world = world
        self.random = random.Random(world.seed)
        self.asked: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.truth: dict[int, int] = {}

    def run(self) -> Truth:
        world, now = self.world, 0.0
        step = world.per_second * world.models
        while len(self.asked) < world.requests:
            now += self.random.expovariate(step)
            self.request(now, self.random.choice(MODELS[: world.models]))
        length = now
        for _ in range(int(len(self.rows) * world.foreign)):
            self.row(self.random.uniform(0, length), MODELS[0], None, key=world.foreign_key)
        for at in (-world.around_s, length + world.around_s):
            self.row(at, MODELS[0], None, key="ours")
        return self.told()

    def request(self, now: float, model: str, tries: int = 0) -> None:
        world, dice = self.world, self.random
        fails = dice.random() < world.failing
        gone = fails and dice.random() < world.gone
        took = dice.uniform(0.1, 3.0) if fails and not gone else dice.uniform(0.5, 12.0)
        charged = not fails or dice.random() < world.charged
        number = len(self.asked)
        own = f"req-{world.seed:04}-{number:08}"
        work = took if not gone else took + dice.uniform(0, 300)
        record = self.row(now + work, model, own, began=now) if charged else None
        if fails and record is not None:
            self.truth[number] = record
        known = world.tokens and not fails and record is not None
        row = self.rows[-1] if record is not None else {}
        self.asked.append(
            {
                "attempt_id": number, "input": "log", "record": number + 1, "format": "har",
                "hop": "client", "ok": not fails, "started_at": NOON + timedelta(seconds=now),
                "ended_at": NOON + timedelta(seconds=now + took), "duration_ms": took * 1000,
                "status": None if gone else (503 if fails else 200), "method": "POST",
                "endpoint": "chat", "path": "/v1/chat/completions", "host": "llm.example",
                "model": model, "key_tag": "key:00000001", "llm": True,
                "request_id": None if dice.random() < world.lost else own,
                "input_tokens": row.get("input_tokens") if known else None,
                "output_tokens": row.get("output_tokens") if known else None,
                "request_hash": f"hash{number - tries}",
            }
        )  # fmt: skip
        if fails and dice.random() < world.retries and tries < 3:
            self.request(now + took + dice.uniform(0.3, 4.0), model, tries + 1)

    def row(
        self, end: float, model: str, own: str | None, *, began: float | None = None,
        key: str = "ours",
    ) -> int:  # fmt: skip
        world, dice = self.world, self.random
        at = began if world.timed == "start" and began is not None else end
        if world.timed == "settled":
            at += dice.uniform(0, world.lag_s)
        at += world.skew_s
        stamp = NOON + timedelta(seconds=at)
        whole = stamp.timestamp() // world.rounding_s * world.rounding_s
        self.rows.append(
            {
                "input": "usage.csv", "record": len(self.rows) + 1, "format": "new-api-logs",
                "hop": "gateway", "gateway": "new-api", "time": datetime.fromtimestamp(whole, UTC),
                "time_kind": world.timed, "time_precision_ms": world.rounding_s * 1000,
                "grain": "request", "entry": "charge", "key_name": key,
                "request_id": own or f"req-{world.seed:04}-x{len(self.rows):07}",
                "model": ALIASES[model] if world.aliases else model,
                "input_tokens": dice.randint(50, 20_000), "output_tokens": dice.randint(1, 4000),
                "cost": Decimal(dice.randint(1, 10_000)) / 1_000_000, "currency": "USD",
                "cost_basis": "charged",
            }
        )  # fmt: skip
        return len(self.rows)

    def told(self) -> Truth:
        attempts = frame(self.asked, columns.ATTEMPTS)
        attempts = attempts.with_columns(
            pl.when(pl.col("ok") == False).then(1.0).alias("weight")  # noqa: E712
        )
        usage = frame(self.rows, columns.USAGE)
        if self.world.lost >= 1:
            usage = usage.with_columns(pl.lit(None, dtype=pl.String).alias("request_id"))
        failures = judged(attempts.filter(pl.col("ok") == False))  # noqa: E712
        failed = set(failures["attempt_id"])
        return Truth(attempts, failures, usage, self.truth, failed)


def frame(rows: list[dict[str, Any]], table: tuple[columns.Column, ...]) -> pl.DataFrame:
    """Return a canonical table of rows that name only what matters."""
    types = columns.schema(table)
    names = {name for row in rows for name in row}
    data = {name: [row.get(name) for row in rows] for name in names}
    made = pl.DataFrame(data, schema={name: types[name] for name in names})
    return columns.conform(made, table)


def judged(failed: pl.DataFrame, expected: str = "unbilled") -> pl.DataFrame:
    """Return failed attempts as they come from policy: each expected to be free."""
    return failed.with_columns(
        pl.lit(expected).alias("billing_expected"), pl.lit(expected).alias("billing"),
        pl.lit("inference").alias("billing_basis"), pl.lit(1.0).alias("weight"),
    )  # fmt: skip
