"""Lines that are cut at their quotes give what decoding them gives, or do not fit."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analyzer.columns import TIME
from analyzer.ingest import jsonlog, jsonshape

TEXT = pl.String()
TYPE = pl.Struct(
    {
        "at": TEXT,
        "status": TEXT,
        "took": TEXT,
        "reused": TEXT,
        "actions": pl.List(TEXT),
        "request": pl.Struct(
            {
                "host": TEXT,
                "tls": pl.Struct({"version": pl.Int64()}),
                "headers": pl.Struct({"Agent": pl.List(TEXT), "Id": pl.List(TEXT)}),
            }
        ),
        "absent": TEXT,
    }
)
USUAL: dict[str, Any] = {
    "at": "2026-11-22",
    "status": 200,
    "took": 0.25,
    "skipped": 7,
    "request": {
        "host": "api.example",
        "tls": {"version": 772, "proto": "h2"},
        "headers": {"Agent": ["x/1"], "Accept": ["*"], "Id": ["r1"]},
    },
    "reused": True,
    "actions": [],
    "alt": 'h3=":443"',
}


def line(**changes: Any) -> str:
    return json.dumps(USUAL | changes)


def lines_of(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"record": range(1, len(texts) + 1), "line": texts, "stamp": [None] * len(texts)},
        schema={"record": pl.Int64(), "line": TEXT, "stamp": TIME},
    )


def fitting(texts: list[str]) -> tuple[pl.DataFrame, list[bool]]:
    """Return the lines that fit the shape of the usual line, read, and which do."""
    shape = jsonshape.shape_of([line()] * 5, TYPE, ("headers",))
    assert shape is not None
    made = shape.scan("\n".join(texts).encode()).collect()
    return made.filter("_fits").drop("_fits"), made["_fits"].to_list()


def decoded(texts: list[str]) -> pl.DataFrame:
    made, bad = jsonlog.decode(lines_of(texts), TYPE)
    assert not bad.height
    return made.drop("record", "stamp")


def headers(**told: Any) -> dict[str, Any]:
    return USUAL["request"] | {"headers": told}


SAME = {
    "usual": line(),
    "numbers": line(status=503, took=12.5, skipped=-1.5e9),
    "false": line(reused=False),
    "blank": line(at="", request=headers(Agent=[""], Accept=[""], Id=[""])),
    "not_ascii": json.dumps(USUAL | {"at": "été 🚀"}, ensure_ascii=False),
    "other_text_with_quotes": line(alt='a="b"'),
}
OTHER = {
    "another_header": line(request=headers(Agent=["x"], Accepd=["*"], Id=["r"])),
    "header_elsewhere": line(request=headers(Id=["x"], Accept=["*"], Agent=["r"])),
    "two_values": line(request=headers(Agent=["x", "y"], Accept=["*"], Id=["r"])),
    "escape": line(at="a\\b"),
    "tab": line(at="a\tb"),
    "null": line(status=None),
    "text_for_number": line(status="200"),
    "number_for_text": line(at=5),
    # Decoded, these are the texts 5 and 1000.
    "whole_decimal": line(took=5.0),
    "exponent": line().replace("0.25", "1e3"),
    "decimal_for_whole": line(status=200.5),
    "list_not_empty": line(actions=["block"]),
    "quotes_gone": line(alt="h3"),
    "object_closed_early": line().replace('"proto": "h2"}, "headers"', '"proto": "h2", "headers"'),
    "truncated": line()[:-1],
    "more_behind": line() + "}",
    "object_for_text": line(at={"x": 1}),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_what_fits_is_read_as_decoding_does(text) -> None:
    made, fits = fitting([line(), text])
    assert fits == [True, True]
    assert_frame_equal(made, decoded([line(), text]))


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER.keys())
def test_what_does_not_fit(text) -> None:
    assert fitting([line(), text, line()])[1] == [True, False, True]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=8)
numbers = st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9), st.none(), texts)
records = st.fixed_dictionaries(
    {},
    optional={
        "at": st.one_of(texts, numbers),
        "status": numbers,
        "took": numbers,
        "reused": st.one_of(st.booleans(), texts),
        "actions": st.lists(texts, max_size=2),
        "alt": texts,
    },
)


@settings(max_examples=50, deadline=None)
@given(st.lists(records, max_size=12))
def test_every_line_that_fits_is_read_as_decoding_does(changes) -> None:
    found = [line(), *(line(**change) for change in changes)]
    made, fits = fitting(found)
    alike = [text for text, fit in zip(found, fits, strict=True) if fit]
    want = decoded(alike)
    # Decoding writes a number anew.
    number = pl.col("took").cast(pl.Float64)
    assert_frame_equal(made.drop("took"), want.drop("took"))
    assert_frame_equal(made.select(number), want.select(number))


@pytest.mark.parametrize("key", ["at", "status", "took", "request", "reused"])
def test_a_value_under_another_key_is_never_read_as_the_usual_one(key: str) -> None:
    """However rare it is: the line is not among those by which the shape is told."""
    usual = [line(at=f"day {number}") for number in range(300)]
    odd = line().replace(f'"{key}"', f'"{key[::-1]}"', 1)
    shape = jsonshape.shape_of(usual, TYPE, vary=("headers",))
    assert shape is not None
    data = "".join(f"{text}\n" for text in [*usual, odd]).encode()
    fits = shape.scan(data).collect()["_fits"].to_list()
    assert fits == [True] * 300 + [False]


def test_a_key_that_differs_is_looked_at_in_every_line() -> None:
    odd = line().replace('"skipped"', '"skipper"')
    shape = jsonshape.shape_of([line()] * 9 + [odd], TYPE)
    assert shape is not None
    made = shape.scan(f"{line()}\n{odd}".encode()).collect()
    assert made["_fits"].to_list() == [True, False]


@pytest.mark.parametrize(
    "found",
    [
        [],
        ["no JSON", "at all"],
        ["{}", "[]"],
        [line(), *(json.dumps({"at": "x", f"key{n}": [""] * n}) for n in range(9))],
        ['{"at": "x", "at": "y"}'],
        ['{"at": {"x": "y"}}'],
        [line(at='"')],
    ],
    ids=["none", "no_json", "no_text", "all_differ", "twice", "no_type", "escaped"],
)
def test_no_shape(found) -> None:
    type_ = pl.Struct({"at": TEXT, "x": pl.Int64()})
    shape = jsonshape.shape_of(found, type_)
    assert shape is None or shape.pieces == 1


@pytest.mark.parametrize("share", [0, 3, 40])
def test_a_block_is_read_in_order_whatever_does_not_fit(share) -> None:
    odd = list(OTHER.values())[:12]
    found = [odd[n % 12] if share and n % share == 1 else line(status=n) for n in range(1500)]
    lines = lines_of(found)
    made, bad = jsonlog.decode_alike(lines, TYPE, ("headers",))
    want, worse = jsonlog.decode(lines, TYPE)
    assert_frame_equal(made.select(want.columns), want)
    assert_frame_equal(bad, worse)
    assert jsonlog.cut(lines, TYPE, ("headers",)) is not None
