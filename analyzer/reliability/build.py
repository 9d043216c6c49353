"""From records to the weekly report: which hours, which denominators, then each part in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from analyzer._version import __version__
from analyzer.analysis.build import now as generated
from analyzer.errors import NothingUsable
from analyzer.records import Records
from analyzer.reliability import (
    budget,
    causes,
    change,
    coverage,
    definitions,
    events,
    headline,
    rates,
    speed,
    tally,
)
from analyzer.reliability.model import ALL, Burn, Change, ModelWeek, Quantiles, Tool, Weekly
from analyzer.reliability.options import Options
from analyzer.reliability.week import Week, zone_name

Row = dict[str, float]


def weekly(records: Records, week: str | None = None, options: Options | None = None) -> Weekly:
    """Return the report of one ISO week, by default the last one that has data.

    Raises:
        UsageError: the week is malformed.
        NothingUsable: there is no attempt in it; the message says in which weeks there are.
    """
    options = options or Options()
    chosen = _chosen(records, week, options)
    return _Report(records, chosen, options).build()


def _chosen(records: Records, week: str | None, options: Options) -> Week:
    asked = Week.parse(week, options.zone) if week else None
    times = records.counts["minute"]
    last = times.max()
    if not isinstance(last, datetime):
        msg = "no attempt has a time, so none is in any week; analyze run shows them all the same"
        raise NothingUsable(msg)
    if asked is None:
        return Week.of(last, options.zone)
    inside = (times >= asked.start) & (times < asked.end)
    if inside.any():
        return asked
    found = coverage.weeks_with_data(records, asked)
    told = ", ".join(f"{one.name} ({count} attempts)" for one, count in found[-8:])
    more = f" and {len(found) - 8} earlier ones" if len(found) > 8 else ""
    msg = (
        f"no attempt in week {asked.name} ({zone_name(options.zone)}). Weeks with data: {told}"
        f"{more}. Ask for one of them: --week {found[-1][0].name}"
    )
    raise NothingUsable(msg)


@dataclass
class _Report:
    """Everything that the parts of one report share."""

    records: Records
    week: Week
    options: Options
    inside: Records = field(init=False)
    hours: pl.DataFrame = field(init=False)
    sides: tally.Sides = field(init=False)
    measured: bool = field(init=False)
    """Whether calls can be told this week."""

    def __post_init__(self) -> None:
        first = self.week.before(max(self.options.weeks_before, 3)).start
        window = tally.between(self.records, first, self.week.end)
        self.inside = tally.between(window, self.week.start, self.week.end)
        self.hours = tally.hourly(window, self.week.start)
        self.measured = tally.calls_measured(self.inside)
        both = self.measured and tally.calls_measured(window)
        self.sides = tally.BY_CALLS if both else tally.BY_ATTEMPTS
        self._sums = {
            "week": self._summed(self.week.start, self.week.end),
            "budget": self._summed(self.week.before(3).start, self.week.end),
        }
        self._slots = self._by_model()
        self._weeks = [*self._before(), self.week]
        self._speed = speed.quantiles(speed.folded(self.records.latency, self._weeks))

    def _summed(self, start: datetime, end: datetime) -> dict[str | None, Row]:
        """Return the sums of a stretch per model; ``None`` is all models."""
        slots = tally.slots_of(start, end, self.week.start)
        rows = self.hours.filter(pl.col("slot").is_between(slots.start, slots.stop - 1))
        per = rows.group_by("model").agg(pl.col(tally.SUMS).sum())
        made: dict[str | None, Row] = {row.pop("model"): row for row in per.to_dicts()}
        made[None] = rows.select(pl.col(tally.SUMS).sum()).to_dicts()[0]
        return made

    def _by_model(self) -> dict[str | None, list[Row]]:
        """Return the hours of each model, oldest first, with ``slot``."""
        made: dict[str | None, list[Row]] = {
            str(key[0]): rows.to_dicts()
            for key, rows in self.hours.group_by("model", maintain_order=True)
        }
        together = self.hours.group_by("slot", maintain_order=True).agg(pl.col(tally.SUMS).sum())
        made[None] = together.to_dicts()
        return made

    def build(self) -> Weekly:
        """Return the finished report."""
        models = self._models()
        changes = self._changes([one.model for one in models[1:]])
        found, why = events.events(self.records, self.week, self.options, self.measured)
        made = Weekly(
            tool=Tool(version=__version__),
            generated_at=generated(),
            week=self.week.name, zone=zone_name(self.options.zone),
            start=self.week.start, end=self.week.end,
            headline=[],
            target=self.options.target,
            totals=models[0], models=models[1:],
            budget_days=budget.days(self.hours, self.week, self.sides, self.options.target),
            changes=changes, speeds=self._speeds([one.model for one in models[1:]]),
            mix=self._mix(),
            causes=causes.pareto(self.inside.failed),
            money=causes.money(self.inside), hygiene=causes.hygiene(self.inside.failed),
            incidents=found, incidents_why=why,
            coverage=coverage.coverage(self.records, self.inside, self.week, self._remarks(models)),
            definitions=definitions.definitions(self.options),
            command=self.options.command,
        )  # fmt: skip
        return made.model_copy(update={"headline": headline.sentences(made)})

    # ------------------------------------------------------------------ models

    def _models(self) -> list[ModelWeek]:
        """Return all models together, then each, most attempts first."""
        week = self._sums["week"]
        order = sorted(
            (str(name) for name in week if name is not None),
            key=lambda name: (-week[name]["attempts"], name),
        )
        shared = _Shared(
            attempts=tally.by_layer(self.inside.failed, "failed"),
            calls=tally.by_layer(tally.lost_calls(self.inside.calls), "weight"),
            counting=budget.layers(*self._counting()),
            speed=speed.of_week(self._speed, len(self._weeks) - 1),
            fastest=_fastest(self.inside),
            days=self._days_with_data(),
        )
        return [self._model(name, shared) for name in (None, *order) if self._any(name)]

    def _any(self, name: str | None) -> bool:
        return name is None or self._sums["week"][name]["attempts"] > 0

    def _counting(self) -> tuple[pl.DataFrame, str]:
        if self.sides is tally.BY_CALLS:
            return tally.lost_calls(self.inside.calls), "weight"
        return self.inside.failed, "failed"

    def _model(self, name: str | None, shared: _Shared) -> ModelWeek:
        row, sides = self._sums["week"][name], self.sides
        target = self.options.of(name) if name else self.options.target
        hours = [one for one in self._slots[name] if 0 <= one["slot"] < self.week.hours]
        rate = rates.rate(row[sides.ok], budget.decided(row, sides), rates.clusters(hours, sides))
        verdict, why = rates.verdict(rate, target)
        return ModelWeek(
            model=name or ALL,
            **self._counts(row),
            basis=sides.name,
            client_caused=round(row[sides.caller]), rate_limited=round(row[sides.limited]),
            decided=round(rate.n),
            availability=rate.value, availability_without_429=_without(row, sides),
            attempt_availability=_share(row, tally.BY_ATTEMPTS),
            attempt_availability_without_429=_without(row, tally.BY_ATTEMPTS),
            low=rate.low if rate.n else None, high=rate.high if rate.n else None,
            design_effect=rate.design_effect if rate.n else None,
            target=target, verdict=verdict, verdict_why=why,
            failed_by_layer=shared.attempts.get(name) or shared.none,
            failed_calls_by_layer=(
                (shared.calls.get(name) or shared.none) if self.measured else None
            ),
            budget=budget.budget(
                row, self._sums["budget"][name], shared.days, sides, target,
                shared.counting.get(name) or shared.none, _burns(shared.fastest, name, target),
            ),
            latency_ms=shared.speed.get(("duration", name), Quantiles()),
            ttft_ms=shared.speed.get(("ttft", name), Quantiles()),
        )  # fmt: skip

    def _counts(self, row: Row) -> dict[str, Any]:
        told: dict[str, Any] = {
            "attempts": round(row["attempts"]), "ok_attempts": round(row["ok"]),
            "failed_attempts": round(row["failed"]), "undecided_attempts": round(row["undecided"]),
        }  # fmt: skip
        if self.measured:
            calls, ok, failed = (round(row[c]) for c in ("calls", "calls_ok", "calls_failed"))
            told |= {
                "calls": calls, "ok_calls": ok, "failed_calls": failed,
                "undecided_calls": calls - ok - failed, "rescued_calls": round(row["rescued"]),
            }  # fmt: skip
        return told

    def _days_with_data(self) -> int:
        slots = {row["slot"] for row in self._slots[None] if row["attempts"]}
        first = self.week.before(3)
        return sum(
            any(s in slots for s in self._day(first.midnight(n), first.midnight(n + 1)))
            for n in range(budget.DAYS)
        )

    def _day(self, start: datetime, end: datetime) -> range:
        return tally.slots_of(start, end, self.week.start)

    # ------------------------------------------------------------------ against the weeks before

    def _before(self) -> list[Week]:
        """Return the weeks before that have data, oldest first."""
        slots = {row["slot"] for row in self._slots[None] if row["attempts"]}
        weeks = [self.week.before(n) for n in range(self.options.weeks_before, 0, -1)]
        return [w for w in weeks if any(s in slots for s in self._day(w.start, w.end))]

    def _changes(self, models: list[str]) -> list[Change]:
        weeks = self._before()
        named = [week.name for week in weeks]
        made = [
            change.change(name, self._side(name, weeks), self._side(name, [self.week]), named)
            for name in (None, *models)
        ]
        budgets = [1 - self.options.target, *(1 - self.options.of(name) for name in models)]
        return change.judged(made, budgets)

    def _side(self, name: str | None, weeks: list[Week]) -> change.Side:
        """Return the rate and the days of a model in some weeks."""
        rows = {int(row["slot"]): row for row in self._slots[name]}
        per_day = [
            [rows[s] for s in self._day(w.midnight(n), w.midnight(n + 1)) if s in rows]
            for w in weeks
            for n in range(7)
        ]
        days = [
            (
                max(0.0, sum(budget.counting(row, self.sides) for row in day)),
                max(0.0, sum(budget.decided(row, self.sides) for row in day)),
            )
            for day in per_day
        ]
        hours = [row for day in per_day for row in day]
        good = sum(row[self.sides.ok] for row in hours)
        n = sum(budget.decided(row, self.sides) for row in hours)
        return change.Side(rates.rate(good, n, rates.clusters(hours, self.sides)), days)

    def _mix(self) -> Any:
        weeks = self._before()
        if not weeks:
            return None
        names = [name for name in self._slots if name is not None]
        before, now = (
            {name: _tally(self._side(name, some)) for name in names}
            for some in (weeks, [self.week])
        )
        return change.mix(before, now)

    def _speeds(self, models: list[str]) -> list[Any]:
        return speed.speeds(self._speed, self._weeks, models)

    # ------------------------------------------------------------------ what it cannot tell

    def _remarks(self, models: list[ModelWeek]) -> list[str]:
        told = []
        if not self.measured:
            told.append(
                "Calls: nothing in this week tells which attempts are retries, so availability "
                "counts attempts, and no number of calls is given."
            )
        elif self.sides is tally.BY_ATTEMPTS:
            told.append(
                "Calls: retries can be told this week but not in all of the weeks before, so "
                "availability counts attempts."
            )
        if not self._before():
            told.append(
                "Change: there is no week before in the data, so nothing tells whether this week "
                "was better or worse than others, nor how far percentiles move by themselves."
            )
        days = models[0].budget.days_with_data
        if days < budget.DAYS:
            told.append(
                f"Budget: {days} of 28 days have data; the budget is that of these days alone."
            )
        unknown = sorted(set(self.options.targets) - {one.model.lower() for one in models})
        if unknown:
            told.append(f"Targets: no attempt this week of {', '.join(unknown)}.")
        return told


@dataclass(frozen=True)
class _Shared:
    """Per model what is counted in one go for all."""

    attempts: dict[str | None, dict[str, int]]
    calls: dict[str | None, dict[str, int]]
    counting: dict[str | None, dict[str, int]]
    speed: dict[tuple[str, str | None], Quantiles]
    fastest: dict[str | None, list[dict[str, Any]]]
    days: int

    @property
    def none(self) -> dict[str, int]:
        """No failure, in all six layers."""
        return dict.fromkeys(self.attempts[None], 0)


def _fastest(records: Records) -> dict[str | None, list[dict[str, Any]]]:
    made: dict[str | None, list[dict[str, Any]]] = {}
    for row in budget.fastest(records).to_dicts():
        made.setdefault(row.pop("model"), []).append(row)
    return made


def _burns(
    fastest: dict[str | None, list[dict[str, Any]]], name: str | None, target: float
) -> list[Burn]:
    return [
        Burn(
            start=row["start"], minutes=round(row["minutes"]),
            rate=row["failed"] / row["attempts"] / (1 - target),
            attempts=round(row["attempts"]), failed=round(row["failed"]),
        )
        for row in fastest.get(name, ())
    ]  # fmt: skip


def _share(row: Row, sides: tally.Sides) -> float | None:
    n = budget.decided(row, sides)
    return row[sides.ok] / n if n > 0 else None


def _without(row: Row, sides: tally.Sides) -> float | None:
    """Return availability with refusals for too many requests in no denominator."""
    n = budget.decided(row, sides) - row[sides.limited]
    return row[sides.ok] / n if n > 0 else None


def _tally(side: change.Side) -> change.Day:
    return side.rate.n - side.rate.good, side.rate.n
