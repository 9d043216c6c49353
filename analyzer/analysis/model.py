"""The :class:`Analysis`: the named middle object between collecting and showing.

It is plain data: saved and loaded as JSON, rendered by every output, free of secrets by
construction (text is redacted when it is built). Counts are attempts unless a name says
otherwise. Times are UTC. ``None`` means "not measured", never zero. The published JSON Schema
comes from these classes.
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from pathlib import Path

from analyzer.analysis.calls import Calls
from analyzer.analysis.incident import Incident
from analyzer.analysis.part import Part

SCHEMA_VERSION = "1.3"


class Tool(Part):
    """What wrote the analysis."""

    name: str = "whichhop"
    version: str
    knowledge_version: str
    """First 12 hex digits of the SHA-256 of all rules and data that were loaded."""
    rules: int


class Input(Part):
    """One file (or archive member, or standard input) that was read."""

    input: str
    format: str | None = None
    """Slug of the format; ``None`` if it was not recognised."""
    hop: str | None = None
    records: int = 0
    attempts: int = 0
    """Records that are LLM traffic."""
    usage_rows: int = 0
    left_out: int = 0
    """Records that are no LLM traffic."""
    problems: int = 0
    bytes: int | None = None
    sha256: str | None = None
    """First 12 hex digits."""
    first: datetime | None = None
    last: datetime | None = None


class Window(Part):
    """First and last moment of the attempts."""

    start: datetime | None = None
    end: datetime | None = None


class Totals(Part):
    """How many attempts, and how they went."""

    records: int
    left_out: int
    """Not LLM traffic."""
    attempts: int
    ok: int
    failed: int
    undecided: int
    """The end is not in the capture: in no denominator."""
    corroborating: int = 0
    """Records of other hops about attempts that are already counted on a more client-side hop."""
    by_layer: dict[str, int]
    """Failed attempts per layer, all six layers present."""
    success_rate: float | None = None
    """ok / (ok + failed); ``None`` if nothing was decided."""
    calls: int | None = None
    """Logical requests with their retries; ``None`` if nothing in the inputs tells retries."""


class Verdict(Part):
    """The headline."""

    text: str
    """One sentence, the same words in every output."""
    status: str
    """``fail``, ``ok``, ``unsure`` (most failures unexplained) or ``mixed`` (several causes)."""
    layer: str | None = None
    cause: str | None = None
    party: str | None = None
    """Who it is, in words: a provider, gateway or edge product, a host."""
    confidence: str | None = None
    failed: int = 0
    """Failed attempts that the headline covers."""
    of: int = 0
    """All failed attempts."""
    models: list[str] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    evidence: list[str] = field(default_factory=list)
    group: str | None = None
    """Fingerprint of the failure group that leads."""


class Step(Part):
    """One thing to do."""

    action: str
    why: str | None = None
    evidence: list[str] = field(default_factory=list)
    rule: str | None = None
    count: int = 0
    """Failed attempts that it concerns."""


class NextSteps(Part):
    """What to do now, per party, most failures first."""

    user: list[Step] = field(default_factory=list)
    operator: list[Step] = field(default_factory=list)
    provider: list[Step] = field(default_factory=list)


class ModelRow(Part):
    """One model: asked name normalised, ``(no model)`` kept as a row."""

    model: str
    served: list[str] = field(default_factory=list)
    """Names the answers give, where they differ from the asked one."""
    providers: list[str] = field(default_factory=list)
    attempts: int
    ok: int
    failed: int
    undecided: int
    by_layer: dict[str, int]
    success_rate: float | None = None
    top_cause: str | None = None
    billed: int = 0
    unbilled: int = 0
    partial: int = 0
    billing_unknown: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    duration_p50_ms: float | None = None
    """Of successes, nearest rank, within 1 %."""
    duration_p95_ms: float | None = None


class Count(Part):
    """A value and how often it was seen."""

    value: str
    count: int


class Possible(Part):
    """A rule that fits but needs something that the inputs do not show."""

    rule: str
    title: str
    layer: str
    cause: str
    needs: str
    count: int = 0


class Reference(Part):
    """A public source of a fact."""

    url: str
    date: str


class Group(Part):
    """Failures with one fingerprint: same layer, cause, rule, status, code, phase."""

    fingerprint: str
    """Versioned: ``g1:`` and a hash; stable between runs."""
    because: str
    """Why these are grouped, in words."""
    rule: str
    """``id@rev``."""
    title: str
    layer: str
    emitted_by: str
    cause: str
    confidence: str
    confidence_steps: list[str] = field(default_factory=list)
    severity: str = "major"
    ambiguous: bool = False
    count: int
    first: datetime | None = None
    last: datetime | None = None
    models: list[Count] = field(default_factory=list)
    hosts: list[Count] = field(default_factory=list)
    endpoints: list[Count] = field(default_factory=list)
    clients: list[Count] = field(default_factory=list)
    keys: int | None = None
    """Distinct credentials, by tag."""
    statuses: list[Count] = field(default_factory=list)
    codes: list[Count] = field(default_factory=list)
    """error type / code as the bodies give them."""
    billing: dict[str, int] = field(default_factory=dict)
    billing_basis: list[Count] = field(default_factory=list)
    billing_why: str = ""
    retry: str = ""
    """Advice word of the vocabulary."""
    retry_why: str = ""
    decided_by: list[str] = field(default_factory=list)
    also: list[Count] = field(default_factory=list)
    possible: list[Possible] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    meaning: str = ""
    impact: str = ""
    diagnosis: str = ""
    fix: str = ""
    not_when: str = ""
    """The rule's prose sections, Markdown."""
    references: list[Reference] = field(default_factory=list)
    steps: NextSteps = field(default_factory=NextSteps)


