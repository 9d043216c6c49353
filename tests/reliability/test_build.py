"""What the report takes from records, whichever way they were cut, and what it cannot tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reliability import process

from analyzer import records as kept
from analyzer.errors import NothingUsable
from analyzer.records import Records
from analyzer.reliability import tally
from analyzer.reliability.build import weekly
from analyzer.reliability.options import Options

SMALL = (process.Kind("m-one", "anthropic", 900, "messages", 900, 200),
         process.Kind("m-two", "openai", 400, "chat", 700, None))  # fmt: skip


@pytest.fixture(scope="module")
def small() -> Records:
    return process.records(5, weeks=2, kinds=SMALL, gap=None)


def one(at: datetime, ok: int, failed: int = 0, model: str = "m", cause: str = "overloaded",
        layer: str = "upstream") -> Records:  # fmt: skip
    """Return records of one minute; the calls of its failures are not told."""
    base = {"minute": [at], "model": [model]}
    counts = pl.DataFrame(
        base | {"attempts": [ok + failed], "ok": [ok], "failed": [failed]},
        schema_overrides={"minute": pl.Datetime("us", "UTC")},
    )
    bad = pl.DataFrame(
        base | {"failed": [float(failed)], "layer": [layer], "cause": [cause]},
        schema_overrides={"minute": pl.Datetime("us", "UTC")},
    ).filter(pl.col("failed") > 0)
    return replace(
        kept.empty(), counts=fit(counts, kept.COUNTS), failed=fit(bad, kept.FAILED)
    )  # fmt: skip


def fit(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(0 if dtype == pl.Int64 else None))
        .cast(dtype)
        .alias(name)
        for name, dtype in schema.items()
    )


MONDAY = datetime(2026, 11, 16, 12, tzinfo=UTC)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_however_records_are_cut_the_report_is_the_same(small: Records, cut: list[int]) -> None:
    parts = [
        Records(**{
            name: part.with_row_index("_row")
            .filter(pl.Series(cut).gather(pl.int_range(part.height, eager=True) % 8) == place)
            .drop("_row")
            for name in kept.SCHEMAS
            for part in [getattr(small, name)]
        })
        for place in range(3)
    ]  # fmt: skip
    whole = weekly(small)
    again = weekly(kept.add(parts))
    assert again == whole


def test_the_last_week_with_data_is_taken(small: Records) -> None:
    assert weekly(small).week == "2026-W44"
    assert weekly(small, "2026-W43").week == "2026-W43"


def test_a_week_without_data_says_which_weeks_there_are(small: Records) -> None:
    with pytest.raises(NothingUsable) as caught:
        weekly(small, "2026-W40")
    told = str(caught.value)
    assert "no attempt in week 2026-W40 (UTC)" in told
    assert "2026-W43 (" in told
    assert told.endswith("--week 2026-W44")


@pytest.mark.parametrize("records", [kept.empty(), one(MONDAY, 3)], ids=["nothing", "no time"])
def test_without_times_there_is_no_week(records: Records) -> None:
    timeless = replace(
        records,
        counts=records.counts.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("minute")),
    )
    with pytest.raises(NothingUsable, match="no attempt has a time"):
        weekly(timeless)


def test_attempts_without_a_time_are_told() -> None:
    timeless = one(MONDAY, 7).counts.with_columns(
        pl.lit(None, pl.Datetime("us", "UTC")).alias("minute")
    )
    records = one(MONDAY, 30)
    made = weekly(replace(records, counts=pl.concat([records.counts, timeless])))
    assert made.totals.attempts == 30
    assert made.coverage.without_time == 7


@pytest.mark.parametrize(
    ("ok", "failed", "verdict", "why"),
    [
        (16, 3, "not enough data", "fewer than 20"),
        (17, 3, "missed", "count below target"),
        (20, 0, "not enough data", "target within the range"),
        (5000, 0, "met", "whole range reaches"),
        (1993, 7, "not enough data", "target within the range"),
        (0, 0, "not enough data", "nothing was decided"),
    ],
)
def test_verdict_against_the_target(ok: int, failed: int, verdict: str, why: str) -> None:
    records = one(MONDAY, ok, failed)
    if not ok + failed:
        records = replace(records, counts=records.counts.with_columns(undecided=1, attempts=1))
    made = weekly(records, options=Options(target=0.995)).totals
    assert (made.verdict, why in made.verdict_why) == (verdict, True)


def test_where_nothing_tells_retries_attempts_are_counted_and_it_is_said() -> None:
    made = weekly(one(MONDAY, 90, 10))
    assert (made.totals.basis, made.totals.calls, made.totals.failed_calls) == (
        "attempts",
        None,
        None,
    )
    assert made.totals.availability == 0.9
    assert any(text.startswith("Calls: nothing in this week") for text in made.coverage.remarks)


def test_where_nothing_failed_every_attempt_is_a_call() -> None:
    made = weekly(one(MONDAY, 90)).totals
    assert (made.basis, made.calls, made.failed_calls) == ("calls", 90, 0)


@pytest.mark.parametrize(
    ("layer", "cause", "availability", "without"),
    [
        ("upstream", "overloaded", 0.9, 0.9),
        ("upstream", "rate_limited", 0.9, 1.0),
        ("client", "invalid_key", 1.0, 1.0),
        ("client", "client_timeout", 0.9, 0.9),
        ("gateway", "invalid_key", 0.9, 0.9),
    ],
)
def test_what_availability_leaves_out(
    layer: str, cause: str, availability: float, without: float
) -> None:
    made = weekly(one(MONDAY, 90, 10, cause=cause, layer=layer)).totals
    assert made.attempt_availability == availability
    assert made.attempt_availability_without_429 == without
    assert sum(made.failed_by_layer.values()) == 10


def test_the_zone_moves_attempts_between_weeks() -> None:
    """23:30 UTC on a Sunday is Monday in Berlin: another week, and the same attempts."""
    late = datetime(2026, 11, 15, 23, 30, tzinfo=UTC)
    records = kept.add([one(late, 30), one(MONDAY, 50)])
    berlin = Options(zone=ZoneInfo("Europe/Berlin"))
    assert weekly(records, "2026-W47").totals.attempts == 50
    assert weekly(records, "2026-W47", berlin).totals.attempts == 80
    assert weekly(records, "2026-W46").totals.attempts == 30
    with pytest.raises(NothingUsable, match="Europe/Berlin"):
        weekly(records, "2026-W46", berlin)


@pytest.mark.parametrize(("week", "hours"), [("2026-W13", 167), ("2026-W43", 169)])
def test_a_week_in_which_clocks_change_is_whole(week: str, hours: int) -> None:
    """An attempt an hour from end to end: no hour is missing, none is counted twice."""
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisocalendar(2026, int(week[-2:]), 1).replace(tzinfo=zone).astimezone(UTC)
    records = kept.add(one(start + timedelta(hours=i), 1) for i in range(hours))
    made = weekly(records, week, Options(zone=zone))
    assert made.totals.attempts == hours
    assert (made.coverage.hours, made.coverage.hours_with_data) == (hours, hours)
    assert (made.coverage.gaps, made.coverage.partial) == ([], False)
    assert sum(day.decided for day in made.budget_days) == hours
    assert [day.decided for day in made.budget_days[-7:-1]] == [24] * 6


def test_one_week_of_history_says_what_it_cannot_tell(small: Records) -> None:
    first = tally.between(small, process.START, process.START + timedelta(days=7), durations=True)
    made = weekly(first)
    assert {one.verdict for one in made.changes} == {"cannot tell"}
    assert {one.verdict for one in made.speeds} == {"cannot tell"}
    assert made.mix is None
    told = " ".join(made.coverage.remarks)
    assert "no week before in the data" in told
    assert "7 of 28 days have data" in told
    assert "cannot be told" in made.headline[1]


def test_gaps_are_told_apart() -> None:
    hours = [*range(30, 40), *range(45, 60)]
    start = datetime(2026, 11, 16, tzinfo=UTC)
    made = weekly(kept.add(one(start + timedelta(hours=h), 5) for h in hours)).coverage
    assert [(gap.kind, gap.hours) for gap in made.gaps] == [
        ("before", 30), ("within", 5), ("after", 108),
    ]  # fmt: skip
    assert made.partial
    assert made.hours_with_data == 25


def test_targets_of_models(small: Records) -> None:
    made = weekly(small, options=Options(target=0.5, targets={"m-one": 0.99999, "gone": 0.9}))
    assert {one.model: one.target for one in made.models} == {"m-one": 0.99999, "m-two": 0.5}
    assert {one.model: one.verdict == "met" for one in made.models} == {
        "m-one": False,
        "m-two": True,
    }
    assert "Targets: no attempt this week of gone." in made.coverage.remarks


def test_incidents_have_the_ids_of_the_week(generated: Records) -> None:
    made = weekly(generated)
    assert [one.id for one in made.incidents] == [
        f"W47-{i}" for i in range(1, len(made.incidents) + 1)
    ]
    assert made.incidents
    for one in made.incidents:
        assert one.start < made.end
        assert one.failed <= one.attempts
        assert one.models


def test_currencies_and_payers_are_never_added(small: Records) -> None:
    bills = pl.DataFrame(
        {"billed_cost": ["1.5", "2", "4", "8"], "currency": ["USD", "USD", "EUR", "USD"],
         "payer": ["gateway", "gateway", "gateway", "upstream"]}
    ).cast({"billed_cost": pl.Decimal(38, 18)})  # fmt: skip
    rows = small.failures.filter(pl.col("started_at") >= process.START + timedelta(days=7)).head(4)
    paid = rows.drop("billed_cost", "currency", "payer").hstack(bills)
    made = weekly(replace(small, failures=paid.select(kept.FAILURES.names()))).money
    assert [(one.payer, one.currency, one.amount) for one in made.booked] == [
        ("gateway", "EUR", "4"), ("gateway", "USD", "3.5"), ("upstream", "USD", "8"),
    ]  # fmt: skip
