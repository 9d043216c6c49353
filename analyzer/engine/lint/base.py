"""What a lint is, what it finds and what it sees.

A lint is one small class in a module of this package; it is found by itself. ``check`` sees each
sound rule, ``finish`` the whole catalogue afterwards, broken files included.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import polars as pl

from analyzer.engine.rule import Rule
from analyzer.engine.rule_file import RuleFile
from analyzer.errors import Location

ERROR = "error"
"""The rule must not ship like this."""
WARNING = "warning"
"""Somebody should look at it; it does not fail the run."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding about one place."""

    code: str
    severity: str
    location: Location
    message: str

    def __str__(self) -> str:
        mark = "" if self.severity == ERROR else f"({self.severity}) "
        return f"{self.location} {self.code} {mark}{self.message}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that lies in the directory."""

    files: Sequence[RuleFile]
    problems: Sequence[Issue] = ()
    """What was wrong with the other files: lists, data."""
    lock: Mapping[str, Mapping[str, Any]] | None = None
    """``lock.json``, if there is one."""
    corpus: pl.DataFrame | None = None
    """Failed attempts of the shipped samples, if they were read."""
    packaged: bool = True
    """Whether ids must follow the folders."""
    known: frozenset[str] = field(default=frozenset())
    """Ids of rules that lie elsewhere (the packaged ones, when a user's directory is checked)."""

    @property
    def rules(self) -> dict[str, Rule]:
        """The sound rules by id."""
        return {file.rule.id: file.rule for file in self.files if file.rule}

    def place(self, rule_id: str, *path: str | int) -> Location:
        """Return the place of a part of a rule's front matter."""
        for file in self.files:
            if file.rule and file.rule.id == rule_id:
                return file.locate(*path)
        return Location(rule_id)


class Lint(ABC):
    """One check."""

    code: ClassVar[str]
    severity: ClassVar[str] = ERROR
    doc: ClassVar[str]
    """One line for the list of lints."""

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """Yield what is wrong with one rule."""
        return iter(())

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """Yield what is wrong between the rules, after all were checked."""
        return iter(())

    def issue(self, location: Location, message: str, *, soft: bool = False) -> Issue:
        """Return an issue of this lint; ``soft`` makes it a warning (a draft, for instance)."""
        return Issue(self.code, WARNING if soft else self.severity, location, message)
