"""The JSON Schema of a rule's front matter, from the model, the columns and the operators.

It is published as ``knowledge/_schema/rule.schema.json``; a test fails when that is not current.
``analyze kb schema`` prints it.
"""

from __future__ import annotations

import json
from typing import Any

from analyzer import _version, columns
from analyzer.engine import operators
from analyzer.engine.context import predicates
from analyzer.engine.context.base import Predicate
from analyzer.engine.rule_file import DEFINED, ID_PATTERN, RuleModel
from analyzer.engine.tree import GROUPS

FILE = "_schema/rule.schema.json"
HEADER_PATTERN = r"^(req|resp)_header\.[a-z0-9_-]+$"

Schema = dict[str, Any]

_PARAMETERS: dict[str, Schema] = {
    "duration": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"},
    "window": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"},
    "count": {"type": "integer", "minimum": 1},
    "share": {"type": "number", "minimum": 0, "maximum": 1},
    "factor": {"type": "number", "exclusiveMinimum": 1},
}


def rule_schema() -> Schema:
    """Return the schema."""
    schema = _referring(RuleModel.model_json_schema())
    schema["$defs"].update(_definitions())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"whichhop:rule:{_version.__version__}",
        **schema,
        "title": "Front matter of a whichhop rule",
    }


def dump() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(rule_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _referring(schema: Any) -> Any:
    """Return the schema with references where the model has markers."""
    if isinstance(schema, list):
        return [_referring(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if DEFINED in schema:
        return {"$ref": f"#/$defs/{schema[DEFINED]}"}
    return {key: _referring(value) for key, value in schema.items()}


def _definitions() -> dict[str, Schema]:
    kinds = {operators.kind_of(column.dtype) for column in columns.ATTEMPTS}
    return {
        "match": _match(),
        "example": _cells({}),
        "traceRow": _cells(
            {
                "t": {"type": "string", "pattern": r"^[0-9]{1,3}:[0-5][0-9]$"},
                "_expect": {"type": ["string", "null"], "pattern": ID_PATTERN},
            },
            required=["t"],
        ),
        "predicate": _predicate(),
        **{f"condition_{kind}": _condition(kind) for kind in sorted(kinds | {operators.TEXT})},
    }


def _match() -> Schema:
    group = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/match"}}
    fields = {
        column.name: {
            "$ref": f"#/$defs/condition_{operators.kind_of(column.dtype)}",
            "description": _describe(column),
        }
        for column in columns.ATTEMPTS
    }
    return {
        "type": "object",
        "description": "All keys of a mapping must hold. A condition on an absent value is false.",
        "minProperties": 1,
        "properties": {**dict.fromkeys(GROUPS, group), **fields},
        "patternProperties": {HEADER_PATTERN: {"$ref": f"#/$defs/condition_{operators.TEXT}"}},
        "additionalProperties": False,
    }


def _describe(column: columns.Column) -> str:
    unit = f" Unit: {column.unit}." if column.unit else ""
    sources = f" Filled by: {', '.join(column.sources)}." if column.sources else ""
    return column.doc + unit + sources


def _condition(kind: str) -> Schema:
    """Return the ways to write a condition on a column of that kind."""
    names = operators.for_kind(kind)
    by_name = {
        name: {
            **operators.OPERATORS[name].schema(kind),
            "description": f"the value {operators.OPERATORS[name].doc}",
        }
        for name in names
    }
    scalar = operators.scalar_schema(kind)
    short = [scalar]
    if "in" in names:
        short.append({"type": "array", "minItems": 1, "items": scalar})
    mapping = {
        "type": "object",
        "minProperties": 1,
        "properties": by_name,
        "additionalProperties": False,
    }
    return {"anyOf": [*short, mapping]}


def _cells(extra: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """Return the schema of a row that names the columns it needs."""
    cells: dict[str, Schema] = {}
    for column in columns.ATTEMPTS:
        kind = operators.kind_of(column.dtype)
        scalar = operators.scalar_schema(kind)
        as_list = {"type": "array", "items": scalar}
        cells[column.name] = {"anyOf": [scalar, as_list]} if kind == operators.LIST else scalar
    return {
        "type": "object",
        "properties": {**extra, **cells},
        "patternProperties": {HEADER_PATTERN: {"type": "string"}},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _predicate() -> Schema:
    known = predicates()
    return {
        "anyOf": [
            {"type": "string", "enum": list(known)},
            *(_call(predicate) for predicate in known.values()),
        ]
    }


def _call(predicate: Predicate) -> Schema:
    parameters = {
        name: {**_PARAMETERS[param.kind], "description": param.doc}
        for name, param in predicate.params.items()
    }
    inside = {"type": ["object", "null"], "properties": parameters, "additionalProperties": False}
    return {
        "type": "object",
        "description": predicate.doc,
        "properties": {predicate.name: inside},
        "required": [predicate.name],
        "additionalProperties": False,
    }
