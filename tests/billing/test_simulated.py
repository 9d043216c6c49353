"""Settling against gateways whose truth is known: skewed, rounded, without ids, retried, shared."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from billing.simulator import World, simulate

from analyzer.billing.settle import Options, Settled, settle

FAILURES = 100_000 if os.environ.get("WHICHHOP_LONG_TESTS") else 5_000
"""How many free failures must not be called billed."""


def run(world: World, options: Options) -> tuple[Settled, dict[int, int]]:
    truth = simulate(world)
    return settle(truth.failures, truth.usage, truth.attempts.lazy(), options), truth.charged


def rows(settled: Settled) -> list[dict[str, object]]:
    names = [
        "attempt_id",
        "billing",
        "billing_basis",
        "billing_outcome",
        "billing_match",
        "billed_cost",
    ]
    return settled.failures.select(names).to_dicts()


def random_world(seed: int) -> World:
    dice = random.Random(seed)
    return World(
        seed=seed, requests=300, per_second=dice.choice([0.005, 0.02, 0.1, 0.3, 0.9]),
        models=dice.choice([1, 2, 3]), failing=dice.choice([0.05, 0.2, 0.5]),
        charged=dice.choice([0.0, 0.3, 1.0]), skew_s=dice.uniform(-120, 120),
        rounding_s=dice.choice([0.001, 1, 60, 86_400]), lost=dice.choice([1.0, 1.0, 0.5, 0.05]),
        tokens=dice.random() < 0.5, aliases=dice.random() < 0.5,
        retries=dice.choice([0.0, 0.5, 0.9]), timed=dice.choice(["settled", "start", None, "end"]),
        gone=dice.choice([0.0, 0.2, 0.8]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("skew_s", [-120.0, 0.0, 95.0])
def test_with_ids_every_verdict_is_right(seed: int, skew_s: float, options: Options) -> None:
    dice = random.Random(seed)
    world = World(
        seed=seed, skew_s=skew_s, aliases=seed % 2 == 1, foreign=0.5 * (seed % 3),
        rounding_s=dice.choice([0.001, 1.0, 60.0]), tokens=seed % 4 < 2, gone=0.3,
        timed=dice.choice(["settled", "start", None]), around_s=7200,
    )  # fmt: skip
    settled, charged = run(world, options)
    for row in rows(settled):
        real = "billed" if row["attempt_id"] in charged else "unbilled"
        assert (row["billing"], row["billing_basis"]) == (real, "usage_export"), row
        if real == "billed":
            match = row["billing_match"]
            assert isinstance(match, dict)
            assert match["tier"] == "K1"
            assert match["usage_record"] == charged[int(str(row["attempt_id"]))]


def test_without_ids_nothing_free_is_called_billed(options: Options) -> None:
    free = charged_ones = found = seed = 0
    while free < FAILURES:
        seed += 1
        world = random_world(seed)
        settled, charged = run(world, options)
        for row in rows(settled):
            real = row["attempt_id"] in charged
            observed = row["billing"] if row["billing_basis"] == "usage_export" else None
            free += not real
            assert observed != ("unbilled" if real else "billed"), (world, row)
            if not real:
                continue
            charged_ones += 1
            found += observed == "billed" or row["billing_outcome"] in (
                "ambiguous",
                "billed_bounded",
            )
    assert found >= 0.9 * charged_ones


@pytest.mark.parametrize("foreign", [0.3, 1.0])
@pytest.mark.parametrize("key", ["ours", "theirs"])
def test_on_a_shared_key_nothing_without_an_id_is_laid_to_a_failure(
    foreign: float, key: str, options: Options
) -> None:
    for seed in range(6):
        world = World(
            seed=seed, lost=1.0, foreign=foreign, foreign_key=key, models=1, per_second=0.02
        )
        settled, charged = run(world, options)
        shares = {item["key"]: item["share"] for item in settled.coverage["keys"][0]}
        for row in rows(settled):
            if row["billing"] == "billed" and row["billing_basis"] == "usage_export":
                assert key == "theirs"
                assert row["attempt_id"] in charged
        if key == "ours":
            assert shares["ours"] < 0.95


def test_sparse_traffic_is_matched_without_ids(options: Options) -> None:
    world = World(seed=3, lost=1.0, per_second=0.004, models=1, requests=300, gone=0.0, retries=0.0,
                  aliases=True, skew_s=70, rounding_s=1)  # fmt: skip
    settled, charged = run(world, options)
    good = sum(row["billing"] == "billed" for row in rows(settled))
    assert good >= 0.9 * len(charged)
    (skew,) = settled.coverage["skew_s"]
    assert abs(skew - 70) < 15


def test_an_export_that_breaks_off_proves_nothing_after_its_end(options: Options) -> None:
    truth = simulate(World(seed=5, requests=400, charged=0.0))
    half = truth.usage.sort("time").head(truth.usage.height // 2)
    end = half["time"].max()
    settled = settle(truth.failures, half, truth.attempts.lazy(), options).failures
    later = settled.filter(settled["started_at"] > end)
    assert later.height > 5
    assert set(later["billing_basis"]) == {"inference"}
    assert set(later["billing_outcome"]) <= {"not_covered", "ambiguous", "unbilled_expected"}
    assert "unbilled_proven" in set(settled.filter(settled["started_at"] < end)["billing_outcome"])


def test_an_export_with_holes_proves_nothing(options: Options) -> None:
    truth = simulate(World(seed=6, requests=400, charged=0.0))
    holes = truth.usage.gather_every(2)
    settled = settle(truth.failures, holes, truth.attempts.lazy(), options)
    assert "usage_export" not in set(settled.failures["billing_basis"])
    assert settled.coverage["rows_missing_for_success"][0] > 100


def test_an_export_filtered_by_model_proves_nothing_of_the_others(options: Options) -> None:
    truth = simulate(World(seed=7, requests=400, charged=0.0, models=2))
    own = truth.usage.filter(truth.usage["model"] == "gpt-5.4-mini")
    settled = settle(truth.failures, own, truth.attempts.lazy(), options)
    other = settled.failures.filter(settled.failures["model"] != "gpt-5.4-mini")
    assert set(other["billing_basis"]) == {"inference"}
    assert settled.coverage["filtered"][0]
    assert settled.coverage["models_without_rows"][0].to_list() == ["claude-haiku-4-5"]


def test_the_order_of_rows_changes_nothing(options: Options) -> None:
    truth = simulate(replace(random_world(4), lost=0.3))
    one = settle(truth.failures, truth.usage, truth.attempts.lazy(), options)
    two = settle(
        truth.failures, truth.usage.sample(fraction=1.0, shuffle=True, seed=1),
        truth.attempts.sample(fraction=1.0, shuffle=True, seed=2).lazy(), options,
    )  # fmt: skip
    assert one.failures.equals(two.failures)
