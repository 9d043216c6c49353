"""The operators of the match grammar: for which types, with which values, as which expression.

Every expression may be null where the column is null; :mod:`analyzer.engine.compile` closes it with
``fill_null(False)``, so that a condition on an absent value is false whatever the operator.
``icontains`` and ``contains_any`` ignore the case of ASCII letters only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

TEXT, INTEGER, NUMBER, MONEY, BOOL, TIME, LIST = (
    "text", "integer", "number", "money", "bool", "time", "list",
)  # fmt: skip
ORDERED = frozenset((INTEGER, NUMBER, MONEY, TIME))
SCALARS = ORDERED | {TEXT, BOOL}

Schema = dict[str, Any]

_WIDE: dict[str, pl.DataType] = {INTEGER: pl.Int64(), NUMBER: pl.Float64(), BOOL: pl.Boolean()}
"""Literals are as wide as can be, so that one outside the column's own range is no error."""


def kind_of(dtype: pl.DataType) -> str:
    """Return the word by which operators know a column's type."""
    if dtype.is_integer():
        return INTEGER
    if dtype.is_float():
        return NUMBER
    if isinstance(dtype, pl.Decimal):
        return MONEY
    if isinstance(dtype, pl.Boolean):
        return BOOL
    if isinstance(dtype, pl.Datetime):
        return TIME
    return LIST if isinstance(dtype, pl.List) else TEXT


def scalar_problem(value: Any, kind: str) -> str:
    """Return what is wrong with a literal for a column of that kind, or an empty string."""
    if value is None:
        return "null is no value to compare with; write {exists: false}"
    if isinstance(value, (list, dict)):
        return (
            f"expected one {kind} value, got a {'list' if isinstance(value, list) else 'mapping'}"
        )
    if kind in (TEXT, LIST):
        return "" if isinstance(value, str) else f"expected text, got {value!r}; quote it"
    if kind == BOOL:
        return "" if isinstance(value, bool) else f"expected true or false, got {value!r}"
    if kind == TIME:
        return (
            "" if _time(value) else f"expected a time such as '2026-11-22T10:00:00Z', got {value!r}"
        )
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"expected a number, got {value!r}"
    if kind == INTEGER and not isinstance(value, int):
        return f"expected a whole number, got {value!r}"
    return "" if value == value and abs(value) != float("inf") else "expected a finite number"


def _time(value: Any) -> dt.datetime | None:
    try:
        parsed = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return parsed.astimezone(dt.UTC) if parsed.tzinfo else None


def literal_value(value: Any, kind: str) -> Any:
    """Return a checked literal as the Python value that it means."""
    if kind == TIME:
        return _time(value)
    return Decimal(str(value)) if kind == MONEY else value


def literal(value: Any, dtype: pl.DataType) -> pl.Expr:
    """Return a value of a rule as a literal that compares with a column of ``dtype``."""
    kind = kind_of(dtype)
    return pl.lit(literal_value(value, kind), dtype=_WIDE.get(kind, dtype))


def _literals(values: list[Any], dtype: pl.DataType) -> pl.Series:
    kind = kind_of(dtype)
    plain = [literal_value(value, kind) for value in values]
    return pl.Series(plain, dtype=_WIDE.get(kind, dtype))


