"""Capture -> attempts -> verdicts -> analysis: the two phases and the barrier between them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import polars as pl

from analyzer import calls, columns, correlate, data, rollup
from analyzer.analysis import build, scope
from analyzer.analysis.context import Context
from analyzer.analysis.model import Analysis, Note
from analyzer.analysis.parties import Names
from analyzer.billing import policy, settle, traffic
from analyzer.billing.policies import Policies
from analyzer.collect import Collected, collect
from analyzer.engine import judge, load
from analyzer.errors import NothingUsable, Problem
from analyzer.incidents import markers as happened
from analyzer.incidents.options import TARGET
from analyzer.ingest import capture, files
from analyzer.ingest.base import Limits, Reading, Source, Wants
from analyzer.progress import Progress
from analyzer.redact.secrets import SecretStore
from analyzer.signals import catalogue, headers_needed, markers, model
from analyzer.signals.rows import Signals
from analyzer.spill import Spill


@dataclass(frozen=True, slots=True)
class Options:
    """What a run can be told; the defaults are those of the command line."""

    gateways: tuple[str, ...] = ()
    """Hosts declared to be LLM gateways."""
    knowledge: tuple[Path, ...] = ()
    """Directories of rules that add to or override the packaged ones."""
    all_traffic: bool = False
    """Treat every HTTP exchange as LLM traffic (logs without hosts or known paths)."""
    limits: Limits = field(default_factory=Limits)
    reading: Reading = field(default_factory=Reading)
    """What logs do not say themselves: their format string, zone, hop, columns."""
    rows: bool = False
    """Keep the slim rows of all attempts, healthy ones too, for sinks."""
    prices: pl.DataFrame | None = None
    """The user's own price list: :func:`analyzer.billing.prices.load`."""
    command: str = ""
    """Shown in the report, so that somebody else gets the same."""
    progress: Progress | None = None
    """Is told how far the reading has come."""
    markers: tuple[str, ...] = ()
    """What the user says happened, each like ``14:19Z deploy 4.2``."""
    target: float = TARGET
    """Share of attempts that shall succeed; incidents are measured against it."""
    support: bool = False
    """Read the headers too that support desks ask for: see :mod:`analyzer.ticket`."""
    salt: bytes | None = None
    """Keys the pseudonyms; ``None``: made from the inputs, so that they tell nothing elsewhere."""


@dataclass(slots=True)
class Result:
    """A finished run: the Analysis and the rows behind it; close it, or use ``with``."""

    analysis: Analysis
    verdicts: pl.DataFrame
    """Judged and billed failures: all canonical columns and the verdict's; raw text, unredacted."""
    collected: Collected
    counted: scope.Counted
    """Of all that was collected, what counts once, named as in reports; raw text."""
    latency: pl.DataFrame
    joined: correlate.Joined
    """The attempts that several hops saw."""
    settled: settle.Settled | None
    """What usage exports say of the failures; ``None`` without an export."""
    chained: calls.Chained
    """The calls with a failed attempt; raw text."""
    knowledge: load.KnowledgeBase
    facts: catalogue.SignalData
    secrets: SecretStore

    def close(self) -> None:
        """Remove what phase 1 spilled."""
        self.collected.spill.close()

    def __enter__(self) -> Result:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def run(
    inputs: Sequence[str], options: Options | None = None,
    opened: tuple[list[Source], list[Problem]] | None = None,
) -> Result:  # fmt: skip
    """Read all inputs and return the result; ``opened`` is what they were expanded to already.

    Raises:
        NothingUsable: no input holds LLM traffic that can be read.
        ConfigError: the packaged knowledge is broken, or a knowledge directory does not exist.
        UsageError: a marker is none, or fits several days of the capture.
    """
    options = options or Options()
    for raw in options.markers:
        happened.parse(raw)  # Reading may take minutes: what is mistyped is said at once.
    knowledge = load.load(data.root("knowledge"), options.knowledge)
    facts = catalogue.from_data(knowledge.data)
    sources, problems = opened or files.expand(inputs, options.limits)
    secrets = SecretStore(options.salt or _salt(sources))
    # Rows of one log are only needed by sinks; several logs are joined, and a usage export is
    # settled, by them.
    keep = options.rows or len(sources) > 1
    spill = Spill(keep=keep)
    wants = _wants(knowledge, facts, secrets, options, len(sources) > 1)
    if not keep:
        # Signals remember what they have looked up: reading has one of its own, in its own thread.
        wants = replace(wants, say=_signals(facts, options))
    try:
        collected = collect(
            capture.read(sources, wants), _signals(facts, options), spill, options.progress
        )
        collected.problems[:0] = problems
        if not collected.attempts:
            raise NothingUsable(_nothing(inputs, collected))
        return _phase_2(collected, knowledge, facts, secrets, options)
    except BaseException:
        spill.close()
        raise


