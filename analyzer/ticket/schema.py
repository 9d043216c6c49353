"""The JSON Schema of ``analyze ticket --json``."""

from __future__ import annotations

import json
from typing import Any

from analyzer.ticket.layout import SCHEMA_VERSION, WIDTH
from analyzer.ticket.model import BODY_LINES, SAMPLES, SUBJECT_CHARS

_TEXT = {"type": "string"}
_TIME = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "UTC, with its offset; null where the log has no time.",
}


def schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"whichhop ticket {SCHEMA_VERSION}",
        **_object(
            {
                "schema_version": {"const": SCHEMA_VERSION},
                "party": _said("Word of `analyze ticket`."),
                "name": _said("The receiver, for people."),
                "why": {
                    "enum": ["arose", "answered", "passed"],
                    "description": "arose: the failures arose at the receiver; answered: it "
                    "answered them and they arose elsewhere; passed: they passed through it.",
                },
                "subject": {**_TEXT, "maxLength": SUBJECT_CHARS},
                "body": {
                    "type": "array", "maxItems": BODY_LINES,
                    "items": {**_TEXT, "maxLength": WIDTH},
                    "description": "The body as plain text, one item a line.",
                },
                "failed": {"type": "integer", "minimum": 1},
                "first": _TIME,
                "last": _TIME,
                "answers": {
                    "type": "object", "additionalProperties": {"type": "integer"},
                    "description": "Failed attempts by status and error code, the commonest five.",
                },
                "samples": {"type": "array", "maxItems": SAMPLES, "items": _sample()},
                "missing": {"type": "array", "items": _object({"what": _TEXT, "how": _TEXT})},
                "send_to": {"type": "array", "items": _TEXT},
                "never": {
                    "type": "array", "items": _TEXT,
                    "description": "What the sender must not add.",
                },
                "note": _said("What the receiver says to senders; empty if nothing."),
            }
        ),
    }  # fmt: skip


def schema_text() -> str:
    """Return :func:`schema` as it is published: indented, with a final line feed."""
    return json.dumps(schema(), indent=2) + "\n"


def _sample() -> dict[str, Any]:
    return _object(
        {
            "time": _TIME,
            "precision_ms": {"type": "number"},
            "status": {"type": ["integer", "null"], "description": "null: no answer."},
            "model": {"type": ["string", "null"]},
            "duration_ms": {"type": ["number", "null"]},
            "ids": {"type": "array", "items": _object({"name": _TEXT, "value": _TEXT})},
        }
    )


def _said(description: str) -> dict[str, Any]:
    return {**_TEXT, "description": description}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
