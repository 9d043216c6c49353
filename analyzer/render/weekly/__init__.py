"""The weekly report in every format: ``render(report, format)``; heavy libraries come late."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from analyzer import paths
from analyzer.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from analyzer.reliability.model import Weekly

FORMATS = {
    "text": (".txt",), "html": (".html", ".htm"), "markdown": (".md", ".markdown"),
    "json": (".json",), "csv": (".csv",),
}  # fmt: skip
"""Name, as in ``--format``, and the suffixes that choose it, as in ``-o``."""


def render(
    report: Weekly, format_: str, *, width: int = 80, color: bool = False, unicode: bool = True,
    verbose: bool = False,
) -> str:  # fmt: skip
    """Return the report in one format; only ``text`` looks at the other arguments."""
    module = importlib.import_module(f"{__name__}.{format_}")
    if format_ == "text":
        shown: str = module.render(report, width=width, color=color, unicode=unicode, all_=verbose)
    else:
        shown = module.render(report)
    return shown if shown.endswith("\n") else shown + "\n"


def for_suffix(path: PurePath) -> str:
    """Return the format that a file name asks for.

    Raises:
        UsageError: there is none for its suffix.
    """
    suffix = path.suffix.lower()
    known = {ending: name for name, endings in FORMATS.items() for ending in endings}
    if suffix in known:
        return known[suffix]
    msg = f"-o {path.name}: a weekly report is written as {' '.join(known)}"
    raise UsageError(msg + did_you_mean(suffix, known))


def check(format_: str, outputs: Sequence[Path], inputs: Sequence[str]) -> None:
    """Raise UsageError for an output that cannot be written, before any work is done."""
    if format_ not in FORMATS:
        msg = f"--format {format_!r} is unknown.{did_you_mean(format_, FORMATS)} "
        raise UsageError(msg + f"Known: {', '.join(FORMATS)}")
    for path in outputs:
        for_suffix(path)
    paths.writable(outputs, inputs)
