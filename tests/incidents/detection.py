"""How bad and how long a trouble must be to be found: writes the table of docs/incidents.md.

Run from the repository root: ``python tests/incidents/detection.py``. It simulates some twenty months
of the traffic and noise of :mod:`month`, each with incidents of one model at random hours of the
day, and takes some minutes. ``--check`` only says whether the table in the docs has all its cells.
"""

from __future__ import annotations

import random
import re
import sys
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from incidents import month, truth  # noqa: E402
from incidents.month import Staged  # noqa: E402

from analyzer.incidents import find  # noqa: E402

PAGE = ROOT / "docs" / "incidents.md"
BEGIN, END = "<!-- detection: begin -->", "<!-- detection: end -->"
SEVERITIES = (0.01, 0.03, 0.1, 0.3, 0.8)
LENGTHS = {"5 min": 5, "17 min": 17, "1 h": 60, "6 h": 360, "1 d": 1440, "2 d": 2880}
MODEL = "claude-sonnet-5"
SAMPLES = 4
SLOT_DAYS = 4
SLOTS = 7


def simulate(samples: int = SAMPLES) -> tuple[dict[tuple[float, str], int], int, int]:
    """Return how often each severity and length was found, false ones, and months simulated."""
    cells = [(p, name) for p in SEVERITIES for name in LENGTHS for _ in range(samples)]
    rng = random.Random(20_261_122)
    rng.shuffle(cells)
    found = dict.fromkeys(((p, name) for p in SEVERITIES for name in LENGTHS), 0)
    false = months = 0
    for first in range(0, len(cells), SLOTS):
        staged = [
            _staged(slot, p, name, rng)
            for slot, (p, name) in enumerate(cells[first : first + SLOTS])
        ]
        records = month.records(1000 + months, staged)
        matches, rest = truth.compare(staged, find(records.counts, records.failed))
        for match, cell in zip(matches, cells[first : first + SLOTS], strict=True):
            found[cell] += match.window is not None
        false += len(rest)
        months += 1
    return found, false, months


def _staged(slot: int, p: float, name: str, rng: random.Random) -> Staged:
    start = month.at(slot * SLOT_DAYS + 1, 0) + timedelta(minutes=rng.randrange(24 * 60))
    return Staged(name, start, LENGTHS[name], p, "upstream", "upstream_error", "model", MODEL)


def table(found: dict[tuple[float, str], int], false: int, months: int, samples: int) -> str:
    """Return the result as Markdown."""
    head = "| Fail besides the usual | " + " | ".join(LENGTHS) + " |"
    lines = [head, "|--:|" + "--:|" * len(LENGTHS)]
    for p in SEVERITIES:
        shares = (f"{100 * found[p, name] / samples:.0f} %" for name in LENGTHS)
        lines.append(f"| {100 * p:.0f} % | " + " | ".join(shares) + " |")
    lines += [
        "",
        f"{samples} incidents a cell in {months} simulated months; windows found that were not "
        f"staged: {false}.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the table, or check that it stands there."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        rows = re.findall(r"^\| \d+ % (?:\| \d+ % )+\|$", page, re.MULTILINE)
        return 0 if len(rows) == len(SEVERITIES) else 1
    text = table(*simulate(), SAMPLES)
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
