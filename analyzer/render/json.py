"""The Analysis as JSON, and the JSON Schema that describes it.

``python -m analyzer.render.json > docs/schema/analysis.schema.json`` writes the published schema.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from typing import Any

from analyzer.analysis import model
from analyzer.analysis.model import Analysis

FORMAT = "json"
SUFFIXES = (".json",)
TITLE = "the whole Analysis as JSON"


def render(analysis: Analysis) -> str:
    """Return the document; it is data, so nothing is trimmed, escaped for display or rounded."""
    return analysis.to_json()


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :func:`render` writes."""
    described = Analysis.model_json_schema()
    notes = _field_notes()
    for name, part in (("Analysis", described), *described.get("$defs", {}).items()):
        for field, rules in part.get("properties", {}).items():
            note = notes.get((name, field))
            if note:
                rules["description"] = note
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"whichhop analysis {model.SCHEMA_VERSION}",
        **{key: value for key, value in described.items() if key != "title"},
    }


def schema_text() -> str:
    """Return :func:`schema` as it is published: indented, with a final line feed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _field_notes() -> dict[tuple[str, str], str]:
    """Return the docstrings under the fields of the model, by class and field."""
    notes: dict[tuple[str, str], str] = {}
    for node in ast.parse(inspect.getsource(model)).body:
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
