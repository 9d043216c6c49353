"""What usage rows say of failures: the scenarios, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from billing.simulator import NOON, frame, judged

from analyzer import columns
from analyzer.billing.settle import MATCH, Options, Settled, settle

MODEL = "gpt-5.4-mini"
Rows = Sequence[dict[str, Any]]


def at(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


def attempt(number: int, start: float, took: float = 1.0, **more: Any) -> dict[str, Any]:
    ok = more.pop("ok", True)
    return {
        "attempt_id": number, "input": "x.har", "record": number + 1, "format": "har",
        "hop": "client", "ok": ok, "started_at": at(start), "ended_at": at(start + took),
        "duration_ms": took * 1000, "status": 200 if ok else 503, "endpoint": "chat",
        "model": MODEL, "request_id": f"req-{number:06}", "key_tag": "key:00000001", **more,
    }  # fmt: skip


def row(number: int, end: float, cost: str | None = "0.01", **more: Any) -> dict[str, Any]:
    return {
        "input": "usage.csv", "record": number, "format": "new-api-logs", "hop": "gateway",
        "gateway": "new-api", "time": at(end), "time_kind": "settled", "time_precision_ms": 1000.0,
        "grain": "request", "entry": "charge", "key_name": "team", "model": MODEL,
        "cost": None if cost is None else Decimal(cost), "currency": "USD",
        "cost_basis": "charged", **more,
    }  # fmt: skip


def around(number: int = 100) -> tuple[Rows, Rows]:
    """Successes with rows, before and after what is tested: the export is whole."""
    starts = (-900, -600, -300, 1200, 1500, 1800)
    asked = [attempt(number + n, start) for n, start in enumerate(starts)]
    rows = [
        row(number + n, start + 2, request_id=f"req-{number + n:06}")
        for n, start in enumerate(starts)
    ]
    return asked, rows


def run(
    asked: Rows, rows: Rows, options: Options | None = None, *, whole: bool = True,
    expected: str = "unbilled",
) -> Settled:  # fmt: skip
    more, given = around() if whole else ([], [])
    attempts = frame([*asked, *more], columns.ATTEMPTS)
    usage = frame([*rows, *given], columns.USAGE)
    failed = attempts.filter(pl.col("ok") == False)  # noqa: E712
    return settle(judged(failed, expected), usage, attempts.lazy(), options or Options())


def only(settled: Settled) -> dict[str, Any]:
    return settled.failures.row(0, named=True)


@pytest.mark.parametrize(
    ("asked", "rows", "billing", "basis", "outcome", "cost"),
    [
        # a failure that was charged
        ([attempt(0, 0, ok=False)], [row(1, 2, "0.02", request_id="req-000000")],
         "billed", "usage_export", "billed_exact", "0.02"),
        # one that was not
        ([attempt(0, 0, ok=False)], [], "unbilled", "usage_export", "unbilled_proven", None),
        # the ledger itself says that it cost nothing
        ([attempt(0, 0, ok=False)], [row(1, 2, "0", request_id="req-000000")],
         "unbilled", "usage_export", "unbilled_proven", "0"),
        # an error row is no charge
        ([attempt(0, 0, ok=False)], [row(1, 2, None, request_id="req-000000", entry="error")],
         "unbilled", "usage_export", "unbilled_proven", "0"),
        # charged and given back
        ([attempt(0, 0, ok=False)],
         [row(1, 2, "0.02", request_id="req-000000"),
          row(2, 9, "-0.02", request_id="req-000000", entry="refund")],
         "unbilled", "usage_export", "refunded", "0"),
        # charged twice under one id
        ([attempt(0, 0, ok=False)],
         [row(1, 2, "0.02", request_id="req-000000"), row(2, 3, "0.03", request_id="req-000000")],
         "billed", "usage_export", "duplicate_suspected", "0.05"),
        # cancelled and charged: a part
        ([attempt(0, 0, ok=False)], [row(1, 2, "0.02", request_id="req-000000", cancelled=True)],
         "partial", "usage_export", "billed_exact", "0.02"),
        # the retry that succeeded paid, under an id of its own
        ([attempt(0, 0, ok=False), attempt(1, 3)], [row(1, 5, request_id="req-000001")],
         "unbilled", "usage_export", "unbilled_proven", None),
        # a retry under the same id: the success has the row
        ([attempt(0, 0, ok=False), attempt(1, 3, request_id="req-000000")],
         [row(1, 5, request_id="req-000000")], "unbilled", "usage_export", "unbilled_proven", None),
        # both paid
        ([attempt(0, 0, ok=False), attempt(1, 3, request_id="req-000000")],
         [row(1, 2, "0.02", request_id="req-000000"), row(2, 5, request_id="req-000000")],
         "billed", "usage_export", "billed_exact", "0.02"),
        # no id on either side, nobody else near
        ([attempt(0, 0, ok=False, request_id=None)], [row(1, 2, "0.02")],
         "billed", "usage_export", "billed_matched", "0.02"),
        # a client that gave up, charged minutes later
        ([attempt(0, 0, 30, ok=False, status=None, request_id=None)], [row(1, 400, "0.02")],
         "billed", "usage_export", "billed_matched", "0.02"),
        # later than any gateway goes on
        ([attempt(0, 0, 30, ok=False, status=None, request_id=None)], [row(1, 700, "0.02")],
         "unbilled", "usage_export", "unbilled_proven", None),
        # two failures for one row
        ([attempt(0, 0, ok=False, request_id=None), attempt(1, 2, ok=False, request_id=None)],
         [row(1, 4)], "unbilled", "inference", "ambiguous", None),
        # two rows for one failure
        ([attempt(0, 0, ok=False, request_id=None)], [row(1, 2), row(2, 4)],
         "unbilled", "inference", "ambiguous", None),
        # a row of another model is another request
        ([attempt(0, 0, ok=False, request_id=None)], [row(1, 2, model="o9")],
         "unbilled", "inference", "unbilled_expected", None),
        # no model on the row: time alone is too little
        ([attempt(0, 0, ok=False, request_id=None)], [row(1, 2, model=None)],
         "unbilled", "inference", "ambiguous", None),
        # an id in the text of the error, as relays write it
        ([attempt(0, 0, ok=False, request_id=None, error_message="no channel (request id: req-000000)")],
         [row(1, 2, "0.02", request_id="req-000000")],
         "billed", "usage_export", "billed_exact", "0.02"),
        # behind OpenAI's prefix
        ([attempt(0, 0, ok=False, request_id="chatcmpl-req-000000")],
         [row(1, 2, "0.02", request_id="req-000000")],
         "billed", "usage_export", "billed_exact", "0.02"),
    ],
)  # fmt: skip
def test_scenarios(
    asked: Rows, rows: Rows, billing: str, basis: str, outcome: str, cost: str | None
) -> None:
    found = only(run(asked, rows))
    assert (found["billing"], found["billing_basis"], found["billing_outcome"]) == (
        billing, basis, outcome,
    )  # fmt: skip
    assert found["billed_cost"] == (None if cost is None else Decimal(cost))
    assert found["billing_basis_expected"] == "inference"


def test_a_match_says_how_and_where() -> None:
    settled = run([attempt(0, 0, ok=False)], [row(7, 2, "0.02", request_id="req-000000")])
    assert settled.failures.schema["billing_match"] == MATCH
    found = only(settled)
    assert found["billing_match"] == {
        "tier": "K1", "score": 1.0, "margin": 1.0, "usage_input": "usage.csv", "usage_record": 7,
    }  # fmt: skip
    assert found["billed_currency"] == "USD"
    timed = run([attempt(0, 0, ok=False, request_id=None)], [row(7, 2)])
    match = only(timed)["billing_match"]
    assert (match["tier"], match["usage_record"]) == ("K4", 7)
    assert 0.8 <= match["score"] < 1


def test_a_window_that_is_not_covered_says_nothing() -> None:
    early = [row(n, -4000 + n, request_id=f"req-9{n:05}") for n in range(20)]
    found = only(run([attempt(0, 0, ok=False)], early, whole=False))
    assert (found["billing_basis"], found["billing_outcome"]) == ("inference", "not_covered")


def test_an_export_that_ends_within_the_lag_proves_nothing() -> None:
    asked = [attempt(0, 0, ok=False), *(attempt(n, -100 * n) for n in range(1, 5))]
    rows = [row(n, -100 * n + 2, request_id=f"req-{n:06}") for n in range(1, 5)]
    late = [row(9, 5, request_id="req-999999")]
    found = only(run(asked, [*rows, *late], whole=False))
    assert (found["billing_basis"], found["billing_outcome"]) == ("inference", "unbilled_expected")
    enough = [row(9, 40, request_id="req-999999")]
    assert only(run(asked, [*rows, *enough], whole=False))["billing_outcome"] == "unbilled_proven"


def test_money_is_never_added_over_currencies_layers_or_verdicts() -> None:
    asked = [attempt(n, n * 60, ok=False) for n in range(3)]
    rows = [
        row(1, 2, "0.02", request_id="req-000000"),
        row(2, 62, "0.5", request_id="req-000001", currency="CNY"),
        row(3, 122, "0", request_id="req-000002"),
        row(4, 2, "0.015", request_id="req-000000", hop="upstream", gateway=None, format="bedrock"),
    ]
    settled = run(asked, rows)
    sums = [(m["hop"], m["verdict"], m["currency"], m["cost"]) for m in settled.money.to_dicts()]
    assert sums == [
        ("gateway", "billed", "CNY", Decimal("0.5")), ("gateway", "billed", "USD", Decimal("0.02")),
        ("gateway", "unbilled", "USD", Decimal(0)), ("upstream", "billed", "USD", Decimal("0.015")),
    ]  # fmt: skip
    assert only(settled)["billed_layer"] == "gateway"
    assert only(settled)["billed_cost"] == Decimal("0.02")
    assert settled.expected_by_observed.to_dicts() == [
        {"expected": "unbilled", "observed": "billed", "count": 2},
        {"expected": "unbilled", "observed": "unbilled", "count": 1},
    ]


def test_one_bill_in_two_currencies_is_told_in_the_first() -> None:
    rows = [
        row(1, 2, "0.02", request_id="req-000000"),
        row(2, 3, "0.5", request_id="req-000000", currency="CNY"),
    ]
    found = only(run([attempt(0, 0, ok=False)], rows))
    assert (found["billed_cost"], found["billed_currency"]) in (
        (Decimal("0.02"), "USD"), (Decimal("0.5"), "CNY"),
    )  # fmt: skip


def test_what_a_retry_wasted() -> None:
    asked = [
        attempt(0, 0, ok=False, request_hash="h"), attempt(1, 3, request_hash="h"),
        attempt(2, 60, ok=False, request_hash="other"),
    ]  # fmt: skip
    rows = [
        row(1, 2, "0.02", request_id="req-000000"), row(2, 5, "0.01", request_id="req-000001"),
        row(3, 62, "0.03", request_id="req-000002"),
    ]  # fmt: skip
    wasted = run(asked, rows).wasted_by_retries
    assert wasted is not None
    assert wasted.to_dicts() == [
        {
            "hop": "gateway",
            "cost_basis": "charged",
            "currency": "USD",
            "cost": Decimal("0.02"),
            "count": 1,
        }
    ]
    assert run([attempt(0, 0, ok=False)], []).wasted_by_retries is None


def test_amounts_that_differ() -> None:
    asked = [attempt(0, 0, ok=False, cost=Decimal("0.01"), currency="USD")]
    settled = run(asked, [row(1, 2, "0.02", request_id="req-000000")])
    assert only(settled)["billing_outcome"] == "amount_mismatch"
    (found,) = settled.mismatches.to_dicts()
    assert (Decimal(found["stated"]), Decimal(found["booked"])) == (
        Decimal("0.01"),
        Decimal("0.02"),
    )
    same = run(asked, [row(1, 2, "0.01", request_id="req-000000")])
    assert only(same)["billing_outcome"] == "billed_exact"
    assert not same.mismatches.height


def test_rows_nobody_explains_are_listed_and_spoil_the_key() -> None:
    asked = [attempt(0, 0, ok=False, request_id=None)]
    strangers = [row(n, 300 + n * 20, model="o9") for n in range(1, 9)]
    settled = run(asked, [row(99, 2), *strangers])
    assert only(settled)["billing_outcome"] == "ambiguous"
    assert settled.unmatched_usage["usage_record"].to_list() == [1, 2, 3, 4, 5, 6, 7, 8]
    (told,) = settled.coverage.to_dicts()
    assert told["explained_share"] < 0.95
    assert (told["usage_inputs"], told["grain"], told["lag_s"]) == (["usage.csv"], "request", 15.0)


def test_a_refund_of_nobody_is_listed() -> None:
    settled = run([attempt(0, 0, ok=False)], [row(1, 2, "-0.01", entry="refund")])
    (found,) = settled.unmatched_usage.to_dicts()
    assert (found["reason"], found["cost"]) == ("refund_of_no_attempt", Decimal("-0.01"))


def test_the_same_rows_in_two_exports_count_once() -> None:
    rows = [
        row(1, 2, "0.02", request_id="req-000000"),
        row(5, 2, "0.02", request_id="req-000000", input="again.csv"),
    ]
    settled = run([attempt(0, 0, ok=False)], rows)
    assert only(settled)["billed_cost"] == Decimal("0.02")
    assert settled.coverage["duplicates"].to_list() == [1]


def test_a_clients_own_estimate_settles_nothing() -> None:
    rows = [
        row(1, 2, "0.02", request_id="req-000000", hop="client", gateway=None, format="langfuse")
    ]
    settled = run([attempt(0, 0, ok=False)], rows, whole=False)
    assert only(settled)["billing_basis"] == "inference"
    assert settled.coverage["settles"].to_list() == [False]


def test_a_providers_rows_behind_a_gateway_are_matched_by_id_alone() -> None:
    own = {"hop": "upstream", "gateway": None, "format": "bedrock", "time_kind": None}
    asked = [attempt(0, 0, ok=False, gateway="litellm", request_id=None)]
    settled = run(asked, [row(1, 1, **own)], whole=False)
    assert only(settled)["billing_basis"] == "inference"
    asked = [attempt(0, 0, ok=False, gateway="litellm", upstream_request_id="aws-000001")]
    found = only(run(asked, [row(1, 1, request_id="aws-000001", **own)], whole=False))
    assert (found["billing"], found["billed_layer"]) == ("billed", "upstream")


def bucket(requests: int, grain: str = "day", tokens: int | None = None) -> dict[str, Any]:
    return {
        "input": "daily.csv", "record": 1, "format": "openrouter-daily", "hop": "gateway",
        "gateway": "openrouter", "time": at(-12 * 3600), "period_end": at(12 * 3600),
        "time_kind": grain, "grain": grain, "model": "openai/" + MODEL, "requests": requests,
        "input_tokens": tokens, "cost": Decimal("1.5"), "currency": "USD",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("requests", "low", "high", "conclusion", "outcome"),
    [
        (6, 0, 0, "none", "not_covered"),
        (7, 1, 1, "some", "billed_bounded"),
        (8, 2, 2, "all", "billed_bounded"),
        (9, 0, 2, "others use it too", "not_covered"),
        (3, 0, 2, "rows are missing", "not_covered"),
    ],
)
def test_a_daily_export_gives_bounds_for_the_group_only(
    requests: int, low: int, high: int, conclusion: str, outcome: str, options: Options
) -> None:
    asked, _ = around()
    failed = [attempt(0, 0, ok=False), attempt(1, 60, ok=False)]
    settled = run([*failed, *asked], [bucket(requests)], options, whole=False)
    (group,) = settled.groups.to_dicts()
    assert (group["low"], group["high"], group["conclusion"]) == (low, high, conclusion)
    assert (group["successes"], group["failures"]) == (6, 2)
    assert set(settled.failures["billing_basis"]) == {"inference"}
    assert set(settled.failures["billing_outcome"]) == {outcome}
    assert settled.coverage["settles"].to_list() == [False]


def test_the_second_inside_a_generation_id_needs_no_clock() -> None:
    """The id on the wire is not always the billed one; its second is."""
    own = {"format": "openrouter-activity", "gateway": "openrouter", "time_kind": None,
           "time_precision_ms": 1.0}  # fmt: skip
    base = int(NOON.timestamp()) + 77

    def asked(number: int, start: float, **more: Any) -> dict[str, Any]:
        more.setdefault("request_id", f"gen-{base + int(start)}-wire{number}")
        return attempt(number, start, gateway="openrouter", **more)

    many = [asked(n, 40.0 * n, input_tokens=n, output_tokens=100 + n) for n in range(1, 20)]
    rows = [
        row(n, 40.0 * n + 77.3, request_id=f"gen-{base + 40 * n}-bill{n}", input_tokens=n,
            output_tokens=100 + n, **own)
        for n in range(1, 20)
    ]  # fmt: skip
    failed = asked(0, 410, ok=False)
    charged = [*rows, row(50, 410 + 77.4, "0.02", request_id=f"gen-{base + 410}-bill0", **own)]
    found = only(run([failed, *many], charged, whole=False))
    assert (found["billing"], found["billing_match"]["tier"]) == ("billed", "K3")
    assert only(run([failed, *many], rows, whole=False))["billing_outcome"] == "unbilled_proven"


def test_clocks_are_told() -> None:
    asked = [attempt(n, 40 * n) for n in range(1, 9)]
    rows = [row(n, 40 * n - 95, request_id=f"req-{n:06}", time_kind="end") for n in range(1, 9)]
    settled = run([attempt(0, 0, ok=False), *asked], rows, whole=False)
    (told,) = settled.coverage.to_dicts()
    assert (told["skew_s"], told["skew_basis"]) == (-96.0, "ids")


def test_nothing_failed_and_nothing_given() -> None:
    empty = run([attempt(0, 0)], [row(1, 2)])
    assert not empty.failures.height
    assert only(run([attempt(0, 0, ok=False)], [], whole=False))["billing_outcome"] == "not_covered"


def test_attempts_without_a_time_are_joined_by_id_alone() -> None:
    blank = {"started_at": None, "ended_at": None, "duration_ms": None}
    asked = [attempt(0, 0, ok=False, **blank), attempt(1, 0, ok=False, **blank)]
    settled = run(asked, [row(1, 2, request_id="req-000000")])
    assert settled.failures["billing_outcome"].to_list() == ["billed_exact", "not_covered"]


def test_a_log_of_failures_alone_is_given_no_row_by_time() -> None:
    """Whoever else uses the key would have charged the rows that happen to fit."""
    asked = [attempt(n, 100 * n, ok=False, request_id=None) for n in range(9)]
    rows = [row(n, 100 * n + 3) for n in range(9)]
    settled = run(asked, rows, whole=False)
    assert set(settled.failures["billing_outcome"]) == {"ambiguous"}


def test_the_ledger_nearest_to_the_caller_decides() -> None:
    """A provider that charged its gateway has not charged the caller."""
    own = {"hop": "upstream", "gateway": None, "format": "bedrock", "time_kind": "start"}
    asked = [attempt(0, 0, ok=False, upstream_request_id="aws-000001")]
    settled = run(asked, [row(1, 0, "0.01", request_id="aws-000001", **own)])
    found = only(settled)
    assert (found["billing"], found["billed_layer"]) == ("unbilled", "gateway")
    assert settled.money["hop"].to_list() == ["upstream"]


def test_many_failures_that_were_only_counted_have_their_own_bill() -> None:
    asked = [attempt(n, 100 * n, ok=False) for n in range(4)]
    rows = [row(1, 102, "0.02", request_id="req-000001")]
    more, given = around()
    attempts = frame([*asked, *more], columns.ATTEMPTS)
    usage = frame([*rows, *given], columns.USAGE)
    kept = judged(attempts.filter(pl.col("attempt_id") == 0))
    settled = settle(kept, usage, attempts.lazy())
    seen = settled.observed.select("attempt_id", "observed").rows()
    assert seen == [(0, "unbilled"), (1, "billed"), (2, "unbilled"), (3, "unbilled")]
    assert settled.money["cost"].sum() == Decimal("0.02")


def test_what_went_to_the_provider_itself_is_in_no_gateways_ledger() -> None:
    """The export of a coding tool beside a log of direct calls: other requests, by the same name."""
    tool = {"format": "cursor-usage", "gateway": "cursor", "time_kind": None}
    direct = {"provider": "openai", "provider_host": True}
    asked = [
        attempt(0, 0, ok=False, **direct),
        *(attempt(n, 60 * n, **direct) for n in range(1, 9)),
    ]
    settled = run(asked, [row(n, 60 * n + 1, **tool) for n in range(9)], whole=False)
    assert only(settled)["billing_basis"] == "inference"
    assert settled.coverage["by_time"].to_list() == [0]
