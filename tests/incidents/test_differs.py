"""What differs about the failures: found where it is so, silent where it is not or cannot be told."""

from __future__ import annotations

import random
from collections.abc import Callable

import polars as pl
import pytest

from analyzer.analysis import differs
from analyzer.analysis.differs import COUNTED
from analyzer.analysis.incident import Differs

Row = dict[str, object]


def compare(
    failed: list[Row], ok: list[Row], healthy: list[Row] | None = None, weight: float = 1.0
) -> Differs:
    """Compare rows that need only have the columns that matter."""
    schema = dict.fromkeys(COUNTED, pl.String()) | {"stream": pl.Boolean()}
    sampled = {"edge": pl.String(), "request_bytes": pl.Int64(), "input_tokens": pl.Int64()}
    weights = pl.lit(weight).alias("weight")
    counts = pl.DataFrame(ok, schema=schema).with_columns(pl.lit(1, pl.Int64).alias("ok"))
    broken = pl.DataFrame(failed, schema=schema | sampled).with_columns(weights)
    beside = pl.DataFrame(healthy or [], schema=schema | sampled).with_columns(
        pl.lit(2.0).alias("weight")
    )
    return differs.differs(broken, counts, beside)


def rows(n: int, **values: Callable[[int], object] | object) -> list[Row]:
    return [{k: v(i) if callable(v) else v for k, v in values.items()} for i in range(n)]


def test_the_value_that_all_failures_have_is_told_first() -> None:
    found = compare(
        rows(60, stream=True, model=lambda i: "ab"[i % 2], client=lambda i: "xyz"[i % 3]),
        rows(140, stream=lambda i: i % 4 == 0, model=lambda i: "ab"[i % 2],
             client=lambda i: "xyz"[i % 3]),
    )  # fmt: skip
    assert (found.failed, found.ok, found.not_tested) == (60, 140, None)
    first = found.differences[0]
    assert (first.field, first.value, first.failed_share, first.ok_share) == (
        "stream", "true", 1.0, 0.25,
    )  # fmt: skip
    assert first.low < 0.75 < first.high
    assert first.p <= first.q < 1e-9
    assert len(found.differences) == 1, "what is rarer, since another is commoner, is no news"
    assert {part.field for part in found.same} == {"model", "client"}


def test_only_what_is_large_and_sure_and_measured_is_told() -> None:
    small = compare(
        rows(2000, model=lambda i: "ab"[i % 100 < 53]), rows(2000, model=lambda i: "ab"[i % 2])
    )
    assert small.differences == []
    unsure = compare(rows(12, model=lambda i: "ab"[i < 8]), rows(12, model=lambda i: "ab"[i < 5]))
    assert unsure.differences == []
    assert unsure.same == [], "24 rows are too few to call anything alike"
    rare = compare(
        rows(40, model="a", client=lambda i: "x" if i < 6 else None),
        rows(40, model="b", client=lambda i: "y" if i < 6 else None),
    )
    assert [part.field for part in rare.differences] == ["model", "model"][:1]


@pytest.mark.parametrize(
    ("failed", "ok", "why"),
    [
        (50, 0, "nothing succeeded in the same minutes"),
        (4, 100, "4 failed and 100 ok attempts are too few"),
        (10, 9, "10 failed and 9 ok attempts are too few: 20 are needed"),
        (30, 30, "the same single value in every field"),
    ],
)
def test_why_nothing_could_be_compared(failed: int, ok: int, why: str) -> None:
    found = compare(rows(failed, model="a"), rows(ok, model="a"))
    assert (found.differences, found.same) == ([], [])
    assert why in (found.not_tested or "")


def test_sizes_are_compared_with_exemplars_of_the_weight_they_stand_for() -> None:
    found = compare(
        rows(40, model="a", request_bytes=300_000),
        rows(80, model="a"),
        rows(40, model="a", request_bytes=lambda i: 300_000 if i < 4 else 3_000),
    )
    part = found.differences[0]
    assert (part.field, part.value) == ("request_size", "256-1024 KiB")
    assert (part.failed_share, part.ok_share, part.ok_n) == (1.0, 0.1, 4)


def test_sampled_failures_are_not_surer_than_the_rows_that_were_kept() -> None:
    failed = rows(14, model="a") + rows(6, model="b")
    ok = rows(1000, model=lambda i: "ab"[i % 2])
    assert len(compare(failed * 50, ok).differences) == 1
    kept = compare(failed, ok, weight=50.0)
    assert (kept.failed, kept.differences) == (1000, [])


def test_chance_alone_is_told_in_few_of_many_comparisons() -> None:
    rng = random.Random(11)

    def draw(n: int) -> list[Row]:
        return [
            {name: rng.choice("abcd") for name in ("model", "client", "host", "key_tag")}
            for _ in range(n)
        ]

    told = sum(bool(compare(draw(60), draw(80)).differences) for _ in range(100))
    # Binomial(100, 0.05) is above 11 less than once in two hundred.
    assert told <= 11
