"""Runs commands in turn (A B C A B C ...) and prints medians of time and memory, and ratios.

    python bench/measure.py --rounds 5 --base import 'import=python -c "import polars"' \
        'analyze=analyze x.har'

A figure is a whole process, warm page cache, read with wait4; a ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Series:
    """What the rounds of one command gave."""

    wall: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)


def once(command: list[str]) -> tuple[float, float]:
    """Run a command; return wall seconds and peak MiB. A failing command ends the benchmark."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return wall, usage.ru_maxrss / scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--base", help="name of the command that ratios are taken to")
    options = parser.parse_args()
    commands = {
        name: shlex.split(text) for name, text in (c.split("=", 1) for c in options.commands)
    }
    found = {name: Series() for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            wall, peak = once(command)
            found[name].wall.append(wall)
            found[name].peak_mib.append(peak)
    base = found[options.base or next(iter(found))]
    print("| command | wall s (min-max) | ratio | peak MiB (max) |\n| --- | --- | --- | --- |")
    for name, series in found.items():
        ratio = statistics.median(a / b for a, b in zip(series.wall, base.wall, strict=True))
        low, high = min(series.wall), max(series.wall)
        print(
            f"| {name} | {statistics.median(series.wall):.2f} ({low:.2f}-{high:.2f}) "
            f"| {ratio:.2f} | {max(series.peak_mib):.0f} |"
        )


if __name__ == "__main__":
    main()
