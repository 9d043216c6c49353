"""Which files may be written: none that is an input, and only into folders that there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from analyzer.errors import UsageError


def writable(outputs: Iterable[Path], inputs: Sequence[str]) -> None:
    """Raise UsageError for an output that must not, or cannot, be written; before any work."""
    taken = {Path(name).resolve() for name in inputs if name != "-"}
    for path in outputs:
        if path.resolve() in taken:
            msg = f"-o {path} would overwrite an input; give another name"
            raise UsageError(msg)
        if not path.resolve().parent.is_dir():
            msg = f"-o {path}: its folder does not exist; make it first"
            raise UsageError(msg)
