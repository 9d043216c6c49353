"""The weekly reports that are rendered in tests and committed as samples.

``python tests/render/weekly/sample_weekly.py`` writes the samples of docs/ anew.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from reliability import process

from analyzer.records import Records
from analyzer.reliability.build import weekly
from analyzer.reliability.model import Weekly
from analyzer.reliability.options import Options
from analyzer.render import weekly as renders

FOLDER = Path(__file__).parents[3] / "docs" / "samples"
SAMPLES = ("weekly.html", "weekly.md")
MOMENT = datetime(2026, 11, 23, 6, tzinfo=UTC)
COMMAND = "analyze weekly gateway.jsonl usage.csv --week 2026-W47 --slo deepseek-chat=99"


def report(records: Records | None = None) -> Weekly:
    """Return the report of the generated weeks: one model got much worse."""
    options = Options(targets={"deepseek-chat": 0.99}, command=COMMAND)
    made = weekly(records or process.records(), "2026-W47", options)
    return made.model_copy(update={"generated_at": MOMENT})


def main() -> None:
    """Write the samples."""
    made = report()
    FOLDER.mkdir(exist_ok=True)
    for name in SAMPLES:
        text = renders.render(made, renders.for_suffix(Path(name)))
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
