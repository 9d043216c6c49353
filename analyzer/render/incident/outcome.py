"""What became of it: retries and money."""

from __future__ import annotations

from analyzer.analysis.calls import Calls
from analyzer.render import bills, view
from analyzer.render import formatting as fmt
from analyzer.render.incident.document import Block, Column, Fact, Facts, Item, Items, Para, Table
from analyzer.render.incident.opening import money
from analyzer.render.incident.sight import Sight
from analyzer.vocabulary import BILLING_BASIS


def retries(sight: Sight) -> tuple[Block, ...]:
    """Return how calls ended after their retries; nothing if retries cannot be told."""
    calls = sight.analysis.calls
    if calls is None or not calls.calls:
        return ()
    blocks: list[Block] = []
    if sight.view.partial_calls:
        text = "Of the whole capture: only a part of the attempts tells retries."
        blocks.append(Para(text, quiet=True))
    blocks += [_flow(calls), Facts(tuple(_facts(calls)))]
    if calls.storms:
        items = (Item((f"{storm.text} ", sight.cite(storm.evidence))) for storm in calls.storms)
        blocks.append(Items(tuple(items)))
    if calls.against_advice:
        n = fmt.count(calls.against_advice, "retry", "retries")
        text = f"{n} asked again after a failure that asking again cannot mend: stop these first."
        blocks.append(Para(text))
    if calls.measured:
        blocks.append(Para(calls.measured, quiet=True))
    return tuple(blocks)


def _flow(calls: Calls) -> Table:
    rows = tuple(
        (
            fmt.number(tries), fmt.number(number), fmt.number(number - failed), fmt.number(failed),
        )
        for tries, number, failed in calls.attempts_per_call
    )  # fmt: skip
    columns = (Column("Attempts"), Column("Calls"), Column("Not failed"), Column("Failed"))
    return Table("Calls by how many attempts they took", columns, rows)


def _facts(calls: Calls) -> list[Fact]:
    header = calls.retry_after
    told = ", ".join(f"{word} {fmt.number(n)}" for word, n in header.items())
    lost = None if calls.lost_s is None else calls.lost_s * 1000
    by = ", ".join(f"{view.words(word)} {fmt.number(n)}" for word, n in calls.chained_by.items())
    return [
        Fact("Retries", fmt.number(calls.retries), f"told by: {by}" if by else ""),
        Fact("Rescued by a retry", fmt.number(calls.rescued)),
        Fact("Given up", fmt.number(calls.given_up), "asked again, and failed in the end"),
        Fact("Never retried", fmt.number(calls.never_retried), "failed with their only attempt"),
        Fact("Paid twice", fmt.number(calls.paid_twice), "answered or billed more than once"),
        Fact("retry-after", told or fmt.NOT_MEASURED, "" if told else "no retry to judge"),
        Fact("Time lost", fmt.duration(lost)),
        Fact("Retry storm", "yes" if calls.storms else "none found"),
    ]


# ------------------------------------------------------------------ money


def billing(sight: Sight) -> tuple[Block, ...]:
    """Return who paid for the failures, as far as it is shown."""
    told = sight.analysis.billing
    if not told.rows:
        return ()
    blocks: list[Block] = [Para(money(sight)), _states(sight)]
    if sight.audience == "provider":
        return tuple(blocks)
    if told.stated_cost:
        sums = ", ".join(fmt.money(one.amount, one.currency) for one in told.stated_cost)
        blocks.append(Para(f"Cost that the failed answers state themselves: {sums}"))
    if sight.audience == "operator":
        lines = bills.lines(told)
        if lines:
            blocks.append(Items(tuple(Item(line) for line in lines)))
        if told.note:
            blocks.append(Para(told.note))
    if not told.usage_rows:
        text = (
            "No usage export was given, so unmatched rows on either side are not measured. With "
            "one: the same command and the export as one more file."
        )
        blocks.append(Para(text, quiet=True))
    return tuple(blocks)


def _states(sight: Sight) -> Table:
    rows = tuple(
        (
            view.words(row.billing), f"{view.words(row.basis)}: {_meaning(row.basis)}",
            view.words(row.expected), fmt.number(row.count), fmt.number(row.input_tokens),
            fmt.number(row.output_tokens),
        )
        for row in sight.analysis.billing.rows
    )  # fmt: skip
    columns = [Column("Billing", False), Column("Basis", False), Column("Expected", False)]
    columns += [Column(name) for name in ("Attempts", "Input tokens", "Output tokens")]
    caption = "Failed attempts by verdict on money; “–” is not measured"
    return Table(caption, tuple(columns), rows)


def _meaning(basis: str) -> str:
    return view.meaning(BILLING_BASIS, basis)
