"""Options that every command with inputs shares, and how they join the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from analyzer.pipeline import Options

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="HAR files, access logs, usage exports; directories, globs, .gz .zst .zip, or - ",
    ),
]
Gateway = Annotated[
    list[str] | None,
    typer.Option("--gateway", metavar="HOST", help="A host that is an LLM gateway. Repeatable."),
]
Knowledge = Annotated[
    list[Path] | None,
    typer.Option("--knowledge", metavar="DIR", help="Your own rules, added to ours. Repeatable."),
]
AllTraffic = Annotated[
    bool, typer.Option("--all-traffic", help="Take every request as LLM traffic.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit 4 if anything in the inputs could not be read.")
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file instead of the searched one."
    ),
]
NoConfig = Annotated[bool, typer.Option("--no-config", help="Read no configuration file.")]


def options(
    inputs: list[str],
    gateway: list[str] | None,
    knowledge: list[Path] | None,
    all_traffic: bool,
    config: Path | None,
    no_config: bool,
) -> Options:
    """Return the run's options: what the command line says over what the configuration says."""
    from analyzer import config as configs
    from analyzer.pipeline import Options

    found = configs.Config() if no_config else configs.load(config)
    hosts = tuple(dict.fromkeys([*(gateway or ()), *found.gateways]))
    dirs = tuple(dict.fromkeys([*found.knowledge, *(knowledge or ())]))
    return Options(
        gateways=tuple(host.strip().lower() for host in hosts),
        knowledge=dirs,
        all_traffic=all_traffic or found.all_traffic,
        command=_command(inputs, hosts, all_traffic),
    )


def _command(inputs: list[str], gateways: tuple[str, ...], all_traffic: bool) -> str:
    """Return the line that repeats the run, with base names only: paths tell about a machine."""
    import shlex

    words = ["analyze", *(Path(name).name or name for name in inputs)]
    for host in gateways:
        words += ["--gateway", host]
    return shlex.join(words + (["--all-traffic"] if all_traffic else []))
