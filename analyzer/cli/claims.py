"""``analyze claims FILE... -o claims.csv``: failures that were charged, to hand in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli import options as shared

Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write .csv or .md; else CSV to stdout."),
]

_NO_EXPORT = (
    "no usage export was given, so nothing shows what was charged. Give the export of the gateway "
    "or provider beside the log: analyze claims logs.har usage.csv -o claims.csv"
)


def claims(
    inputs: shared.Inputs,
    output: Output = None,
    gateway: shared.Gateway = None,
    knowledge: shared.Knowledge = None,
    all_traffic: shared.AllTraffic = False,
    log_format: shared.LogFormat = None,
    zone: shared.Zone = None,
    hop: shared.Hop = None,
    mapping: shared.Mapping = None,
    config: shared.Config = None,
    no_config: shared.NoConfig = False,
) -> None:
    """List the failed requests that a usage export shows as charged, with policy and evidence."""
    from analyzer import pipeline
    from analyzer.billing import claims as claiming
    from analyzer.billing.policies import Policies
    from analyzer.cli import output as out
    from analyzer.errors import UsageError
    from analyzer.render import claims as render

    kind = _kind(output, inputs)
    told = shared.Told(
        gateway, knowledge, all_traffic, log_format, zone, hop, mapping, config, no_config
    )
    with pipeline.run(inputs, told.options(inputs, rows=True)) as result:
        if result.settled is None:
            raise UsageError(_NO_EXPORT)
        found = claiming.claims(
            result.verdicts,
            result.settled,
            Policies.of(result.knowledge.data.get("policies") or {}),
            result.secrets.redact,
        )
        text = render.as_markdown(found) if kind == ".md" else render.as_csv(found)
        out.text(text, output, result.secrets)
        typer.echo(f"analyze: {render.summary(found)}", err=True)


def _kind(output: Path | None, inputs: list[str]) -> str:
    """Return the suffix that decides the form.

    Raises:
        UsageError: there is no such form, or the file cannot be written.
    """
    from analyzer.errors import UsageError

    if output is None:
        return ".csv"
    kind = output.suffix.lower()
    if kind not in (".csv", ".md"):
        msg = f"-o {output.name}: claims are written as .csv or .md"
        raise UsageError(msg)
    if output.resolve() in {Path(name).resolve() for name in inputs if name != "-"}:
        msg = f"-o {output} would overwrite an input; give another name"
        raise UsageError(msg)
    if not output.resolve().parent.is_dir():
        msg = f"-o {output}: its folder does not exist; make it first"
        raise UsageError(msg)
    return kind
