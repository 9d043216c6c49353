"""From attempts to calls: who retried what, how it ended, what it cost in time and money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from analyzer import records
from analyzer.calls.match import LINKS, links
from analyzer.calls.rows import SOURCE, narrow, told

BILLED_BY = ("usage_export", "response_usage")
"""What shows that an attempt was billed; a policy alone only lets one expect it."""
IN_VAIN = ("never", "after-fix")
"""Advice after which asking again as before cannot help."""
PUNCTUAL_S = 0.1
"""A retry that comes so much too early (and the precision of the times) still kept to retry-after:
sleeping and the way to the recorder take that long."""

ATTEMPTS = pl.Schema(
    {
        "attempt_id": pl.UInt64(), "call_id": pl.UInt64(), "position": pl.Int64(),
        "basis": pl.String(), "before": pl.UInt64(), "gap_s": pl.Float64(),
        "retry_after": pl.String(), "in_vain": pl.Boolean(), "started_at": pl.Datetime("us", "UTC"),
        "ok": pl.Boolean(), "host": pl.String(), "model_name": pl.String(),
    }
)  # fmt: skip
CALLS = pl.Schema({"call_id": pl.UInt64(), **records.CALLS, "paid_twice": pl.Boolean()})
_SHOWN = (
    "attempt_id", "started_at", "ok", "host", "endpoint", "model", "key_tag", "client",
)  # fmt: skip
"""What is said of each attempt of a call besides its verdict."""
_MULTI = ("attempts", "failed", "outcome", "lost_s", "paid_twice")


@dataclass(frozen=True, slots=True)
class Chained:
    """Calls with at least one failed attempt; every other attempt that counts is its own call.

    ``attempts``: :data:`ATTEMPTS`, one row per attempt of such a call: ``position`` in it from 1,
    ``basis`` on which it is a retry of ``before`` (null for the first), ``gap_s`` between them,
    ``retry_after`` (``honoured ignored absent``), ``in_vain`` (the advice was not to retry).
    ``calls``: ``call_id`` (the id of its first attempt), :data:`analyzer.records.CALLS`, and
    ``paid_twice``. ``covered``: ``model attempts ok failed undecided`` of all attempts that tell.
    """

    attempts: pl.DataFrame
    calls: pl.DataFrame
    covered: pl.DataFrame
    untold: int
    """Failed attempts of which nothing tells whether they were asked again; in no call."""
    unclear: int
    """Attempts that say they are retries of something that the capture does not show."""

    @property
    def retries(self) -> int:
        """Number of attempts that ask again what an earlier attempt of their call asked."""
        return self.attempts.height - self.calls.height

    @property
    def whole(self) -> bool:
        """Whether retries could be told everywhere, so that calls are all that was asked."""
        return self.covered.height > 0 and not self.untold


def chain(
    failures: pl.DataFrame, attempts: pl.LazyFrame, advice: Mapping[str, str],
    finished: pl.Series | None = None,
) -> Chained:  # fmt: skip
    """Chain attempts into calls.

    Args:
        failures: all failed attempts that count, with verdict, billing, ``weight`` and
            ``model_name``; of those alike beyond the budget only a sample.
        attempts: :data:`analyzer.columns.CHAINED`, ``signature`` and ``count`` of attempts that
            count and can tell retries, failed ones too: see :meth:`analyzer.spill.Spill.telling`.
        advice: by rule id, what it says about retrying.
        finished: ids of attempts that the hop behind finished after the client had left.
    """
    rows, covered, stated = _candidates(failures, attempts)
    if not rows.height:
        return Chained(ATTEMPTS.to_frame(), CALLS.to_frame(), covered, _failed(failures), stated)
    telling, found, failed = _linked(rows, attempts)
    del rows  # There may be hundreds of thousands.
    verdicts = _verdicts(_shown(telling, failures, attempts), failures, finished)
    chained = _chained(telling, found, verdicts, advice)
    calls = _calls(chained)
    counted = found.join(telling.filter(pl.col("basis") == "counter"), on="attempt_id", how="semi")
    return Chained(
        attempts=chained.select(ATTEMPTS.names()).match_to_schema(ATTEMPTS),
        calls=calls,
        covered=covered,
        untold=max(0, _failed(failures) - failed),
        unclear=max(0, stated - counted.height),
    )


def _linked(rows: pl.DataFrame, attempts: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return the attempts that failed or belong to one that did, the links, and how many failed.

    Of hundreds of thousands that might have been retries most are none.
    """
    timed = told(rows, _talkers(attempts), _counting(attempts))
    found = links(timed)
    telling = timed.filter(pl.col("basis").is_not_null())
    failed = telling["state"] == 0
    parts = pl.concat([telling["attempt_id"].filter(failed), found["attempt_id"], found["before"]])
    taking_part = pl.col("attempt_id").is_in(parts.implode())
    return telling.filter(taking_part), found, int(failed.sum())


