"""On what it stands, and what people add: data quality, method, blanks to fill in."""

from __future__ import annotations

from analyzer.analysis.model import Input
from analyzer.render import formatting as fmt
from analyzer.render import view
from analyzer.render.incident.document import (
    Blank,
    Block,
    Code,
    Column,
    Fact,
    Facts,
    Folded,
    Line,
    Para,
    Piece,
    Pre,
    Table,
)
from analyzer.render.incident.failures import quality_items
from analyzer.render.incident.sight import Sight

REMARKS = 20
INPUTS = 30
RULES = 20

BLANKS = (
    ("Detection", "Who noticed, when, by what; how long after the start."),
    ("Response", "Who did what, when; what helped, what did not."),
    ("Trigger, confirmed", "Which of the candidates, by what proof; or none of them."),
    ("What went well", "What kept it from being worse."),
    ("What went badly", "What made it longer or wider."),
    ("Where we were lucky", "What could as well have been worse."),
    ("Lessons", "What is known now that was not before."),
)
ACTIONS = ("Action", "Kind (prevent, detect, mitigate)", "Owner", "Due")
_LINES = 3


def quality(sight: Sight) -> tuple[Block, ...]:
    """Return how far the data carries: of the whole capture."""
    a = sight.analysis
    blocks: list[Block] = []
    if view.remarks(a):
        blocks.append(quality_items(sight, REMARKS))
    else:
        blocks.append(Para("Everything in the inputs was read.", quiet=True))
    rest = len(view.remarks(a)) - REMARKS
    if rest > 0:
        blocks.append(Para(f"And {fmt.count(rest, 'more remark')}.", quiet=True))
    if a.inputs:
        blocks.append(_inputs(sight, a.inputs[:INPUTS]))
    if a.inputs[INPUTS:]:
        blocks.append(Para(f"And {fmt.count(len(a.inputs) - INPUTS, 'more input')}.", quiet=True))
    if sight.audience == "user":
        text = "Logs of other hops, if there were any, are not listed here."
        blocks.append(Para(text, quiet=True))
    elif a.quality.hosts_left_out:
        hosts = view.counted(a.quality.hosts_left_out)
        blocks.append(Para(f"Hosts left out as no LLM traffic: {hosts}"))
    return tuple(blocks)


def _inputs(sight: Sight, inputs: list[Input]) -> Table:
    names = ("Input", "Format", "Hop", "Records", "Attempts", "Left out", "Problems", "Size",
             "SHA-256", "Time (UTC)")  # fmt: skip
    words = {"Input", "Format", "Hop", "SHA-256", "Time (UTC)"}
    rows = tuple(
        (
            Code(row.input), row.format or "not recognised", row.hop or fmt.NOT_MEASURED,
            fmt.number(row.records), fmt.number(row.attempts), fmt.number(row.left_out),
            fmt.number(row.problems), fmt.size(row.bytes), row.sha256 or fmt.NOT_MEASURED,
            sight.window(row.first, row.last),
        )
        for row in inputs
    )  # fmt: skip
    columns = tuple(Column(name, number=name not in words) for name in names)
    return Table("What was read", columns, rows)


def method(sight: Sight) -> tuple[Block, ...]:
    """Return definitions, rules and the line that makes this report again."""
    a = sight.analysis
    facts = [Fact(term, Line(text)) for term, text in a.method.definitions]
    facts += [
        Fact("availability", "ok / (ok + failed), of attempts and of calls; a 429 is a failure."),
        Fact("incident", "A stretch of minutes in which one scope burns its error budget faster "
             "than the target allows, by a fast and a slow window; it ends when the rate is back."),
        Fact("difference", "Two-sided Fisher exact test over all values, Benjamini-Hochberg, "
             "interval by Newcombe; shown from 10 points, q below 0.05 and 20 attempts."),
        Fact("redaction", "Credentials become tags, equal ones equal tags, within this report "
             "only; prompts and completions are left out."),
    ]  # fmt: skip
    definitions = Facts(tuple(facts))
    told = fmt.count(len(facts), "definition")
    blocks: list[Block] = [Folded(told, "what the words of this report mean", (definitions,))]
    if a.method.rules:
        rules: list[tuple[Piece, ...]] = [
            (Code(use.rule), use.title, fmt.number(use.count)) for use in a.method.rules[:RULES]
        ]
        columns = (Column("Rule", False), Column("Title", False), Column("Failed attempts"))
        blocks.append(Table("Rules that fired", columns, tuple(rules)))
    if a.method.command:
        blocks.append(Pre(a.method.command, "To get the same report"))
    elif sight.audience != "operator":
        text = "The line that repeats this report names files, so only the operator's has it."
        blocks.append(Para(text, quiet=True))
    if a.method.options:
        options = "; ".join(f"{name} = {value}" for name, value in a.method.options.items())
        blocks.append(Para(f"Options: {options}"))
    return tuple(blocks)


def people(sight: Sight) -> tuple[Block, ...]:
    """Return what no log tells: nothing above depends on it."""
    text = "The program fills in none of this, and nothing above depends on it. Name no culprit."
    blanks = tuple(Blank(label, hint) for label, hint in BLANKS)
    empty = tuple(("",) * len(ACTIONS) for _ in range(_LINES))
    columns = tuple(Column(name, number=False) for name in ACTIONS)
    return (Para(text, quiet=True), *blanks, Table("Actions", columns, empty))
