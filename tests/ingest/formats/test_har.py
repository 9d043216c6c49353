from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analyzer.ingest.base import Limits
from analyzer.ingest.formats.har import Har

LAYOUTS = (
    {"indent": 2},
    {"indent": 4},
    {"indent": "\t"},
    {"indent": 0},
    {"indent": None},
    {"indent": None, "separators": (",", ":")},
)


def many(entry: Callable[..., dict[str, Any]], count: int) -> list[dict[str, Any]]:
    made = [entry(time=float(number), comment='a "},\n      {" b') for number in range(count)]
    for number in range(0, count, 3):
        # Chrome writes this key first, in some entries only.
        made[number] = {"_fromCache": "disk", **made[number]}
    return made


def dumped(entries: list[Any], layout: dict[str, Any]) -> bytes:
    log = {"version": "1.2", "creator": {"name": "test"}, "entries": entries, "pages": [{}, {}]}
    return json.dumps({"log": log}, **layout).encode()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("block", [1, 700, 5_000, 8 << 20])
def test_every_layout_and_block_size_gives_the_same_rows(run, entry, layout, block) -> None:
    entries = many(entry, 23)
    whole = run(dumped(entries, {"indent": 2}))
    got = run(dumped(entries, layout), Har(block))
    assert got.problems == []
    assert got.records == 23
    assert got.frame["record"].to_list() == list(range(1, 24))
    assert_frame_equal(got.frame, whole.frame)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("block", [300, 8 << 20])
def test_cut_off_at_any_byte_the_whole_entries_before_are_read(run, entry, layout, block) -> None:
    slim = [
        {"request": {"url": f"https://h.test/{n}"}, "response": {"status": 200 + n}, "x": "a\\{é}]"}
        for n in range(4)
    ]
    data = dumped(slim, layout)
    ends = [data.index(b"a\\\\{\\u00e9}]", data.index(b"/%d" % n)) for n in range(4)]
    ends = [data.index(b"}", end + 12) + 1 for end in ends]
    for cut in range(1, len(data)):
        got = run(data[:cut], Har(block))
        expected = sum(end <= cut for end in ends)
        assert got.frame.height == expected, data[:cut]
        if cut < ends[-1]:
            assert "truncated" in got.kinds, data[:cut]


BROKEN = [
    ("null", "bad_entry"),
    ("5", "bad_entry"),
    ('"text"', "bad_entry"),
    ("[]", "bad_entry"),
    ('{"request": "GET https://h.test/"}', "bad_entry"),
    ('{"response": {"status": 200}}', "bad_entry"),
    ('{"request": {"url": "https://h.test/"}}', "no_response"),
    ('{"request": {"url": }}', "bad_entry"),
    ('{"request" {"url": "x"}}', "bad_entry"),
    ('{"request": {"url": "x"}, "response": {"a": "b}}', "bad_entry"),
    ('{"request": {"url": "x"}, "response": {"a": "b"}', "bad_entry"),
    ('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", "too_deep"),
    ('{"a": ' + '{"b":' * 10_000 + "1" + "}" * 10_001, "too_deep"),
]


@pytest.mark.parametrize(("text", "kind"), BROKEN)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_broken_entry_is_located_and_the_others_are_read(
    run, entry, text, kind, place, indent
) -> None:
    good = [json.dumps(entry(time=float(n)), indent=indent) for n in range(1, 4)]
    if indent:
        good = [text.replace("\n", "\n  ") for text in good]
    between = ",\n  " if indent else ","
    pieces = [*good[:place], text, *good[place:]]
    start = '{"log":{"entries":[' + ("\n  " if indent else "")
    if not indent and not text.startswith('{"startedDateTime"') and place == 0:
        # A compact file is resynchronised by its first key, which a broken first entry hides.
        pieces = [*good[:1], text, *good[1:]]
        place = 1
    got = run((start + between.join(pieces) + "]}}").encode(), Har(1 << 20))
    assert [(p.kind, p.record) for p in got.problems] == [(kind, place + 1)]
    assert got.frame["record"].to_list() == [n for n in range(1, 5) if n != place + 1]
    assert got.records == 4


REPAIRED = [
    (b'"statusText": NaN', "NaN"),
    (b'"statusText": -Infinity', "Infinity"),
    (b'"statusText": "a\x01\tb"', "control characters"),
    (b'"statusText": "\\ud83d"', "lone surrogate"),
    (b'"statusText": "\xff\xfe"', "no UTF-8"),
    (b'"statusText": 1e999', "a number without end"),
    (b'"statusText": 123456789012345678901234567890', "a big number"),
]


@pytest.mark.parametrize(("text", "what"), REPAIRED)
def test_what_is_slightly_wrong_is_read(run, entry, har, text, what) -> None:
    data = har(entry(), entry(), entry()).replace(b'"statusText": ""', text, 2)
    got = run(data)
    assert got.problems == []
    assert got.frame["status"].to_list() == [200, 200, 200]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"log":{}}',
        b'{"log":null}',
        b'{"log":{"entries":null}}',
        b'{"log":{"entries":{}}}',
        b'{"log":{"entries":[]}}',
        b'{"log":{"entries":[null]}}',
        b'{"headers":[["a"]]}',
    ],
)
def test_a_har_without_an_exchange_gives_no_rows_and_says_so(run, data) -> None:
    got = run(data)
    assert got.frame.height == 0
    assert got.problems or data in (b"[]", b'{"log":{"entries":[]}}')


