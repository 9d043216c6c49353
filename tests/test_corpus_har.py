"""The captures of other projects: every entry is a row or a located problem, and none is blamed."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from cli import analyze
from har_count import entries

from analyzer import pipeline
from analyzer.errors import Problem
from analyzer.ingest import capture

pytestmark = pytest.mark.corpus

BROKEN = {
    ("NeuraLegion+har-sdk__gh-75.har", 1): "JSON that was cut off in the fixture",
    ("sourcegraph+cody__unauthed_recording.har.yaml", 7): "GraphQL answers only with an error",
}
"""Answers with 2xx that are none a caller could use, each looked at."""


@pytest.fixture(scope="module")
def captures(request: pytest.FixtureRequest) -> Path:
    return Path(request.config.getoption("--corpus")) / "har"


@pytest.fixture(scope="module")
def attempts(captures: Path) -> pl.DataFrame:
    return pipeline.attempts([str(captures)], pipeline.Options(all_traffic=True))


def files(captures: Path) -> list[Path]:
    return sorted(path for path in captures.iterdir() if path.suffix != ".tsv")


def test_every_entry_is_a_row_or_a_located_problem(captures: Path) -> None:
    total = 0
    for path in files(captures):
        problems: list[Problem] = []
        frame = capture.read_frame([str(path)], problems=problems)
        assert not {"internal", "unknown_format"} & {p.kind for p in problems} or not entries(path)
        located = [p for p in problems if p.record is not None and p.kind != "truncated"]
        found = entries(path)
        assert frame.height + sum(p.count for p in located) == len(found or ()), path.name
        places = sorted([*frame["record"].to_list(), *(p.record for p in located)])
        assert places == list(range(1, len(found or ()) + 1)), path.name
        if found is None:
            assert {p.kind for p in problems} & {"no_entries", "truncated", "unknown_format"}
        total += len(found or ())
    assert total > 1_500


def test_no_finished_answer_is_called_a_failure(attempts: pl.DataFrame) -> None:
    blamed = attempts.filter(~pl.col("ok"), pl.col("status").is_between(100, 399))
    found = set(blamed.select("input", "record").iter_rows())
    assert found == set(BROKEN)


def test_what_is_undecided_are_redirects(attempts: pl.DataFrame) -> None:
    undecided = attempts.filter(pl.col("ok").is_null(), pl.col("llm"))
    assert undecided.height > 0
    assert undecided["status"].is_between(301, 308).all()


def test_llm_streams_are_complete(attempts: pl.DataFrame) -> None:
    streams = attempts.filter(pl.col("stream_state").is_not_null())
    assert set(streams["stream_state"]) == {"complete", "not_recorded"}
    told = streams.filter(pl.col("stream_state") == "complete")
    assert set(told["body_kind"]) == {"sse", "eventstream"}
    assert told["visible_output"].all()
    assert told.height > 15


def test_the_whole_folder_in_one_run(captures: Path, attempts: pl.DataFrame) -> None:
    counted = attempts.filter(pl.col("llm"))
    with pipeline.run([str(captures)], pipeline.Options(all_traffic=True)) as result:
        totals, verdicts = result.analysis.totals, result.verdicts
    assert totals.attempts == counted.height
    assert totals.failed == counted.filter(~pl.col("ok")).height == verdicts.height
    judged = verdicts.filter(pl.col("status").is_between(100, 399))
    assert set(judged.select("input", "record").iter_rows()) == set(BROKEN)


def test_the_program_ends_well(captures: Path) -> None:
    made = analyze(captures, "--all-traffic", "--no-config", "--format", "json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["totals"]["attempts"] > 1_500
