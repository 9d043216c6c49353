"""The document as JSON: the same sections, for programs."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

from analyzer.analysis.part import Part as AnalysisPart
from analyzer.render import formatting as fmt
from analyzer.render.incident.document import Document

VERSION = "1.0"


def render(document: Document) -> str:
    """Return the document as JSON, ASCII only, ending in a line feed."""
    told = {"schema_version": VERSION, **_plain(document)}
    return json.dumps(told, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return fmt.iso(value)
    if isinstance(value, AnalysisPart):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = getattr(type(value), "kind", None)
        names = [item.name for item in dataclasses.fields(value)]
        told = {name: _plain(getattr(value, name)) for name in names}
        return {"kind": kind, **told} if kind else told
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
