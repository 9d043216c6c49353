"""What every report says, before any format: sentences, facts and tables as plain text.

The terminal, HTML and Markdown renderers take their words from here, so that the same Analysis
reads the same everywhere. Nothing is added to the Analysis: what is missing is said to be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.analysis.model import (
    Analysis,
    Contradiction,
    Count,
    Group,
    ModelRow,
    Note,
    ProblemRow,
    Skew,
)
from analyzer.render import formatting as fmt
from analyzer.vocabulary import (
    BILLING_BASIS,
    LAYER_WORDS,
    RETRY_ADVICE,
    Term,
)  # fmt: skip

FEW_ATTEMPTS = 1000
"""Below this, a run without failures still leaves room for a rate that matters."""


@dataclass(frozen=True, slots=True)
class Level:
    """How bad it is: a word, a glyph and its ASCII twin, so that colour is never alone."""

    word: str
    glyph: str
    ascii: str


FAIL = Level("FAIL", "✖", "[FAIL]")
WARN = Level("WARN", "▲", "[WARN]")
NOTE = Level("NOTE", "●", "[NOTE]")
OK = Level("OK", "✔", "[ OK ]")
_BY_STATUS = {"fail": FAIL, "mixed": FAIL, "unsure": WARN, "ok": OK}


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value with an optional remark; ``evidence`` are ids."""

    label: str
    value: str
    remark: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause among several."""

    layer: str
    cause: str
    title: str
    count: int
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One remark with its level."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Models × layers: the models that are shown, what the rest adds up to, and all together."""

    layers: tuple[str, ...]
    rows: tuple[ModelRow, ...]
    rest: int
    """Models that are not shown."""
    rest_attempts: int
    rest_failed: int
    peak: int
    """Largest single cell, for shading."""


def level(analysis: Analysis) -> Level:
    """Return how bad the verdict is; a note if no attempt was decided, whatever the status."""
    if not analysis.totals.ok + analysis.totals.failed:
        return NOTE
    return _BY_STATUS.get(analysis.verdict.status, NOTE)


def words(name: str | None) -> str:
    """Return a word of a closed list as words: ``invalid_key`` -> ``invalid key``."""
    return (name or fmt.NOT_MEASURED).replace("_", " ")


def meaning(terms: tuple[Term, ...], word: str | None) -> str:
    """Return the one-line meaning of a word of a closed list, or nothing if it is not in it."""
    return next((term.meaning for term in terms if term.word == word), "")


def spoken(items: Iterable[str], most: int = 3) -> str:
    """Return ``a, b and 3 more``."""
    names = list(items)
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def counted(items: Iterable[Count], most: int = 5) -> str:
    """Return ``a (3), b (1) and 2 more``."""
    return spoken((f"{item.value} ({fmt.number(item.count)})" for item in items), most)


def basis(word: str) -> str:
    """Return what a billing basis means, in words."""
    return meaning(BILLING_BASIS, word) or word


def answered_by(analysis: Analysis) -> str:
    """Return who wrote the answers of the headline, if that is another hop than the one at fault.

    This is what readers get wrong: a page of the edge about a failure that arose behind it.
    """
    verdict = analysis.verdict
    lead = next((g for g in analysis.groups if g.fingerprint == verdict.group), None)
    if lead is None or lead.emitted_by in (verdict.layer, "none", "unknown"):
        return ""
    return f"the {lead.emitted_by}"


def causes(analysis: Analysis) -> list[Cause]:
    """Return the causes of a run that has several, most failures first; nothing if it has not."""
    if analysis.verdict.layer or not analysis.groups:
        return []
    folded: dict[tuple[str, str, str], Cause] = {}
    for group in analysis.groups:
        key = (group.layer, group.cause, group.title)
        known = folded.get(key)
        folded[key] = Cause(
            group.layer, group.cause, group.title,
            group.count + (known.count if known else 0),
            tuple(dict.fromkeys([*(known.evidence if known else ()), *group.evidence]))[:3],
        )  # fmt: skip
    return sorted(folded.values(), key=lambda cause: -cause.count)


def tally(analysis: Analysis) -> str:
    """Return ``4 812: 4 463 ok, 347 failed, 2 undecided; 92.79 % succeeded``."""
    totals = analysis.totals
    if not totals.attempts:
        return f"0 in {fmt.count(totals.records, 'record')}"
    parts = [f"{fmt.number(totals.ok)} ok", f"{fmt.number(totals.failed)} failed"]
    if totals.undecided:
        parts.append(f"{fmt.number(totals.undecided)} undecided")
    rate = totals.success_rate
    told = "" if rate is None else f"; {fmt.rate(rate)} succeeded"
    return f"{fmt.number(totals.attempts)}: {', '.join(parts)}{told}"


def reassurance(analysis: Analysis) -> str | None:
    """Return how high the failure rate may still be, if no failure was seen in few attempts."""
    totals = analysis.totals
    if totals.failed or not 0 < totals.ok < FEW_ATTEMPTS:
        return None
    bound = fmt.upper_bound(totals.ok)
    shown = f"{(bound or 0) * 100:.1f}{fmt.TIE}%"
    return f"With so few, the true failure rate may still be up to {shown} (95{fmt.TIE}% sure)."


def layers(analysis: Analysis) -> tuple[str, ...]:
    """Return the layers that get a column: ``unknown`` only where something is unknown."""
    counted = (analysis.totals.by_layer, *(row.by_layer for row in analysis.models))
    extra = any(layers.get("unknown") for layers in counted)
    return tuple(layer for layer in LAYER_WORDS if layer != "unknown" or extra)