def _signals(facts: catalogue.SignalData, options: Options) -> Signals:
    return Signals(facts, declared=options.gateways, all_traffic=options.all_traffic)


def _wants(
    knowledge: load.KnowledgeBase, facts: catalogue.SignalData, secrets: SecretStore,
    options: Options, several: bool = False,
) -> Wants:  # fmt: skip
    headers = knowledge.headers | headers_needed(facts)
    if options.support:
        from analyzer.engine.support import Support

        headers |= Support(knowledge.data).headers()
    if several:
        # A server's clock against the client's, for what is joined by time.
        headers |= {settle.DATE}
    return Wants(headers, secrets, options.limits, reading=options.reading)


def _phase_2(
    collected: Collected, knowledge: load.KnowledgeBase, facts: catalogue.SignalData,
    secrets: SecretStore, options: Options,
) -> Result:  # fmt: skip
    latency = rollup.medians(collected.rollup)
    marked = markers.add(collected.failures, facts)
    collected.failures = marked
    verdicts = judge.judge(marked, collected.ledger, latency, knowledge)
    judged = marked.join(verdicts, on="attempt_id", how="left", maintain_order="left")
    joined = correlate.join(judged, collected.spill.scan(), collected.ledger)
    settled = correlate.settle(judged, joined)
    counts, collected.ledger = correlate.recounted(
        collected.rollup.counts, collected.ledger, joined.slim
    )
    collected.rollup = rollup.Rollup(counts, collected.rollup.latency)
    billed = policy.settle(settled, Policies.of(knowledge.data.get("policies") or {}))
    settled_bills = _settled(billed, collected, joined, facts)
    billed = settled_bills.failures if settled_bills else settle.unsettled(billed)
    secrets.keep(_shown(collected))
    context = _context(knowledge, facts, secrets, options)
    counted = scope.counted(collected, billed, joined, context)
    chained = _chained(collected, counted, joined, context)
    analysis = build.build(collected, counted, joined, settled_bills, chained, context)
    return Result(
        analysis, billed, collected, counted, latency, joined, settled_bills, chained, knowledge,
        facts, secrets,
    )  # fmt: skip


def _chained(
    collected: Collected, counted: scope.Counted, joined: correlate.Joined, context: Context
) -> calls.Chained:
    """Chain the attempts that count: what a hop behind noted of them is no retry."""
    every = traffic.attempts(collected.spill.telling(), joined)
    own = every.filter(
        ~pl.col("echo"), ~pl.col("attempt_id").is_in(joined.members["attempt_id"].implode())
    )
    told = {rule.id: rule.retry_advice for rule in context.rules.values() if rule.retry_advice}
    return calls.chain(counted.failures, own, told, correlate.finished(joined))


def _settled(
    billed: pl.DataFrame, collected: Collected, joined: correlate.Joined,
    facts: catalogue.SignalData,
) -> settle.Settled | None:  # fmt: skip
    """Settle the failures against the usage exports, if there are any."""
    if not collected.usage.height:
        return None
    told = settle.Options(
        normalise=lambda name: model.normalise(name, facts),
        members=joined.members.select("attempt_id", "primary"),
    )
    attempts = traffic.attempts(collected.spill.scan(), joined)
    return settle.settle(billed, collected.usage, attempts, told)


