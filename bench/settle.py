"""Settling usage rows against attempts, beside a plain join by id in DuckDB.

    python bench/settle.py [--usage 500000] [--attempts 100000] [--lost 0.05]

Both read the same two Parquet files. DuckDB joins them by id and sums the money of failed attempts;
settling does that, explains the successes, looks at rows whose id is lost and judges
what is absent. Prints seconds, the ratios and the peak memory of settling. On a machine with other
work processor time is the steadier figure.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from analyzer import columns

START = datetime(2026, 11, 1, tzinfo=UTC)
MODELS = ("gpt-5.4-mini", "claude-haiku-4-5", "deepseek-v4", "gemini-3-flash")


def generate(folder: Path, usage: int, attempts: int, lost: float, seed: int = 7) -> None:
    """Write a month of a busy ledger, and the log of the part of it that was captured."""
    index = pl.int_range(pl.len(), dtype=pl.Int64)
    rate_us = 30 * 86_400_000_000 // usage
    rows = pl.select(number=pl.int_range(usage, dtype=pl.Int64)).with_columns(
        dice=pl.col("number").hash(seed), more=pl.col("number").hash(seed + 1)
    )
    took = pl.col("more") % 8_000_000 + 300_000
    start = START + pl.duration(microseconds=pl.col("number") * rate_us)
    model = (pl.col("dice") // 1000 % len(MODELS)).replace_strict(
        dict(enumerate(MODELS)), return_dtype=pl.String
    )
    told = rows.with_columns(
        began=start, took=took, model=model, own=pl.format("req-{}-{}", "dice", "number"),
        input_tokens=(pl.col("dice") % 20_000).cast(pl.Int64),
        output_tokens=(pl.col("more") % 4_000).cast(pl.Int64),
    )  # fmt: skip
    first = (usage - attempts) // 2
    log = told.slice(first, attempts).with_columns(
        failed=pl.col("dice") % 20 == 0, gone=pl.col("more") % 20 < float(lost) * 20
    )
    free = log.filter(pl.col("failed") & (pl.col("more") % 3 > 0))["number"]
    ledger = told.filter(~pl.col("number").is_in(free.implode())).select(
        pl.lit("usage.csv").alias("input"), (index + 1).alias("record"),
        pl.lit("new-api-logs").alias("format"), pl.lit("gateway").alias("hop"),
        pl.lit("new-api").alias("gateway"), pl.lit("settled").alias("time_kind"),
        (pl.col("began") + pl.duration(microseconds="took")).dt.truncate("1s").alias("time"),
        pl.lit(1000.0).alias("time_precision_ms"), pl.lit("request").alias("grain"),
        pl.lit("charge").alias("entry"), pl.lit("team").alias("key_name"),
        pl.col("own").alias("request_id"), "model", "input_tokens", "output_tokens",
        (pl.col("dice") % 9_999 + 1).cast(columns.MONEY).alias("cost"),
        pl.lit("USD").alias("currency"), pl.lit("charged").alias("cost_basis"),
    )  # fmt: skip
    ok = ~pl.col("failed")
    slim = log.select(
        index.cast(pl.UInt64).alias("attempt_id"), pl.lit("log").alias("input"),
        (index + 1).alias("record"), pl.lit("har").alias("format"), pl.lit("client").alias("hop"),
        ok.alias("ok"), pl.col("began").alias("started_at"),
        (pl.col("began") + pl.duration(microseconds="took")).alias("ended_at"),
        (pl.col("took") / 1000).alias("duration_ms"),
        pl.when(ok).then(200).otherwise(503).cast(pl.Int32).alias("status"),
        pl.lit("chat").alias("endpoint"), "model", pl.lit("key:00000001").alias("key_tag"),
        pl.when(~pl.col("gone")).then("own").alias("request_id"),
        pl.when(ok).then("input_tokens").alias("input_tokens"),
        pl.when(ok).then("output_tokens").alias("output_tokens"),
    )  # fmt: skip
    ledger.write_parquet(folder / "usage.parquet")
    names = [c for c in columns.ATTEMPTS if c.name in columns.SLIM]
    columns.conform(slim, names).write_parquet(folder / "attempts.parquet")


def whichhop(folder: Path) -> str:
    """Settle, as a run would: usage rows in memory, attempts on disk; peak memory has both."""
    from analyzer.billing.settle import Options, settle

    began, spent = time.perf_counter(), time.process_time()
    usage = pl.read_parquet(folder / "usage.parquet")
    attempts = pl.scan_parquet(folder / "attempts.parquet")
    expected = (pl.lit("unbilled").alias(name) for name in ("billing", "billing_expected"))
    failures = columns.conform(attempts.filter(~pl.col("ok")).collect()).with_columns(
        *expected, pl.lit("inference").alias("billing_basis"), pl.lit(1.0).alias("weight")
    )
    reading = time.process_time() - spent
    settled = settle(failures, usage, attempts, Options(normalise=lambda name: name))
    took, cpu = time.perf_counter() - began, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    outcome = dict(
        settled.failures["billing_outcome"].value_counts().sort("billing_outcome").iter_rows()
    )
    return (
        f"{took:.3f} s  {cpu:.3f} s of processor ({reading:.3f} of it for reading)  {peak:.2f} GiB"
        f"  {outcome}"
    )


def duckdb(folder: Path) -> str:
    """Join by id and sum."""
    import duckdb as db

    began, spent = time.perf_counter(), time.process_time()
    query = f"""
        SELECT count(*), sum(u.cost) FILTER (NOT a.ok), count(*) FILTER (u.request_id IS NULL)
        FROM '{folder}/attempts.parquet' a LEFT JOIN '{folder}/usage.parquet' u
        ON a.request_id = u.request_id
    """
    found = db.connect().execute(query).fetchone()
    took, cpu = time.perf_counter() - began, time.process_time() - spent
    return f"{took:.3f} s  {cpu:.3f} s of processor  {found}"


def main() -> None:
    """Generate, run each side in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--usage", type=int, default=500_000)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--lost", type=float, default=0.05, help="share of attempts without an id")
    parser.add_argument("--side", choices=["whichhop", "duckdb"])
    parser.add_argument("--folder", type=Path)
    told = parser.parse_args()
    if told.side:
        print(whichhop(told.folder) if told.side == "whichhop" else duckdb(told.folder))
        return
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name), told.usage, told.attempts, told.lost)
        told_by = {}
        for side in ("duckdb", "whichhop"):
            command = [sys.executable, __file__, "--side", side, "--folder", name]
            line = subprocess.run(
                command, check=True, capture_output=True, text=True
            ).stdout.strip()
            words = line.split()
            told_by[side] = float(words[0]), float(words[2])
            print(f"{side:9} {line}")
        wall, cpu = (a / b for a, b in zip(told_by["whichhop"], told_by["duckdb"], strict=True))
        print(f"ratio {wall:.1f}, of processor time {cpu:.1f}")


if __name__ == "__main__":
    main()
