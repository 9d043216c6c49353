"""Write the curves of docs/settlement.md: what settling finds without ids, by load and by clock.

    PYTHONPATH=.:tests python tests/billing/curves.py            print the tables
    PYTHONPATH=.:tests python tests/billing/curves.py --write    put them into the page

Each cell plays gateways of the simulator, whose truth is known.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl
from billing.simulator import World, simulate

from analyzer import data
from analyzer.billing.settle import Options, settle
from analyzer.engine import load
from analyzer.signals import catalogue, model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settlement.md"
BEGIN, END = "<!-- curves: begin -->", "<!-- curves: end -->"
PLAIN = World(requests=300, models=1, lost=1.0, tokens=True, gone=0.1, failing=0.1, charged=0.5)
SEEDS = range(6)
HEAD = ("matched", "ambiguous", "not found", "wrong")


def options() -> Options:
    """Return the options of a run with the packaged knowledge."""
    facts = catalogue.from_data(load.load(data.root("knowledge")).data)

    def normalise(name: pl.Expr) -> pl.Expr:
        return model.normalise(name, facts)

    return Options(normalise=normalise)


def shares(world: World, told: Options) -> dict[str, float]:
    """Return how the charged failures of a world fare, and free ones that are called billed."""
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        truth = simulate(replace(world, seed=seed))
        settled = settle(truth.failures, truth.usage, truth.attempts.lazy(), told)
        for row in settled.failures.iter_rows(named=True):
            charged = row["attempt_id"] in truth.charged
            seen = row["billing_basis"] == "usage_export"
            counts["charged"] += charged
            counts["failed"] += 1
            if seen and (row["billing"] != "unbilled") != charged:
                counts["wrong"] += 1
            elif charged and seen:
                counts["matched"] += 1
            elif charged and row["billing_outcome"] in ("ambiguous", "billed_bounded"):
                counts["ambiguous"] += 1
            elif charged:
                counts["not found"] += 1
    of = {"wrong": counts["failed"]}
    return {name: counts[name] / max(1, of.get(name, counts["charged"])) for name in HEAD}


def table(label: str, worlds: Iterable[tuple[str, World]], told: Options) -> list[str]:
    """Return the lines of one table."""
    lines = [f"| {label} | {' | '.join(HEAD)} |", f"|---|{'---:|' * len(HEAD)}"]
    for name, world in worlds:
        found = shares(world, told)
        cells = [f"{found[key]:.1%}".replace("%", " %") for key in HEAD]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def tables() -> str:
    """Return all tables as Markdown."""
    told = options()
    loads = [(f"{rate:g} a second", replace(PLAIN, per_second=rate))
             for rate in (0.005, 0.02, 0.1, 0.3, 1.0, 3.0)]  # fmt: skip
    bare = [(name, replace(world, tokens=False)) for name, world in loads]
    quiet = replace(PLAIN, per_second=0.02)
    clocks = [(f"{skew:+d} s", replace(quiet, skew_s=skew)) for skew in (-120, -30, 0, 30, 120)]
    rounded = [(name, replace(quiet, rounding_s=seconds)) for name, seconds in
               (("a millisecond", 0.001), ("a second", 1.0), ("a minute", 60.0))]  # fmt: skip
    lost = [(f"{share:.0%}".replace("%", " %"), replace(PLAIN, per_second=0.3, lost=share))
            for share in (0.0, 0.05, 0.25, 0.5, 1.0)]  # fmt: skip
    shared = [(f"{share:.0%}".replace("%", " %"), replace(quiet, foreign=share))
              for share in (0.0, 0.02, 0.3, 1.0)]  # fmt: skip
    parts = [
        ("By load: requests per model and key, no ids, tokens of successes known", "load", loads),
        ("The same where the log counts no tokens (an access log)", "load", bare),
        ("By the difference of the clocks, at one request in 50 s", "clock", clocks),
        ("By the resolution of the ledger's times", "rounded to", rounded),
        ("By the share of requests whose id the log lacks, at 0.3 a second", "ids lost", lost),
        ("By the share of rows that other clients of the same key make", "others", shared),
    ]
    out: list[str] = []
    for title, label, worlds in parts:
        out += [f"### {title}", "", *table(label, worlds, told), ""]
    return "\n".join(out)


def main() -> None:
    """Print the tables or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put them into docs/settlement.md")
    made = tables()
    if not parser.parse_args().write:
        print(made)
        return
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{made}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
