"""Blocks of entries become columns: what one entry holds must not show in another's row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analyzer.ingest.formats.har import Har
from analyzer.ingest.formats.har_entry import Entry, decode_entries, is_text, text_of
from analyzer.ingest.formats.har_payload import groups

ODD: tuple[dict[str, Any], ...] = (
    {"request": {"headers": [{"name": "accept", "value": 5}]}},
    {"request": {"headers": {"accept": "text/plain"}}},
    {"request": {"postData": "model=m"}},
    {"response": {"content": {"size": 3, "mimeType": "application/json", "text": {"a": 1}}}},
    {"response": None},
    {"timings": {"wait": "100", "blocked": True}},
    {"timings": []},
    {"time": "120"},
)
TORN = {"response": {"content": {"size": 3, "mimeType": "text/plain", "text": "a\ud83d"}}}
"""Half a surrogate pair: no decoder takes it, so that its block is read entry by entry."""


@pytest.mark.parametrize("odd", [*ODD, TORN])
def test_an_odd_entry_changes_no_row_but_its_own(run, entry, har, odd) -> None:
    usual = [entry(time=float(number)) for number in range(1, 6)]
    mixed = [*usual[:2], entry(**odd), *usual[2:]]
    alone, beside = run(har(*usual)), run(har(*mixed))
    kept = beside.frame.filter(beside.frame["record"] != 3)
    names = [name for name in kept.columns if name not in ("record", "seen_in")]
    assert_frame_equal(kept.select(names), alone.frame.select(names))
    assert beside.frame.height == 6


@pytest.mark.parametrize("odd", ODD)
def test_both_decoders_read_the_same(entry, odd) -> None:
    usual = json.dumps(entry())
    plain = decode_entries(f"[{usual}]".encode())
    mixed = decode_entries(f"[{usual},{json.dumps(entry(**odd))}]".encode())
    assert plain is not None
    assert mixed is not None
    for one, other in zip(plain, mixed, strict=False):
        assert told(one) == told(other)


def told(entry: Entry) -> Any:
    request, response, timings = entry.request, entry.response, entry.timings
    post, content = request.post_data, response.content
    return (
        [(header.name, header.value) for header in request.headers],
        text_of(post.text), text_of(content.text), is_text(content.text),
        timings.wait, timings.dns, entry.time, response.status,
    )  # fmt: skip


def test_a_header_that_comes_late_is_a_column_from_the_start(run, entry, har) -> None:
    late = entry(response={"headers": [{"name": "Server", "value": "nginx"}]})
    data = har(*[entry() for _ in range(6)], late)
    got = run(data, Har(900), headers=("resp_header.server", "req_header.x-never"))
    assert got.frame["resp_header.server"].to_list() == [None] * 6 + ["nginx"]
    assert got.frame["req_header.x-never"].null_count() == 7


def test_the_fingerprint_is_of_method_place_and_body(run, entry, har) -> None:
    def post(**changes: Any) -> dict[str, Any]:
        return entry(request=changes)

    same = [post(), post(), post(url="https://api.gateway.test/v1/chat/completions?x=1")]
    other = [
        post(method="PUT"),
        post(url="https://api.gateway.test/v1/messages"),
        post(url="https://other.test/v1/chat/completions"),
        post(postData={"mimeType": "application/json", "text": '{"model":"m","messages":[1]}'}),
        post(postData=None),
    ]
    hashes = run(har(*same, *other)).frame["request_hash"].to_list()
    assert len(set(hashes[:3])) == 1
    assert len(set(hashes)) == 6


@given(st.lists(st.none() | st.sampled_from(["", "a", "b" * (3 << 20), "c" * (5 << 20)])))
def test_groups_keep_the_order_and_end_when_they_are_full(bodies: list[str | None]) -> None:
    made = list(groups(iter(bodies)))
    assert [body for group in made for body in group] == bodies
    for group in made:
        assert sum(len(body or "") for body in group[:-1]) <= 4 << 20
