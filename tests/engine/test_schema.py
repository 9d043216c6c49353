from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer import columns, data
from analyzer.engine import operators, schema
from analyzer.engine.context import predicates
from analyzer.engine.rule_file import RuleModel


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (data.root("knowledge") / schema.FILE).read_text(encoding="utf-8")

    assert committed == schema.dump(), "run: analyze kb schema > knowledge/_schema/rule.schema.json"


def test_every_column_operator_and_predicate_is_in_it() -> None:
    defs = schema.rule_schema()["$defs"]

    assert set(defs["match"]["properties"]) == {*columns.BY_NAME, "all", "any", "not"}
    for column in columns.ATTEMPTS:
        kind = operators.kind_of(column.dtype)
        (mapping,) = [
            one for one in defs[f"condition_{kind}"]["anyOf"] if one.get("type") == "object"
        ]
        assert set(mapping["properties"]) == set(operators.for_kind(kind))
    named = [set(one["properties"]) for one in defs["predicate"]["anyOf"] if "properties" in one]
    assert set().union(*named) == set(predicates())


def test_it_knows_the_keys_of_the_model_and_no_others() -> None:
    made = schema.rule_schema()

    assert set(made["properties"]) == set(RuleModel.model_fields)
    assert made["additionalProperties"] is False
    assert "x-defined" not in json.dumps(made)


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({}, True),
        ({"match": {"any": [{"status": [502, 503]}, {"resp_header.via": {"exists": True}}]}}, True),
        ({"match": {"server": {"in": "$ids"}}}, True),
        ({"context": {"requires": ["immediate", {"repeats_for": {"at_least": "3m"}}]}}, True),
        ({"match": {"statu": 503}}, False),
        ({"match": {"status": {"contains": "5"}}}, False),
        ({"context": {"requires": [{"immediate": {"belw": "2s"}}]}}, False),
        ({"cause": "overload"}, False),
    ],
)
def test_it_accepts_and_refuses_what_the_model_does(
    make: Any, changes: dict[str, Any], sound: bool
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema.rule_schema())

    assert validator.is_valid(make.front(**changes)) is sound
