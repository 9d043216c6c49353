"""``analyze ticket PARTY FILE...``: the text to send to whoever must act."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options as shared

if TYPE_CHECKING:
    from analyzer.ticket import Ticket

Party = Annotated[
    str,
    typer.Argument(
        metavar="PARTY",
        help="openai anthropic google azure bedrock openrouter cloudflare, gateway (the operator "
        "of the one that was seen, or of --gateway HOST), or client (the calling tool).",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE",
        help="Write a file: .md, .txt (plain) or .json; else to stdout.",
    ),
]  # fmt: skip
Plain = Annotated[bool, typer.Option("--plain", help="Plain text, for forms and mail.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for ticket systems.")]

_FORMS = {".md": "markdown", ".txt": "plain", ".json": "json"}


def ticket(
    party: Party,
    inputs: shared.Inputs,
    output: Output = None,
    plain: Plain = False,
    json_: Json = False,
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
    """Write the ticket to one party: ids it can look up, what is missing, nothing it must not get.

    Markdown by default. Exits with 3 if none of the failures is the party's.
    """
    from dataclasses import replace

    from analyzer import pipeline
    from analyzer import ticket as tickets
    from analyzer.cli import output as out
    from analyzer.ticket import layout

    form = _form(output, inputs, plain=plain, json_=json_)
    told = shared.Told(
        gateway, knowledge, all_traffic, log_format, zone, hop, mapping, config, no_config
    )
    options = replace(told.options(inputs), support=True)
    for problem in tickets.check(party, options.knowledge):
        typer.echo(f"analyze: {problem}", err=True)
    with pipeline.run(inputs, options) as result:
        written = tickets.write(result, party, gateway or ())
        shapes = {"plain": layout.as_plain, "markdown": layout.as_markdown, "json": layout.as_json}
        out.text(shapes[form](written), output, result.secrets)
        _advise(written)
        out.complete(result, strict)


def _form(output: Path | None, inputs: list[str], *, plain: bool, json_: bool) -> str:
    """Return plain, markdown or json.

    Raises:
        UsageError: two forms were asked for, or the file cannot be written.
    """
    from analyzer import paths
    from analyzer.errors import UsageError

    if plain and json_:
        raise UsageError("--plain and --json are two forms; give one of them")
    asked = "plain" if plain else "json" if json_ else ""
    if output is None:
        return asked or "markdown"
    kind = _FORMS.get(output.suffix.lower())
    if kind is None and not asked:
        msg = f"-o {output.name}: tickets are written as .md, .txt or .json"
        raise UsageError(msg)
    paths.writable([output], inputs)
    return asked or kind or "markdown"


def _advise(written: Ticket) -> None:
    """Tell the sender what is not the receiver's to read."""
    from analyzer.redact.text import visible

    for place in written.send_to:
        typer.echo(f"analyze: send it to {visible(place)}", err=True)
    never = visible("; ".join(written.never))
    if never:
        typer.echo(f"analyze: read it before you send it, and never add: {never}", err=True)
    if written.note:
        typer.echo(f"analyze: {visible(written.name)} says: {visible(written.note)}", err=True)
    places = ", ".join(visible(sample.place) for sample in written.samples)
    typer.echo(f"analyze: the samples are {places}", err=True)
