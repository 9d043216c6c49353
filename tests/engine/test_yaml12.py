from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.engine import yaml12
from analyzer.engine.yaml12 import YamlError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("True", True), ("TRUE", True), ("tRue", "tRue"), ("false", False),
        ("null", None), ("~", None), ("Null", None), ("nil", "nil"),
        ("0", 0), ("-12", -12), ("+7", 7), ("012", 12), ("0o17", 15), ("0x1F", 31),
        ("0b11", "0b11"), ("1_000", "1_000"), ("12:30", "12:30"), ("1:2:3", "1:2:3"),
        ("1.5", 1.5), ("5e2", 500.0), (".5", 0.5), ("1.", 1.0), ("-1.5E-3", -0.0015),
        (".iNf", ".iNf"), ("+.nan", "+.nan"), (".nAn", ".nAn"), ("1.2.3", "1.2.3"), (".", "."), ("e5", "e5"),
        ("2026-11-22", "2026-11-22"), ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("'503'", "503"), ('"true"', "true"), ("5xx", "5xx"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    read = yaml12.load(f"key: {text}", "x.yaml").value["key"]

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", [".inf", "+.inf", ".Inf", ".INF"])
def test_infinity_is_a_number(text: str) -> None:
    assert yaml12.load(f"key: {text}", "x.yaml").value == {"key": float("inf")}


def test_an_empty_value_is_null_and_a_block_text_is_text() -> None:
    document = yaml12.load("a:\nb: |\n  503\n", "x.yaml")

    assert document.value == {"a": None, "b": "503\n"}


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3:1", "duplicate key 'a', first used on line 1"),
        ("a: {b: 1, b: 2}", "x.yaml:1:11", "duplicate key 'b'"),
        ("a: &x 1", "x.yaml:1:4", "anchor"),
        ("a: *x", "x.yaml:1:4", "alias"),
        ("a: !!str 1", "x.yaml:1:4", "tag"),
        ("a: !python/object:os.system 1", "x.yaml:1:4", "tag"),
        ("<<: {a: 1}", "x.yaml:1:1", "merge key"),
        ("? [1]\n: 2", "x.yaml:1:3", "key must be a word"),
        ("%YAML 1.1\n---\na: 1", "x.yaml:1:1", "directives"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1", "second document"),
        ("a: b: c", "x.yaml:1:5", "must be quoted"),
        ("a: [1", "x.yaml:2:1", "expected ',' or ']'"),
        ("\ta: 1", "x.yaml:1:1", "cannot start any token"),
        ("a: 99999999999999999999", "x.yaml:1:4", "does not fit 64 bits"),
        ("a: " + "[" * 40, "x.yaml:1:27", "nested deeper"),
        ("a\x00: 1", "x.yaml", "control characters"),
    ],
)
def test_what_could_mislead_is_refused_with_its_place(text: str, place: str, reason: str) -> None:
    with pytest.raises(YamlError) as caught:
        yaml12.load(text, "x.yaml")

    assert str(caught.value.location) == place
    assert reason in caught.value.reason


def test_a_huge_text_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(YamlError, match="characters"):
        yaml12.load("a: " + "x" * (yaml12.MAX_CHARS + 1), "x.yaml")


def test_every_part_has_its_place_and_missing_ones_that_of_what_encloses_them() -> None:
    document = yaml12.load("a:\n  - {b: 1}\n  - c: 2\n    d: 3\n", "x.yaml")

    assert str(document.locate(("a", 0, "b"))) == "x.yaml:2:6"
    assert str(document.locate(("a", 1, "d"))) == "x.yaml:4:5"
    assert str(document.locate(("a", 1, "nothing"))) == "x.yaml:3:5"
    assert str(document.locate(())) == "x.yaml:1:1"


def test_front_matter_keeps_the_line_numbers_of_the_file() -> None:
    front = yaml12.front_matter("---\na: 1\nb: 2\n---\n## Head\ntext\n", "x.md")

    assert front.meta.value == {"a": 1, "b": 2}
    assert str(front.meta.locate(("b",))) == "x.md:3:1"
    assert (front.body, front.body_line) == ("## Head\ntext\n", 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\n", "first line"),
        ("", "first line"),
        ("---\na: 1\n", "not closed"),
        ("---\na: [\n---\n", "no YAML"),
    ],
)
def test_a_file_without_whole_front_matter_says_so(text: str, reason: str) -> None:
    with pytest.raises(YamlError, match=reason):
        yaml12.front_matter(text, "x.md")


def test_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    front = yaml12.front_matter("\ufeff---\r\na: x\r\n---\r\nbody\r\n", "x.md")

    assert front.meta.value == {"a": "x"}


@given(st.text())
def test_any_text_gives_a_value_or_a_located_error(text: str) -> None:
    errors: list[YamlError] = []
    try:
        yaml12.load(text, "x.yaml")
    except YamlError as error:
        errors.append(error)

    assert all(error.location.path == "x.yaml" for error in errors)


@given(st.text(alphabet="0123456789+-.eExo_:~nul truefalsNULT", max_size=12))
def test_a_plain_scalar_is_text_unless_the_core_schema_names_it(text: str) -> None:
    value = yaml12.scalar(text)
    number = re.fullmatch(
        r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        text,
    )
    assert isinstance(value, (int, float)) == bool(
        number
        or text in {"true", "True", "TRUE", "false", "False", "FALSE", ".nan", ".NaN", ".NAN"}
        or re.fullmatch(r"[-+]?\.(inf|Inf|INF)", text)
    )
