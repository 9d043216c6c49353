"""Measures the history: the weekly report of 50 million attempts, and what ingesting adds to a run.

    python bench/history.py [--attempts 50000000] [--rounds 5] [--lines 1000000]

Four weeks of rollups are made as records, without logs, and stored day by day. Printed are ratios
to ``import polars`` and to ``analyze FILE -q``, memory, and whether the limits are kept: 3 times
the import plus 2 s, under 1 GiB, and 1.25 times the plain analysis.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import polars as pl
from measure import Series, once

from analyzer import records, rollup
from analyzer.history import opening, place, schema
from analyzer.records import Records

START = datetime(2026, 10, 26, tzinfo=UTC)
DAYS = 28
MODELS = 8
ENDPOINTS = 2
KEYS = 2
READ = (
    "from datetime import *; from analyzer.history import opening, place, reading; "
    "s = opening.open_(place.place({store!r})); "
    "r = reading.read(s, datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC), "
    "latency_every='1h'); "
    "print(r.counts['attempts'].sum())"
)


def day(number: int, attempts: int) -> Records:
    """Return a day's records: every minute has every model, endpoint and key."""
    begin = START + timedelta(days=number)
    minutes = pl.datetime_range(
        begin, begin + timedelta(days=1), "1m", closed="left", eager=True
    ).alias("minute")
    keys = {
        "model": [f"model-{n}" for n in range(MODELS)],
        "endpoint": [f"/v1/endpoint-{n}" for n in range(ENDPOINTS)],
        "key_tag": [f"key:{n:08x}" for n in range(KEYS)],
    }
    grid = pl.DataFrame(minutes.cast(pl.Datetime("us", "UTC")))
    for name, values in keys.items():
        grid = grid.join(pl.DataFrame({name: values}), how="cross")
    each = max(1, attempts // grid.height)
    bad = (pl.int_range(pl.len()) % 10 == 3).cast(pl.Int64)
    counts = grid.with_columns(
        pl.lit("gateway").alias("hop"), pl.lit("nginx").alias("format"),
        pl.lit("llm.example.test").alias("host"), pl.lit(each, pl.Int64).alias("attempts"),
        (each - bad).alias("ok"), bad.alias("failed"), pl.lit(0, pl.Int64).alias("undecided"),
        *(pl.lit(100, pl.Int64).alias(name) for name in rollup.SUMS if name.endswith("tokens")),
    )  # fmt: skip
    failed = counts.filter(pl.col("failed") > 0).with_columns(
        pl.lit("upstream").alias("layer"), pl.lit("overloaded").alias("cause"),
        pl.lit("upstream.overloaded").alias("rule"), pl.lit(503, pl.Int32).alias("status"),
        pl.lit("high").alias("confidence"), pl.lit("unbilled").alias("billing"),
        pl.lit("policy").alias("billing_basis"), pl.lit("the provider").alias("party"),
        pl.col("failed").cast(pl.Float64),
    )  # fmt: skip
    latency = (
        counts.group_by(pl.col("minute").dt.truncate("10m"), "hop", "format", "host", "model")
        .agg(pl.col("ok").sum())
        .join(pl.DataFrame({"bucket": range(250, 450)}, schema={"bucket": pl.Int32()}), how="cross")
        .with_columns((pl.col("ok") // 200).clip(1).alias("n"), pl.lit("duration").alias("measure"))
    )
    failures = failed.with_columns(
        pl.col("minute").alias("started_at"), pl.lit("a.log").alias("input"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("record"), pl.lit(1.0).alias("weight"),
        pl.lit("The server is overloaded").alias("error_message"),
    )  # fmt: skip
    inputs = pl.DataFrame(
        {
            "input": [f"{number}.log"], "sha256": [sha256(str(number).encode()).hexdigest()],
            "first": [begin], "last": [begin + timedelta(days=1)], "format": ["nginx"],
            "attempts": [attempts], "records": [attempts],
        }
    )  # fmt: skip
    made = {"counts": counts, "failed": failed, "latency": latency, "failures": failures}
    whole = {name: fitted(frame, name) for name, frame in {**made, "inputs": inputs}.items()}
    return replace(records.empty(), **whole)


def fitted(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the columns of a kind."""
    return frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in records.SCHEMAS[name].items()
    )


def filled(folder: Path, attempts: int) -> int:
    """Store four weeks; return how many rows that is."""
    store = opening.make(place.place(str(folder)))
    rows = 0
    for number in range(DAYS):
        made = day(number, attempts // DAYS)
        name = str(made.inputs["sha256"][0])
        store.add(schema.rows(made, schema.Stamp(name, START, "bench")))
        rows += sum(getattr(made, kind).height for kind in records.SCHEMAS)
    return rows


def measured(commands: dict[str, list[str]], rounds: int) -> dict[str, Series]:
    """Run the commands in turn."""
    found = {name: Series() for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            once(command, found[name])
    return found


def report(attempts: int, rounds: int) -> None:
    """Measure reading and reporting a store of four weeks."""
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder, "store"))
        rows = filled(Path(store), attempts)
        size = sum(file.stat().st_size for file in Path(store).rglob("*.parquet"))
        print(f"{attempts:,} attempts in {rows:,} rows, {size / 1e6:.0f} MB")
        python = [sys.executable]
        found = measured(
            {
                "import polars": [*python, "-c", "import polars"],
                "read": [*python, "-c", READ.format(store=store)],
                "weekly": [*python, "-m", "analyzer", "weekly", "--store", store, "--no-config"],
            },
            rounds,
        )
    base = statistics.median(found["import polars"].wall)
    for name, series in found.items():
        took, memory = statistics.median(series.wall), max(series.peak_mib)
        kept = took <= 3 * base + 2 and memory < 1024
        print(
            f"{name}: {took:.2f} s wall, {statistics.median(series.cpu):.2f} s processor, "
            f"{took / base:.1f} x import polars, {memory:.0f} MiB: {'kept' if kept else 'NOT kept'}"
        )


def ingesting(lines: int, rounds: int) -> None:
    """Measure what ingesting a log adds to analysing it."""
    with tempfile.TemporaryDirectory() as folder:
        file, store = Path(folder, "access.log"), Path(folder, "store")
        line = (
            '10.0.0.1 - - [{:%d/%b/%Y:%H:%M:%S} +0000] "POST /v1/chat/completions HTTP/1.1" {} 512 '
            '"-" "OpenAI/Python 3.57.0" rt=0.{:03d} host="llm.example.test"\n'
        )
        with file.open("w", encoding="ascii") as out:
            for number in range(lines):
                time = START + timedelta(seconds=number // 4)
                out.write(line.format(time, 503 if number % 50 == 7 else 200, number % 1000))
        analyze = [sys.executable, "-m", "analyzer"]
        plain, kept = Series(), Series()
        for _ in range(rounds):
            once([*analyze, str(file), "-q", "--no-config"], plain)
            shutil.rmtree(store, ignore_errors=True)
            once([*analyze, "ingest", str(file), "--store", str(store), "--no-config"], kept)
    for unit in ("wall", "cpu"):
        pairs = zip(getattr(kept, unit), getattr(plain, unit), strict=True)
        ratio = statistics.median(one / other for one, other in pairs)
        print(f"ingest / analyze, {lines:,} lines, {unit}: {ratio:.2f} (limit 1.25)")


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=50_000_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    ingesting(told.lines, told.rounds)
    report(told.attempts, told.rounds)


if __name__ == "__main__":
    main()
