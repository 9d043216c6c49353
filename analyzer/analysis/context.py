"""What the builder of an Analysis needs besides the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from analyzer.analysis.model import Note
from analyzer.analysis.parties import Names
from analyzer.engine.rule import Rule
from analyzer.incidents.markers import Mark
from analyzer.incidents.options import TARGET


@dataclass(frozen=True, slots=True)
class Context:
    """Rules, names and the way texts are cleaned."""

    rules: Mapping[str, Rule]
    knowledge_version: str
    names: Names
    redact: Callable[[str], str]
    redactions: Callable[[], dict[str, int]]
    normalise: Callable[[pl.Expr], pl.Expr]
    """The model name under which attempts are counted."""
    command: str = ""
    options: Mapping[str, str] | None = None
    notes: Sequence[Note] = ()
    marks: Sequence[Mark] = ()
    """What the user says happened."""
    target: float = TARGET
    """Share of attempts that shall succeed."""
    prices: pl.DataFrame | None = None
    """The user's own price list: :func:`analyzer.billing.prices.load`."""
