"""The tables of an Analysis: models by layer, the timeline, the unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from analyzer import ledger as ledgers
from analyzer import rollup as rollups
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.model import (
    Count,
    ModelRow,
    Slot,
    Timeline,
    Unknown,
)  # fmt: skip
from analyzer.vocabulary import LAYER_WORDS

NO_MODEL = "(no model)"
_BINS_S = (10, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 21_600, 86_400, 604_800)
MAX_BINS = 120
_WEIGHT = pl.col("weight").sum().round().cast(pl.Int64)


def by_layer(failures: pl.DataFrame) -> dict[str, int]:
    """Return failed attempts per layer, all layers present."""
    return _of_layers(_weighted(failures, "layer"))


def _of_layers(seen: dict[str, int]) -> dict[str, int]:
    return {layer: seen.get(layer, 0) for layer in LAYER_WORDS}


def models(
    counts: pl.DataFrame,
    latency: pl.DataFrame,
    failures: pl.DataFrame,
    served: dict[str, list[str]],
    clean: Cleaner,
) -> list[ModelRow]:
    """Return one row per model name, most failures first.

    ``counts`` and ``latency`` are rollups with a ``model_name`` column; ``failures`` are judged;
    ``served`` has the names that answers gave, by the name that was asked for.
    """
    durations = latency.filter(pl.col("measure") == "duration")
    timed = {
        row["model_name"]: row
        for row in rollups.quantiles(durations, ("model_name",), p50=0.5, p95=0.95).to_dicts()
    }
    sums = counts.group_by("model_name").agg(
        pl.col("attempts", "ok", "failed", "undecided", "input_tokens", "output_tokens").sum(),
        pl.col("provider").drop_nulls().unique().sort().alias("providers"),
    )
    told = {column: _by_model(failures, column) for column in ("layer", "billing", "cause")}
    rows = [_model(row, told, timed, served, clean) for row in sums.to_dicts()]
    return sorted(rows, key=lambda row: (-row.failed, -row.attempts, row.model))


def _by_model(failures: pl.DataFrame, column: str) -> dict[str, dict[str, int]]:
    """Return the weight of each value of a column, by model."""
    seen = failures.group_by("model_name", column).agg(_WEIGHT)
    found: dict[str, dict[str, int]] = {}
    for name, value, number in seen.iter_rows():
        found.setdefault(name, {})[value] = number
    return found


def _model(
    row: dict[str, object],
    told: dict[str, dict[str, dict[str, int]]],
    timed: dict[str, dict[str, float]],
    served: dict[str, list[str]],
    clean: Cleaner,
) -> ModelRow:
    name = str(row["model_name"])
    ok, bad = int(str(row["ok"])), int(str(row["failed"]))
    billing, causes = told["billing"].get(name, {}), told["cause"].get(name, {})
    commonest = sorted(causes, key=lambda cause: (-causes[cause], cause))
    speed = timed.get(name, {})
    return ModelRow(
        model=clean.value(name),
        served=[clean.value(other) for other in served.get(name, [])],
        providers=[clean.value(p) for p in row["providers"]],  # type: ignore[attr-defined]
        attempts=int(str(row["attempts"])),
        ok=ok,
        failed=bad,
        undecided=int(str(row["undecided"])),
        by_layer=_of_layers(told["layer"].get(name, {})),
        success_rate=ok / (ok + bad) if ok + bad else None,
        top_cause=commonest[0] if commonest else None,
        billed=billing.get("billed", 0),
        unbilled=billing.get("unbilled", 0),
        partial=billing.get("partial", 0),
        billing_unknown=billing.get("unknown", 0),
        input_tokens=int(str(row["input_tokens"])) or None,
        output_tokens=int(str(row["output_tokens"])) or None,
        duration_p50_ms=speed.get("p50"),
        duration_p95_ms=speed.get("p95"),
    )


def timeline(ledger: pl.DataFrame, failures: pl.DataFrame) -> Timeline:
    """Return equal bins over the whole window, at most :data:`MAX_BINS`."""
    if not ledger.height:
        return Timeline(bin_s=_BINS_S[0])
    low, high = int(str(ledger["bucket"].min())), int(str(ledger["bucket"].max()))
    width = _bin(low, high)
    step = width // ledgers.BUCKET_S
    slots = (
        ledger.group_by((pl.col("bucket") // step).alias("slot"))
        .agg(pl.col("ok", "failed", "undecided").sum().cast(pl.Int64))
        .sort("slot")
    )
    layers = (
        failures.filter(pl.col("started_at").is_not_null())
        .with_columns((ledgers.bucket(pl.col("started_at")) // step).alias("slot"))
        .group_by("slot", "layer")
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("n"))
    )
    per_slot: dict[int, dict[str, int]] = {}
    for slot, layer, number in layers.sort("slot", "layer").iter_rows():
        per_slot.setdefault(slot, {})[layer] = number
    seen = {row["slot"]: row for row in slots.to_dicts()}
    filled = [
        _slot(slot, width, seen.get(slot), per_slot.get(slot, {}))
        for slot in range(low // step, high // step + 1)
    ]
    return Timeline(bin_s=width, slots=filled, markers=_markers(failures, filled))


def _slot(slot: int, width: int, row: dict[str, int] | None, layers: dict[str, int]) -> Slot:
    start = datetime.fromtimestamp(slot * width, UTC)
    if row is None:
        return Slot(start=start, attempts=0, ok=0, failed=0)
    attempts = row["ok"] + row["failed"] + row["undecided"]
    return Slot(start=start, attempts=attempts, ok=row["ok"], failed=row["failed"], by_layer=layers)


def _markers(failures: pl.DataFrame, slots: list[Slot]) -> list[tuple[datetime, str]]:
    first, last = failures["started_at"].min(), failures["started_at"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return []
    peak = max(slots, key=lambda slot: slot.failed)
    marks = [(first, "first failure"), (max(peak.start, first), "peak"), (last, "last failure")]
    return sorted(marks) if last - first > timedelta(0) else [(first, "failure")]


def _bin(low: int, high: int) -> int:
    span = (high - low + 1) * ledgers.BUCKET_S
    return next((width for width in _BINS_S if span / width <= MAX_BINS), _BINS_S[-1])


def unknown(failures: pl.DataFrame, failed: int, clean: Cleaner) -> Unknown:
    """Return what no rule explains: layer unknown, with its commonest signatures."""
    rows = failures.filter(pl.col("layer") == "unknown")
    number = sum(_weighted(rows, "layer").values())
    signature = pl.concat_str(
        pl.col("status").cast(pl.String).fill_null("no answer"),
        pl.col("content_type").fill_null("no type"),
        pl.coalesce("error_code", "error_type", "client_error", "html_title", pl.lit("no text")),
        separator=", ",
    )
    seen = (
        rows.group_by(signature.alias("value"))
        .agg(pl.col("weight").sum().round().cast(pl.Int64).alias("count"))
        .sort(["count", "value"], descending=[True, False])
        .head(5)
    )
    return Unknown(
        count=number,
        share=number / failed if failed else None,
        signatures=[
            Count(value=clean.value(value), count=count) for value, count in seen.iter_rows()
        ],
    )


def _weighted(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(rows.group_by(column).agg(_WEIGHT).iter_rows())
