"""``analyze incident FILE...``: the post-incident report, for one of four audiences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as shared
from analyzer.cli.run import Color, Quiet, Verbose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from analyzer.analysis.model import Input
    from analyzer.cli.output import Look
    from analyzer.pipeline import Result
    from analyzer.render.incident.document import Document

Number = Annotated[
    str | None,
    typer.Option("--incident", metavar="N", help="Only this incident: 2 or I2; else all of them."),
]
Marker = Annotated[
    list[str] | None,
    typer.Option(
        "--marker", metavar="'TIME TEXT'",
        help="What happened besides: '14:19Z deploy 4.2', '2026-11-22T14:19+01:00 new key'. "
        "Repeatable.",
    ),
]  # fmt: skip
Audience = Annotated[
    str,
    typer.Option("--audience", metavar="WHO", help="operator, user, provider or public."),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE",
        help="Zone of the second times, behind UTC: Europe/Berlin, +02:00. Log times that name no "
        "zone are read in it too, unless --log-tz says otherwise.",
    ),
]  # fmt: skip
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="Whose page --audience provider is: openai."),
]
HideProviders = Annotated[
    bool,
    typer.Option("--hide-providers", help="With --audience user: name no provider."),
]
Output = Annotated[
    list[Path] | None,
    typer.Option(
        "-o", "--output", metavar="FILE",
        help="Write a file; its suffix decides: .html .md .txt .json. Repeatable.",
    ),
]  # fmt: skip
Format = Annotated[
    str | None, typer.Option("--format", help="What goes to stdout: text html markdown json.")
]

_FORMATS = ("text", "html", "markdown", "json")
_SUFFIXES = {
    ".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".txt": "text",
    ".json": "json",
}  # fmt: skip


def incident(
    inputs: shared.Inputs,
    number: Number = None,
    marker: Marker = None,
    audience: Audience = "operator",
    zone: Zone = None,
    log_zone: shared.LogZone = None,
    provider: Provider = None,
    hide_providers: HideProviders = False,
    output: Output = None,
    format_: Format = None,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
    color: Color = "auto",
    gateway: shared.Gateway = None,
    knowledge: shared.Knowledge = None,
    all_traffic: shared.AllTraffic = False,
    log_format: shared.LogFormat = None,
    hop: shared.Hop = None,
    mapping: shared.Mapping = None,
    strict: shared.Strict = False,
    config: shared.Config = None,
    no_config: shared.NoConfig = False,
) -> None:
    """Write the post-incident report: what happened, to whom, why, and what people must add.

    Without an incident in the inputs the report is on all of them, and says so.
    """
    from analyzer import pipeline
    from analyzer.cli import output as out
    from analyzer.render.incident import report

    asked = _Asked(audience, number, marker or (), zone, log_zone, provider, hide_providers)
    asked.check(inputs, output or (), format_)
    out.check(format_ or "text", (), inputs, color)
    second = _zone(zone, "--tz") if zone else None
    read_in = log_zone or zone
    shared_options = shared.Told(
        gateway, knowledge, all_traffic, log_format, read_in, hop, mapping, config, no_config
    )
    options = shared_options.options(inputs, rows=False)
    command = asked.command(options.command)
    options = replace(options, command=command, markers=tuple(marker or ()), support=True)
    with pipeline.run(inputs, options) as result:
        told = result.analysis
        seen = [row.model_copy(update={"sha256": _digest(row, inputs)}) for row in told.inputs]
        result.analysis = told.model_copy(update={"inputs": seen})
        wanted = report.Wanted(
            audience=audience, number=asked.picked(result), zone=second,
            zone_name=zone or "", provider=asked.whose(result), hide_providers=hide_providers,
            command=command, files=tuple(Path(name).name or name for name in inputs),
        )  # fmt: skip
        look = out.Look.of(color, verbose, quiet)
        _write(report.build(result, wanted), result, output or (), format_, look)
        if audience == "provider" and (others := report.other_providers(result, wanted)):
            told_more = f"failures at {', '.join(others)} are not on this page; see --provider"
            typer.echo(f"analyze: {told_more}", err=True)
        out.complete(result, strict)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options of this command say."""

    audience: str
    number: str | None
    marker: Sequence[str]
    zone: str | None
    log_zone: str | None
    provider: str | None
    hide_providers: bool

    def check(self, inputs: Sequence[str], outputs: Sequence[Path], format_: str | None) -> None:
        """Raise UsageError for what cannot be done, before any work."""
        from analyzer.errors import UsageError, did_you_mean
        from analyzer.render.incident.audience import AUDIENCES

        if self.audience not in AUDIENCES:
            hint = did_you_mean(self.audience, AUDIENCES)
            msg = f"--audience '{self.audience}' is unknown.{hint} Known: {', '.join(AUDIENCES)}."
            raise UsageError(msg)
        if format_ is not None and format_ not in _FORMATS:
            hint = did_you_mean(format_, _FORMATS)
            msg = f"--format '{format_}' is unknown.{hint} Known: {', '.join(_FORMATS)}."
            raise UsageError(msg)
        if self.hide_providers and self.audience != "user":
            msg = "--hide-providers is for --audience user; a public page names nobody anyway."
            raise UsageError(msg)
        if self.provider and self.audience != "provider":
            msg = "--provider says whose page it is: give --audience provider as well."
            raise UsageError(msg)
        if self.log_zone:
            _zone(self.log_zone, "--log-tz")
        _check_files(inputs, outputs)

    def picked(self, result: Result) -> int | None:
        """Return which incident is wanted, from 1.

        Raises:
            UsageError: there is no such incident.
        """
        from analyzer.errors import UsageError

        if self.number is None:
            return None
        found = [one.id for one in result.analysis.incidents]
        digits = self.number.upper().removeprefix("I")
        if digits.isdigit() and 1 <= int(digits) <= len(found):
            return int(digits)
        there = f"Found: {', '.join(found)}." if found else "No incident was found."
        msg = f"--incident {self.number}: there is no such incident. {there}"
        raise UsageError(msg)

    def whose(self, result: Result) -> str | None:
        """Return the slug of the provider whose page is wanted.

        Raises:
            UsageError: no provider has that name.
        """
        from analyzer.errors import UsageError, did_you_mean

        if self.provider is None:
            return None
        names = {name.lower(): p.slug for p in result.facts.providers for name in (p.slug, p.name)}
        slug = names.get(self.provider.lower())
        if slug is None:
            hint = did_you_mean(self.provider.lower(), names)
            msg = f"--provider '{self.provider}' is unknown.{hint}"
            raise UsageError(msg)
        return slug

    def command(self, line: str) -> str:
        """Return the line that makes this report again, from the one of the plain analysis."""
        import shlex

        words = shlex.split(line)
        if self.log_zone or self.zone:
            # What the plain line calls --tz is the zone of the logs.
            at = words.index("--tz") if "--tz" in words else len(words)
            del words[at : at + 2]
        words.insert(1, "incident")
        for name, value in (("--incident", self.number), ("--tz", self.zone),
                            ("--log-tz", self.log_zone)):  # fmt: skip
            words += [name, value] if value else []
        for text in self.marker:
            words += ["--marker", text]
        if self.audience != "operator":
            words += ["--audience", self.audience]
        return shlex.join(words)


