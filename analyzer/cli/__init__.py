"""The command line: arguments -> library -> render. One file per command, no logic.

Only typer is imported here; a command is imported when it is called, and imports what it needs when
it runs, because the time to the first line is a feature.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from analyzer.errors import WhichhopError

_COMMANDS = (
    "run", "explain", "claims", "render", "ticket", "incident", "weekly", "ingest", "history", "kb",
)  # fmt: skip
"""Each a module here, with a function of that name, or with an ``app`` of commands of its own."""
_ROOT_OPTIONS = frozenset(
    ("--help", "-h", "--version", "--install-completion", "--show-completion")
)
_HELP = (
    "Tells which hop failed when an LLM API call fails: client, network, edge, gateway or "
    "upstream.\n\nExamples:\n\n  analyze logs.har\n\n  analyze logs.har -o report.html\n\n"
    "  analyze explain logs.har 12\n\nExit codes: 0 done, 1 a --fail-on gate tripped or kb lint "
    "found errors, 2 usage or configuration, 3 nothing usable in the inputs, 4 incomplete under "
    "--strict, 5 a secret survived redaction and nothing was written, 70 internal error."
)
_INTERNAL = 70
_INTERRUPTED = 130


class DefaultToRun(TyperGroup):
    """A group whose command may be left out: ``analyze logs.har`` is ``analyze run logs.har``.

    A first word that is a command name is always the command; a file of that name is written
    ``./kb`` or after ``--``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``run`` in front unless the first word is a command or a global option."""
        if args and not _of_root(args[0]) and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _version(value: bool) -> None:
    if value:
        from analyzer._version import __version__

        typer.echo(f"whichhop {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    pass


def _program(names: Sequence[str]) -> typer.Typer:
    """Return the program with some of its commands."""
    program = typer.Typer(
        cls=DefaultToRun,
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=_HELP,
    )
    program.callback()(_root)
    for name in names:
        module = importlib.import_module(f"{__name__}.{name}")
        if hasattr(module, "app"):
            program.add_typer(module.app, name=name)
        else:
            program.command(name)(getattr(module, name))
    return program


def _called(args: Sequence[str]) -> Sequence[str]:
    """Return the command that the arguments name, or all where more than one is to be shown.

    To import a command and to make it costs milliseconds, which a run need not pay ten times.
    """
    if not args or _of_root(args[0]) or "_ANALYZE_COMPLETE" in os.environ:
        return _COMMANDS
    return (args[0] if args[0] in _COMMANDS else "run",)


def _of_root(word: str) -> bool:
    return word.split("=")[0] in _ROOT_OPTIONS


def main(args: list[str] | None = None) -> None:
    """Run the program and leave with its exit code; no traceback ever reaches a user."""
    # A run makes few reference cycles, and looking for them walks every module that was imported.
    gc.disable()
    # Polars' allocator keeps freed pages for a while; a log larger than memory is read in less of
    # it if they go back soon; at once would cost a tenth of the time. It is told through the
    # environment, before Polars is loaded.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:250,muzzy_decay_ms:0")
    try:
        _program(_called(sys.argv[1:] if args is None else args))(args=args, prog_name="analyze")
    except WhichhopError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (``| head``): leave quietly, as shells expect.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if os.environ.get("WHICHHOP_DEBUG"):
            raise
        _say(_bug(error))
        sys.exit(_INTERNAL)


def _say(message: str) -> None:
    from analyzer.redact.text import visible

    typer.echo(f"analyze: {visible(message)}", err=True)


def _bug(error: Exception) -> str:
    """Name an internal error by type and place alone: its message could quote a log."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "analyzer" in Path(f.filename).parts] or frames
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "unknown place"
    return (
        f"internal error ({type(error).__name__} at {where}). This is a bug in whichhop; nothing "
        "was written. Please report this line; WHICHHOP_DEBUG=1 shows more, but may quote the log."
    )
