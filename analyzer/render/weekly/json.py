"""The weekly report as JSON, and the JSON Schema that describes it."""

from __future__ import annotations

import json

from analyzer.reliability import model
from analyzer.reliability.model import Weekly
from analyzer.render.json import inert, schema_of


def render(report: Weekly) -> str:
    """Return the document; it is data, so nothing is trimmed, reworded or rounded."""
    return inert(report.to_json())


def schema_text() -> str:
    """Return the JSON Schema as it is published: indented, with a final line feed."""
    described = schema_of(Weekly, f"whichhop weekly report {model.SCHEMA_VERSION}", model)
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