@pytest.mark.parametrize(
    "wrap",
    [
        lambda entries: b'{"entries":' + entries + b"}",
        lambda entries: entries,
        lambda entries: b'onInputData({"log":{"entries":' + entries + b"}});",
        lambda entries: b'{"log":{"version":1.2,"creator":"x","entries":' + entries + b"}}",
        lambda entries: b'{"log":{"entries":' + entries[:-1] + b",]}}",
        lambda entries: entries[1:-1],
    ],
)
def test_the_wrapper_may_be_missing_or_another(run, entry, wrap) -> None:
    got = run(wrap(json.dumps([entry()]).encode()))
    assert got.problems == []
    assert got.row["status"] == 200


def test_an_entry_over_the_limit_is_left_out_and_the_rest_goes_on(run, entry, har) -> None:
    large = entry(comment='\\"{[' * 9_000)
    limits = Limits(entry_bytes=8_000)
    for indent in (2, None):
        data = har(entry(), large, entry(), large, indent=indent)
        got = run(data, limits=limits)
        assert [(p.kind, p.record) for p in got.problems] == [("too_large", 2), ("too_large", 4)]
        assert got.frame["record"].to_list() == [1, 3]
        assert "8000 bytes" in got.problems[0].message


def test_what_stands_before_the_entries_may_not_be_endless(run, entry, har) -> None:
    data = b'{"log":{"comment":"' + b"x" * 9_000 + b'","entries":[]}}'
    assert run(data, limits=Limits(entry_bytes=4_000)).kinds == ["too_large"]


def test_many_broken_entries_take_linear_time(run, entry) -> None:
    def seconds(count: int) -> float:
        # Each entry lacks its closing brace, so that brackets never balance.
        texts = [json.dumps(entry())[:-1] for _ in range(count)]
        data = ('{"log":{"entries":[' + ",".join(texts) + "]}}").encode()
        start = time.perf_counter()
        got = run(data)
        assert got.frame.height == 0
        assert sum(problem.count for problem in got.problems) >= 1
        return time.perf_counter() - start

    seconds(50)
    assert seconds(3_000) < 60 * max(seconds(300), 0.01)


def test_problems_of_one_kind_are_listed_up_to_a_number_and_counted(run, har) -> None:
    got = run(har(*[None] * 100))
    assert got.records == 100
    assert sum(problem.count for problem in got.problems) == 100
    assert len(got.problems) < 30
    assert got.problems[0].record == 1


