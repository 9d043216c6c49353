from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ingest.formats.har_scan import Skipper, locate, value_end

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=st.dictionaries(st.text(), JSON), after=st.binary(max_size=20))
def test_value_end_is_where_the_value_ends(value: object, after: bytes) -> None:
    data = json.dumps(value).encode()
    assert value_end(b"  " + data + after, 2) == 2 + len(data)


@given(value=st.dictionaries(st.text(), JSON), cut=st.integers(1, 10_000))
def test_a_value_that_is_cut_off_has_no_end(value: object, cut: int) -> None:
    data = json.dumps(value).encode()
    assert value_end(data[: max(len(data) - cut, 1)], 0) == -1


@given(value=st.dictionaries(st.text(), JSON), size=st.integers(1, 7))
def test_the_skipper_finds_the_same_end_whatever_the_pieces(value: object, size: int) -> None:
    data = json.dumps(value).encode() + b",{"
    skipper, at = Skipper(), 0
    while True:
        end = skipper.feed(data[at : at + size])
        if end >= 0:
            break
        at += size
        assert at < len(data)
    assert at + end == len(data) - 2


@pytest.mark.parametrize(
    ("text", "kind", "start"),
    [
        ('{"log":{"entries":[', "entries", 19),
        ('{"log":{"pages":[{"entries":[]}],"x":"\\"entries\\":[","entries":[', "entries", 64),
        ('{"entries": [', "entries", 13),
        ("[", "entries", 1),
        ('cb({"log":{"entries":[', "entries", 22),
        ('{"log":{"entries":null}}', "none", 24),
        ("{}", "none", 2),
        ("", "none", 0),
        ('  {"request":{"url":"x"},"time":1}', "single", 2),
        ('{"log":{"creator":"entr', "cut", 23),
        ('{"log":{', "cut", 8),
    ],
)
def test_locate_tells_where_the_entries_begin(text: str, kind: str, start: int) -> None:
    place = locate(text.encode(), complete=True)
    assert place is not None
    assert (place.kind, place.start) == (kind, start)


def test_locate_asks_for_more_before_it_gives_up() -> None:
    assert locate(b'{"log":{"creator":{', complete=False) is None


def test_a_hundred_thousand_brackets_are_no_recursion() -> None:
    deep = b"[" * 100_000
    assert value_end(b'{"a":' + deep, 0) == -1
    assert locate(b'{"log":{"x":' + deep, complete=True) is not None
