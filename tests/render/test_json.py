"""The JSON report and its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from render.sample_analysis import SAMPLES

from analyzer.analysis.model import Analysis
from analyzer.render import json as renderer

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "analysis.schema.json"


@pytest.mark.parametrize("name", SAMPLES)
def test_round_trip_and_schema(name: str) -> None:
    analysis = SAMPLES[name]()
    text = renderer.render(analysis)
    assert Analysis.from_json(text) == analysis
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(
        renderer.schema(), format_checker=jsonschema.FormatChecker()
    ).validate(json.loads(text))


def test_published_schema_is_generated() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == renderer.schema_text(), (
        "run: python -m analyzer.render.json > docs/schema/analysis.schema.json"
    )


def test_schema_is_described() -> None:
    schema = renderer.schema()
    assert schema["$defs"]["Totals"]["properties"]["undecided"]["description"].startswith("The end")
    assert schema["$defs"]["Totals"]["description"] == "How many attempts, and how they went."


def test_schema_is_a_valid_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(renderer.schema())


def test_not_measured_is_null_not_zero() -> None:
    document = json.loads(renderer.render(SAMPLES["unsure"]()))
    assert document["totals"]["calls"] is None
    assert document["calls"]["measured"].startswith("Nothing in the inputs tells a retry")


def test_what_would_act_on_a_terminal_is_written_as_an_escape() -> None:
    hidden = "".join(
        chr(n) for n in (0x1B, 0x7F, 0x9B, 0xAD, 0x200B, 0x202E, 0x2028, 0xFEFF, 0xE0041)
    )
    sample = SAMPLES["incident"]()
    sample = sample.model_copy(
        update={"verdict": sample.verdict.model_copy(update={"text": hidden})}
    )
    text = renderer.render(sample)
    assert not [char for char in hidden if char in text]
    assert json.loads(text)["verdict"]["text"] == hidden
