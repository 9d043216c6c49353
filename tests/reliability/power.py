"""How often the change test says "real": simulated under the process of :mod:`reliability.process`.

``python tests/reliability/power.py`` writes the table of docs/weekly.md anew (some minutes).
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from reliability import process

from analyzer.reliability import change

WORSE = (1.0, 1.5, 2.0, 3.0, 5.0)
CALLS = (2_000, 20_000)
WEEKS = (1, 4)
SIMULATIONS = 300
FALSE_SIMULATIONS = 3_000
PAGE = Path(__file__).parents[2] / "docs" / "weekly.md"
START, END = "<!-- power: begin -->", "<!-- power: end -->"


@dataclass(frozen=True)
class Case:
    """One setting of the simulation."""

    weeks: int
    calls: int
    worse: float

    def real(self, simulations: int, seed: int = 1, rounds: int = change.ROUNDS) -> int:
        """Return in how many of so many simulated histories p is at most 0.05."""
        rng = random.Random(
            seed * 1_000_003 + self.weeks * 10_007 + self.calls + int(self.worse * 10)
        )
        return sum(self._one(rng, rounds) for _ in range(simulations))

    def _one(self, rng: random.Random, rounds: int) -> bool:
        days = process.days(rng, self.weeks + 1, self.calls, worse=self.worse)
        p = change.likelihood(days[:-7], days[-7:], rounds)
        return p is not None and p <= change.ALPHA


def table() -> str:
    """Return the table in Markdown."""
    head = "| Weeks before | Calls a week | " + " | ".join(
        "false alarms (rate × 1)" if worse == 1 else f"power, rate × {worse:g}" for worse in WORSE
    )
    lines = [head + " |", "|---:|---:|" + "---:|" * len(WORSE)]
    for weeks in WEEKS:
        for calls in CALLS:
            cells = []
            for worse in WORSE:
                n = FALSE_SIMULATIONS if worse == 1 else SIMULATIONS
                found = Case(weeks, calls, worse).real(n)
                cells.append(
                    f"{100 * found / n:.1f} %" if worse == 1 else f"{100 * found / n:.0f} %"
                )
            lines.append(f"| {weeks} | {calls:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Put the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
