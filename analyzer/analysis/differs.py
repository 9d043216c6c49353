"""What differs about the failures: how often they and the successes beside them have a value.

Every value is tested by itself (Fisher, two-sided), all of them together are kept honest
(Benjamini-Hochberg), and what is told must be large as well as sure. "Associated with", never
"caused by".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from analyzer.analysis.incident import Difference, Differs
from analyzer.statistics.exact import fisher
from analyzer.statistics.intervals import newcombe
from analyzer.statistics.multiple import benjamini_hochberg

COUNTED = (
    "model", "provider", "host", "endpoint", "gateway", "key_tag", "client", "stream", "format",
)  # fmt: skip
"""Fields of which all attempts are counted, minute by minute."""
SAMPLED = ("edge", "request_size", "prompt_tokens")
"""Fields that are compared with exemplars, where healthy rows are kept."""
NEEDED = (*COUNTED, "edge", "request_bytes", "input_tokens")
"""Columns of failures that are compared, or made into such."""
SIGNIFICANT_Q = 0.05
LEAST_POINTS = 0.10
LEAST_ROWS = 20
LEAST_SIDE = 5
VALUES_PER_FIELD = 12
"""Values of a field that are tested, commonest among the failures first."""
SHOWN = 12
ALIKE = 0.20
"""Widest that the interval of a non-difference may reach from zero."""

_BYTES = ((1 << 10, "< 1 KiB"), (4 << 10, "1-4 KiB"), (16 << 10, "4-16 KiB"),
          (64 << 10, "16-64 KiB"), (256 << 10, "64-256 KiB"),
          (1 << 20, "256-1024 KiB"))  # fmt: skip
_TOKENS = ((1_000, "< 1 000"), (4_000, "1 000-4 000"), (16_000, "4 000-16 000"),
           (64_000, "16 000-64 000"), (256_000, "64 000-256 000"))  # fmt: skip


_Sums = list[tuple[str, float]]
"""Values and how many attempts have them."""


@dataclass(frozen=True, slots=True)
class _Tested:
    field: str
    value: str
    failed_n: int
    failed_all: int
    ok_n: int
    ok_all: int
    p: float

    @property
    def difference(self) -> float:
        return self.failed_n / self.failed_all - self.ok_n / self.ok_all


def differs(failed: pl.DataFrame, counts: pl.DataFrame, healthy: pl.DataFrame) -> Differs:
    """Compare the failures of an incident with the successes of its time and scope.

    Args:
        failed: failed rows with ``weight``; canonical columns, ``model`` as in reports.
        counts: the rollup of the same minutes and scope; ``ok`` is what failures are compared
            with.
        healthy: exemplars of them with ``weight`` (how many successes each stands for), may be
            empty; compared in what the rollup does not count.
    """
    broken, good = float(failed["weight"].sum()), float(counts["ok"].sum())
    if why := _too_few(broken, good):
        return Differs(failed=round(broken), ok=round(good), not_tested=why)
    tested = [*_counted(failed, counts), *_sampled(failed, healthy)]
    if not tested:
        why = "failures and successes have the same single value in every field"
        return Differs(failed=round(broken), ok=round(good), not_tested=why)
    return _written(tested, round(broken), round(good))


def _too_few(broken: float, good: float) -> str | None:
    if good < 1:
        return "nothing succeeded in the same minutes, so there is nothing to compare with"
    if min(broken, good) < LEAST_SIDE or broken + good < LEAST_ROWS:
        return (
            f"{round(broken)} failed and {round(good)} ok attempts are too few: {LEAST_ROWS} are "
            f"needed, {LEAST_SIDE} of either kind"
        )
    return None


def _summed(rows: pl.DataFrame, fields: Sequence[str], amount: str) -> list[_Sums]:
    """Return, for each field, the sums of the values that rows have, commonest first."""
    number = pl.col(amount).cast(pl.Float64).alias("n")
    queries = [
        rows.lazy()
        .select(pl.col(field).cast(pl.String).alias("value"), number)
        .drop_nulls("value")
        .group_by("value")
        .agg(pl.col("n").sum())
        .sort("n", "value", descending=[True, False])
        for field in fields
    ]
    # Without the optimiser: its search would cost more than so small a query.
    found = pl.collect_all(queries, optimizations=pl.QueryOptFlags.none())
    return [sums.rows() for sums in found]


def _counted(failed: pl.DataFrame, counts: pl.DataFrame) -> list[_Tested]:
    fields = [name for name in COUNTED if name in failed.columns]
    if not fields:
        return []
    known = [name for name in fields if name in counts.columns]
    broken = _summed(failed, fields, "weight")
    good = dict(zip(known, _summed(counts, known, "ok"), strict=True))
    shrunk = _shrunk(failed, fields)
    return [
        test
        for field, sums, left in zip(fields, broken, shrunk, strict=True)
        for test in _field(field, sums, good.get(field, []), (left, 1.0))
    ]


def _field(
    field: str, failed: Sequence[tuple[str, float]], ok: Sequence[tuple[str, float]],
    shrunk: tuple[float, float] = (1.0, 1.0),
) -> list[_Tested]:  # fmt: skip
    """Test the values of a field; ``shrunk`` is what is left of the rows for being weighted."""
    every_failed = round(sum(n for _, n in failed) * shrunk[0])
    every_ok = round(sum(n for _, n in ok) * shrunk[1])
    values = [value for value, _ in failed] + [v for v, _ in ok if v not in dict(failed)]
    enough = min(every_failed, every_ok) >= LEAST_SIDE and every_failed + every_ok >= LEAST_ROWS
    if len(values) < 2 or not enough:
        return []
    of_ok, of_failed = dict(ok), dict(failed)
    tested = []
    for value in values[:VALUES_PER_FIELD]:
        a = round(of_failed.get(value, 0.0) * shrunk[0])
        c = round(of_ok.get(value, 0.0) * shrunk[1])
        p = fisher(a, every_failed - a, c, every_ok - c)
        tested.append(_Tested(field, value, a, every_failed, c, every_ok, p))
    return tested


def _sampled(failed: pl.DataFrame, healthy: pl.DataFrame) -> list[_Tested]:
    if not healthy.height:
        return []
    one, two = _binned(failed), _binned(healthy)
    fields = [name for name in SAMPLED if name in one.columns and name in two.columns]
    if not fields:
        return []
    of_failed, of_ok = (_summed(rows, fields, "weight") for rows in (one, two))
    shrunk = zip(_shrunk(one, fields), _shrunk(two, fields), strict=True)
    return [
        test
        for field, broken, good, left in zip(fields, of_failed, of_ok, shrunk, strict=True)
        for test in _field(field, broken, good, left)
    ]


def _binned(rows: pl.DataFrame) -> pl.DataFrame:
    bins = {"request_size": ("request_bytes", _BYTES, "> 1 MiB"),
            "prompt_tokens": ("input_tokens", _TOKENS, "> 256 000")}  # fmt: skip
    return rows.with_columns(
        _bin(pl.col(column), edges, most).alias(name)
        for name, (column, edges, most) in bins.items()
        if column in rows.columns
    )


def _bin(number: pl.Expr, edges: Sequence[tuple[int, str]], most: str) -> pl.Expr:
    named = pl.lit(most)
    for edge, name in reversed(edges):
        named = pl.when(number < edge).then(pl.lit(name)).otherwise(named)
    return pl.when(number.is_not_null()).then(named)


def _shrunk(rows: pl.DataFrame, fields: Sequence[str]) -> list[float]:
    """Return how many rows of equal weight tell as much, over the sum of the weights (Kish).

    For each field, of the rows that have it.
    """
    told = {name: pl.col("weight").filter(pl.col(name).is_not_null()) for name in fields}
    sums = rows.select(
        *(weights.sum().alias(f"sum of {name}") for name, weights in told.items()),
        *((weights**2).sum().alias(f"squares of {name}") for name, weights in told.items()),
    ).row(0)
    totals, squares = sums[: len(fields)], sums[len(fields) :]
    return [n / square if square > 0 else 1.0 for n, square in zip(totals, squares, strict=True)]


def _written(tested: Sequence[_Tested], failed: int, ok: int) -> Differs:
    q_values = benjamini_hochberg([test.p for test in tested])
    parts = [_part(test, q) for test, q in zip(tested, q_values, strict=True)]
    told = [part for part in parts if _tells(part)]
    # Where one value is commoner among the failures, others must be rarer: that is no news.
    more = {part.field for part in told if part.failed_share > part.ok_share}
    told = [p for p in told if p.failed_share > p.ok_share or p.field not in more]
    told.sort(key=lambda p: (-abs(p.failed_share - p.ok_share), p.p, p.field, p.value))
    return Differs(failed=failed, ok=ok, differences=told[:SHOWN], same=_same(parts))


def _part(test: _Tested, q: float) -> Difference:
    interval = newcombe(test.failed_n, test.failed_all, test.ok_n, test.ok_all)
    return Difference(
        field=test.field,
        value=test.value,
        failed_share=test.failed_n / test.failed_all,
        ok_share=test.ok_n / test.ok_all,
        low=interval.low,
        high=interval.high,
        p=test.p,
        q=q,
        failed_n=test.failed_n,
        ok_n=test.ok_n,
    )


def _tells(part: Difference) -> bool:
    return part.q < SIGNIFICANT_Q and abs(part.failed_share - part.ok_share) >= LEAST_POINTS


def _same(parts: Sequence[Difference]) -> list[Difference]:
    """Return, of the fields none of whose values differs, the one value that could most easily.

    Only where the interval is narrow enough to say so; the best measured first.
    """
    found = []
    for field in dict.fromkeys(part.field for part in parts):
        own = [part for part in parts if part.field == field]
        widest = max(own, key=lambda part: max(-part.low, part.high))
        reach = max(-widest.low, widest.high)
        if reach <= ALIKE and not any(_tells(part) for part in own):
            found.append((reach, field, max(own, key=lambda part: part.failed_n + part.ok_n)))
    return [part for _, _, part in sorted(found, key=lambda item: item[:2])]
