"""Checks of rule files: ``python -m analyzer.engine.lint [DIR]`` or ``analyze kb lint``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from analyzer.engine.lint.base import ERROR, WARNING, Catalogue, Issue, Lint

__all__ = ["ERROR", "WARNING", "Catalogue", "Issue", "Lint", "lints", "run"]


def lints() -> list[Lint]:
    """Return a new instance of every lint, by code."""
    found: list[Lint] = []
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        found.extend(
            kind()
            for kind in vars(module).values()
            if isinstance(kind, type)
            and issubclass(kind, Lint)
            and hasattr(kind, "code")
            and kind.__module__ == module.__name__
        )
    return sorted(found, key=lambda lint: lint.code)


def run(catalogue: Catalogue, chosen: Sequence[Lint] | None = None) -> list[Issue]:
    """Return all issues, by place."""
    issues = list(catalogue.problems)
    for lint in lints() if chosen is None else chosen:
        for file in catalogue.files:
            if file.rule:
                issues.extend(lint.check(file, file.rule))
        issues.extend(lint.finish(catalogue))
    return sorted(issues, key=lambda issue: (*_place(issue), issue.code, issue.message))


def _place(issue: Issue) -> tuple[str, int, int]:
    location = issue.location
    return location.path, location.line or 0, location.column or 0
