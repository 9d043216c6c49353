"""What a context predicate is, and how its parameters are written.

A predicate looks at what happened around a failed attempt. It has three values: true, false, and
null for "nothing to compare with". It is computed for all failed rows at once.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from analyzer.errors import did_you_mean
from analyzer.ledger import BUCKET_S

if TYPE_CHECKING:
    import polars as pl

    from analyzer.engine.context.ledger import Ledger

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

Params = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a predicate."""

    kind: str
    """``duration``, ``window`` (of whole buckets), ``count``, ``share`` or ``factor``."""
    default: float
    """Durations in seconds."""
    doc: str


class Predicate(ABC):
    """One question about what happened around a failed attempt."""

    name: ClassVar[str]
    doc: ClassVar[str]
    """One line: when it is true, false and unknown."""
    params: ClassVar[Mapping[str, Param]]

    @abstractmethod
    def evaluate(self, rows: pl.DataFrame, ledger: Ledger, params: Params) -> pl.Series:
        """Return a Boolean series as long as ``rows``, null where there is nothing to compare."""

    @abstractmethod
    def says(self, params: Params) -> str:
        """Return the observation in words, as a confidence step cites it."""

    @abstractmethod
    def needs(self, params: Params) -> str:
        """Return what the inputs would have to hold for an unknown to be decided."""


class ParamError(ValueError):
    """A parameter that cannot be used; ``name`` says which, empty for the call as a whole."""

    def __init__(self, name: str, message: str) -> None:
        """Keep the parameter's name, by which the place in the file is found."""
        super().__init__(message)
        self.name = name


def seconds(text: Any) -> float | None:
    """Return a duration such as ``90s``, ``5m`` or ``1.5h`` in seconds, ``None`` if it is none."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return float(found[1]) * _SECONDS[found[2]] if found else None


def duration_text(value: float) -> str:
    """Return seconds as people write them: ``5 min``, ``20 s``, ``500 ms``."""
    if value < 1:
        return f"{value * 1000:g} ms"
    if value >= 3600 and value % 3600 == 0:
        return f"{value / 3600:g} h"
    return f"{value / 60:g} min" if value >= 60 and value % 60 == 0 else f"{value:g} s"


def read_params(predicate: Predicate, written: Any) -> dict[str, float]:
    """Return the parameters of a call with the defaults filled in.

    Raises:
        ParamError: an unknown parameter, or a value of the wrong kind.
    """
    given = {} if written is None else written
    if not isinstance(given, dict):
        raise ParamError("", f"'{predicate.name}' takes a mapping such as {{{_usage(predicate)}}}")
    for name in given:
        if name not in predicate.params:
            allowed = ", ".join(predicate.params) or "none"
            hint = did_you_mean(str(name), predicate.params)
            raise ParamError(name, f"unknown parameter '{name}'; it knows {allowed}.{hint}")
    return {
        name: _value(name, param, given[name]) if name in given else param.default
        for name, param in predicate.params.items()
    }


def _usage(predicate: Predicate) -> str:
    return ", ".join(f"{name}: …" for name in predicate.params)


def _value(name: str, param: Param, written: Any) -> float:
    if param.kind in ("duration", "window"):
        value = seconds(written)
        if not value:
            raise ParamError(name, f"expected a duration such as 20s or 5m, got {written!r}")
        if param.kind == "window" and value % BUCKET_S:
            raise ParamError(name, f"expected a whole multiple of {BUCKET_S}s, got {written!r}")
        return value
    if isinstance(written, bool) or not isinstance(written, (int, float)):
        raise ParamError(name, f"expected a number, got {written!r}")
    if param.kind == "count" and (written < 1 or written != int(written)):
        raise ParamError(name, f"expected a whole number from 1, got {written!r}")
    if param.kind == "share" and not 0 <= written <= 1:
        raise ParamError(name, f"expected a share from 0 to 1, got {written!r}")
    if param.kind == "factor" and written <= 1:
        raise ParamError(name, f"expected a factor above 1, got {written!r}")
    return float(written)