class Evidence(Part):
    """One attempt that is shown, with the place where it stands."""

    id: str
    """``E1`` …, numbered by first mention in the report."""
    place: str
    """``input#record``."""
    seen_in: list[str] = field(default_factory=list)
    started_at: datetime | None = None
    summary: str
    """One line: ``503 POST api.example/v1/chat/completions (model) in 1.2 s``."""
    fields: dict[str, str] = field(default_factory=dict)
    """Columns that decided, and ids; redacted."""
    excerpt: str | None = None
    """Redacted head of the body or last stream event."""
    excerpt_cut: bool = False
    timings_ms: dict[str, float] = field(default_factory=dict)
    """blocked, dns, connect, tls, send, wait, receive, as far as recorded, in that order."""
    request_ids: dict[str, str] = field(default_factory=dict)


class Slot(Part):
    """One bin of the timeline."""

    start: datetime
    attempts: int
    ok: int
    failed: int
    by_layer: dict[str, int] = field(default_factory=dict)


class Timeline(Part):
    """Attempts over time in equal bins, oldest first; gaps are bins of zero."""

    bin_s: int
    slots: list[Slot] = field(default_factory=list)
    markers: list[tuple[datetime, str]] = field(default_factory=list)
    """First failure, peak, last failure ..."""


class Skew(Part):
    """By how much the clock of one log is ahead of another's."""

    outer: str
    """Format of the log nearer to the client."""
    inner: str
    seconds: float
    spread_s: float
    based_on: int
    """Pairs of records that it was estimated from; 0 = assumed."""
    basis: str
    """``ids``, ``times`` or ``assumed``."""


class Contradiction(Part):
    """Two hops that tell different stories of the same requests."""

    kind: str
    """``finished_after_client_left``, ``status_differs`` or ``rescued``."""
    text: str
    """What the two say."""
    count: int
    places: list[str] = field(default_factory=list)
    """``input#record`` of both records of up to three examples."""


class Hops(Part):
    """What joining the records of several hops gave."""

    joined: int = 0
    """Attempts that more than one log shows."""
    by_id: int = 0
    """Records that were joined by an id they share."""
    by_time: int = 0
    """Records that were joined as the only ones to fit in time and call."""
    ambiguous: int = 0
    """Records that fit more than one of another log: left apart."""
    skews: list[Skew] = field(default_factory=list)
    contradictions: list[Contradiction] = field(default_factory=list)


class Alternative(Part):
    """What else it could be."""

    layer: str
    cause: str
    why: str
    decided_by: list[str] = field(default_factory=list)


class BillingRow(Part):
    """Failed attempts by verdict on money."""

    billing: str
    basis: str
    count: int
    expected: str
    input_tokens: int | None = None
    output_tokens: int | None = None


class Money(Part):
    """An amount; never added over currencies."""

    amount: str
    """Decimal as text."""
    currency: str


class BilledMoney(Part):
    """What one layer's ledgers booked for failed attempts; layers are never added."""

    payer: str
    """Whose ledger: ``gateway`` or ``upstream``."""
    verdict: str
    """``billed`` or ``unbilled``."""
    tier: str
    """How rows were joined: ``K1`` by id, ``K2`` tokens, ``K3`` embedded time, ``K4`` time."""
    basis: str | None = None
    """``charged``, ``estimated``, ``included`` or ``free``."""
    amount: str
    currency: str
    count: int


class Estimate(Part):
    """What failures without a cost come to by the user's own price list; basis ``estimated``."""

    model: str
    billing: str
    """``billed`` or ``partial``."""
    observed: bool
    """Whether a usage row shows the charge; else it is expected."""
    count: int
    amount: str
    currency: str
    price_date: str | None = None
    """Since when the price holds, as the list says."""


class Observed(Part):
    """Failed attempts by what was expected and what usage exports show."""

    expected: str
    observed: str
    count: int


class KeyShare(Part):
    """How much of a key's usage the log explains."""

    key: str
    rows: int
    explained: int
    share: float


