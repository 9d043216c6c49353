"""The closed list of context predicates; each lives in a module here and is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from analyzer.engine.context.base import ParamError, Predicate, read_params
from analyzer.engine.rule import Call
from analyzer.errors import did_you_mean


@cache
def predicates() -> Mapping[str, Predicate]:
    """Return every predicate by name: each named subclass in this package's modules."""
    found: dict[str, Predicate] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for kind in vars(module).values():
            if _is_predicate(kind) and kind.__module__ == module.__name__:
                found[kind.name] = kind()
    return MappingProxyType(dict(sorted(found.items())))


def _is_predicate(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Predicate) and hasattr(kind, "name")


def read_call(written: Any) -> Call:
    """Return the call that an item of requires, raises or lowers means.

    Raises:
        ParamError: no such predicate, or a parameter is wrong.
    """
    if isinstance(written, str):
        name, params = written, None
    elif isinstance(written, dict) and len(written) == 1:
        ((name, params),) = written.items()
    else:
        raise ParamError("", "expected a predicate's name, or {name: {parameter: value}}")
    known = predicates()
    if name not in known:
        hint = did_you_mean(str(name), known)
        raise ParamError("", f"there is no predicate '{name}'; known: {', '.join(known)}.{hint}")
    return Call(name, read_params(known[name], params))
