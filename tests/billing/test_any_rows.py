"""Whatever stands in the rows: a settlement, never an exception, and nothing that is not so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from billing.simulator import NOON, frame, judged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer import columns
from analyzer.billing.settle import settle

TIMES = st.none() | st.integers(-4000, 4000).map(lambda s: NOON + timedelta(seconds=s / 4))
IDS = st.none() | st.sampled_from(
    ["req-000001", "req-000002", "req-000003", "x", "gen-1795176000-a"]
)
MODELS = st.none() | st.sampled_from(["a-1", "A 1", "b", "", "模型"])
COUNTS = st.none() | st.integers(-5, 1 << 53)
NUMBERS = st.none() | st.sampled_from(
    [0.0, 1.0, 1e3, 6e4, 8.64e7, -1.0, float("nan"), float("inf")]
)

ATTEMPT = st.fixed_dictionaries(
    {
        "ok": st.sampled_from([True, False, False, None]), "started_at": TIMES, "ended_at": TIMES,
        "duration_ms": NUMBERS, "status": st.sampled_from([None, 200, 499, 503]), "model": MODELS,
        "model_served": MODELS, "request_id": IDS, "trace_id": IDS, "ray_id": IDS,
        "hop": st.sampled_from(["client", "gateway"]), "format": st.sampled_from(["har", "nginx"]),
        "gateway": st.sampled_from([None, "openrouter", "new-api"]), "input_tokens": COUNTS,
        "output_tokens": COUNTS, "cached_tokens": COUNTS, "time_precision_ms": NUMBERS,
        "endpoint": st.sampled_from([None, "chat", "models"]), "provider_host": st.none() | st.booleans(),
        "request_hash": st.none() | st.sampled_from(["h", "i"]), "key_tag": st.none() | st.just("key:1"),
    }
)  # fmt: skip
ROW = st.fixed_dictionaries(
    {
        "input": st.sampled_from(["u.csv", "v.csv"]), "format": st.sampled_from(["f", "g"]),
        "hop": st.sampled_from([None, "client", "gateway", "upstream"]),
        "gateway": st.sampled_from([None, "openrouter"]), "time": TIMES,
        "time_kind": st.sampled_from([None, "start", "end", "settled", "day"]),
        "time_precision_ms": NUMBERS,
        "grain": st.sampled_from(["request", "request", None, "hour", "day", "period"]),
        "entry": st.sampled_from([None, "charge", "charge", "refund", "error", "topup"]),
        "request_id": IDS, "trace_id": IDS, "model": MODELS, "requests": COUNTS,
        "input_tokens": COUNTS, "output_tokens": COUNTS, "cached_tokens": COUNTS,
        "cost": st.sampled_from([None, Decimal(0), Decimal("0.5"), Decimal("-0.5"), Decimal(10) ** 19]),
        "currency": st.sampled_from([None, "USD", "CNY"]),
        "cost_basis": st.sampled_from([None, "charged", "free", "included"]),
        "cancelled": st.none() | st.booleans(), "key_name": st.sampled_from([None, "k"]),
    }
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    asked=st.lists(ATTEMPT, min_size=1, max_size=12), rows=st.lists(ROW, min_size=1, max_size=12)
)
def test_any_rows(asked: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    numbered = [
        {"attempt_id": n, "input": "log", "record": n + 1, **item} for n, item in enumerate(asked)
    ]
    attempts = frame(numbered, columns.ATTEMPTS)
    usage = frame([{"record": n + 1, **item} for n, item in enumerate(rows)], columns.USAGE)
    failures = judged(attempts.filter(pl.col("ok") == False))  # noqa: E712
    settled = settle(failures, usage, attempts.lazy())
    out = settled.failures
    assert out["attempt_id"].to_list() == failures["attempt_id"].to_list()
    assert out["billing_outcome"].null_count() == 0
    shown = out.filter(pl.col("billing_basis") == "usage_export")
    assert set(shown["billing"]) <= {"billed", "partial", "unbilled"}
    charged = shown.filter(pl.col("billing") != "unbilled")
    assert charged["billing_match"].null_count() == 0
    # One row is one attempt's.
    places = [(m["usage_input"], m["usage_record"]) for m in charged["billing_match"]]
    assert len(places) == len(set(places))
