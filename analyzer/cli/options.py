"""Options that every command with inputs shares, and how they join the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from polars import DataFrame

    from analyzer.config import Config as Configured
    from analyzer.ingest.base import Reading
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
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="STRING|NAME",
        help="The nginx log_format of text logs, as in nginx.conf, or the name of a known one.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE", help="Zone of log times that name none: Europe/Berlin, +02:00."
    ),
]
LogZone = Annotated[
    str | None,
    typer.Option("--log-tz", metavar="ZONE", help="Zone of log times that name none."),
]
Hop = Annotated[
    list[str] | None,
    typer.Option(
        "--hop",
        metavar="GLOB=HOP",
        help="Which hop wrote an input: client network edge gateway upstream. Repeatable.",
    ),
]
Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=SOURCE|FILE",
        help="Where a CSV or JSON-lines log, or a CSV usage export (it has a column time), of "
        "your own has a column. Repeatable.",
    ),
]
Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        metavar="FILE",
        help="Your own price list (.csv or .yaml: model, input, output, cached per million tokens, "
        "currency, date), for what has tokens and no cost.",
    ),
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


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line says, before the configuration is read."""

    gateway: Sequence[str] | None = None
    knowledge: Sequence[Path] | None = None
    all_traffic: bool = False
    log_format: str | None = None
    zone: str | None = None
    hop: Sequence[str] | None = None
    mapping: Sequence[str] | None = None
    config: Path | None = None
    no_config: bool = False
    prices: Path | None = None

    def configured(self) -> Configured:
        """Return the configuration that counts."""
        from analyzer import config as configs

        return configs.Config() if self.no_config else configs.load(self.config)

    def options(self, inputs: Sequence[str], *, rows: bool = False) -> Options:
        """Return the run's options: what the command line says over the configuration.

        ``rows`` says whether healthy attempts are written too.
        """
        from analyzer import progress
        from analyzer.pipeline import Options

        found = self.configured()
        hosts = tuple(dict.fromkeys([*(self.gateway or ()), *found.gateways]))
        dirs = tuple(dict.fromkeys([*found.knowledge, *(self.knowledge or ())]))
        return Options(
            gateways=tuple(host.strip().lower() for host in hosts),
            knowledge=dirs,
            all_traffic=self.all_traffic or found.all_traffic,
            reading=self._reading(found),
            rows=rows,
            prices=self._priced(),
            command=self._command(inputs, hosts),
            progress=progress.meter(),
        )

    def _priced(self) -> DataFrame | None:
        if self.prices is None:
            return None
        from analyzer.billing import prices

        return prices.load(self.prices)

    def _reading(self, found: Configured) -> Reading:
        from analyzer.ingest import told
        from analyzer.ingest.base import Reading

        zone = self.zone or found.tz
        return Reading(
            log_format=self.log_format or found.log_format,
            log_formats=found.log_formats,
            zone=told.zone(zone) if zone else None,
            hops=tuple(told.hop(word) for word in (*(self.hop or ()), *found.hops)),
            mapping=told.mapping(self.mapping or ()),
        )

    def _command(self, inputs: Sequence[str], gateways: tuple[str, ...]) -> str:
        """Return the line that repeats the run; base names only, as paths tell of a machine."""
        import shlex

        words = ["analyze", *(Path(name).name or name for name in inputs)]
        for host in gateways:
            words += ["--gateway", host]
        if self.all_traffic:
            words.append("--all-traffic")
        if self.log_format:
            words += ["--log-format", self.log_format]
        if self.zone:
            words += ["--tz", self.zone]
        for word in self.hop or ():
            words += ["--hop", word]
        for word in self.mapping or ():
            words += ["--map", word if "=" in word else Path(word).name]
        if self.prices:
            words += ["--prices", self.prices.name]
        return shlex.join(words)
