"""The Analysis as JSON, and the JSON Schema that describes it.

``python -m analyzer.render.json > docs/schema/analysis.schema.json`` writes the published schema.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from analyzer.analysis import model
from analyzer.analysis.model import Analysis
from analyzer.analysis.part import Part

FORMAT = "json"
SUFFIXES = (".json",)
TITLE = "the whole Analysis as JSON"

_ACTING = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Controls above ASCII, bidirectional and zero-width characters."""


def render(analysis: Analysis) -> str:
    """Return the document; it is data, so nothing is trimmed, reworded or rounded.

    Characters that would act on a terminal or hide are written as JSON escapes of themselves.
    """
    return inert(analysis.to_json())


def inert(text: str) -> str:
    """Return JSON in which characters that would act on a terminal are escapes of themselves."""
    return text if text.isascii() else _ACTING.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _utf16(match[0]))


def _utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2)]


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :func:`render` writes."""
    return schema_of(Analysis, f"whichhop analysis {model.SCHEMA_VERSION}", model)


def schema_of(part: type[Part], title: str, *modules: ModuleType) -> dict[str, Any]:
    """Return the JSON Schema of a document; ``modules`` define its parts and say what they mean."""
    described = part.model_json_schema()
    notes = _field_notes(modules)
    for name, rules_of in ((part.__name__, described), *described.get("$defs", {}).items()):
        for field, rules in rules_of.get("properties", {}).items():
            note = notes.get((name, field))
            if note:
                rules["description"] = note
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **{key: value for key, value in described.items() if key != "title"},
    }


def schema_text() -> str:
    """Return :func:`schema` as it is published: indented, with a final line feed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _field_notes(modules: Iterable[ModuleType]) -> dict[tuple[str, str], str]:
    """Return the docstrings under the fields of the models, by class and field."""
    notes: dict[tuple[str, str], str] = {}
    for node in (node for module in modules for node in ast.parse(inspect.getsource(module)).body):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, after in zip(node.body, node.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = inspect.cleandoc(str(after.value.value))
                notes[node.name, field.target.id] = " ".join(text.split())
    return notes


if __name__ == "__main__":
    sys.stdout.write(schema_text())