def _zone(text: str, option: str) -> tzinfo:
    """Return a zone; the message of a wrong one names the option that was given."""
    from analyzer.errors import UsageError
    from analyzer.ingest import told

    try:
        return told.zone(text)
    except UsageError as error:
        raise UsageError(str(error).replace("--tz", option, 1)) from None


def _digest(row: Input, inputs: Sequence[str]) -> str | None:
    """Return the beginning of an input's SHA-256; ``None`` for what is no file of its own."""
    from hashlib import file_digest

    if row.sha256 is not None:
        return row.sha256
    for name in inputs:
        for path in (Path(name), Path(name) / row.input):
            if path.is_file() and str(path).endswith(row.input):
                with path.open("rb") as content:
                    return file_digest(content, "sha256").hexdigest()[:12]
    return None


def _check_files(inputs: Sequence[str], outputs: Sequence[Path]) -> None:
    from analyzer import paths
    from analyzer.errors import UsageError, did_you_mean

    for path in outputs:
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            hint = did_you_mean(suffix, _SUFFIXES)
            msg = f"-o {path.name}: no format is known for '{suffix}'.{hint} "
            raise UsageError(msg + f"Known: {', '.join(_SUFFIXES)}.")
    paths.writable(outputs, inputs)


def _write(
    document: Document, result: Result, outputs: Sequence[Path], format_: str | None, look: Look
) -> None:
    from analyzer.cli import output as out
    from analyzer.render.incident import show

    for path in outputs:
        # A file is whole and plain, whatever the terminal is like.
        kind = _SUFFIXES[path.suffix.lower()]
        out.text(show.render(document, kind, verbosity=1), path, result.secrets)
    if look.quiet or (outputs and format_ is None):
        lines = show.lines(document, unicode=look.unicode)
    else:
        lines = show.render(
            document, format_ or "text", width=look.width, color=look.color, unicode=look.unicode,
            verbosity=look.verbosity,
        )  # fmt: skip
    out.text(lines, None, result.secrets)
