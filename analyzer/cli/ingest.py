"""``analyze ingest FILE...``: keep rollups and failed attempts for reports over months."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as shared

if TYPE_CHECKING:
    from analyzer.history.ingest import Outcome

Where = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="DIR|URL",
        help="A folder, or s3:// gs:// az:// (credentials from the environment). Default: your "
        "user's data directory.",
    ),
]  # fmt: skip
Keep = Annotated[
    str | None,
    typer.Option("--keep", metavar="AGE", help="Then forget what is older: 400d or 57w."),
]


def ingest(
    inputs: shared.Inputs,
    store: Where = None,
    keep: Keep = None,
    gateway: shared.Gateway = None,
    knowledge: shared.Knowledge = None,
    all_traffic: shared.AllTraffic = False,
    log_format: shared.LogFormat = None,
    zone: shared.Zone = None,
    hop: shared.Hop = None,
    mapping: shared.Mapping = None,
    strict: shared.Strict = False,
    config: shared.Config = None,
    no_config: shared.NoConfig = False,
) -> None:
    """Add files to the history, each only once; a longer version of a log adds its new lines."""
    from analyzer.errors import Incomplete
    from analyzer.history import clock, opening, place, retention
    from analyzer.history import ingest as adding
    from analyzer.render import history as render

    oldest = clock.since(keep) if keep else None
    told = shared.Told(
        gateway, knowledge, all_traffic, log_format, zone, hop, mapping, config, no_config
    )
    options = told.options(inputs)
    opened = opening.make(place.place(store))
    lost = 0
    for outcome in adding.ingest(inputs, opened, options):
        _say(outcome)
        lost += sum(problem.count for problem in outcome.problems)
    if oldest is not None:
        gone = retention.forget(opened, retention.Wanted(before=oldest))
        if gone:
            typer.echo(f"analyze: {render.kept_since(gone, oldest)}")
    if strict and lost:
        msg = f"{lost} records or files could not be read"
        raise Incomplete(msg)


def _say(outcome: Outcome) -> None:
    """Tell at once what became of files, as more of them may take a while."""
    from analyzer.cli import output as out
    from analyzer.redact.secrets import SecretStore
    from analyzer.render import history as render

    secrets = SecretStore(b"history")
    for line in render.problems(outcome):
        typer.echo(f"analyze: {secrets.redact(line)}", err=True)
    out.text(secrets.redact(render.outcome(outcome)), None, secrets)
