"""The packaged knowledge itself."""

from __future__ import annotations

import time

import polars as pl
import pytest

from analyzer import data, ledger
from analyzer.engine import lint, lock, sample
from analyzer.engine.judge import judge
from analyzer.engine.lint.catalogue import read
from analyzer.engine.load import load
from analyzer.engine.rule import UNCLASSIFIED

ROOT = data.root("knowledge")


@pytest.mark.slow
def test_lint_finds_no_error() -> None:
    errors = [str(one) for one in lint.run(read(ROOT)) if one.severity == lint.ERROR]

    assert errors == []


def test_the_lock_is_current() -> None:
    rules = load(ROOT).rules

    written = (ROOT / lock.FILE).read_text(encoding="utf-8")
    assert written == lock.dump(lock.make(rules)), "run: analyze kb lock"


def test_there_is_a_rule_for_the_unknown_and_nothing_is_left_out() -> None:
    kb = load(ROOT)

    assert kb.rule(UNCLASSIFIED)
    assert kb.problems == ()


def test_all_rules_on_three_thousand_rows_take_a_blink() -> None:
    kb = load(ROOT)
    cells = [row for rule in kb.rules for row in rule.examples_match]
    rows = sample.frame((cells * (3000 // len(cells) + 1))[:3000], kb.headers)
    best = 9.0
    for _ in range(5):
        start = time.perf_counter()
        found = judge(rows, ledger.merge([]), None, kb)
        best = min(best, time.perf_counter() - start)

    assert found.height == 3000
    assert found.filter(pl.col("rule") == UNCLASSIFIED).height < 300
    # 0.15 s on two quiet cores for 230 rules; the bound only catches a change of order.
    assert best < 1.0