def matrix(analysis: Analysis, most: int) -> Matrix:
    """Return the models with most failures first, at most ``most`` of them."""
    rows = sorted(analysis.models, key=lambda row: (-row.failed, -row.attempts, row.model))
    kept, rest = rows[:most], rows[most:]
    columns = layers(analysis)
    return Matrix(
        layers=columns,
        rows=tuple(kept),
        rest=len(rest),
        rest_attempts=sum(row.attempts for row in rest),
        rest_failed=sum(row.failed for row in rest),
        peak=max((row.by_layer.get(name, 0) for row in rows for name in columns), default=0),
    )


def served(row: ModelRow) -> str:
    """Return the model's name, with the served names where they differ."""
    return f"{row.model} (served: {spoken(row.served)})" if row.served else row.model


def merged(lists: Iterable[list[Count]]) -> list[Count]:
    """Return the sum of several counts, largest first."""
    total: Counter[str] = Counter()
    for counts in lists:
        for item in counts:
            total[item.value] += item.count
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return [Count(value=value, count=n) for value, n in ranked]


def hops(analysis: Analysis) -> str | None:
    """Return in a sentence what joining several logs gave; ``None`` if one kind was given."""
    told = analysis.hops
    if not told.joined and not told.ambiguous:
        return None
    parts = [f"{fmt.count(told.joined, 'attempt')} seen in more than one log"]
    how = [(told.by_id, "by id"), (told.by_time, "by time and call")]
    ways = ", ".join(f"{fmt.number(n)} {way}" for n, way in how if n)
    if ways:
        parts[0] += f" (records joined: {ways})"
    if told.ambiguous:
        parts.append(f"{fmt.count(told.ambiguous, 'record')} fit several and stay apart")
    if told.contradictions:
        number = sum(item.count for item in told.contradictions)
        parts.append(f"{fmt.count(number, 'contradiction')} between hops")
    return "; ".join(parts) + "."


def hops_briefly(analysis: Analysis) -> str | None:
    """Return the same in a line: what matters on a first screen."""
    told = analysis.hops
    if not told.joined and not told.ambiguous:
        return None
    parts = [f"{fmt.count(told.joined, 'attempt')} in several logs"]
    if told.ambiguous:
        parts.append(f"{fmt.number(told.ambiguous)} unclear")
    if told.contradictions:
        number = sum(item.count for item in told.contradictions)
        parts.append(f"{fmt.count(number, 'contradiction')} (-v)")
    return "; ".join(parts)


def contradiction(item: Contradiction) -> str:
    """Return how often two hops differ, and in what."""
    return f"{fmt.number(item.count)} × {words(item.kind)}: {item.text}"


def skew(item: Skew) -> str:
    """Return how the clocks of two logs differ, in words."""
    if item.basis == "assumed":
        return f"{item.inner} against {item.outer}: clocks taken as equal (too few common records)"
    basis = f"spread {item.spread_s:.1f} s, from {fmt.count(item.based_on, 'pair')} by {item.basis}"
    if abs(item.seconds) < max(item.spread_s, 0.1):
        return f"{item.inner} and {item.outer} agree ({basis})"
    ahead = "ahead of" if item.seconds >= 0 else "behind"
    return f"{item.inner} is {abs(item.seconds):.1f} s {ahead} {item.outer} ({basis})"


def remarks(analysis: Analysis) -> list[Line]:
    """Return all remarks on data quality: what was lost, what is doubtful, what was passed over."""
    quality = analysis.quality
    problems = sorted(quality.problems, key=lambda row: -row.count)
    lines = [Line(WARN, problem(row)) for row in problems if row.lost]
    lines += [
        Line(WARN if note.level == "warn" else NOTE, noted(note))
        for note in (*quality.caps, *quality.notes, *quality.not_measured)
    ]
    lines += [Line(NOTE, problem(row)) for row in problems if not row.lost]
    return sorted(lines, key=lambda line: line.level is not WARN)


def noted(note: Note) -> str:
    """Return a note with how many attempts it concerns."""
    return f"{note.text} ({fmt.number(note.count)})" if note.count else note.text


def problem(row: ProblemRow) -> str:
    """Return a problem of an input as one sentence with its first place."""
    place = row.input if row.first_record is None else f"{row.input}#{row.first_record}"
    told = row.count == 1 or row.message.startswith(f"{row.count} ")
    return f"{place}: {row.message}" + ("" if told else f" ({fmt.number(row.count)} in all)")


def rule_id(rule: str) -> str:
    """Return the id of ``id@rev``, as ``analyze kb show`` wants it."""
    return rule.partition("@")[0]


def group_billing(group: Group) -> str:
    """Return how a group was billed, on what basis and why."""
    counts = ", ".join(f"{word} {fmt.number(n)}" for word, n in group.billing.items())
    why = ", ".join(words(item.value) for item in group.billing_basis if item.value != "none")
    told = (counts or fmt.NOT_MEASURED) + (f" (basis: {why})" if why else "")
    return f"{told}; {group.billing_why}" if group.billing_why else told


def retry(group: Group) -> str:
    """Return the retry advice in words, with its reason."""
    advice = meaning(RETRY_ADVICE, group.retry) or words(group.retry)
    return f"{advice} {group.retry_why}".strip()


def group_cause(group: Group) -> str:
    """Return layer, cause, confidence and, where it is another one, who wrote the answer."""
    text = f"layer {group.layer}, cause {words(group.cause)}, confidence {group.confidence}"
    if group.emitted_by in (group.layer, "none"):
        return text
    return f"{text}; the answer was written by: {group.emitted_by}"
