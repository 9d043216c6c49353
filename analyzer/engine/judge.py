"""The verdict on each failed attempt."""

from __future__ import annotations

import polars as pl

from analyzer.engine import confidence, perspective
from analyzer.engine.compile import compile_match
from analyzer.engine.context.ledger import Ledger
from analyzer.engine.evaluate import Evaluation, evaluate, ranked
from analyzer.engine.knowledge import KnowledgeBase
from analyzer.engine.rank import Ranking, rank
from analyzer.engine.rule import UNCLASSIFIED, Rule
from analyzer.errors import ConfigError

SCHEMA = pl.Schema(
    {
        "attempt_id": pl.UInt64(),
        "layer": pl.String(),
        "emitted_by": pl.String(),
        "cause": pl.String(),
        "rule": pl.String(),
        "rev": pl.Int64(),
        "tier": pl.String(),
        "confidence": pl.String(),
        "confidence_steps": pl.List(pl.String()),
        "ambiguous": pl.Boolean(),
        "also": pl.List(pl.String()),
        "possible": pl.List(pl.String()),
        "billing_expected": pl.String(),
        "billing_basis": pl.String(),
        "suppressed": pl.String(),
    }
)
"""The verdict columns. ``also`` has ids, ``possible`` has ``id: what is needed``, ``suppressed``
has the user's reason for not being bothered with it."""

_EMPTY = pl.lit([], dtype=pl.List(pl.String()))


def judge(
    rows: pl.DataFrame, ledger: pl.DataFrame, latency: pl.DataFrame | None, kb: KnowledgeBase
) -> pl.DataFrame:
    """Return the verdict on each row, in the order of the rows.

    ``rows`` are failed attempts with all canonical columns and the headers of ``kb.headers``
    (missing header columns count as absent); ``ledger`` counts all attempts (see
    :mod:`analyzer.engine.context.ledger`); ``latency`` has host, model and median_ms of successes.

    Raises:
        ConfigError: the knowledge base has no rule for the unknown.
    """
    fallback = kb.rule(UNCLASSIFIED)
    if fallback is None:
        raise ConfigError(f"the knowledge base has no rule '{UNCLASSIFIED}'")
    complete = with_headers(rows, kb)
    evaluation = evaluate(complete, Ledger.of(ledger, latency), ranked(kb.rules))
    rules = (*evaluation.rules, fallback)
    primary = _primary(complete, rank(evaluation), len(rules) - 1)
    said = primary.join(_words(rules), on="rule", maintain_order="left")
    sure = said.hstack(_confidence(said, complete, evaluation, rules))
    verdicts = sure.select(
        pl.col("attempt_id").cast(pl.UInt64),
        perspective.layer(pl.col("layer"), pl.col("hop"), pl.col("provider_host")).alias("layer"),
        perspective.emitted_by(
            perspective.marked(pl.col("emitted_by"), rows), pl.col("hop"), pl.col("provider_host")
        ).alias("emitted_by"),
        "cause",
        pl.col("id").alias("rule"),
        *("rev", "tier", "confidence", "confidence_steps", "ambiguous", "also", "possible"),
        "billing_expected",
        pl.when(pl.col("billing_expected") == "unknown")
        .then(pl.lit("none"))
        .otherwise(pl.lit("inference"))
        .alias("billing_basis"),
    )
    return _suppressed(verdicts, complete, kb).match_to_schema(SCHEMA)


def with_headers(rows: pl.DataFrame, kb: KnowledgeBase) -> pl.DataFrame:
    """Return the rows with a null column for every header that the rules ask for and no row has."""
    absent = [name for name in sorted(kb.headers) if name not in rows.columns]
    return rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)


def _primary(rows: pl.DataFrame, ranking: Ranking, fallback: int) -> pl.DataFrame:
    """Return one line for each row: its rule's number, or that of the unknown."""
    base = rows.select("attempt_id", "hop", "provider_host").with_row_index("row")
    return (
        base.join(ranking.primary, on="row", how="left", maintain_order="left")
        .join(ranking.possible, on="row", how="left", maintain_order="left")
        .with_columns(
            pl.col("rule").fill_null(fallback),
            pl.col("ambiguous").fill_null(value=False),
            pl.col("also", "possible").fill_null(_EMPTY),
        )
    )


