"""Every figure of the weekly report equals what DuckDB reckons from the same records."""

from __future__ import annotations

import math
from datetime import timedelta

import polars as pl
import pytest
from cli import SAMPLES
from reliability import process
from reliability.sql import CALLER, LOST, Sql

from analyzer import pipeline, recording, rollup
from analyzer.records import Records
from analyzer.reliability.build import weekly
from analyzer.reliability.model import ALL, ModelWeek, Weekly

SAMPLED = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
SPAN = (
    "BETWEEN $start AND $end - INTERVAL 1 MICROSECOND AND ($model IS NULL OR model IS NOT DISTINCT "
    "FROM $model)"
)


@pytest.fixture(scope="module")
def report(generated: Records) -> Weekly:
    return weekly(generated, "2026-W47")


@pytest.fixture(scope="module")
def sql(generated: Records) -> Sql:
    return Sql(generated)


def told(one: ModelWeek, report: Weekly) -> dict[str, object]:
    model = None if one.model == ALL else one.model
    return {"model": model, "start": report.start, "end": report.end}


def check_counts(report: Weekly, sql: Sql) -> None:
    for one in (report.totals, *report.models):
        want = sql.week(**told(one, report))  # type: ignore[arg-type]
        got = (one.attempts, one.ok_attempts, one.failed_attempts, one.undecided_attempts)
        assert got == tuple(want[n] for n in ("attempts", "ok", "failed", "undecided"))
        base = want["ok"] + want["failed"] - want["caller"]
        expected = want["ok"] / base if base else None
        assert one.attempt_availability == pytest.approx(expected)
        base -= want["limited"]
        assert one.attempt_availability_without_429 == pytest.approx(
            want["ok"] / base if base else None
        )
        if one.calls is None:
            assert one.basis == "attempts"
            continue
        assert (one.calls, one.ok_calls, one.failed_calls, one.rescued_calls) == tuple(
            want[n] for n in ("calls", "ok_calls", "failed_calls", "rescued")
        )
        if one.basis == "calls":
            base = want["ok_calls"] + want["failed_calls"] - want["lost_caller"]
            assert one.decided == base
            assert one.client_caused == want["lost_caller"]
            assert one.rate_limited == want["lost_limited"]
            assert one.availability == pytest.approx(want["ok_calls"] / base if base else None)
            base -= want["lost_limited"]
            assert one.availability_without_429 == pytest.approx(
                want["ok_calls"] / base if base else None
            )


def test_attempts_calls_and_availability(report: Weekly, sql: Sql) -> None:
    assert report.totals.basis == "calls"
    assert len(report.models) == 4
    check_counts(report, sql)


@pytest.mark.parametrize("name", SAMPLED)
def test_counts_of_a_sample(name: str) -> None:
    with pipeline.run([str(SAMPLES / name)]) as result:
        records = recording.record(result)
    report, sql = weekly(records), Sql(records)
    check_counts(report, sql)
    check_layers(report, sql)
    check_causes(report, sql)
    check_money(report, sql)


def check_layers(report: Weekly, sql: Sql) -> None:
    for one in (report.totals, *report.models):
        want = dict(
            sql.rows(
                f"SELECT layer, sum(failed) FROM failed WHERE minute {SPAN} GROUP BY layer",
                **told(one, report),
            )
        )
        assert {layer: n for layer, n in one.failed_by_layer.items() if n} == want
        assert len(one.failed_by_layer) == 6
        if one.failed_calls_by_layer is not None:
            lost = dict(
                sql.rows(
                    f"SELECT layer, sum(weight) FROM calls WHERE started_at {SPAN} AND {LOST} "
                    "GROUP BY layer",
                    **told(one, report),
                )
            )
            assert {k: n for k, n in one.failed_calls_by_layer.items() if n} == lost


def test_layers(report: Weekly, sql: Sql) -> None:
    check_layers(report, sql)


