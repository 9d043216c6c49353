"""The report: every section in its place, numbers that agree, causes kept apart from triggers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from render.incident import storm

from analyzer.analysis.incident import Marker
from analyzer.pipeline import Result
from analyzer.render.incident import narrow, report, show, size, slices
from analyzer.render.incident.audience import AUDIENCES
from analyzer.render.incident.document import Document, Moment, Part, Section
from analyzer.render.incident.report import Wanted
from analyzer.render.incident.sight import Sight

NAMES = [
    "verdict", "now", "timeline", "impact", "models", "groups", "evidence", "time", "differs",
    "retries", "billing", "contradictions", "hypothesis", "tickets", "quality", "method", "people",
]  # fmt: skip


def storm_of(result: Result) -> int:
    """Return which incident the storm is, from 1."""
    found = [one for one in result.analysis.incidents if one.cause == "overloaded"]
    assert len(found) == 1
    return result.analysis.incidents.index(found[0]) + 1


def made(result: Result, **wanted: object) -> Document:
    return report.build(result, Wanted(**wanted))  # type: ignore[arg-type]


def section(part: Part, name: str) -> Section:
    return next(one for one in part.sections if one.name == name)


def text(document: Document, verbosity: int = 1) -> str:
    return show.render(document, "text", verbosity=verbosity)


# ------------------------------------------------------------------ sections


@pytest.mark.parametrize("audience", ["operator", "user", "provider"])
@pytest.mark.parametrize("run", ["stormy", "hops", "calm"])
def test_every_section_is_there_or_says_why_not(
    run: str, audience: str, request: pytest.FixtureRequest
) -> None:
    document = made(request.getfixturevalue(run), audience=audience)
    for part in document.parts:
        assert [one.name for one in part.sections] == NAMES
        assert [one.number for one in part.sections] == list(range(1, 18))
        for one in part.sections:
            assert bool(one.blocks) != bool(one.omitted), one.name


def test_anchors_are_stable_and_unique(stormy: Result) -> None:
    every = [part.anchor(name) for part in made(stormy).parts for name in NAMES]
    assert len(set(every)) == len(every)
    number = storm_of(stormy)
    alone = made(stormy, number=number).parts[0]
    assert alone.anchor("timeline") == f"i{number}-timeline"
    assert alone.anchor("timeline") in every


def test_a_capture_without_incident_says_what_was_looked_for(calm: Result) -> None:
    document = made(calm)
    told = text(document)
    assert len(document.parts) == 1
    assert document.parts[0].id == ""
    assert "No incident was found in 13 attempts" in told
    assert "Looked for: stretches of minutes" in " ".join(told.split())


def test_several_incidents_have_an_index_and_a_report_each(stormy: Result) -> None:
    document = made(stormy)
    assert [part.id for part in document.parts] == ["I1", "I2"]
    assert "Incidents, by start" in text(document)
    assert "the inputs are the same" in section(document.parts[1], "quality").omitted


def test_text_of_the_storm(stormy: Result, snapshot: object) -> None:
    number = storm_of(stormy)
    document = made(
        stormy, number=number, zone=ZoneInfo("Europe/Berlin"), zone_name="Europe/Berlin",
        files=("storm.har",), command=f"analyze incident storm.har --incident {number}",
    )  # fmt: skip
    shown = re.sub(r"knowledge \w+", "knowledge X", text(document, verbosity=0))
    assert re.sub(r"\d+ rules", "N rules", shown) == snapshot
    assert max(len(line) for line in shown.splitlines()) <= 100


# ------------------------------------------------------------------ numbers


def test_the_slice_counts_what_the_incident_counts(stormy: Result) -> None:
    for incident in stormy.analysis.incidents:
        view = slices.within(stormy, incident)
        totals = view.analysis.totals
        assert totals.failed == incident.failed
        assert totals.ok + totals.failed + view.aside == incident.attempts
        assert sum(group.count for group in view.analysis.groups) == totals.failed
        assert sum(row.attempts for row in view.analysis.models) == totals.attempts
        drawn = [
            s for s in view.around.slots if incident.start <= s.start < (incident.end or s.start)
        ]
        assert sum(slot.failed for slot in drawn) == totals.failed
        assert sum(sum(slot.by_layer.values()) for slot in drawn) == totals.failed


def test_the_storm_is_found_where_it_was_made(stormy: Result) -> None:
    incident = stormy.analysis.incidents[storm_of(stormy) - 1]
    assert incident.scope_value == storm.MODELS[0]
    assert abs(incident.start - storm.BEGIN) <= timedelta(minutes=2)
    assert incident.end is not None
    assert abs(incident.end - storm.END) <= timedelta(minutes=2)


def test_a_provider_sees_its_own_attempts_only(stormy: Result) -> None:
    incident = stormy.analysis.incidents[storm_of(stormy) - 1]
    view = slices.within(stormy, incident, "anthropic")
    assert {row.model for row in view.analysis.models} == {storm.MODELS[0]}
    assert view.analysis.totals.by_layer["upstream"] == view.analysis.totals.failed == 88


@pytest.mark.parametrize("open_end", [False, True])
def test_bounds_are_whole_minutes(stormy: Result, open_end: bool) -> None:
    start = datetime(2026, 11, 22, 14, 21, 30, tzinfo=UTC)
    incident = stormy.analysis.incidents[0].model_copy(
        update={"start": start, "end": None if open_end else start}
    )
    last = start + timedelta(minutes=3)
    low, high = narrow.bounds(incident, last)
    assert low == datetime(2026, 11, 22, 14, 21, tzinfo=UTC)
    assert high == low + timedelta(minutes=4 if open_end else 1)


# ------------------------------------------------------------------ causes


def test_a_marker_coincides_and_never_causes(stormy: Result) -> None:
    told = " ".join(text(made(stormy, number=storm_of(stormy))).split())
    trigger = told.partition(" Trigger ")[2].partition("What else it could be")[0]
    assert "Coincides with: “deploy 4.2” at 2026-11-22 14:19:00Z, 2 min 00 s before" in trigger
    assert "Candidates only" in trigger
    root = told.partition(" Root cause ")[2].partition(" Trigger ")[0]
    assert "deploy" not in root
    assert "caused by" not in told


@pytest.mark.parametrize(
    ("before", "near"), [(60, True), (1800, True), (1801, False), (-120, True), (-121, False)]
)
def test_only_near_markers_are_candidates(stormy: Result, before: int, near: bool) -> None:
    number = storm_of(stormy)
    incident = stormy.analysis.incidents[number - 1]
    at = incident.start - timedelta(seconds=before)
    marker = Marker(at=at, text="new key", source="user", seconds_before=before)
    view = slices.within(stormy, incident.model_copy(update={"markers": [marker]}))
    blocks = report.cause.hypothesis(Sight(view))
    part = Part("I1", report.view.NOTE, "", (Section("hypothesis", 13, "", blocks),))
    document = Document("", "operator", (), (part,), at, "")
    assert ("Coincides with: “new key”" in text(document)) == near


def test_there_is_always_an_alternative_with_what_would_decide_it(stormy: Result) -> None:
    told = " ".join(text(made(stormy, number=storm_of(stormy))).split())
    rest = told.partition("What else it could be")[2].partition("14. Tickets")[0]
    assert "Would be decided by:" in rest


def test_people_fill_in_what_no_log_tells(stormy: Result) -> None:
    told = text(made(stormy, number=1))
    for word in ("Detection", "Lessons", "Where we were lucky", "Owner", "Due"):
        assert word in told


# ------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("zone", "at", "local"),
    [
        ("Europe/Berlin", "2026-11-22T14:21:44", "15:21:44 +01:00"),
        ("Europe/Berlin", "2026-11-22T23:30:00", "2026-11-23 00:30:00 +01:00"),
        ("Europe/Berlin", "2026-10-25T00:30:00", "02:30:00 +02:00"),
        ("Europe/Berlin", "2026-10-25T01:30:00", "02:30:00 +01:00"),
        ("America/New_York", "2026-11-22T03:00:00", "2026-11-21 22:00:00 -05:00"),
        ("Asia/Kathmandu", "2026-11-22T14:00:00", "19:45:00 +05:45"),
    ],
)
def test_local_times(calm: Result, zone: str, at: str, local: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert Sight(slices.whole(calm), zone=ZoneInfo(zone)).local(moment) == local


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-11-22T14:21:00", "2026-11-22T14:38:00",
         "2026-11-22 14:21-14:38 UTC (15:21-15:38 +01:00)"),
        ("2026-11-22T23:30:00", "2026-11-22T23:45:00",
         "2026-11-22 23:30-23:45 UTC (2026-11-23 00:30-00:45 +01:00)"),
        ("2026-10-25T00:30:00", "2026-10-25T01:15:00",
         "2026-10-25 00:30-01:15 UTC (02:30 +02:00-02:15 +01:00)"),
    ],
)  # fmt: skip
def test_local_windows(calm: Result, start: str, end: str, shown: str) -> None:
    ends = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (start, end)]
    sight = Sight(slices.whole(calm), zone=ZoneInfo("Europe/Berlin"))
    assert sight.window(*ends) == shown


def test_without_a_second_zone_there_is_none(calm: Result) -> None:
    sight = Sight(slices.whole(calm))
    assert sight.moment(storm.BEGIN) == Moment(storm.BEGIN, "")


# ------------------------------------------------------------------ renderings


@pytest.mark.parametrize("form", ["text", "html", "markdown", "json"])
@pytest.mark.parametrize("audience", AUDIENCES)
def test_it_is_the_same_twice(stormy: Result, form: str, audience: str) -> None:
    first, second = (show.render(made(stormy, audience=audience), form) for _ in range(2))
    assert first == second


def test_json_holds_the_same_sections(stormy: Result) -> None:
    told = json.loads(show.render(made(stormy), "json"))
    assert told["schema_version"] == "1.0"
    assert [one["name"] for one in told["parts"][0]["sections"]] == NAMES


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("run", ["stormy", "hops", "calm"])
def test_tables_and_charts_fit_the_terminal(
    run: str, width: int, request: pytest.FixtureRequest
) -> None:
    shown = show.render(made(request.getfixturevalue(run)), "text", width=width)
    # Commands and texts that are to be copied are never wrapped.
    long = [line for line in shown.splitlines() if len(line) > width and "analyze " not in line]
    assert long == []


def test_plain_terminals_get_ascii_without_escapes(stormy: Result) -> None:
    shown = show.render(made(stormy), "text", unicode=False)
    assert shown.isascii()
    assert "\x1b" not in shown
    assert show.lines(made(stormy), unicode=False).isascii()


def test_markdown_tables_keep_their_shape(stormy: Result) -> None:
    shown = show.render(made(stormy), "markdown")
    for block in re.findall(r"(?:^\|.*\n)+", shown, re.MULTILINE):
        widths = {len(re.split(r"(?<!\\)\|", row.strip())) for row in block.splitlines()}
        assert len(widths) == 1, block


# ------------------------------------------------------------------ size


@pytest.mark.parametrize("form", ["html", "markdown"])
def test_what_goes_first_is_said(stormy: Result, form: str) -> None:
    document = show.visible(made(stormy))
    render = {"html": show.html.render, "markdown": show.markdown.render}[form]
    whole = render(document)
    assert "Left out to keep this report small" not in whole
    shorter = size.fit(document, render, len(whole.encode()) - 1)
    assert len(shorter.encode()) < len(whole.encode())
    assert "texts of samples" in shorter
    assert "all samples" not in shorter
    least = size.fit(document, render, 1)
    assert "failure groups" in least
    for name in ("Verdict", "What to do now", "Root-cause hypothesis"):
        assert name in least


def test_a_report_is_far_from_the_limits(stormy: Result) -> None:
    assert len(show.render(made(stormy), "html").encode()) < 1_000_000
    assert len(show.render(made(stormy), "markdown").encode()) < 200_000