def _words(rules: tuple[Rule, ...]) -> pl.DataFrame:
    """Return what each rule says, by its number."""
    names = ("id", "rev", "tier", "layer", "emitted_by", "cause", "billing_expected")
    columns = {name: [getattr(rule, name) for rule in rules] for name in names}
    table = pl.DataFrame(columns, schema_overrides={"rev": pl.Int64})
    return table.with_row_index("rule")


def _confidence(
    said: pl.DataFrame, rows: pl.DataFrame, evaluation: Evaluation, rules: tuple[Rule, ...]
) -> pl.DataFrame:
    """Return ``confidence`` and ``confidence_steps`` for each row.

    Rows with the same rule and the same circumstances share their steps, so the words are made once
    for each such kind of row.
    """
    circumstances = said.select(
        "rule",
        "ambiguous",
        # Without a status there was no answer, so there was no body that could be missing.
        (rows["status"].is_not_null() & (rows["body_kind"].fill_null("absent") == "absent")).alias(
            "bodiless"
        ),
        _moves(said, evaluation).alias("moves"),
    )
    kinds = circumstances.unique()
    settled = [_settled(rules, evaluation, kind) for kind in kinds.iter_rows(named=True)]
    words = kinds.with_columns(
        pl.Series("confidence", [one.word for one in settled], dtype=pl.String),
        pl.Series("confidence_steps", [list(one.steps) for one in settled],
                  dtype=pl.List(pl.String)),
    )  # fmt: skip
    return circumstances.join(words, on=circumstances.columns, maintain_order="left").select(
        "confidence", "confidence_steps"
    )


def _moves(said: pl.DataFrame, evaluation: Evaluation) -> pl.Series:
    """Return for each row which of its rule's raises and lowers are true, as a bit set."""
    moves = pl.Series("moves", [0], dtype=pl.UInt64).new_from_index(0, said.height)
    for number in said["rule"].unique().sort():
        if number >= len(evaluation.rules):
            continue
        rule = evaluation.rules[number]
        mine = said["rule"] == number
        for bit, call in enumerate((*rule.raises, *rule.lowers)):
            true = evaluation.calls[call.key].fill_null(value=False) & mine
            moves = moves + true.cast(pl.UInt64) * (1 << bit)
    return moves


def _settled(
    rules: tuple[Rule, ...], evaluation: Evaluation, kind: dict[str, int]
) -> confidence.Steps:
    number = kind["rule"]
    rule = rules[number]
    ranked_one = number < len(evaluation.nodes)
    true = [
        call for bit, call in enumerate((*rule.raises, *rule.lowers)) if kind["moves"] >> bit & 1
    ]
    return confidence.settle(
        rule,
        [call for call in true if call in rule.raises],
        [call for call in true if call in rule.lowers],
        ambiguous=bool(kind["ambiguous"]),
        capped=ranked_one
        and bool(kind["bodiless"])
        and confidence.leans_on_body(evaluation.nodes[number]),
    )


def _suppressed(verdicts: pl.DataFrame, rows: pl.DataFrame, kb: KnowledgeBase) -> pl.DataFrame:
    """Add the reason of the first suppression that covers a row."""
    why: pl.Expr = pl.lit(None, dtype=pl.String)
    flags = []
    for number, one in reversed(list(enumerate(kb.suppressions))):
        where = compile_match(one.where) if one.where else pl.lit(value=True)
        flags.append(where.alias(f"where{number}"))
        mine = (pl.col("rule") == one.rule) & pl.col(f"where{number}")
        why = pl.when(mine).then(pl.lit(one.why)).otherwise(why)
    # with_columns, because a literal alone would make a frame of one row.
    covered = rows.with_columns(flags).select(flag.meta.output_name() for flag in flags)
    return verdicts.hstack(covered).select(*verdicts.columns, why.alias("suppressed"))