def test_interval_is_wilson_on_n_over_the_design_effect(report: Weekly, sql: Sql) -> None:
    """Hours are the clusters; the variance of a ratio over them, against that of single draws."""
    one = report.models[0]
    hours = sql.rows(
        f"""WITH n AS (SELECT date_trunc('hour', minute) h, sum(attempts) a, sum(ok) ok
              FROM counts WHERE minute {SPAN} GROUP BY 1),
            c AS (SELECT date_trunc('hour', started_at) h,
              sum((attempts - failed) * weight) answered,
              sum(weight) FILTER (outcome = 'rescued') rescued,
              sum(weight) FILTER ({LOST} AND NOT ({CALLER})) bad
              FROM calls WHERE started_at {SPAN} GROUP BY 1)
        SELECT coalesce(bad, 0), coalesce(bad, 0) + ok - coalesce(answered, 0)
          + coalesce(rescued, 0) FROM n LEFT JOIN c USING (h)""",
        **told(one, report),
    )
    bad, n = sum(h[0] for h in hours), sum(h[1] for h in hours)
    assert one.decided == n
    p, k = bad / n, len(hours)
    spread = sum((b - p * m) ** 2 for b, m in hours) * k / (k - 1)
    effect = max(1.0, spread / n / (p * (1 - p)))
    assert one.design_effect == pytest.approx(effect)
    assert effect > 2, "failures of the generated weeks come together"
    z, m = 1.959964, n / effect
    middle = (1 - p + z * z / (2 * m)) / (1 + z * z / m)
    half = z / (1 + z * z / m) * math.sqrt(p * (1 - p) / m + z * z / (4 * m * m))
    assert one.low == pytest.approx(middle - half, abs=1e-6)
    assert one.high == pytest.approx(middle + half, abs=1e-6)


def test_budget_and_burn(report: Weekly, sql: Sql) -> None:
    first = report.end - timedelta(days=28)
    for one in (report.totals, *report.models):
        span = told(one, report)
        week = sql.week(**span)  # type: ignore[arg-type]
        whole = sql.week(**(span | {"start": first}))  # type: ignore[arg-type]
        bad = {name: row["failed_calls"] - row["lost_caller"] for name, row in
               (("week", week), ("all", whole))}  # fmt: skip
        decided = whole["ok_calls"] + bad["all"]
        allowed = 0.005 * decided
        budget = one.budget
        assert budget.allowed == pytest.approx(allowed, abs=0.001)
        assert (budget.failed, budget.week_failed) == (bad["all"], bad["week"])
        assert budget.left == pytest.approx(1 - bad["all"] / allowed)
        assert budget.week_share == pytest.approx(bad["week"] / allowed)
        assert budget.burn == pytest.approx(bad["week"] / (week["ok_calls"] + bad["week"]) / 0.005)
        assert sum(budget.by_layer.values()) == bad["week"]
        assert budget.days_with_data == 28


def test_days_of_the_budget(report: Weekly, sql: Sql) -> None:
    spent, whole = 0.0, report.totals.budget.allowed
    assert len(report.budget_days) == 28
    for day in report.budget_days:
        start = report.start.replace(year=day.day.year, month=day.day.month, day=day.day.day)
        row = sql.week(None, start, start + timedelta(days=1))
        bad = row["failed_calls"] - row["lost_caller"]
        spent += bad
        assert (day.failed, day.decided) == (bad, bad + row["ok_calls"])
        assert day.left == pytest.approx(1 - spent / whole, abs=1e-5)


@pytest.mark.parametrize("minutes", [60, 5])
def test_fastest_window(report: Weekly, sql: Sql, minutes: int) -> None:
    for one in (report.totals, *report.models):
        rows = sql.rows(
            f"""WITH n AS (SELECT time_bucket(INTERVAL {minutes} MINUTE, minute) w,
                  sum(ok + failed) n FROM counts WHERE minute {SPAN} GROUP BY 1),
                b AS (SELECT time_bucket(INTERVAL {minutes} MINUTE, minute) w,
                  sum(failed) FILTER (NOT ({CALLER})) bad, sum(failed) FILTER ({CALLER}) own
                  FROM failed WHERE minute {SPAN} GROUP BY 1)
            SELECT w, n - coalesce(own, 0) n, bad FROM n JOIN b USING (w)
            WHERE bad > 0 AND n - coalesce(own, 0) >= 20 ORDER BY bad / (n - coalesce(own, 0)) DESC,
            w LIMIT 1""",
            **told(one, report),
        )
        found = [fast for fast in one.budget.fastest if fast.minutes == minutes]
        assert len(found) == len(rows)
        for fast, (start, n, bad) in zip(found, rows, strict=True):
            assert (fast.start, fast.attempts, fast.failed) == (start, n, bad)
            assert fast.rate == pytest.approx(bad / n / 0.005)


