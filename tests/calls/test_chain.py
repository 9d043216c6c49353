"""Which attempts are one call."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from calls.staged import attempt, calls_of, chained
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.calls.rows import SESSION_WINDOW_S, WINDOW_S


def counted(start: float, count: int, ok: bool | None = False, **told: Any) -> dict[str, Any]:
    return attempt(start, ok=ok, resend_count=count, **told)


def same(start: float, ok: bool | None = False, **told: Any) -> dict[str, Any]:
    return attempt(start, ok=ok, request_hash="h", **told)


def talk(start: float, ok: bool | None = False, **told: Any) -> dict[str, Any]:
    return attempt(start, ok=ok, session_id="s", **told)


CHAINS: dict[str, tuple[list[dict[str, Any]], list[list[int]]]] = {
    # the client's own counter
    "counter": ([counted(0, 0), counted(2, 1), counted(5, 2, True)], [[0, 1, 2]]),
    "counter says that it is a new request, though the body is the same": (
        [counted(0, 0, request_hash="h"), counted(2, 0, request_hash="h")], [[0], [1]]),
    "counter, first tries not counted as OpenTelemetry does": (
        [attempt(0, trace_id="t"), counted(2, 1, True)], [[0, 1]]),
    "counter skips a try that is not in the capture": (
        [counted(0, 0), counted(5, 2, True)], [[0]]),
    "counter of another key": ([counted(0, 0), counted(2, 1, True, key_tag="key:2")], [[0]]),
    "counter of another model": ([counted(0, 0), counted(2, 1, True, model="n")], [[0]]),
    "counter of another host": ([counted(0, 0), counted(2, 1, True, host="b.example")], [[0]]),
    "counter of another endpoint": (
        [counted(0, 0), counted(2, 1, True, endpoint="messages")], [[0]]),
    "counter with another body": (
        [counted(0, 0, request_hash="g"), counted(2, 1, True, request_hash="h")], [[0]]),
    "counter long after": ([counted(0, 0), counted(WINDOW_S + 2, 1, True)], [[0]]),
    "counter long after, as the answer asked": (
        [counted(0, 0, retry_after_s=300.0), counted(302, 1, True)], [[0, 1]]),
    "two overlapping calls of two bodies": (
        [counted(0, 0, request_hash="g"), counted(0.5, 0, request_hash="h"),
         counted(3, 1, True, request_hash="h"), counted(4, 1, request_hash="g")],
        [[0, 3], [1, 2]]),
    # the same body
    "same body": ([same(0), same(3), same(9, True)], [[0, 1, 2]]),
    "a success ends the call": ([same(0), same(3, True), same(60)], [[0, 1], [2]]),
    "same body, two credentials": ([same(0), same(3, True, key_tag="key:2")], [[0]]),
    "same body, no credential on either": (
        [same(0, key_tag=None), same(3, True, key_tag=None)], [[0, 1]]),
    "same body in two sessions": (
        [same(0, session_id="s"), same(3, True, session_id="t")], [[0]]),
    "same body too late": ([same(0), same(WINDOW_S + 2, True)], [[0]]),
    "a retry begins after its predecessor ended": ([same(0, lasted=5), same(3, True)], [[0]]),
    "as far as clocks of a second tell": (
        [same(0, lasted=5, time_precision_ms=1000.0), same(4.5, True, time_precision_ms=1000.0)],
        [[0, 1]]),
    "a probe with one body, sent every 30 s, is no chain of retries": (
        [same(0, True), same(30), same(60), same(90, True)], [[1], [2]]),
    "but its quick retry is one": ([same(0, True), same(30), same(32, True), same(60, True)],
                                   [[1, 2]]),
    "an undecided end": ([same(0), same(3, None)], [[0, 1]]),
    "what follows an undecided one is a new call": ([same(0, None), same(3)], [[1]]),
    # the session
    "session": ([talk(0), talk(3, True)], [[0, 1]]),
    "session, other body": (
        [talk(0, request_bytes=900), talk(3, True, request_bytes=1200)], [[0]]),
    "session, a minute later": ([talk(0), talk(SESSION_WINDOW_S + 2, True)], [[0]]),
    "session with two requests at a time": (
        [talk(0, lasted=9), talk(1), talk(3, True)], [[0], [1]]),
    "session that asks two things next": (
        [talk(0), talk(3, True, lasted=5), talk(4, True)], [[0]]),
    "two sessions of one key": (
        [talk(0), attempt(1.5, ok=True, session_id="t"), attempt(9, ok=True, session_id="t")],
        [[0]]),
    # nothing
    "two users of one key and model": ([attempt(0), attempt(2, ok=True)], []),
    "a new session id for every request tells nothing": (
        [attempt(0, session_id="a"), attempt(2, session_id="b")], []),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_calls(name: str) -> None:
    rows, expected = CHAINS[name]
    assert calls_of(chained(rows)) == expected


@pytest.mark.parametrize(
    ("rows", "basis"),
    [
        ([counted(0, 0), counted(2, 1)], "counter"),
        ([same(0), same(3)], "request_hash"),
        ([talk(0), talk(3)], "session"),
    ],
)
def test_basis_is_told(rows: list[dict[str, Any]], basis: str) -> None:
    assert chained(rows).attempts["basis"].to_list() == [None, basis]


@pytest.mark.parametrize(
    ("rows", "outcome", "lost"),
    [
        ([same(0), same(3, True)], "rescued", 3.0),
        ([same(0), same(3, lasted=2)], "given_up", 5.0),
        ([same(0, lasted=7)], "never_retried", 7.0),
        ([same(0), same(3, None)], "undecided", None),
    ],
)
def test_how_calls_end(rows: list[dict[str, Any]], outcome: str, lost: float | None) -> None:
    call = chained(rows).calls.row(0, named=True)
    assert (call["outcome"], call["lost_s"]) == (outcome, lost)


@pytest.mark.parametrize(
    ("asked", "gap", "said"),
    [
        (None, 2.0, "absent"), (7.0, 7.0, "honoured"), (7.0, 6.95, "honoured"),
        (7.0, 8.0, "honoured"), (7.0, 2.0, "ignored"), (0.0, 0.5, "honoured"),
    ],
)  # fmt: skip
def test_retry_after(asked: float | None, gap: float, said: str) -> None:
    rows = [same(0, lasted=1, retry_after_s=asked), same(1 + gap, True)]
    assert chained(rows).attempts["retry_after"].to_list() == [None, said]


def test_retry_after_by_a_clock_of_seconds() -> None:
    rows = [same(0, retry_after_s=7.0, time_precision_ms=1000.0), same(7, True)]
    assert chained(rows).attempts["retry_after"][1] == "honoured"


@pytest.mark.parametrize(
    ("rule", "against"), [("busy", False), ("key", True), ("filter", True), ("unheard of", False)]
)
def test_retries_against_advice(rule: str, against: bool) -> None:
    assert chained([same(0, rule=rule), same(3)]).attempts["in_vain"].to_list() == [None, against]


@pytest.mark.parametrize(
    ("first", "second_ok", "finished", "twice"),
    [
        ({}, True, [], False),
        ({"billing": "billed", "billing_basis": "usage_export"}, True, [], True),
        ({"billing": "billed", "billing_basis": "usage_export"}, False, [], False),
        ({"billing": "billed", "billing_basis": "response_usage"}, True, [], True),
        ({"billing": "billed", "billing_basis": "policy"}, True, [], False),
        ({"billing": "partial", "billing_basis": "usage_export"}, True, [], False),
        ({}, True, [0], True),
    ],
)
def test_paid_twice(
    first: dict[str, Any], second_ok: bool, finished: list[int], twice: bool
) -> None:
    found = chained([same(0, **first), same(3, second_ok)], finished)
    assert found.calls["paid_twice"].to_list() == [twice]


def test_two_billed_failures_are_paid_twice() -> None:
    billed: dict[str, Any] = {"billing": "billed", "billing_basis": "usage_export"}
    assert chained([same(0, **billed), same(3, **billed)]).calls["paid_twice"].to_list() == [True]


def test_a_call_says_what_failed_last() -> None:
    call = chained([same(0), same(3, True)]).calls.row(0, named=True)
    wanted = ("model", "host", "endpoint", "key_tag", "client", "layer", "cause", "attempts")
    assert [call[name] for name in wanted] == [
        "m", "api.example", "chat", "key:1", "sdk", "upstream", "overloaded", 2,
    ]  # fmt: skip


def test_nothing_that_tells() -> None:
    found = chained([attempt(0), attempt(2), attempt(4, ok=True)])
    assert (found.whole, found.untold, found.calls.height) == (False, 2, 0)


def test_a_part_that_tells() -> None:
    found = chained([attempt(0, client="other"), same(1), same(3, True)])
    assert (found.whole, found.untold, found.retries) == (False, 1, 1)


def test_a_retry_of_what_is_not_shown() -> None:
    found = chained([counted(0, 2, True), counted(5, 0)])
    assert (found.unclear, found.retries, found.whole) == (1, 0, True)


def test_no_attempts_at_all() -> None:
    found = chained([])
    assert (found.calls.height, found.untold, found.whole) == (0, 0, False)


ROWS = st.builds(
    attempt,
    st.integers(0, 400).map(lambda n: n / 2),
    st.sampled_from([0.0, 0.5, 4.0]),
    st.sampled_from([True, False, False, None]),
    resend_count=st.sampled_from([None, None, 0, 1, 2]),
    request_hash=st.sampled_from([None, "g", "h"]),
    session_id=st.sampled_from([None, "s"]),
    key_tag=st.sampled_from(["key:1", "key:2"]),
    retry_after_s=st.sampled_from([None, 2.0]),
    time_precision_ms=st.sampled_from([1.0, 1000.0]),
)
TABLES = st.lists(ROWS, max_size=25)


@settings(max_examples=60, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(rows: list[dict[str, Any]], shuffler: Any) -> None:
    placed = [{**row, "record": number, "attempt_id": number} for number, row in enumerate(rows)]
    mixed = list(placed)
    shuffler.shuffle(mixed)
    one, other = chained(placed), chained(mixed)
    assert calls_of(one) == calls_of(other)
    assert one.calls.equals(other.calls)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_laws_of_calls(rows: list[dict[str, Any]]) -> None:
    found = chained(rows)
    attempts, calls = found.attempts, found.calls
    assert attempts["attempt_id"].n_unique() == attempts.height, "an attempt in two calls"
    assert found.retries == attempts["before"].drop_nulls().len()
    assert calls["attempts"].sum() == attempts.height
    assert set(calls["call_id"]) == set(attempts["call_id"])
    assert (calls["failed"] >= 1).all()
    failed = sum(row["ok"] is False for row in rows)
    assert calls["failed"].sum() + found.untold == failed
    ordered = attempts.sort("call_id", "position")
    ends = {number: row["ended_at"] for number, row in enumerate(rows)}
    for before, started in ordered.select("before", "started_at").drop_nulls().iter_rows():
        assert (started - ends[before]).total_seconds() >= -1.0
        assert rows[before]["ok"] is False
    ended = ordered.group_by("call_id").agg(pl.col("ok").slice(0, pl.len() - 1)).explode("ok")
    assert not ended["ok"].drop_nulls().any(), "a call went on after a success"
