"""Attempts that several logs show are joined by id, else as the only ones that fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analyzer import columns, correlate, ledger

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ORDER = ("client", "edge", "gateway")


def row(
    hop: str, at: float, lasts: float | None, status: int | None, **more: Any
) -> dict[str, Any]:
    """A record: ``at`` seconds after the start of the window, lasting ``lasts`` seconds."""
    begun = START + timedelta(seconds=at)
    ended = begun + timedelta(seconds=lasts or 0)
    cut = 0 if hop == "client" else ended.microsecond
    begun, ended = (time - timedelta(microseconds=cut) for time in (begun, ended))
    return {
        "hop": hop, "format": more.pop("format", hop), "input": f"{hop}.log", "method": "POST",
        "path": "/v1/chat/completions", "endpoint": "chat_completions", "host": "llm.example",
        "started_at": begun, "ended_at": ended,
        "duration_ms": None if lasts is None else lasts * 1000, "status": status,
        "ok": status is not None and status < 400,
        "time_precision_ms": 1.0 if hop == "client" else 1000.0, **more,
    }  # fmt: skip


def joined(*rows: dict[str, Any]) -> correlate.Joined:
    numbered = [{**one, "attempt_id": n, "record": n} for n, one in enumerate(rows)]
    frame = columns.conform(pl.DataFrame(numbered, infer_schema_length=None))
    failures = frame.filter(~pl.col("ok").fill_null(True))
    return correlate.join(failures, frame.lazy(), ledger.fold(frame))


def groups(found: correlate.Joined) -> dict[int, list[int]]:
    made: dict[int, list[int]] = {}
    for primary, member in found.members.select("primary", "attempt_id").iter_rows():
        made.setdefault(primary, []).append(member)
    return made


def test_one_kind_of_log_is_nothing_to_join() -> None:
    assert joined(row("client", 0, 1, 200), row("client", 5, 1, 503)).attempts == 0


JOINS = [
    ("same id, whatever the times", [row("client", 0, 1, 503, request_id="req-000001"),
     row("gateway", 900, 1, 503, request_id="req-000001")], {0: [1]}),
    ("an id in other columns", [row("client", 0, 1, 503, upstream_request_id="req-000001"),
     row("gateway", 900, 1, 503, request_id="REQ-000001")], {0: [1]}),
    ("a short id is a counter", [row("client", 0, 1, 503, request_id="7"),
     row("gateway", 900, 1, 503, request_id="7")], {}),
    ("time and call", [row("client", 0, 2, 503), row("gateway", 0.1, 1.8, 503)], {0: [1]}),
    ("another call", [row("client", 0, 2, 503),
     row("gateway", 0.1, 1.8, 503, endpoint="embeddings")], {}),
    ("another model", [row("client", 0, 2, 503, model="gpt-5"),
     row("gateway", 0.1, 1.8, 503, model="claude-x")], {}),
    ("a model with its provider", [row("client", 0, 2, 503, model="openai/GPT-5"),
     row("gateway", 0.1, 1.8, 503, model="gpt-5")], {0: [1]}),
    ("another status", [row("client", 0, 2, 503), row("gateway", 0.1, 1.8, 429)], {}),
    ("two that fit", [row("client", 0, 2, 503), row("gateway", 0.1, 1.8, 503),
     row("gateway", 0.2, 1.7, 503)], {}),
    ("one much nearer", [row("client", 0, 20, 503), row("gateway", 0.1, 19.8, 503),
     row("gateway", 9, 3, 503)], {0: [1]}),
    ("the client left, the gateway went on", [row("client", 0, 60, None),
     row("gateway", 0.2, 63, 200), row("gateway", 30, 5, 200)], {0: [1]}),
    ("three hops", [row("client", 0, 3, 502), row("edge", 0.1, 2.8, 502),
     row("gateway", 0.2, 2.5, 502)], {0: [1, 2]}),
    ("inner tries share an id", [row("client", 0, 9, 502, trace_id="a" * 32),
     row("gateway", 1, 1, 502, trace_id="a" * 32),
     row("gateway", 3, 1, 502, trace_id="a" * 32)], {0: [1, 2]}),
    ("no durations: only the end", [row("client", 0, 2, 503), row("gateway", 2, None, 503)],
     {0: [1]}),
    ("no durations: another end", [row("client", 0, 2, 503), row("gateway", 9, None, 503)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), [c[1:] for c in JOINS], ids=[c[0] for c in JOINS])
def test_what_is_one_request(rows: list[dict[str, Any]], expected: dict[int, list[int]]) -> None:
    assert groups(joined(*rows)) == expected


def test_what_fits_several_is_counted() -> None:
    found = joined(
        row("client", 0, 2, 503), row("gateway", 0.1, 1.8, 503), row("gateway", 0.2, 1.7, 503)
    )
    assert (found.attempts, found.ambiguous) == (0, 3)


@pytest.mark.parametrize("skew", [-90.0, -7.0, 0.0, 7.0, 45.0, 90.0])
def test_clocks_that_differ(skew: float) -> None:
    statuses = [200, 200, 503, 200, 502, 200]
    times = [0, 11, 25, 33, 47, 58]
    rows = [row("client", t, 1.5, s) for t, s in zip(times, statuses, strict=True)]
    rows += [row("gateway", t + skew + 0.1, 1.3, s) for t, s in zip(times, statuses, strict=True)]
    found = joined(*rows)
    assert groups(found) == {n: [n + 6] for n in range(6)}
    assert found.skews["skew_s"][0] == pytest.approx(skew, abs=0.6)
    assert found.skews["basis"][0] == "times"


def test_two_logs_of_one_hop_that_see_the_same_requests() -> None:
    statuses = [503, 200, 503, 503]
    rows = [row("gateway", 9 * n, 2, s, format="haproxy") for n, s in enumerate(statuses)]
    rows += [row("gateway", 9 * n + 0.1, 1.7, s, format="nginx") for n, s in enumerate(statuses)]
    found = joined(*rows)
    assert groups(found) == {0: [4], 2: [6], 3: [7]}
    order = dict(found.order.select("format", "rank").iter_rows())
    assert order["haproxy"] < order["nginx"]


def test_an_error_log_stands_behind_the_access_log_of_its_hop() -> None:
    found = joined(
        row("gateway", 0, 1, 502, format="nginx"),
        row("gateway", 1, None, None, format="nginx-error", method="POST"),
    )
    assert groups(found) == {0: [1]}


def test_two_logs_of_one_hop_side_by_side() -> None:
    rows = [row("gateway", 9 * n, 2, 503, format="haproxy") for n in range(4)]
    rows += [row("gateway", 9 * n + 200, 2, 503, format="nginx") for n in range(4)]
    found = joined(*rows)
    assert found.attempts == 0
    assert found.order["rank"].n_unique() == 1


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.integers(5, 200), min_size=2, max_size=12),
    failed=st.data(),
    skew=st.sampled_from([0.0, 3.0, -20.0]),
)
def test_an_attempt_has_at_most_one_record_of_each_log_joined_by_time(
    gaps: list[int], failed: Any, skew: float
) -> None:
    statuses = [failed.draw(st.sampled_from([200, 502, 503])) for _ in gaps]
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    rows = [row("client", t, 1, s) for t, s in zip(times, statuses, strict=True)]
    rows += [row("gateway", t + skew, 0.8, s) for t, s in zip(times, statuses, strict=True)]
    members = joined(*rows).members
    assert members["attempt_id"].n_unique() == members.height
    assert members.select("primary", "rank").n_unique() == members.height
    # A wrong join is worse than none: whatever is joined is the same request.
    assert (members["attempt_id"] - members["primary"] == len(gaps)).all()


def verdict(attempt: int, found: dict[str, Any], **told: str) -> dict[str, Any]:
    base = {
        "attempt_id": attempt, "record": attempt, "layer": "unknown", "emitted_by": "unknown",
        "cause": "service_unavailable", "rule": "unknown.x", "rev": 1, "tier": "fallback",
        "confidence": "low", "confidence_steps": [], "ambiguous": False, "also": [],
        "possible": [], "billing_expected": "unknown", "billing_basis": "none",
        "suppressed": None, "weight": 1.0, "signature": 1,
    }  # fmt: skip
    return {**found, **base, **told}


def settled(rows: list[dict[str, Any]], told: list[dict[str, str]]) -> pl.DataFrame:
    found = joined(*rows)
    judged = [verdict(n, one, **said) for n, (one, said) in enumerate(zip(rows, told, strict=True))
              if not one["ok"]]  # fmt: skip
    frame = pl.DataFrame(judged, infer_schema_length=None)
    whole = columns.conform(frame).hstack(
        frame.select(n for n in frame.columns if n not in columns.BY_NAME)
    )
    typed = whole.with_columns(
        pl.col("confidence_steps", "also", "possible").cast(pl.List(pl.String)),
        pl.col("suppressed").cast(pl.String),
    )
    return correlate.settle(typed, found)


def test_the_surest_record_decides_and_the_client_keeps_its_identity() -> None:
    rows = [row("client", 0, 1, 503), row("gateway", 0.1, 0.8, 503, proxy_flags="SC--")]
    said = {"layer": "gateway", "cause": "upstream_connect_failure", "confidence": "certain",
            "rule": "gateway.x"}  # fmt: skip
    one = settled(rows, [{}, said]).row(0, named=True)
    assert (one["input"], one["record"]) == ("client.log", 0)
    assert (one["layer"], one["cause"], one["confidence"]) == (
        "gateway", "upstream_connect_failure", "certain",
    )  # fmt: skip
    assert one["seen_in"] == ["client.log#0", "gateway.log#1"]
    assert (one["proxy_flags"], one["gateway_status"]) == ("SC--", 503)
    assert any("gateway.log#1" in step for step in one["confidence_steps"])


def test_two_hops_that_say_the_same_are_two_signs() -> None:
    rows = [row("client", 0, 1, 503), row("gateway", 0.1, 0.8, 503)]
    said = {"layer": "upstream", "cause": "overloaded", "confidence": "medium"}
    one = settled(rows, [said, said]).row(0, named=True)
    assert (one["layer"], one["confidence"]) == ("upstream", "high")


def test_nobody_knows_better_than_the_client_that_it_left() -> None:
    rows = [row("client", 0, 60, None), row("gateway", 0.1, 59.8, 499)]
    own = {"layer": "client", "cause": "client_timeout", "confidence": "high"}
    other = {"layer": "client", "cause": "client_abort", "confidence": "high"}
    one = settled(rows, [own, other]).row(0, named=True)
    assert one["cause"] == "client_timeout"


def test_the_order_of_the_inputs_does_not_matter() -> None:
    rows = [row("client", 0, 1, 503), row("edge", 0.05, 0.9, 503),
            row("gateway", 0.1, 0.8, 503)]  # fmt: skip
    a = joined(*rows)
    b = joined(*rows[::-1])
    assert groups(a) == {0: [1, 2]}
    assert groups(b) == {2: [1, 0]}
    assert_frame_equal(a.order, b.order)


CONTRADICTIONS = [
    ("finished_after_client_left", 60.0, row("client", 0, 60, None), row("gateway", 0.2, 63, 200)),
    ("finished_after_client_left", None, row("client", 0, 17, None), row("gateway", 0.2, 21, 200)),
    ("status_differs", None, row("client", 0, 1, 502, request_id="req-000001"),
     row("gateway", 0.2, 0.5, 200, request_id="req-000001")),
    ("rescued", None, row("client", 0, 1, 200, request_id="req-000001"),
     row("gateway", 0.2, 0.5, 503, request_id="req-000001")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "limit", "outer", "inner"), CONTRADICTIONS)
def test_contradictions(kind: str, limit: float | None, outer: Any, inner: Any) -> None:
    (found,) = correlate.contradictions(joined(outer, inner))
    assert (found.kind, found.limit_s) == (kind, limit)
    assert (found.outer["record"], found.inner["record"]) == (0, 1)


def test_hops_that_agree_are_no_contradiction() -> None:
    assert not correlate.contradictions(
        joined(row("client", 0, 1, 503), row("gateway", 0.1, 0.8, 503))
    )
