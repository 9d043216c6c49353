"""``analyze render FILE.json``: an Analysis that was saved, shown again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.run import Color, Format, Output, Profile, Quiet, Verbose


def render(
    file: Annotated[Path, typer.Argument(help="What `analyze FILE -o x.json` wrote.")],
    output: Output = None,
    format_: Format = "text",
    quiet: Quiet = 0,
    verbose: Verbose = 0,
    color: Color = "auto",
    profile: Profile = "full",
) -> None:
    """Show a saved analysis again, in any format, without the logs."""
    from analyzer.cli import output as out

    out.check(format_, output or (), [str(file)], color, profile)
    analysis = out.load(file)
    look = out.Look.of(color, verbose, quiet, profile)
    for path in output or ():
        out.report_to_file(analysis, path, profile)
    if quiet < 2 and not (output and format_ == "text"):
        out.report_to_stdout(analysis, format_, look)