def test_the_collector_is_on_while_others_run(run, source, entry, har) -> None:
    from analyzer.ingest.base import Wants

    wants = Wants(frozenset(), None, rows_per_batch=1)  # type: ignore[arg-type]
    assert gc.isenabled()
    for _ in Har(2_000).read(source(har(*many(entry, 12))), wants):
        assert gc.isenabled()
    assert gc.isenabled()


def test_rows_come_in_batches(source, entry, har) -> None:
    from analyzer.ingest.base import Wants

    wants = Wants(frozenset(), None, rows_per_batch=3)  # type: ignore[arg-type]
    batches = list(Har(3_000).read(source(har(*many(entry, 12))), wants))
    heights = [batch.attempts.height for batch in batches if batch.attempts is not None]
    assert sum(heights) == 12
    assert len(heights) > 2


@pytest.mark.parametrize(
    ("head", "name", "least", "most"),
    [
        (b'{\n  "log": {\n    "version": "1.2",\n    "creator": {', "x.json", 0.9, 1),
        (b'{"log":{"pages":[{"startedDateTime":"', "x", 0.9, 1),
        (b"{", "x.har", 0.5, 1),
        (b'cb({"log":{"entries":[', "x.harp", 0.9, 1),
        (b'{"entries":[{"startedDateTime":"","request":', "x", 0.5, 1),
        (b'{"log":{"level":"info"},"message":"x"}\n{"log":', "x.ndjson", 0, 0.3),
        (b'{"log":"text","stream":"stdout"}', "x.json", 0, 0.3),
        (b"1.2.3.4 - - [", "x.har", 0, 0),
        (b"", "x.har", 0, 0),
    ],
)
def test_sniffing(head, name, least, most) -> None:
    assert least <= Har().sniff(head, name) <= most


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=300), block=st.integers(1, 200))
def test_any_bytes_give_batches_and_never_an_exception(run, data, block) -> None:
    got = run(data, Har(block))
    located(got)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.integers(0, 2_600),
    out=st.integers(0, 12),
    into=st.binary(max_size=6) | st.sampled_from([b"{", b"}", b'"', b"\\", b"],", b"},\n      {"]),
    block=st.sampled_from([60, 900, 1 << 20]),
    indent=st.sampled_from([2, None]),
)
def test_a_damaged_har_never_raises_and_keeps_what_is_whole(
    run, entry, har, at, out, into, block, indent
) -> None:
    data = har(entry(), entry(), entry(), indent=indent)
    got = run(data[:at] + into + data[at + out :], Har(block))
    located(got)
    assert got.frame.height <= got.records <= 8 + len(into)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [
        ("startedDateTime",), ("time",), ("request",), ("response",), ("timings",), ("_error",),
        ("request", "method"), ("request", "url"), ("request", "headers"), ("request", "cookies"),
        ("request", "postData"), ("request", "postData", "text"), ("request", "bodySize"),
        ("request", "postData", "mimeType"), ("request", "postData", "params"),
        ("response", "status"), ("response", "headers"), ("response", "content"),
        ("response", "content", "text"), ("response", "content", "size"),
        ("response", "content", "mimeType"), ("response", "content", "encoding"),
        ("response", "statusText"), ("response", "_error"), ("response", "_failureText"),
        ("response", "cookies"), ("timings", "wait"), ("timings", "ssl"),
    ]
)  # fmt: skip


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.tuples(PLACES, VALUES), min_size=1, max_size=4))
def test_a_field_may_have_any_type(run, entry, har, changes) -> None:
    made = entry(response={"_error": None})
    made = json.loads(json.dumps(made))
    for path, value in changes:
        here = made
        for key in path[:-1]:
            here = here[key] if isinstance(here.get(key), dict) else here.setdefault("_", {})
        here[path[-1]] = value
    got = run(har(made, entry()))
    located(got)
    assert got.frame.height + len(got.problems) >= 2
    assert 2 in got.frame["record"].to_list()


def located(got: Any) -> None:
    for problem in got.problems:
        assert problem.input == "capture.har"
        assert problem.record is None or problem.record >= 1
        assert problem.message.endswith(".")
