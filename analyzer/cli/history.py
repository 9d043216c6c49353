"""``analyze history list|forget|compact``: what is kept, and what is no longer to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli.ingest import Keep, Where

if TYPE_CHECKING:
    from analyzer.history.store import Store

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="What analyze ingest has kept: list it, forget parts of it, tidy it up.",
)  # fmt: skip

Format = Annotated[str, typer.Option("--format", help="What goes to stdout: text or json.")]
Before = Annotated[
    str | None,
    typer.Option("--before", metavar="DATE", help="All of the days before, UTC: 2026-01-01."),
]
Input = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME", help="Ingests with a file of this name. Repeatable."),
]
Ingest = Annotated[
    list[str] | None,
    typer.Option("--ingest", metavar="ID", help="An ingest, by its id's beginning. Repeatable."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would be forgotten.")]
Repair = Annotated[
    bool, typer.Option("--repair", help="Give up damaged files and the ingests in them.")
]


@app.command("list")
def list_(store: Where = None, format_: Format = "text") -> None:
    """List the ingests: their files, the time they are of, how much they hold."""
    from analyzer.history.listing import listing
    from analyzer.render import history as render

    form = render.form(format_)
    opened = _opened(store)
    _show(form(listing(opened), opened.place.shown))


@app.command()
def forget(
    before: Before = None,
    input_: Input = None,
    ingest: Ingest = None,
    dry_run: DryRun = False,
    store: Where = None,
) -> None:
    """Forget days, files or ingests; --dry-run lists them first."""
    from analyzer.errors import UsageError
    from analyzer.history import clock
    from analyzer.history.retention import Wanted, forget
    from analyzer.render import history as render

    if before is None and not input_ and not ingest:
        msg = "say what to forget: --before DATE, --input NAME or --ingest ID"
        raise UsageError(msg)
    wanted = Wanted(clock.day(before) if before else None, tuple(input_ or ()), tuple(ingest or ()))
    _show(render.forgotten(forget(_opened(store), wanted, dry_run=dry_run), dry_run=dry_run))


@app.command()
def compact(keep: Keep = None, repair: Repair = False, store: Where = None) -> None:
    """Merge small files, and delete those that no report of the last seven days can need."""
    from analyzer.history import clock, retention
    from analyzer.render import history as render

    oldest = clock.since(keep) if keep else None
    opened = _opened(store)
    if oldest is not None and not repair:
        gone = retention.forget(opened, retention.Wanted(before=oldest))
        if gone:
            _show(render.kept_since(gone, oldest) + "\n")
    _show(render.compacted(retention.compact(opened, repair=repair)))


def _opened(told: str | None) -> Store:
    from analyzer.history import opening, place

    return opening.open_(place.place(told))


def _show(text: str) -> None:
    from analyzer.cli import output as out
    from analyzer.redact.secrets import SecretStore

    out.text(text, None, SecretStore(b"history"))
