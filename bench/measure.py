"""Runs commands in turn (A B C A B C ...) and prints medians of time and memory, and ratios.

    python bench/measure.py --rounds 5 --base import 'import=python -c "import polars"' \
        'analyze=analyze x.har'

A figure is a whole command, warm page cache, read with wait4: wall time, processor time of all its
processes, memory of its largest process. A ratio of wall times is taken round by round. On a
machine with other work processor time is the steadier of the two. ``--together`` adds the memory
of all processes at once, looked up every 10 ms (Linux); pages that two of them share count twice.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 0.01


@dataclass(slots=True)
class Series:
    """What the rounds of one command gave."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    together_mib: list[float] = field(default_factory=list)


class Watch(threading.Thread):
    """Looks up how much memory a process and its descendants have, again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_mib = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        """Look until ``done``."""
        while not self.done.wait(EVERY_S):
            self.peak_mib = max(self.peak_mib, _resident(self.pid) / (1 << 20))


def _resident(pid: int) -> int:
    home = Path(f"/proc/{pid}")
    try:
        pages = int((home / "statm").read_text().split()[1])
        children = (home / "task" / str(pid) / "children").read_text().split()
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_resident(int(child)) for child in children)


def once(
    command: list[str], into: Series, *, together: bool = False, stderr: int | None = None
) -> None:
    """Run a command and note what it took. A failing command ends the benchmark."""
    # Where Python may not keep what it compiled, every run would compile all modules again.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
        env=environment,
    )  # fmt: skip
    watch = Watch(process.pid)
    if together:
        watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    into.wall.append(time.perf_counter() - start)
    watch.done.set()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    into.cpu.append(usage.ru_utime + usage.ru_stime)
    into.peak_mib.append(usage.ru_maxrss / scale)
    into.together_mib.append(watch.peak_mib)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--base", help="name of the command that ratios are taken to")
    parser.add_argument("--together", action="store_true", help="memory of all processes at once")
    options = parser.parse_args()
    commands = {
        name: shlex.split(text) for name, text in (c.split("=", 1) for c in options.commands)
    }
    found = interleaved(commands, options.rounds, together=options.together)
    report(found, options.base or next(iter(found)), together=options.together)


def interleaved(
    commands: dict[str, list[str]], rounds: int, *, together: bool = False,
    stderr: int | None = None,
) -> dict[str, Series]:  # fmt: skip
    """Run all commands in turn, ``rounds`` times."""
    found = {name: Series() for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            once(command, found[name], together=together, stderr=stderr)
    return found


def report(found: dict[str, Series], base: str, *, together: bool = False) -> None:
    """Print one line for each command; ratios are those of its times to those of ``base``."""
    print(
        "| command | wall s (min-max) | cpu s (min-max) | ratio (min-max) | peak MiB (max) |"
        + (" together |" if together else "")
    )
    print("| --- | --- | --- | --- | --- |" + (" --- |" if together else ""))
    for name, series in found.items():
        ratios = [a / b for a, b in zip(series.wall, found[base].wall, strict=True)]
        print(
            f"| {name} | {_spread(series.wall)} | {_spread(series.cpu)} | {_spread(ratios)} "
            f"| {max(series.peak_mib):.0f} |"
            + (f" {max(series.together_mib):.0f} |" if together else "")
        )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
