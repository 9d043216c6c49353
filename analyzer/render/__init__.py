"""Renderers: ``render(analysis, **options) -> str``, found by format name or by file suffix.

A module in this package that defines ``FORMAT``, ``SUFFIXES``, ``TITLE`` and ``render`` is a
renderer; nothing else has to be edited to add one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from analyzer.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from analyzer.analysis.model import Analysis


@dataclass(frozen=True, slots=True)
class Renderer:
    """One way to show an Analysis."""

    name: str
    """As in ``--format``."""
    suffixes: tuple[str, ...]
    """File name endings that choose it, as in ``-o``."""
    title: str
    """One line for help texts."""
    render: Callable[..., str]
    """Takes an Analysis and the renderer's own keyword options."""

    def __call__(self, analysis: Analysis, **options: object) -> str:
        """Return the rendered text."""
        return self.render(analysis, **options)


def renderers() -> tuple[Renderer, ...]:
    """Return all renderers, sorted by name. Heavy libraries are imported only when one renders."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "FORMAT"):
            found.append(Renderer(module.FORMAT, module.SUFFIXES, module.TITLE, module.render))
    return tuple(sorted(found, key=lambda renderer: renderer.name))


def names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(renderer.name for renderer in renderers())


def for_format(name: str) -> Renderer:
    """Return the renderer of a format.

    Raises:
        UsageError: there is no such format; the message lists them.
    """
    known = {renderer.name: renderer for renderer in renderers()}
    if name in known:
        return known[name]
    choices = ", ".join(known)
    msg = f"there is no format '{name}'. Choose one of: {choices}.{did_you_mean(name, known)}"
    raise UsageError(msg)


def for_suffix(path: str | PurePath) -> Renderer:
    """Return the renderer for a file name (``report.html``) or a bare suffix (``.html``).

    Raises:
        UsageError: no renderer writes such files; the message lists the suffixes.
    """
    text = str(path)
    # PurePath sees no suffix in ".html", which is what a bare suffix looks like.
    suffix = (PurePath(text).suffix or PurePath(text).name).lower()
    known = {ending: renderer for renderer in renderers() for ending in renderer.suffixes}
    if suffix in known:
        return known[suffix]
    choices = ", ".join(sorted(known))
    shown = f"the suffix '{suffix}' of '{text}'" if suffix != text else f"the suffix '{suffix}'"
    msg = f"no format is known for {shown}. Choose one of: {choices}.{did_you_mean(suffix, known)}"
    raise UsageError(msg)