def _column(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column, widened where a literal might not fit its own type."""
    return pl.col(name).cast(pl.Int64) if kind_of(dtype) == INTEGER else pl.col(name)


# -- values ------------------------------------------------------------------------------------


def _one(value: Any, kind: str) -> str:
    return scalar_problem(value, kind)


def _text(value: Any, kind: str) -> str:
    problem = scalar_problem(value, TEXT)
    return problem or ("" if value else "an empty text is in every text")


def _texts(value: Any, kind: str) -> str:
    if not isinstance(value, list) or not value:
        return "expected a list of texts with at least one item, or a $list"
    return next((p for item in value if (p := _text(item, kind))), "")


def _many(value: Any, kind: str) -> str:
    if not isinstance(value, list) or not value:
        return "expected a list with at least one item, or a $list"
    return next((p for item in value if (p := scalar_problem(item, kind))), "")


def _pair(value: Any, kind: str) -> str:
    if not isinstance(value, list) or len(value) != 2:
        return "expected [lowest, highest]"
    problem = next((p for item in value if (p := scalar_problem(item, kind))), "")
    if problem:
        return problem
    low, high = (literal_value(v, kind) for v in value)
    return "" if low <= high else "expected [lowest, highest], the lower one first"


def _flag(value: Any, kind: str) -> str:
    return "" if isinstance(value, bool) else "expected true or false"


def _status_class(value: Any, kind: str) -> str:
    return "" if value in CLASSES else f"expected one of {', '.join(CLASSES)}"


def _regex(value: Any, kind: str) -> str:
    problem = _text(value, kind)
    if problem:
        return problem
    try:
        pl.Series([""]).str.contains(value)
    except pl.exceptions.ComputeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        return f"no regular expression for Rust (no look-around, no back-references): {reason}"
    return ""


CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

# -- schemas -----------------------------------------------------------------------------------

_SCALAR_SCHEMA: dict[str, Schema] = {
    TEXT: {"type": "string"},
    LIST: {"type": "string"},
    INTEGER: {"type": "integer"},
    NUMBER: {"type": "number"},
    MONEY: {"type": "number"},
    BOOL: {"type": "boolean"},
    TIME: {"type": "string", "format": "date-time"},
}
LIST_REFERENCE: Schema = {"type": "string", "pattern": r"^\$[a-z0-9]+(-[a-z0-9]+)*$"}


def scalar_schema(kind: str) -> Schema:
    """Return the JSON Schema of one literal for a column of that kind."""
    return dict(_SCALAR_SCHEMA[kind])


def _list_schema(kind: str) -> Schema:
    items = {"type": "array", "minItems": 1, "items": scalar_schema(kind)}
    return {"anyOf": [items, LIST_REFERENCE]}


def _pair_schema(kind: str) -> Schema:
    return {"type": "array", "minItems": 2, "maxItems": 2, "items": scalar_schema(kind)}


def _text_schema(kind: str) -> Schema:
    return {"type": "string", "minLength": 1}


# -- the table ---------------------------------------------------------------------------------

Build = Callable[[str, Any, pl.DataType], pl.Expr]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the match grammar."""

    name: str
    doc: str
    kinds: frozenset[str]
    """Column types it is for."""
    problem: Callable[[Any, str], str]
    """Given a value and the column's kind: what is wrong, or an empty string."""
    build: Build
    schema: Callable[[str], Schema]
    takes_list: bool = False
    """Whether the value may be a ``$list``."""


def _is_in(name: str, value: Any, dtype: pl.DataType) -> pl.Expr:
    return _column(name, dtype).is_in(_literals(value, dtype).implode())


_SCALAR = frozenset(SCALARS)
_TEXTS = frozenset((TEXT,))
_ANY = _SCALAR | {LIST}

_TABLE = (
    Operator("eq", "equals", _SCALAR, _one,
             lambda n, v, t: _column(n, t) == literal(v, t), scalar_schema),
    Operator("ne", "is there and differs", _SCALAR, _one,
             lambda n, v, t: _column(n, t) != literal(v, t), scalar_schema),
    Operator("in", "equals one of", _SCALAR, _many, _is_in, _list_schema, takes_list=True),
    Operator("not_in", "is there and equals none of", _SCALAR, _many,
             lambda n, v, t: ~_is_in(n, v, t), _list_schema, takes_list=True),
    Operator("gt", "is greater than", ORDERED, _one,
             lambda n, v, t: _column(n, t) > literal(v, t), scalar_schema),
    Operator("gte", "is at least", ORDERED, _one,
             lambda n, v, t: _column(n, t) >= literal(v, t), scalar_schema),
    Operator("lt", "is less than", ORDERED, _one,
             lambda n, v, t: _column(n, t) < literal(v, t), scalar_schema),
    Operator("lte", "is at most", ORDERED, _one,
             lambda n, v, t: _column(n, t) <= literal(v, t), scalar_schema),
    Operator("between", "lies between, both ends included", ORDERED, _pair,
             lambda n, v, t: _column(n, t).is_between(literal(v[0], t), literal(v[1], t)),
             _pair_schema),
    Operator("class", "has the hundreds digit", frozenset((INTEGER,)), _status_class,
             lambda n, v, t: _column(n, t) // 100 == int(v[0]),
             lambda kind: {"enum": list(CLASSES)}),
    Operator("contains", "contains", _TEXTS, _text,
             lambda n, v, t: pl.col(n).str.contains(v, literal=True), _text_schema),
    Operator("starts_with", "starts with", _TEXTS, _text,
             lambda n, v, t: pl.col(n).str.starts_with(v), _text_schema),
    Operator("ends_with", "ends with", _TEXTS, _text,
             lambda n, v, t: pl.col(n).str.ends_with(v), _text_schema),
    Operator("icontains", "contains, whatever the case of ASCII letters", _TEXTS, _text,
             lambda n, v, t: pl.col(n).str.contains_any([v], ascii_case_insensitive=True),
             _text_schema),
    Operator("contains_any", "contains one of, whatever the case of ASCII letters", _TEXTS, _texts,
             lambda n, v, t: pl.col(n).str.contains_any(v, ascii_case_insensitive=True),
             _list_schema, takes_list=True),
    Operator("regex", "matches the Rust regular expression somewhere", _TEXTS, _regex,
             lambda n, v, t: pl.col(n).str.contains(v), _text_schema),
    Operator("has", "contains the item", frozenset((LIST,)), _one,
             lambda n, v, t: pl.col(n).list.contains(v), scalar_schema),
    Operator("exists", "is there (true) or absent (false)", _ANY, _flag,
             lambda n, v, t: pl.col(n).is_not_null() if v else pl.col(n).is_null(),
             lambda kind: {"type": "boolean"}),
)  # fmt: skip

OPERATORS: dict[str, Operator] = {operator.name: operator for operator in _TABLE}


def for_kind(kind: str) -> tuple[str, ...]:
    """Return the operators that a column of that kind knows, in the table's order."""
    return tuple(name for name, operator in OPERATORS.items() if kind in operator.kinds)
