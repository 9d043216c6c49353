"""The weekly report as plain data: what every output of ``analyze weekly`` shows.

Shares are between 0 and 1, times UTC, durations milliseconds. ``None`` means "not measured", never
zero. The published JSON Schema comes from these classes.
"""

from __future__ import annotations

from dataclasses import field
from datetime import date, datetime

from analyzer.analysis.part import Part

SCHEMA_VERSION = "1.0"
ALL = "(all models)"
"""The name under which the sums over all models stand."""


class Tool(Part):
    """What wrote the report."""

    name: str = "whichhop"
    version: str


class Quantiles(Part):
    """Durations of successes: nearest rank, within 1 % of the exact value."""

    n: int = 0
    """Successes that tell it."""
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    """``None`` below 200 successes, as p99: so few say nothing of what lies beyond p90."""
    p99: float | None = None


class Burn(Part):
    """The window in which the budget burnt fastest."""

    start: datetime
    minutes: int
    rate: float
    """How many times faster than the target allows."""
    attempts: int
    failed: int


class Budget(Part):
    """The error budget of 28 days that end with the week."""

    days_with_data: int
    allowed: float
    """Failures that the target allows in what was decided in these days."""
    failed: int
    left: float | None = None
    """Share of the budget that is left; negative when it is overspent."""
    week_failed: int = 0
    week_share: float | None = None
    """Share of the budget that this week took."""
    burn: float | None = None
    """Failure rate of the week over the rate that the target allows."""
    by_layer: dict[str, int] = field(default_factory=dict)
    """Failures of the week that count against the budget, by the layer where they arose."""
    fastest: list[Burn] = field(default_factory=list)
    """Worst hour and worst five minutes with at least 20 attempts; attempts, not calls."""


class BudgetDay(Part):
    """How much of the budget of all models was left after a day."""

    day: date
    decided: int
    """0: no data, which is no downtime."""
    failed: int
    left: float | None = None


class ModelWeek(Part):
    """A week of one model, or of all. Attempts always; calls where retries can be told."""

    model: str
    attempts: int
    ok_attempts: int
    failed_attempts: int
    undecided_attempts: int = 0
    """Their end is not in the capture: in no denominator."""
    calls: int | None = None
    ok_calls: int | None = None
    failed_calls: int | None = None
    undecided_calls: int | None = None
    rescued_calls: int | None = None
    """Calls that failed at first and succeeded by a retry."""
    basis: str
    """What availability, verdict, budget and change count: ``calls``, else ``attempts``."""
    client_caused: int = 0
    """Failures of that basis that the caller has to mend (4xx): left out of availability."""
    rate_limited: int = 0
    """Failures of that basis that are refusals for too many requests (429)."""
    decided: int = 0
    """Denominator of ``availability``: ok and failed without ``client_caused``."""
    availability: float | None = None
    """This week, a count and no estimate; refusals for too many requests count as failures."""
    availability_without_429: float | None = None
    """The same without ``rate_limited`` in the denominator."""
    attempt_availability: float | None = None
    attempt_availability_without_429: float | None = None
    low: float | None = None
    high: float | None = None
    """Approximate 95 % interval of the rate that the service has: Wilson on n / design effect."""
    design_effect: float | None = None
    """By how much failures that come together, by the hour, widen the interval; at least 1."""
    target: float
    verdict: str
    """``met``, ``missed`` or ``not enough data``."""
    verdict_why: str
    failed_by_layer: dict[str, int] = field(default_factory=dict)
    """Failed attempts, client-caused ones too."""
    failed_calls_by_layer: dict[str, int] | None = None
    budget: Budget
    latency_ms: Quantiles = field(default_factory=Quantiles)
    """Whole duration of successful attempts."""
    ttft_ms: Quantiles = field(default_factory=Quantiles)
    """Time to the first token of successful attempts that tell it."""


class Change(Part):
    """Availability against the weeks before."""

    model: str
    before: float | None = None
    now: float | None = None
    points: float | None = None
    """Change in percentage points."""
    low: float | None = None
    high: float | None = None
    """Approximate 95 % interval of ``points``."""
    p: float | None = None
    """Block permutation of days."""
    q: float | None = None
    """After Benjamini-Hochberg over the models that were tested."""
    verdict: str
    """``real``, ``noise`` or ``cannot tell``."""
    why: str
    weeks: list[str] = field(default_factory=list)
    """The weeks before that it is compared with."""


