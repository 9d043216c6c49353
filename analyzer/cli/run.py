"""``analyze [run] FILE...``: the analysis, on the terminal and in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as shared

if TYPE_CHECKING:
    from analyzer.pipeline import Result

Output = Annotated[
    list[Path] | None,
    typer.Option(
        "-o", "--output", metavar="FILE",
        help="Write a file; its suffix decides: .html .md .json .txt .jsonl .parquet. Repeatable.",
    ),
]  # fmt: skip
Format = Annotated[
    str, typer.Option("--format", help="What goes to stdout: text html markdown json jsonl.")
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on", metavar="GATE",
        help="Exit 1 if a layer failed (client network edge gateway upstream unknown), if "
        "anything failed (any), or if too little succeeded (success<99.5). Repeatable.",
    ),
]  # fmt: skip
Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, help="Verdict line only.")]
Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Evidence; -vv adds the rule trace.")
]
Profile = Annotated[
    str, typer.Option(help="Markdown: full, or comment (under 60 KB, for comments and tickets).")
]
Color = Annotated[str, typer.Option("--color", help="auto, always or never.")]


def run(
    inputs: shared.Inputs,
    output: Output = None,
    format_: Format = "text",
    fail_on: FailOn = None,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
    color: Color = "auto",
    profile: Profile = "full",
    gateway: shared.Gateway = None,
    knowledge: shared.Knowledge = None,
    all_traffic: shared.AllTraffic = False,
    log_format: shared.LogFormat = None,
    zone: shared.Zone = None,
    hop: shared.Hop = None,
    mapping: shared.Mapping = None,
    prices: shared.Prices = None,
    strict: shared.Strict = False,
    config: shared.Config = None,
    no_config: shared.NoConfig = False,
) -> None:
    """Say which hop failed, why, for which models, billed or not, and what to do next."""
    from analyzer import gates, pipeline
    from analyzer.cli import output as out

    gates.check(fail_on or ())
    out.check(format_, output or (), inputs, color, profile)
    told = shared.Told(
        gateway, knowledge, all_traffic, log_format, zone, hop, mapping, config, no_config,
        prices,
    )  # fmt: skip
    with pipeline.run(
        inputs, told.options(inputs, rows=out.wants_rows(format_, output or ()))
    ) as result:
        look = out.Look.of(color, verbose, quiet, profile)
        for path in output or ():
            out.to_file(result, path, profile)
        if quiet < 2:
            out.to_stdout(result, format_, look)
        _leave(result, [*told.configured().fail_on, *(fail_on or ())], strict)


def _leave(result: Result, wanted: list[str], strict: bool) -> None:
    from analyzer import gates
    from analyzer.cli import output as out

    gates.check(wanted)
    tripped = gates.tripped(result.analysis, wanted)
    for sentence in tripped:
        typer.echo(f"analyze: gate tripped: {sentence}", err=True)
    if tripped:
        raise typer.Exit(1)
    out.complete(result, strict)
