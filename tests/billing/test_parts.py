"""Model names, ids and clocks, each by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from billing.simulator import NOON, frame

from analyzer import columns
from analyzer.billing import clock, keys, models
from analyzer.billing.settle import Options
from analyzer.billing.sides import Ledger


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-5.4-mini", "openai/gpt-5.4-mini-2026-03-05", True),
        ("claude-haiku-4-5", "Claude Haiku 4.5", True),
        ("claude-opus-4-6", "Claude4.6Opus", True),
        (
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            True,
        ),
        ("gpt-5.4", "Auto: GPT-5.4", True),
        ("deepseek/deepseek-v4:free", "deepseek-v4", True),
        ("gpt-5.4", "gpt-5.4-mini", False),
        ("gpt-4o", "gpt-4.0", False),
        ("claude-haiku-4-5", "claude-sonnet-4-5", False),
    ],
)
def test_one_model_by_two_names(one: str, other: str, same: bool, options: Options) -> None:
    table = models.names(options.normalise, pl.Series([one]), pl.Series([other]))
    numbers = dict(table.select("name", "model").iter_rows())
    assert (numbers[one] == numbers[other]) is same


def test_a_relays_own_name_is_learnt_from_ids() -> None:
    exact = pl.DataFrame({"a": [1, 2, 3, 4], "row": [1, 2, 3, 4]})
    attempts = pl.DataFrame(
        {"a": [1, 2, 3, 4], "asked": [7, 7, 7, 8], "served": [7, None, 7, None]}
    )
    rows = pl.DataFrame({"row": [1, 2, 3, 4], "model": [9, 9, 9, 8]})
    assert models.mapped(attempts, rows, exact).to_dicts() == [{"model": 9, "as": 7}]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("chatcmpl-abcdef", "abcdef"),
        ("abcdef", "abcdef"),
        ("abc", None),
        (None, None),
        ("chatcmpl-", None),
    ],
)
def test_ids_in_one_spelling(text: str | None, spelled: str | None) -> None:
    made = pl.DataFrame({"id": [text]}, schema={"id": pl.String}).select(keys.spelled("id"))
    assert made.item() == spelled


def test_an_id_that_many_share_is_none() -> None:
    many = pl.DataFrame({"a": range(20), "id": [1] * 20}, schema={"a": pl.UInt64, "id": pl.UInt64})
    rows = pl.DataFrame(
        {"row": [0], "h_request_id": [1], "h_upstream_request_id": [None]},
        schema={"row": pl.UInt32, "h_request_id": pl.UInt64, "h_upstream_request_id": pl.UInt64},
    )
    assert not keys.by_id(many, rows).height
    assert keys.by_id(many.head(2), rows).height == 2


def ledger(times: list[float], **more: Any) -> Ledger:
    rows = pl.DataFrame(
        {"t": [int((NOON + timedelta(seconds=s)).timestamp() * 1e6) for s in times],
         "entry": ["charge"] * len(times), "model": [1] * len(times), "out": [None] * len(times),
         "p": [1000] * len(times), "row": range(len(times))},
        schema={"t": pl.Int64, "entry": pl.String, "model": pl.UInt32, "out": pl.Int64,
                "p": pl.Int64, "row": pl.UInt32},
    )  # fmt: skip
    return Ledger(0, "x", "gateway", None, rows, **more)


def view(starts: list[float]) -> pl.DataFrame:
    moments = [int((NOON + timedelta(seconds=s)).timestamp() * 1e6) for s in starts]
    return pl.DataFrame(
        {"a": range(len(starts)), "state": [1] * len(starts), "start": moments, "end": moments,
         "asked": [1] * len(starts), "served": [None] * len(starts), "out": [None] * len(starts),
         "second": [None] * len(starts)},
        schema={"a": pl.UInt64, "state": pl.Int8, "start": pl.Int64, "end": pl.Int64,
                "asked": pl.UInt32, "served": pl.UInt32, "out": pl.Int64, "second": pl.Int64},
    )  # fmt: skip


ODD = [0, 37, 81, 190, 260, 401, 555, 700, 905, 1130]
NONE = pl.DataFrame(schema=keys.PAIRS)


def test_successes_agree_on_a_clock() -> None:
    told = clock.clock(view(ODD), ledger([s + 90 for s in ODD], timed="start"), NONE, None)
    assert told.basis == "times"
    assert abs(told.seconds - 90) < 2


def test_regular_traffic_tells_no_clock() -> None:
    """Every thirty seconds a request: a difference of thirty fits as well as none."""
    steady = [30.0 * n for n in range(20)]
    told = clock.clock(view(steady), ledger(steady, timed="start"), NONE, None)
    assert told.basis == "unknown"
    assert told.slack_s == clock.SEARCH_S


def test_rows_joined_by_id_tell_even_a_wrong_zone() -> None:
    pairs = pl.DataFrame({"a": range(10), "row": range(10)}, schema=keys.PAIRS)
    shifted = ledger([s + 8 * 3600 for s in ODD], timed="start")
    told = clock.clock(view(ODD), shifted, pairs, None)
    assert (told.seconds, told.basis) == (8 * 3600.0, "ids")


def test_times_of_days_tell_no_clock() -> None:
    daily = ledger(ODD, timed="start")
    daily.rows = daily.rows.with_columns(p=pl.lit(86_400_000_000))
    assert clock.clock(view(ODD), daily, NONE, None).basis == "unknown"


def test_date_headers() -> None:
    failed = frame(
        [
            {"attempt_id": 1, "started_at": NOON, "ttfb_ms": 500.0},
            {"attempt_id": 2, "started_at": NOON},
        ],
        columns.ATTEMPTS,
    )
    assert clock.dates(failed) is None
    stamped = failed.with_columns(
        pl.Series(clock.DATE, ["Fri, 20 Nov 2026 12:01:31 GMT", "no date"])
    )
    found = clock.dates(stamped)
    assert found is not None
    assert found["a"].to_list() == [1]
    behind = (found["date"][0] - found["first"][0]) / 1e6
    assert behind == 90.5