class UsageCoverage(Part):
    """How far the exports of one ledger carry."""

    format: str
    inputs: list[str] = field(default_factory=list)
    payer: str
    gateway: str | None = None
    grain: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    rows: int = 0
    settles: bool = False
    """Whether single failures are settled by it: a row per request, and no client's estimate."""
    lag_s: float | None = None
    """Settlement lag that was assumed, in seconds."""
    skew_s: float | None = None
    """By how much its clock is ahead of the log's."""
    skew_basis: str | None = None
    """``ids``, ``embedded``, ``date``, ``times`` or ``unknown``."""
    by_id: int = 0
    by_tokens: int = 0
    by_time: int = 0
    ambiguous: int = 0
    """Failed attempts that several rows fit, or one row that may be somebody else's."""
    unmatched: int = 0
    """Rows within the log's time that no attempt explains."""
    explained_share: float | None = None
    """The lowest of its keys."""
    keys: list[KeyShare] = field(default_factory=list)
    lacks_models: list[str] = field(default_factory=list)
    """Models that the log has successes of and the export no row: it is filtered."""
    successes: int = 0
    """Successes within its time that were looked up."""
    successes_without_row: int = 0
    duplicates: int = 0
    """Rows that another export of the same ledger has too; counted once."""


class UsageBound(Part):
    """What an hourly or daily sum says of the failures in it, as a group."""

    format: str
    start: datetime
    end: datetime
    model: str
    requests: int
    successes: int
    failures: int
    low: int
    """At least so many of the failures are counted in it."""
    high: int
    conclusion: str
    """``none``, ``some``, ``all``, or why it says nothing."""


class UsageRow(Part):
    """A usage row that is shown."""

    place: str
    """``input#record``."""
    payer: str
    time: datetime | None = None
    model: str | None = None
    key: str | None = None
    amount: str | None = None
    currency: str | None = None
    reason: str
    """``unmatched_usage_row`` or ``refund_of_no_attempt``."""


class AmountMismatch(Part):
    """A failed answer that states another cost than was booked."""

    place: str
    usage_place: str
    stated: str
    booked: str
    currency: str


class Billing(Part):
    """The money side of the failures."""

    text: str
    """One sentence."""
    rows: list[BillingRow] = field(default_factory=list)
    stated_cost: list[Money] = field(default_factory=list)
    """Cost that failed answers themselves state."""
    usage_rows: int = 0
    usage_inputs: list[str] = field(default_factory=list)
    settled: bool = False
    """Whether usage rows were matched to attempts."""
    observed: list[Observed] = field(default_factory=list)
    outcomes: list[Count] = field(default_factory=list)
    """Failed attempts by how settling ended."""
    money: list[BilledMoney] = field(default_factory=list)
    estimates: list[Estimate] = field(default_factory=list)
    """Of failures that are billed, as seen or expected, and have tokens but no cost."""
    wasted_by_retries: list[Money] | None = None
    """Money of failed attempts that were asked again; ``None`` if nothing tells retries."""
    coverage: list[UsageCoverage] = field(default_factory=list)
    bounds: list[UsageBound] = field(default_factory=list)
    unmatched: int = 0
    """Usage rows within the log's time that no attempt explains."""
    unmatched_rows: list[UsageRow] = field(default_factory=list)
    """The first of them, and refunds that belong to no attempt."""
    mismatches: list[AmountMismatch] = field(default_factory=list)
    note: str | None = None


class Unknown(Part):
    """What no rule explains."""

    count: int
    share: float | None = None
    """Of failed attempts."""
    signatures: list[Count] = field(default_factory=list)


class Note(Part):
    """One remark on the quality of the data; level is ``warn`` or ``note``."""

    level: str
    text: str
    count: int = 0


class ProblemRow(Part):
    """Problems of one kind in one input."""

    input: str
    kind: str
    count: int
    first_record: int | None = None
    message: str
    lost: bool = True


class Quality(Part):
    """How far the data carries."""

    problems: list[ProblemRow] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    caps: list[Note] = field(default_factory=list)
    """Budgets that were reached: what was cut or sampled."""
    not_measured: list[Note] = field(default_factory=list)
    hosts_left_out: list[Count] = field(default_factory=list)
    redactions: dict[str, int] = field(default_factory=dict)


class RuleUse(Part):
    """A rule that fired."""

    rule: str
    """``id@rev``."""
    title: str
    count: int


class Method(Part):
    """How it was done, so that somebody else gets the same."""

    definitions: list[tuple[str, str]] = field(default_factory=list)
    rules: list[RuleUse] = field(default_factory=list)
    command: str = ""
    options: dict[str, str] = field(default_factory=dict)


class Analysis(Part):
    """The whole result."""

    schema_version: str = SCHEMA_VERSION
    tool: Tool
    generated_at: datetime
    inputs: list[Input]
    window: Window
    totals: Totals
    verdict: Verdict
    next_steps: NextSteps
    billing: Billing
    models: list[ModelRow]
    timeline: Timeline
    groups: list[Group]
    evidence: list[Evidence]
    hops: Hops = field(default_factory=Hops)
    calls: Calls | None = None
    """``None`` in documents of earlier versions; where retries cannot be told it says why."""
    incidents: list[Incident] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    unknown: Unknown
    quality: Quality
    method: Method

    def to_json(self) -> str:
        """Return the JSON document, indented, with a final newline."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Analysis:
        """Read what :meth:`to_json` wrote.

        Raises:
            pydantic.ValidationError: the document is not an Analysis of this schema.
        """
        return cls.model_validate_json(text)

    def save(self, path: Path) -> None:
        """Write the JSON document."""
        path.write_text(self.to_json(), encoding="utf-8")
