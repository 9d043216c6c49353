"""``analyze claims FILE... -o claims.csv``: failures that were charged, to hand in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as shared

if TYPE_CHECKING:
    from polars import DataFrame

    from analyzer.errors import Problem
    from analyzer.pipeline import Result

Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write .csv or .md; else CSV to stdout."),
]

_NO_EXPORT = (
    "no usage export was given, so nothing shows what was charged. Give the export of the gateway "
    "or provider beside the log: analyze claims logs.har usage.csv -o claims.csv"
)
_NOT_READ = ("unknown_columns", "unknown_format", "bad_header", "workbook", "no_rows")
"""Problems of an input that was meant as an export."""


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
    prices: shared.Prices = None,
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
        gateway, knowledge, all_traffic, log_format, zone, hop, mapping, config, no_config,
        prices,
    )  # fmt: skip
    options = told.options(inputs, rows=True)
    with pipeline.run(inputs, options) as result:
        if result.settled is None:
            raise UsageError(_no_export(result.collected.problems))
        found = claiming.claims(
            result.verdicts,
            result.settled,
            Policies.of(result.knowledge.data.get("policies") or {}),
            result.secrets.redact,
            _estimates(result, options.prices),
        )
        text = render.as_markdown(found) if kind == ".md" else render.as_csv(found)
        out.text(text, output, result.secrets)
        typer.echo(f"analyze: {render.summary(found)}", err=True)
        if result.analysis.billing.note:
            typer.echo(f"analyze: {result.analysis.billing.note}", err=True)


def _estimates(result: Result, table: DataFrame | None) -> DataFrame | None:
    """Return what the user's price list makes of the failures without a cost."""
    if table is None or result.settled is None:
        return None
    from analyzer.billing import prices
    from analyzer.signals import model

    return prices.estimates(
        result.verdicts,
        result.settled.usage,
        table,
        lambda name: model.normalise(name, result.facts),
    )


def _no_export(problems: Sequence[Problem]) -> str:
    """Say why there are no usage rows: what was given instead, or that nothing was."""
    for problem in problems:
        if problem.kind in _NOT_READ:
            return f"no usage rows could be read. {problem.place}: {problem.message}"
    return _NO_EXPORT


def _kind(output: Path | None, inputs: list[str]) -> str:
    """Return the suffix that decides the form.

    Raises:
        UsageError: there is no such form, or the file cannot be written.
    """
    from analyzer import paths
    from analyzer.errors import UsageError

    if output is None:
        return ".csv"
    kind = output.suffix.lower()
    if kind not in (".csv", ".md"):
        msg = f"-o {output.name}: claims are written as .csv or .md"
        raise UsageError(msg)
    paths.writable([output], inputs)
    return kind