def test_percentiles_are_within_one_percent_of_exact(report: Weekly) -> None:
    drawn = process.exact().filter(
        (pl.col("minute") >= report.start) & (pl.col("minute") < report.end)
    )
    checked = 0
    for one in (report.totals, *report.models):
        rows = drawn if one.model == ALL else drawn.filter(model=one.model)
        for measure, found in (("duration", one.latency_ms), ("ttft", one.ttft_ms)):
            times = rows.filter(measure=measure)["ms"].sort()
            assert found.n == times.len()
            for level, name in ((0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")):
                value = getattr(found, name)
                if not times.len() or (name in ("p95", "p99") and times.len() < 200):
                    assert value is None
                    continue
                exact = times[math.ceil(level * times.len()) - 1]
                assert value == pytest.approx(exact, rel=rollup.RELATIVE_ERROR + 1e-9)
                checked += 1
    assert checked > 20


def check_causes(report: Weekly, sql: Sql) -> None:
    want = sql.rows(
        "SELECT layer, cause, sum(failed) n, sum(failed) / sum(sum(failed)) OVER () FROM failed "
        "WHERE minute >= $start AND minute < $end GROUP BY 1, 2 ORDER BY n DESC, layer, cause "
        "LIMIT 15",
        start=report.start, end=report.end,
    )  # fmt: skip
    assert [(row.layer, row.cause, row.failed) for row in report.causes] == [w[:3] for w in want]
    together = 0.0
    for row, (*_, share) in zip(report.causes, want, strict=True):
        together += share
        assert row.share == pytest.approx(share)
        assert row.cumulative == pytest.approx(together)


def test_causes(report: Weekly, sql: Sql) -> None:
    check_causes(report, sql)
    assert report.causes[-1].cumulative == pytest.approx(1)


def test_hygiene(report: Weekly, sql: Sql) -> None:
    want = sql.rows(
        "SELECT key_tag, client, cause, status, sum(failed) n FROM failed WHERE minute >= $start "
        f"AND minute < $end AND {CALLER} GROUP BY ALL ORDER BY n DESC, 1, 2, 3, 4 LIMIT 15",
        start=report.start, end=report.end,
    )  # fmt: skip
    got = [(row.key_tag, row.client, row.cause, row.status, row.failed) for row in report.hygiene]
    assert got == want
    assert len(got) > 3


def check_money(report: Weekly, sql: Sql) -> None:
    span = {"start": report.start, "end": report.end}
    during = "started_at >= $start AND started_at < $end"
    states = sql.rows(
        f"SELECT billing, sum(weight) FROM failures WHERE {during} GROUP BY 1 ORDER BY 1", **span
    )
    assert report.money.states == dict(states)
    (proven,) = sql.row(
        f"SELECT coalesce(sum(weight) FILTER (billing_basis = 'usage_export'), 0) FROM failures "
        f"WHERE {during}", **span,
    )  # fmt: skip
    assert report.money.proven == proven
    assert report.money.not_covered == sum(dict(states).values()) - proven
    booked = sql.rows(
        "SELECT payer, currency, sum(billed_cost), sum(weight) FROM failures WHERE billed_cost > 0 "
        f"AND {during} GROUP BY 1, 2 ORDER BY 1, 2", **span,
    )  # fmt: skip
    got = [(one.payer, one.currency, float(one.amount), one.failed) for one in report.money.booked]
    assert got == [(p, c, pytest.approx(float(a)), n) for p, c, a, n in booked]


def test_money(report: Weekly, sql: Sql) -> None:
    check_money(report, sql)
    assert report.money.booked
    assert report.money.not_covered


def test_change_and_mix(report: Weekly, sql: Sql) -> None:
    first = report.start - timedelta(days=28)
    rates = {}
    for one in report.changes:
        model = None if one.model == ALL else one.model
        now, before = (sql.week(model, *span) for span in
                       ((report.start, report.end), (first, report.start)))  # fmt: skip
        got = []
        for row in (before, now):
            n = row["ok_calls"] + row["failed_calls"] - row["lost_caller"]
            got.append((row["ok_calls"] / n, n))
        rates[one.model] = got
        assert (one.before, one.now) == (pytest.approx(got[0][0]), pytest.approx(got[1][0]))
        assert one.points == pytest.approx(100 * (got[1][0] - got[0][0]))
    assert report.mix is not None
    whole = rates.pop(ALL)
    by_rate = sum((r1 - r0) * (n0 / whole[0][1] + n1 / whole[1][1]) / 2
                  for (r0, n0), (r1, n1) in rates.values())  # fmt: skip
    by_mix = sum((n1 / whole[1][1] - n0 / whole[0][1]) * (r0 + r1) / 2
                 for (r0, n0), (r1, n1) in rates.values())  # fmt: skip
    assert report.mix.rate_points == pytest.approx(100 * by_rate)
    assert report.mix.mix_points == pytest.approx(100 * by_mix)
    assert report.mix.points == pytest.approx(report.changes[0].points)


def test_coverage(report: Weekly, sql: Sql) -> None:
    (hours,) = sql.row(
        "SELECT count(DISTINCT date_trunc('hour', minute)) FROM counts WHERE minute >= $start AND "
        "minute < $end", start=report.start, end=report.end,
    )  # fmt: skip
    assert report.coverage.hours_with_data == hours == 167
    assert [(gap.hours, gap.kind) for gap in report.coverage.gaps] == [(1, "within")]
    assert not report.coverage.partial