def _context(
    knowledge: load.KnowledgeBase, facts: catalogue.SignalData, secrets: SecretStore,
    options: Options,
) -> Context:  # fmt: skip
    def normalise(column: pl.Expr) -> pl.Expr:
        return model.normalise(column, facts)

    told = {
        "gateways": ", ".join(options.gateways),
        "knowledge": ", ".join(path.name for path in options.knowledge),
        "all_traffic": "yes" if options.all_traffic else "",
    }
    said = [*_findings(knowledge.problems, options.knowledge), *facts.problems]
    return Context(
        rules={rule.id: rule for rule in knowledge.rules},
        knowledge_version=knowledge.version,
        names=Names(facts.names(), {c.slug: c.settings.steps for c in facts.clients}),
        redact=secrets.redact,
        redactions=secrets.counts,
        normalise=normalise,
        command=options.command,
        options={name: value for name, value in told.items() if value},
        notes=[Note(level="warn", text=text) for text in said],
        marks=[happened.parse(raw) for raw in options.markers],
        target=options.target,
        prices=options.prices,
    )


def _shown(collected: Collected) -> list[str | None]:
    """Return what a report must be able to name, even where it looks like an address or an id."""
    names = collected.ledger.select("host", "model")
    failed = collected.failures.select("request_id", "ray_id", "upstream_request_id", "trace_id")
    return [value for column in (*names, *failed) for value in column.unique()]


def _findings(findings: Sequence[load.Finding], roots: Sequence[Path]) -> list[str]:
    """Say the first finding of each knowledge file; paths start at the directory that was given.

    Reports are passed on, and the folders above a directory tell about its owner's machine.
    """
    folded: dict[str, list[str]] = {}
    for finding in findings:
        message = finding.message
        for root in roots:
            message = message.replace(f"{root}/", f"{root.name}/")
        folded.setdefault(message.partition(":")[0], []).append(message)
    return [
        told[0] + (f" And {len(told) - 1} more in this file: analyze kb lint" if told[1:] else "")
        for told in folded.values()
    ]


def _salt(sources: Sequence[Source]) -> bytes:
    """Return a salt that is the same for the same inputs and unknown without them.

    Pseudonyms are then stable between two runs over one capture, so reports are reproducible, and
    tell nothing across reports.
    """
    digest = hashlib.blake2b(digest_size=16)
    for source in sources:
        digest.update(source.name.encode())
        digest.update(source.head)
        digest.update(str(source.size).encode())
    return digest.digest()


def _nothing(inputs: Sequence[str], collected: Collected) -> str:
    """Say why there is nothing to analyse, and what would help."""
    problems = collected.problems
    records = sum(tally.records for tally in collected.tallies)
    shown = ", ".join(Path(name).name or name for name in inputs[:3])
    if collected.usage.height:
        return (
            f"{shown} holds {collected.usage.height:,} usage rows and no attempts. Give the HAR "
            "file or the access log of that time as well."
        )
    if records == 0:
        return " ".join(_first_problems(problems) or [f"Nothing to read in {shown}: it is empty."])
    hosts = sorted(collected.hosts_left_out.items(), key=lambda item: (-item[1], item[0]))[:5]
    seen = ", ".join(f"{host} ({count})" for host, count in hosts) or "none named"
    hint = f" If {hosts[0][0]} is your gateway: --gateway {hosts[0][0]}" if hosts else ""
    return (
        f"No LLM API traffic found in {shown} ({records} records, 0 matched). Hosts seen: {seen}."
        f"{hint} To take every request as LLM traffic: --all-traffic"
    )


def _first_problems(problems: Sequence[Problem]) -> list[str]:
    told = [f"{problem.place}: {problem.message}" for problem in problems[:3]]
    if len(problems) > len(told):
        told.append(f"{len(problems) - len(told)} more problems.")
    return told


def attempts(inputs: Sequence[str], options: Options | None = None) -> pl.DataFrame:
    """Return the canonical rows of all inputs with their signals, raw and unredacted."""
    options = options or Options()
    knowledge = load.load(data.root("knowledge"), options.knowledge)
    facts = catalogue.from_data(knowledge.data)
    sources, _ = files.expand(inputs, options.limits)
    wants = _wants(knowledge, facts, SecretStore(_salt(sources)), options)
    say = _signals(facts, options)
    frames = [
        say(batch.attempts)
        for _, _, batch in capture.read(sources, wants)
        if batch.attempts is not None
    ]
    return pl.concat(frames, how="diagonal") if frames else columns.empty()