def _failed(failures: pl.DataFrame) -> int:
    return round(float(failures["weight"].sum()))


def _shown(telling: pl.DataFrame, failures: pl.DataFrame, attempts: pl.LazyFrame) -> pl.DataFrame:
    """Return what is shown of the attempts that take part."""
    taking_part = pl.col("attempt_id").is_in(telling["attempt_id"].implode())
    rows = attempts.filter(taking_part).select("signature", *_SHOWN).collect()
    more = failures.filter(taking_part).join(rows, on="attempt_id", how="anti")
    return pl.concat([rows, more.select(rows.columns)])


def _candidates(
    failures: pl.DataFrame, attempts: pl.LazyFrame
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return the failures with all rows that may be of their calls, what tells, and who says so."""
    failed = narrow(attempts.filter(~pl.col("ok").fill_null(True))).collect()
    stated = attempts.select((pl.col("resend_count") > 0).sum()).collect().item() or 0
    if stated:
        # First tries that were not counted by their client have nothing that tells.
        more = failures.join(failed, on="attempt_id", how="anti")
        failed = pl.concat([failed, narrow(more.lazy()).collect()])
    # What did not fail and is counted as a first try is no retry, and nothing is a retry of it.
    first = (pl.col("resend_count") == 0).fill_null(False)
    others = narrow(attempts.filter(pl.col("ok").fill_null(True) & ~first))
    other = others.filter(pl.col("kept").is_in(failed["kept"].unique().implode())).collect()
    return pl.concat([failed, other]), _covered(attempts), int(stated)


def _covered(attempts: pl.LazyFrame) -> pl.DataFrame:
    """Return how many attempts of each model can tell retries, and how they ended."""
    state, count = pl.col("ok"), pl.col("count")
    return (
        attempts.group_by("model")
        .agg(
            count.sum().alias("attempts"),
            count.filter(state).sum().alias("ok"),
            count.filter(~state).sum().alias("failed"),
            count.filter(state.is_null()).sum().alias("undecided"),
        )
        .sort("model", nulls_last=True)
        .collect()
    )


def _talkers(attempts: pl.LazyFrame) -> pl.DataFrame:
    """Return :data:`SOURCE` of those that have sessions of several attempts."""
    named = attempts.filter(pl.col("session_id").is_not_null())
    sizes = named.group_by(*SOURCE, "session_id").agg(pl.len())
    return sizes.filter(pl.col("len") > 1).select(SOURCE).unique().collect()


def _counting(attempts: pl.LazyFrame) -> pl.DataFrame:
    """Return :data:`SOURCE` of those whose clients count their resends."""
    counted = attempts.filter(pl.col("resend_count") >= 0)
    return counted.select(SOURCE).unique().collect()


def _verdicts(
    rows: pl.DataFrame, failures: pl.DataFrame, finished: pl.Series | None
) -> pl.DataFrame:
    """Return what is said of each row; a failure that was only counted has the words of its kind.

    What one attempt was billed is no word on another.
    """
    words = ["layer", "cause", "rule", "model_name"]
    shown = (pl.col("billing") == "billed") & pl.col("billing_basis").is_in(BILLED_BY)
    own = failures.select("attempt_id", *words, paid=shown.fill_null(False))
    kind = failures.sort("attempt_id").unique("signature", keep="first", maintain_order=True)
    kinds = kind.select("signature", *(pl.col(name).alias(f"_{name}") for name in words))
    done = pl.Series([], dtype=pl.UInt64) if finished is None else finished
    told_of = rows.join(own, on="attempt_id", how="left").join(kinds, on="signature", how="left")
    failed = ~pl.col("ok").fill_null(True)
    return told_of.select(
        *_SHOWN,
        *(pl.when(failed).then(pl.coalesce(name, f"_{name}")).alias(name) for name in words),
        paid=pl.col("paid").fill_null(False) | pl.col("attempt_id").is_in(done.implode())
        | pl.col("ok").fill_null(False),
    )  # fmt: skip


def _chained(
    telling: pl.DataFrame, found: pl.DataFrame, verdicts: pl.DataFrame, advice: Mapping[str, str]
) -> pl.DataFrame:
    """Return the attempts of all calls with a failed attempt, in the order of calls."""
    heads = _heads(telling, found)
    rule = pl.DataFrame(
        {"rule": list(advice), "advice": list(advice.values())},
        schema={"rule": pl.String(), "advice": pl.String()},
    )
    before = telling.select(before="attempt_id", _asked="asked_s", _end="end", _blur="blur").join(
        verdicts.select(before="attempt_id", _rule="rule"), on="before", how="left"
    )
    before = before.join(rule, left_on="_rule", right_on="rule", how="left")
    slack = PUNCTUAL_S + pl.max_horizontal("blur", "_blur") / 1_000_000
    early = pl.col("gap_s") < pl.col("_asked") - slack
    retry = pl.col("before").is_not_null()
    return (
        # Sorted before the texts come: to sort copies every column.
        telling.select(pl.exclude("key", "order", "window", "level"))
        .join(heads, on="attempt_id")
        .sort("call_id", "position")
        .join(found, on="attempt_id", how="left", maintain_order="left")
        .with_columns(gap_s=pl.col("gap_us") / 1_000_000)
        .join(before, on="before", how="left", maintain_order="left")
        .join(verdicts, on="attempt_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("model_name").drop_nulls().first().over("call_id"),
            basis=pl.when(retry).then("basis"),
            in_vain=pl.when(retry).then(pl.col("advice").is_in(IN_VAIN).fill_null(False)),
            retry_after=pl.when(~retry)
            .then(None)
            .when(pl.col("_asked").is_null())
            .then(pl.lit("absent"))
            .when(early)
            .then(pl.lit("ignored"))
            .otherwise(pl.lit("honoured")),
        )
    )


def _heads(telling: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return ``attempt_id call_id position`` by following every link to the first attempt."""
    failed = telling.filter(pl.col("state") == 0)["attempt_id"]
    taking_part = pl.concat([failed, found["attempt_id"]]).unique().sort()
    before = dict(found.select(LINKS.names()[:2]).iter_rows())
    first: dict[int, tuple[int, int]] = {}
    for attempt in taking_part:
        path = []
        at = attempt
        while at not in first and at in before:
            path.append(at)
            at = before[at]
        head, position = first.setdefault(at, (at, 1))
        for step, one in enumerate(reversed(path), position + 1):
            first[one] = (head, step)
    table = [(attempt, *first[attempt]) for attempt in taking_part]
    schema = {"attempt_id": pl.UInt64(), "call_id": pl.UInt64(), "position": pl.Int64()}
    return pl.DataFrame(table, schema=schema, orient="row")


def _calls(chained: pl.DataFrame) -> pl.DataFrame:
    """Return :data:`CALLS`, one row per call."""
    last = pl.col("ok").last()
    failed = (pl.col("state") == 0).sum()
    start, end = pl.col("start").first(), pl.col("end").last()
    outcome = (
        pl.when(last.is_null())
        .then(pl.lit("undecided"))
        .when(last)
        .then(pl.lit("rescued"))
        .when(pl.len() > 1)
        .then(pl.lit("given_up"))
        .otherwise(pl.lit("never_retried"))
    )
    # Up to the answer that counted where there was one, else all of it was in vain.
    lost = pl.when(last).then(pl.col("start").last()).otherwise(end) - start
    of_failures = {name: pl.col(name).drop_nulls().last() for name in ("layer", "cause")}
    made = chained.group_by("call_id", maintain_order=True).agg(
        pl.from_epoch(start, "us").dt.replace_time_zone("UTC").alias("started_at"),
        pl.from_epoch(end, "us").dt.replace_time_zone("UTC").alias("ended_at"),
        pl.col("model_name").first().alias("model"),
        *(pl.col(name).first() for name in ("host", "endpoint", "key_tag", "client")),
        pl.len().cast(pl.Int64).alias("attempts"),
        failed.cast(pl.Int64).alias("failed"),
        outcome.alias("outcome"),
        pl.when(last.is_not_null()).then((lost / 1_000_000).round(6)).alias("lost_s"),
        (pl.col("paid").sum() > 1).alias("paid_twice"),
        weight=pl.lit(1.0),
        **of_failures,
    )
    return made.select(CALLS.names()).match_to_schema(CALLS).sort("started_at", "call_id")
