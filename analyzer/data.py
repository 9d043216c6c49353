"""Where the knowledge and the report templates lie: in the wheel, else in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def root(name: str) -> Path:
    """Return the directory of packaged data called ``knowledge`` or ``reports``.

    A wheel carries them under ``analyzer/_data``; an editable install or a checkout has them beside
    the package.

    Raises:
        FileNotFoundError: neither place exists, which means that the installation is damaged.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    msg = f"the '{name}' data of whichhop is missing; install the package again"
    raise FileNotFoundError(msg)
