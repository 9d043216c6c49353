"""Access logs beside other readers: time, memory, the same counts, and the share of the rules.

    pip install duckdb chdb && apt-get install goaccess
    python bench/logs.py                  # full size: 5 million lines of nginx, 3 million of JSON
    python bench/logs.py --scale 0.1      # a tenth
    python bench/logs.py --only flat nested --rounds 5 --folder /var/tmp/logs

Every comparison first runs each command once, not timed, and says whether all count the same
requests and the same failures by status; then it runs them in turn (A B C A B C ...). A ratio is
the peer's time by that of `analyze`, round by round: above 1 `analyze` is the faster one. Peers
extract the fields that `analyze` reads and sum them up per minute; `analyze` also applies its rules
and writes its report. Generated logs are kept in ``--folder``, if one is given, and used again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure

HERE = Path(__file__).parent
LINES = {"nginx": 5_000_000, "goaccess": 1_000_000, "flat": 3_000_000, "nested": 3_000_000}
GENERATORS = {
    "nginx": ["nginx_gen.py"],
    "goaccess": ["nginx_gen.py"],
    "flat": ["json_gen.py", "cloudflare"],
    "nested": ["json_gen.py", "caddy"],
}
PARTS = (*LINES, "memory", "rules")
OURS = "analyze"
GOACCESS_FORMAT = '%h - %^ [%d:%t %^] "%r" %s %b "%R" "%u" rt=%T %^'


@dataclass(frozen=True, slots=True)
class Bench:
    """What the parts have in common."""

    folder: Path
    scale: float
    rounds: int

    def log(self, part: str, share: float = 1.0) -> Path:
        """Return the log of a part, generated if it is not there yet."""
        lines = max(1, int(LINES[part] * self.scale * share))
        generator = GENERATORS[part]
        path = self.folder / f"{generator[-1].partition('_')[0]}-{lines}.log"
        if not path.exists():
            made = path.with_suffix(".part")
            _python(*generator, made, "--lines", lines, run=True)
            made.rename(path)
        return path


def _python(script: str, *args: Any, run: bool = False) -> list[str]:
    command = [sys.executable, str(HERE / script), *map(str, args)]
    if run:
        subprocess.run(command, check=True)
    return command


def _nginx_format(part: str) -> list[str]:
    if GENERATORS[part] != ["nginx_gen.py"]:
        return []
    command = _python("nginx_gen.py", "--print-format")
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return ["--log-format", told.strip()]


def _analyze(part: str, log: Path) -> list[str]:
    analyze = Path(sys.executable).with_name("analyze")
    start = [str(analyze)] if analyze.exists() else [sys.executable, "-m", "analyzer"]
    return [*start, str(log), "--all-traffic", *_nginx_format(part)]


def _peers(part: str, log: Path) -> dict[str, list[str]]:
    """Return the commands that a log is compared by."""
    if part == "goaccess":
        return {
            "goaccess": [
                "goaccess", str(log), "--no-global-config", "--no-progress", "-o", "json",
                f"--log-format={GOACCESS_FORMAT}", "--date-format=%d/%b/%Y", "--time-format=%T",
            ]
        }  # fmt: skip
    if part == "nginx":
        return {
            "duckdb": _python("peers/nginx_duckdb.py", log),
            "chdb": _python("peers/nginx_chdb.py", log),
            "bare scan": _python("nginx_scan.py", log),
        }
    return {"duckdb": _python("peers/json_duckdb.py", GENERATORS[part][1], log)}


def _output(command: list[str]) -> str:
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {made.returncode}: {made.stderr[-2000:]}")
    return made.stdout


def _counted(name: str, output: str) -> tuple[int, dict[str, int] | None]:
    """Return the requests and the failures by status that a command counted."""
    if name == "bare scan":
        return int(output.split()[0]), None
    told = json.loads(output)
    if name != "goaccess":
        return told["requests"], told["failed"]
    groups = [item for group in told["status_codes"]["data"] for item in group.get("items", [])]
    counts = {item["data"].split()[0]: item["hits"]["count"] for item in groups}
    failed = {status: count for status, count in counts.items() if int(status) >= 400}
    return told["general"]["valid_requests"], failed


def compare(bench: Bench, part: str) -> None:
    """Check the counts of all, then time them."""
    log = bench.log(part)
    size = log.stat().st_size
    print(f"\n## {part}: {log.name}, {size / 1e6:.0f} MB\n")
    peers = _peers(part, log)
    inside = json.loads(_output(_python("inside.py", log, *_nginx_format(part))))
    by_status = dict(sorted(inside["failed"].items()))
    print(f"{OURS} counts {inside['requests']} requests; failed by status: {by_status}")
    for name, command in peers.items():
        requests, failed = _counted(name, _output(command))
        same = requests == inside["requests"] and failed in (None, by_status)
        note = " (requests only)" if failed is None else ""
        told = "the same" if same else f"OTHERS: {requests} requests, {failed}"
        print(f"{name} counts {told}{note}")
    commands = {OURS: _analyze(part, log), **peers}
    found = measure.interleaved(commands, bench.rounds, stderr=subprocess.DEVNULL)
    print()
    measure.report(found, OURS)


def memory(bench: Bench) -> None:
    """Show that the peak does not grow with the log: a quarter (1x) and the whole (4x)."""
    print("\n## memory of a quarter of a log and of the whole (ratio: of the times)")
    for part in ("nginx", "flat", "nested"):
        logs = {"1x": bench.log(part, 0.25), "4x": bench.log(part)}
        commands = {f"{name} {log.name}": _analyze(part, log) for name, log in logs.items()}
        found = measure.interleaved(commands, bench.rounds, stderr=subprocess.DEVNULL)
        print()
        measure.report(found, next(iter(commands)))


def rules(bench: Bench) -> None:
    """Print the share of a run that judging takes."""
    print("\n## rules: seconds of judging within a run (start-up not counted)\n")
    print("| log | whole s | rules s | share (min-max) |\n| --- | --- | --- | --- |")
    for part in ("nginx", "flat", "nested"):
        command = _python("inside.py", bench.log(part), *_nginx_format(part))
        runs = [json.loads(_output(command)) for _ in range(bench.rounds)]
        shares = [100 * run["rules_s"] / run["whole_s"] for run in runs]
        whole, took = (statistics.median(r[key] for r in runs) for key in ("whole_s", "rules_s"))
        spread = f"{statistics.median(shares):.1f} % ({min(shares):.1f}-{max(shares):.1f})"
        print(f"| {part} | {whole:.2f} | {took:.2f} | {spread} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the logs here (9 GB at full size)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder, options.scale, options.rounds)
        for part in options.only:
            if part == "memory":
                memory(bench)
            elif part == "rules":
                rules(bench)
            else:
                compare(bench, part)


if __name__ == "__main__":
    main()
