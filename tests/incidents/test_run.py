"""Incidents of a whole run: from a HAR file to the Analysis and its reports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from incidents import capture

from analyzer import pipeline
from analyzer.analysis.incident import Incident
from analyzer.analysis.model import Analysis
from analyzer.errors import UsageError
from analyzer.render import html, markdown, terminal, windows


@pytest.fixture(scope="module")
def har(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return capture.write(tmp_path_factory.mktemp("incident") / "storm.har")


@pytest.fixture(scope="module")
def analysis(har: Path) -> Analysis:
    options = pipeline.Options(rows=True, markers=("14:19Z deploy 4.2", "12:00Z backup"))
    with pipeline.run([str(har)], options) as result:
        return result.analysis


@pytest.fixture
def incident(analysis: Analysis) -> Incident:
    assert len(analysis.incidents) == 1
    return analysis.incidents[0]


def test_the_storm_is_told_with_its_minutes_scope_and_party(incident: Incident) -> None:
    assert (incident.id, incident.kind, incident.family) == ("I1", "storm", "service")
    assert (incident.start, incident.end) == capture.STORM
    assert (incident.scope, incident.scope_value) == ("model", "claude-sonnet-5")
    assert (incident.layer, incident.cause, incident.party, incident.confidence) == (
        "upstream", "overloaded", "Anthropic", "certain",
    )  # fmt: skip
    assert incident.text == (
        "Upstream (Anthropic): Anthropic is overloaded (overloaded_error); 39 of 85 attempts of "
        "claude-sonnet-5 failed, 2026-11-22 14:21-14:38 UTC (17 min)."
    )


def test_its_numbers_are_those_of_the_window(analysis: Analysis, incident: Incident) -> None:
    assert incident.failed == analysis.totals.failed == sum(incident.by_layer.values())
    assert incident.failure_rate == incident.failed / incident.attempts
    assert incident.baseline_rate == 0
    assert [(share.value, share.failed) for share in incident.models] == [("claude-sonnet-5", 39)]
    assert incident.groups == [analysis.groups[0].fingerprint]


def test_markers_before_and_in_it_are_shown(incident: Incident) -> None:
    marker = incident.markers[0]
    assert len(incident.markers) == 1, "a backup more than two hours before is no trigger"
    assert (marker.text, marker.source, marker.seconds_before) == ("deploy 4.2", "user", 120.0)
    assert marker.at == datetime(2026, 11, 22, 14, 19, tzinfo=UTC)


def test_what_differs_is_the_streaming(incident: Incident) -> None:
    part = incident.differs.differences[0]
    assert (part.field, part.value, part.failed_share) == ("stream", "true", 1.0)
    assert incident.differs.not_tested is None


def test_the_document_is_read_back(analysis: Analysis) -> None:
    assert Analysis.from_json(analysis.to_json()) == analysis


def test_every_output_lists_it(analysis: Analysis) -> None:
    line = "storm 14:21-14:38 UTC, model claude-sonnet-5, 39 of 85 attempts failed"
    assert windows.briefly(analysis).replace("\u00a0", " ") == line
    text = terminal.render(analysis, width=100)
    assert "Incidents storm 14:21-14:38 UTC, model claude-sonnet-5" in text
    assert len(text.splitlines()) <= terminal.SCREEN
    assert "| I1 | 2026-11-22 14:21-14:38 UTC | 17 min 00 s | storm: overloaded" in (
        markdown.render(analysis)
    )
    assert 'id="incidents"' in html.render(analysis)


def test_a_healthy_capture_has_none_and_no_section(tmp_path: Path) -> None:
    path = capture.write(tmp_path / "healthy.har", storms=False)
    with pipeline.run([str(path)]) as result:
        healthy = result.analysis
    assert healthy.incidents == []
    assert "Incidents" not in terminal.render(healthy) + markdown.render(healthy)
    assert 'id="incidents"' not in html.render(healthy)


def test_a_marker_that_is_none_stops_the_run_before_it_reads(tmp_path: Path) -> None:
    options = pipeline.Options(markers=("noon deploy",))
    with pytest.raises(UsageError, match="does not begin with a time"):
        pipeline.run([str(tmp_path / "missing.har")], options)
