"""How far the data carries: what was not read, cut, sampled or cannot be seen in these inputs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analyzer.analysis.calls import Calls
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.model import Count, Note, ProblemRow, Quality
from analyzer.analysis.scope import Counted
from analyzer.collect import FAILURES_PER_SIGNATURE, Collected
from analyzer.errors import Problem

PROBLEM_ROWS = 50
HOSTS = 10


def problem_rows(problems: Sequence[Problem], clean: Cleaner) -> list[ProblemRow]:
    """Return problems folded by input and kind, in the order in which they were met."""
    folded: dict[tuple[str, str], ProblemRow] = {}
    for problem in problems:
        key = (problem.input, problem.kind)
        known = folded.get(key)
        if known is None:
            folded[key] = ProblemRow(
                input=clean.value(problem.input),
                kind=problem.kind,
                count=problem.count,
                first_record=problem.record,
                message=clean.value(problem.message),
                lost=problem.lost,
            )
        else:
            folded[key] = known.model_copy(
                update={"count": known.count + problem.count, "lost": known.lost or problem.lost}
            )
    rows = list(folded.values())
    if len(rows) <= PROBLEM_ROWS:
        return rows
    rest = rows[PROBLEM_ROWS:]
    last = ProblemRow(
        input=f"{len({row.input for row in rest})} more inputs",
        kind="more",
        count=sum(row.count for row in rest),
        message=f"{len(rest)} more kinds of problem are counted but not listed.",
        lost=any(row.lost for row in rest),
    )
    return [*rows[:PROBLEM_ROWS], last]


def quality(
    collected: Collected, counted: Counted, undecided: int, called: Calls, notes: Sequence[Note],
    clean: Cleaner,
) -> Quality:  # fmt: skip
    """Return the quality part; ``redactions`` are filled in when everything has been redacted."""
    failures = counted.failures
    hosts = collected.hosts_left_out.most_common(HOSTS)
    return Quality(
        problems=problem_rows(collected.problems, clean),
        notes=[*notes, *_notes(failures, undecided, counted.echoed, counted.behind)],
        caps=_caps(collected),
        not_measured=[*_not_measured(collected, failures), *_calls(called)],
        hosts_left_out=[Count(value=clean.value(host), count=count) for host, count in hosts],
    )


def _notes(failures: pl.DataFrame, undecided: int, corroborating: int, behind: int) -> list[Note]:
    notes = []
    if undecided:
        text = (
            "Whether these attempts ended well is not in the capture (it stops before their end, "
            "or a proxy only notes that its client closed during the answer): in no percentage."
        )
        notes.append(Note(level="note", text=text, count=undecided))
    if corroborating:
        text = "Records of hops behind are about attempts that a log nearer to the client counts."
        notes.append(Note(level="note", text=text, count=corroborating))
    if behind:
        text = (
            "Failures that only a hop behind shows, at a time that a log nearer to the client "
            "covers: other clients' or inner tries; not counted as attempts. To count them, give "
            "that log alone."
        )
        notes.append(Note(level="warn", text=text, count=behind))
    sanitized = failures.filter(pl.col("sanitized")).height
    if sanitized:
        text = "The browser removed credentials from the capture: a missing key proves nothing."
        notes.append(Note(level="note", text=text, count=sanitized))
    return notes


def _caps(collected: Collected) -> list[Note]:
    if not collected.sampled:
        return []
    text = (
        f"More than {FAILURES_PER_SIGNATURE:,} failures were alike: all are counted, the ones "
        "beyond that share the verdict of a sample of their kind."
    )
    return [Note(level="note", text=text, count=collected.sampled)]


def _not_measured(collected: Collected, failures: pl.DataFrame) -> list[Note]:
    kinds = {fmt.source_kind for fmt in collected.formats.values()}
    notes = []
    absent = failures.filter(pl.col("body_kind").fill_null("absent") == "absent")
    # Access logs never hold bodies, which is nothing to warn of.
    captured = pl.col("hop") == "client"
    answered = absent.filter(pl.col("status").is_not_null() & captured).height
    if answered:
        text = "The bodies of these failed answers were not recorded, so only heads were read."
        notes.append(Note(level="warn", text=text, count=answered))
    if "usage" not in kinds and failures.height:
        notes.append(
            Note(level="note", text="No usage export was given: billing is expected only.")
        )
    if kinds and kinds <= {"har"} and failures.height:
        notes.append(Note(level="note", text="No log of a gateway or proxy was given."))
    return notes


def _calls(called: Calls) -> list[Note]:
    if called.measured is None or not called.untold:
        return []
    return [Note(level="note", text=called.measured, count=called.untold)]
