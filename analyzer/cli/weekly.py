"""``analyze weekly FILE...``: how reliable a week was, per model, and whether that is news."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as shared
from analyzer.cli.run import Color, Verbose

if TYPE_CHECKING:
    from analyzer.cli.output import Look
    from analyzer.config import Config
    from analyzer.redact.secrets import SecretStore
    from analyzer.reliability.model import Weekly
    from analyzer.reliability.options import Options

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE...]",
        help="HAR files, access logs, usage exports; directories, globs, .gz .zst .zip, or -. "
        "Without any: the history that analyze ingest keeps.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="DIR|URL",
        help="The history to report on instead of files; your user's own if none is named.",
    ),
]  # fmt: skip
Week = Annotated[
    str | None,
    typer.Option(
        "--week", metavar="YYYY-Www", help="ISO week, 2026-W47; else the last one with data."
    ),
]
Slo = Annotated[
    list[str] | None,
    typer.Option(
        "--slo", metavar="PERCENT|MODEL=PERCENT",
        help="Target of availability, 99.5 if none is told; MODEL=99.9 for one model. Repeatable.",
    ),
]  # fmt: skip
Zone = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE",
        help="Zone of the week, UTC if none is told: Europe/Berlin, +02:00. Log times that name "
        "no zone are read in it too, unless --log-tz says otherwise.",
    ),
]  # fmt: skip
Before = Annotated[
    int,
    typer.Option("--baseline", metavar="WEEKS", min=1, max=12, help="Weeks to compare with."),
]
Output = Annotated[
    list[Path] | None,
    typer.Option(
        "-o", "--output", metavar="FILE",
        help="Write a file; its suffix decides: .html .md .json .csv .txt. Repeatable.",
    ),
]  # fmt: skip
Format = Annotated[
    str | None,
    typer.Option("--format", help="What goes to stdout: text html markdown json csv."),
]


def weekly(
    inputs: Inputs = None,
    store: Store = None,
    week: Week = None,
    slo: Slo = None,
    zone: Zone = None,
    baseline: Before = 4,
    output: Output = None,
    format_: Format = None,
    verbose: Verbose = 0,
    color: Color = "auto",
    gateway: shared.Gateway = None,
    knowledge: shared.Knowledge = None,
    all_traffic: shared.AllTraffic = False,
    log_format: shared.LogFormat = None,
    log_zone: shared.LogZone = None,
    hop: shared.Hop = None,
    mapping: shared.Mapping = None,
    config: shared.Config = None,
    no_config: shared.NoConfig = False,
) -> None:
    """Say how reliable a week was: per model, against its target and against the weeks before."""
    from analyzer.cli import output as out
    from analyzer.errors import UsageError
    from analyzer.render import weekly as renders

    files = inputs or []
    if files and store is not None:
        msg = "give files or --store, not both: what is in both would be counted twice"
        raise UsageError(msg)
    renders.check(format_ or "text", output or (), files)
    told = shared.Told(
        gateway, knowledge, all_traffic, log_format, log_zone or zone, hop, mapping, config,
        no_config,
    )  # fmt: skip
    command = _command(told, files, store, week, slo or (), zone, log_zone, baseline)
    options = _options(told.configured(), slo or (), zone, baseline, command)
    look = out.Look.of(color, verbose, quiet=False)
    made, secrets = (
        _of_files(told, files, week, options) if files else _of_store(store, week, options)
    )
    for path in output or ():
        out.text(_rendered(made, renders.for_suffix(path), look), path, secrets)
    if format_ or not output:
        out.text(_rendered(made, format_ or "text", look), None, secrets)


def _of_files(
    told: shared.Told, files: list[str], week: str | None, options: Options
) -> tuple[Weekly, SecretStore]:
    from analyzer import pipeline, recording
    from analyzer.reliability import weekly as build

    with pipeline.run(files, told.options(files)) as result:
        return build(recording.record(result), week, options), result.secrets


def _of_store(store: str | None, week: str | None, options: Options) -> tuple[Weekly, SecretStore]:
    from analyzer.history import opening, place
    from analyzer.redact.secrets import SecretStore
    from analyzer.reliability import stored
    from analyzer.reliability import weekly as build

    opened = opening.open_(place.place(store))
    # Records are clean by construction; the second look needs a salt, but no secret of a run.
    return build(stored.records(opened, week, options), week, options), SecretStore(b"stored")


def _options(
    configured: Config, slo: list[str] | tuple[()], zone: str | None, baseline: int, command: str
) -> Options:
    from datetime import UTC

    from analyzer.ingest import told
    from analyzer.reliability import options as weeks

    target, targets = weeks.told(slo, configured.slo)
    return weeks.Options(
        zone=told.zone(zone) if zone else UTC,
        target=target,
        targets=targets,
        weeks_before=baseline,
        command=command,
    )


def _command(
    told: shared.Told, files: list[str], store: str | None, week: str | None,
    slo: list[str] | tuple[()], zone: str | None, log_zone: str | None, baseline: int,
) -> str:  # fmt: skip
    """Return the line that makes the same report again."""
    import shlex

    words = ["analyze", "weekly"]
    if files:
        words = shlex.split(told.options(files).command)
        words[1:1] = ["weekly"]
    elif store is not None:
        words += ["--store", store if "://" in store else Path(store).name]
    if log_zone and files:
        words[words.index("--tz")] = "--log-tz"
    if zone and (log_zone or not files):
        words += ["--tz", zone]
    words += ["--week", week] if week else []
    for word in slo:
        words += ["--slo", word]
    if baseline != 4:
        words += ["--baseline", str(baseline)]
    return shlex.join(words)


def _rendered(report: Weekly, format_: str, look: Look) -> str:
    from analyzer.render import weekly as renders

    return renders.render(
        report, format_, width=look.width, color=look.color, unicode=look.unicode,
        verbose=look.verbosity > 0,
    )  # fmt: skip
