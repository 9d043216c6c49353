"""Calls of whole runs: captures in, the Analysis out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from calls.staged import calls_of

import analyzer
from analyzer import collect, recording, records
from analyzer.pipeline import Options, Result, run

SAMPLES = Path(__file__).resolve().parents[2] / "sample_logs"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entry(start: float, status: int, body: str | None, **head: str) -> dict[str, Any]:
    headers = {"authorization": "Bearer sk-lab-000000000000000000000000", **head}
    request: dict[str, Any] = {
        "method": "POST", "url": "https://api.openai.com/v1/chat/completions",
        "headers": [{"name": name.replace("_", "-"), "value": text} for name, text in headers.items()],
    }  # fmt: skip
    if body is not None:
        text = json.dumps(
            {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": body}]}
        )
        request["postData"] = {"mimeType": "application/json", "text": text}
    answer = (
        {"id": "x", "model": "gpt-5.4-mini", "choices": [{"message": {"content": "hi"}}]}
        if status == 200
        else {"error": {"message": "busy", "type": "server_error", "code": None}}
    )
    content = {"mimeType": "application/json", "text": json.dumps(answer), "size": 9}
    return {
        "startedDateTime": (NOON + timedelta(seconds=start)).isoformat(), "time": 400,
        "request": request, "timings": {"send": 0, "wait": 400, "receive": 0},
        "response": {"status": status, "headers": [], "content": content},
    }  # fmt: skip


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(*entries: dict[str, Any], name: str = "logs.har") -> Path:
        log = {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}
        (tmp_path / name).write_text(json.dumps({"log": log}))
        return tmp_path / name

    return written


def by_record(result: Result) -> list[list[int]]:
    """Return the records of each call with a failure."""
    rows = result.collected.spill.telling().select("attempt_id", "record").collect()
    records_of = dict(rows.iter_rows())
    return sorted([records_of[one] for one in call] for call in calls_of(result.chained))


RECORDED = {
    "upstream-overload": [[5, 6, 7], [9, 10, 11], [13], [14, 15, 16], [17, 18, 19]],
    "client-timeout/sdk.har": [[3, 4, 5], [7]],
}
"""What the clients did, from the READMEs of the samples."""


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_clients(name: str) -> None:
    with run([str(SAMPLES / name)]) as result:
        assert by_record(result) == RECORDED[name]
        assert result.analysis.calls is not None
        assert result.analysis.calls.measured is None


def test_the_overload_as_its_users_felt_it() -> None:
    calls = analyzer.analyze(SAMPLES / "upstream-overload").calls
    assert calls is not None
    assert (calls.calls, calls.ok, calls.failed, calls.retries) == (14, 11, 3, 8)
    assert (calls.rescued, calls.given_up, calls.never_retried) == (2, 2, 1)
    assert calls.chained_by == {"counter": 8}
    assert calls.attempts_per_call == [(1, 10, 1), (3, 4, 2)]


@pytest.mark.parametrize("name", ["three-hops", "three-hops-no-ids"])
def test_what_other_hops_saw_is_no_retry(name: str) -> None:
    found = analyzer.analyze(SAMPLES / name)
    assert found.calls is not None
    assert (found.totals.calls, found.calls.retries, found.calls.never_retried) == (18, 0, 8)


def test_rows_that_are_kept_for_a_sink_change_nothing() -> None:
    path = str(SAMPLES / "upstream-overload" / "sdk.har")
    with run([path]) as slim, run([path], Options(rows=True)) as whole:
        assert slim.analysis.calls == whole.analysis.calls


def test_an_access_log_cannot_tell() -> None:
    found = analyzer.analyze(SAMPLES / "three-hops" / "access.log")
    assert found.totals.failed
    assert found.totals.calls is None
    assert found.calls is not None
    assert found.calls.calls == 0
    assert "no retry counter" in str(found.calls.measured)
    assert "HAR file of the client" in str(found.calls.measured)
    assert [note for note in found.quality.not_measured if "retry" in note.text]


def test_bodies_that_were_not_recorded_cannot_tell(write: Write) -> None:
    found = analyzer.analyze(write(*(entry(n, 503 if n < 2 else 200, None) for n in range(3))))
    assert found.totals.calls is None


def test_a_part_of_the_inputs_tells(write: Write) -> None:
    told = [entry(0, 503, "a"), entry(3, 200, "a"), entry(6, 200, "b")]
    found = analyzer.analyze(write(*told, entry(9, 503, None)))
    assert found.totals.calls is None
    calls = found.calls
    assert calls is not None
    assert (calls.calls, calls.attempts, calls.rescued, calls.untold) == (2, 3, 1, 1)
    assert str(calls.measured).startswith("Retries are told of a part of the attempts only: 1 ")


def test_failures_that_are_only_counted_are_in_calls(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "FAILURES_PER_SIGNATURE", 2)
    path = write(
        *(entry(n * 10, 503, f"call {n}") for n in range(9)),
        *(entry(n * 10 + 3, 200, f"call {n}") for n in range(9)),
    )
    with run([str(path)]) as result:
        assert result.collected.sampled == 7
        calls = result.analysis.calls
        assert calls is not None
        assert (calls.calls, calls.rescued, calls.measured) == (9, 9, None)
        assert result.chained.calls["cause"].null_count() == 0


def test_calls_of_the_records(write: Write) -> None:
    with run([str(write(entry(0, 503, "a"), entry(3, 200, "a"), entry(9, 503, "b")))]) as result:
        kept = recording.record(result).calls
    assert kept.schema == records.CALLS
    assert kept.select("model", "attempts", "failed", "outcome", "lost_s").rows() == [
        ("gpt-5.4-mini", 2, 1, "rescued", 3.0), ("gpt-5.4-mini", 1, 1, "never_retried", 0.4),
    ]  # fmt: skip


def test_a_storm_is_told_with_its_evidence(write: Write) -> None:
    tries = [entry(n, 503, "a", x_stainless_retry_count=str(n)) for n in range(8)]
    found = analyzer.analyze(write(*tries))
    assert found.calls is not None
    (storm,) = found.calls.storms
    assert storm.text == (
        "12:00 UTC: 1 call for gpt-5.4-mini at api.openai.com retried without backing off, "
        "7 times in all, up to 7 times in 10 s."
    )
    assert set(storm.evidence) <= {item.id for item in found.evidence}
    assert storm.evidence


def test_calls_per_model_add_up() -> None:
    calls = analyzer.analyze(SAMPLES / "upstream-overload").calls
    assert calls is not None
    assert sum(row.calls for row in calls.models) == calls.calls
    assert sum(row.failed for row in calls.models) == calls.failed
