"""Which of the rules that hold for a row speaks for it.

::

    1. tier          specific before general before fallback
    2. supersedes    a rule that another one of its tier supersedes comes after it, directly or
                     through a chain, whether or not the rules between hold
    3. specificity   more conditions met first
    4. id            so that the result never depends on the order of rules or files

The first is the primary, the others are ``also``. Rules of the primary's tier that no other holding
rule supersedes and that name another layer or expected billing make the verdict ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from analyzer import vocabulary
from analyzer.engine.context import predicates
from analyzer.engine.evaluate import Evaluation
from analyzer.engine.rule import Rule
from analyzer.engine.specificity import specificity
from analyzer.engine.supersede import closure

TIER_WORDS = vocabulary.words(vocabulary.TIERS)
POSSIBLE_SEPARATOR = ": "
"""Between the rule's id and what is needed, in an item of ``possible``."""

_BITS = 63
"""How many rules one number tells of."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One line for each row that a rule holds for; rows without any are absent."""

    primary: pl.DataFrame
    """row, rule (number), ambiguous (Boolean), also (List of ids, in order)."""
    possible: pl.DataFrame
    """row, possible (List of ``id: what is needed``)."""


def rank(evaluation: Evaluation) -> Ranking:
    """Rank the rules that hold for each row."""
    gated = _gated(evaluation)
    holding = gated.filter(pl.col("gate")).select("row", "rule")
    alike = _alike(holding)
    ordered = (
        _without_superseded(
            holding.join(alike.select(row="like"), on="row", how="semi").join(
                _order(evaluation), on="rule"
            ),
            evaluation.rules,
        )
        .sort("row", "tier", "beaten", "place")
        .group_by("row", maintain_order=True)
        .agg(pl.col("rule").first(), _ambiguous().alias("ambiguous"), also=pl.col("id").slice(1))
    )
    primary = alike.join(ordered, left_on="like", right_on="row").drop("like")
    return Ranking(primary, _possible(evaluation, gated))


def _alike(holding: pl.DataFrame) -> pl.DataFrame:
    """Return for each ``row`` the one that it is ``like``: the same rules hold for both.

    Thousands of failures have a handful of such sets, and only one row of each is ranked.
    """
    if not holding.height:
        return holding.select("row", like="row")
    sets = _sets(holding)
    held = sets.with_row_index("row").filter(pl.any_horizontal(pl.col(sets.columns) > 0))
    return held.select("row", pl.col("row").first().over(sets.columns).alias("like"))


def _sets(holding: pl.DataFrame) -> pl.DataFrame:
    """Return for each row which rules hold, as bits of numbers: they group faster than lists."""
    rows = int(holding.select(pl.col("row").max()).item()) + 1
    nowhere = pl.Series([False]).new_from_index(0, rows)
    flags = [
        nowhere.clone().scatter(mine["row"], values=True).alias(f"rule {rule}")
        for (rule,), mine in holding.group_by("rule", maintain_order=True)
    ]
    bits = [
        pl.when(flag.name).then(pl.lit(1 << place % _BITS, pl.UInt64)).otherwise(0)
        for place, flag in enumerate(flags)
    ]
    numbers = [bits[first : first + _BITS] for first in range(0, len(bits), _BITS)]
    return pl.DataFrame(flags).select(
        pl.sum_horizontal(part).alias(f"number {i}") for i, part in enumerate(numbers)
    )


def _ambiguous() -> pl.Expr:
    rival = (pl.col("tier") == pl.col("tier").first()) & (pl.col("beaten") == 0)
    differs = (pl.col("layer") != pl.col("layer").first()) | (
        pl.col("billing") != pl.col("billing").first()
    )
    return (rival & differs).any()


def _gated(evaluation: Evaluation) -> pl.DataFrame:
    """Return the hits with ``gate``: whether all that the rule requires holds; null = unknown."""
    parts = []
    for number, rule in enumerate(evaluation.rules):
        if not rule.requires:
            continue
        rows = evaluation.hits.filter(pl.col("rule") == number)
        if rows.height:
            columns = [evaluation.calls[call.key].rename(call.key) for call in rule.requires]
            found = pl.DataFrame(columns)[rows["row"]]
            gate = found.select(pl.all_horizontal(pl.all()).alias("gate"))
            parts.append(rows.hstack(gate))
    free = [n for n, rule in enumerate(evaluation.rules) if not rule.requires]
    open_rows = evaluation.hits.filter(pl.col("rule").is_in(free)).with_columns(gate=pl.lit(True))
    return pl.concat([open_rows, *parts])


def _order(evaluation: Evaluation) -> pl.DataFrame:
    """Return what the ranking and the test of disagreement need of each rule."""
    # Only rules that matched somewhere take part; most match nowhere in any one capture.
    numbers = evaluation.hits["rule"].unique().sort().to_list()
    rules = [evaluation.rules[number] for number in numbers]
    strength = [
        specificity(evaluation.rules[number], evaluation.nodes[number]) for number in numbers
    ]
    best = sorted(range(len(rules)), key=lambda n: (-strength[n], rules[n].id))
    place = {position: order for order, position in enumerate(best)}
    return pl.DataFrame(
        {
            "rule": numbers,
            "id": [rule.id for rule in rules],
            "tier": [TIER_WORDS.index(rule.tier) for rule in rules],
            "place": [place[position] for position in range(len(rules))],
            "layer": [rule.layer for rule in rules],
            "billing": [rule.billing_expected for rule in rules],
        },
        schema_overrides={"rule": pl.UInt32, "id": pl.String, "layer": pl.String,
                          "billing": pl.String},
    )  # fmt: skip


def _without_superseded(holding: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Add ``beaten``: how many holding rules of the same tier supersede this one."""
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    below = closure({rule.id: rule.supersedes for rule in rules})
    edges = [
        (numbers[loser], number)
        for number, rule in enumerate(rules)
        for loser in below[rule.id]
        if loser in numbers and rules[numbers[loser]].tier == rule.tier
    ]
    pairs = pl.DataFrame(edges, schema={"rule": pl.UInt32, "winner": pl.UInt32}, orient="row")
    beaten = (
        holding.select("row", "rule")
        .join(pairs, on="rule")
        .join(holding.select("row", winner="rule"), on=["row", "winner"], how="semi")
        .group_by("row", "rule")
        .agg(beaten=pl.len())
    )
    return holding.join(beaten, on=["row", "rule"], how="left").with_columns(
        pl.col("beaten").fill_null(0)
    )


def _possible(evaluation: Evaluation, gated: pl.DataFrame) -> pl.DataFrame:
    """Return the rules that would hold if what is unknown were known and true."""
    unknown = gated.filter(pl.col("gate").is_null()).select("row", "rule")
    parts = [pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.UInt32, "possible": pl.String})]
    for (number,), rows in unknown.group_by("rule"):
        rule = evaluation.rules[int(str(number))]
        asked = pl.DataFrame([evaluation.calls[c.key].rename(c.key) for c in rule.requires])
        needs = [
            pl.when(pl.col(call.key).is_null()).then(
                pl.lit(predicates()[call.name].needs(call.params))
            )
            for call in rule.requires
        ]
        text = pl.concat_str(
            pl.lit(rule.id + POSSIBLE_SEPARATOR),
            pl.concat_str(needs, separator=" and ", ignore_nulls=True),
        )
        parts.append(rows.hstack(asked[rows["row"]].select(text.alias("possible"))))
    return (
        pl.concat(parts)
        .sort("row", "possible")
        .group_by("row", maintain_order=True)
        .agg(pl.col("possible"))
    )