class WeekValue(Part):
    """A percentile of one week."""

    week: str
    n: int
    p50: float | None = None
    p95: float | None = None


class Speed(Part):
    """Durations of one model over the weeks; percentiles are never averaged."""

    model: str
    measure: str
    """``duration`` or ``ttft``."""
    weeks: list[WeekValue]
    """Oldest first; the last one is the week of the report."""
    verdict: str
    """``within``, ``above`` or ``below`` what the weeks before had, or ``cannot tell``."""
    why: str


class Mix(Part):
    """The change of the whole, taken apart: other rates, or other traffic."""

    points: float
    rate_points: float
    """What models doing better or worse contributed."""
    mix_points: float
    """What traffic moving between models contributed."""
    text: str


class CauseRow(Part):
    """Failed attempts of one cause; shares are of all failed attempts."""

    layer: str
    cause: str
    failed: int
    share: float
    cumulative: float
    rule: str | None = None
    """Rule of most of them, for ``analyze kb``."""
    models: list[str] = field(default_factory=list)
    """The three with most of them."""


class Booked(Part):
    """What one ledger booked for failed attempts; currencies and payers are never added."""

    payer: str
    """Whose ledger: ``gateway`` or ``upstream``."""
    currency: str
    amount: str
    """Decimal as text."""
    failed: int


class Money(Part):
    """What failed attempts cost."""

    text: str
    booked: list[Booked] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    """Failed attempts that were ``billed``, ``unbilled``, ``partial`` or ``unknown``."""
    proven: int = 0
    """Failed attempts that a usage export settles."""
    not_covered: int = 0
    """Failed attempts that no usage export settles: expected, not proven."""


class HygieneRow(Part):
    """Failures that only the caller can mend, of one credential and cause."""

    key_tag: str | None = None
    client: str | None = None
    cause: str
    status: int | None = None
    failed: int
    models: list[str] = field(default_factory=list)
    rule: str | None = None


class Event(Part):
    """An incident of the week."""

    id: str
    """``W47-1`` … by start."""
    text: str
    kind: str
    start: datetime
    end: datetime | None = None
    """``None``: still going on when the capture ends."""
    layer: str
    cause: str
    party: str | None = None
    confidence: str | None = None
    models: list[str] = field(default_factory=list)
    attempts: int
    failed: int
    calls: int | None = None
    failed_calls: int | None = None
    burn: float | None = None


class Gap(Part):
    """Hours without any attempt: no downtime, but nothing is known of them."""

    start: datetime
    end: datetime
    hours: int
    kind: str
    """``before``, ``within`` or ``after`` the time from which there are records at all."""


class SourceRow(Part):
    """Files of one format whose time touches the week."""

    format: str
    hop: str | None = None
    files: int
    records: int
    attempts: int
    left_out: int
    """Records that are no LLM traffic."""
    problems: int
    """Records that could not be read."""


class Coverage(Part):
    """How far the data carries."""

    hours: int
    """Of the week: 168, or 167 and 169 when clocks are changed."""
    hours_with_data: int
    partial: bool
    gaps: list[Gap] = field(default_factory=list)
    without_time: int = 0
    """Attempts that have no time and so are in no week."""
    sources: list[SourceRow] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What the report cannot tell, and why."""


class Weekly(Part):
    """The whole report."""

    schema_version: str = SCHEMA_VERSION
    tool: Tool
    generated_at: datetime
    week: str
    """ISO week, ``2026-W47``."""
    zone: str
    start: datetime
    end: datetime
    """First moment that is no longer in it."""
    headline: list[str]
    """Three sentences: against the target, against the weeks before, why."""
    target: float
    """For models that have none of their own."""
    totals: ModelWeek
    models: list[ModelWeek]
    """Most attempts first."""
    budget_days: list[BudgetDay] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    """All models first."""
    speeds: list[Speed] = field(default_factory=list)
    mix: Mix | None = None
    causes: list[CauseRow] = field(default_factory=list)
    money: Money
    hygiene: list[HygieneRow] = field(default_factory=list)
    incidents: list[Event] = field(default_factory=list)
    incidents_why: str | None = None
    """Why no incidents could be looked for."""
    coverage: Coverage
    definitions: list[tuple[str, str]] = field(default_factory=list)
    command: str = ""

    def to_json(self) -> str:
        """Return the JSON document, indented, with a final newline."""
        return self.model_dump_json(indent=2) + "\n"
