"""Which lines of a log_format are of one kind, so that one of them stands for all."""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.formats.logs import nginx_row, nginx_upstream
from analyzer.ingest.formats.logs.nginx_plan import Plan
from analyzer.ingest.formats.logs.nginx_variables import TIMES
from analyzer.ingest.sifting import SIFTED

_IDS = frozenset(
    name
    for column in ("request_id", "upstream_request_id", "ray_id", "trace_id")
    for name in nginx_row.TEXTS[column]
)
_SIZES = tuple(name for name in nginx_row.NUMBERS if name != "status")
_TOOK = (
    nginx_upstream.CONNECT, nginx_upstream.HEADER, nginx_upstream.RESPONSE, nginx_upstream.RECEIVED
)  # fmt: skip
_NUMBER = r"^(?:[0-9]{1,12}(?:\.[0-9]{1,6})?|-|)$"
_MEASURES = _IDS | {*TIMES, *_SIZES, *_TOOK, nginx_upstream.ADDRESS}
"""What differs from line to line of a kind: which server it was says nothing of how it went."""


def sifted(plan: Plan, fits: pl.Expr, data: bytes) -> pl.DataFrame:
    """Return :data:`analyzer.ingest.sifting.SIFTED` of all lines of ``data``.

    A line that does not fit, or that has something else in the place of a time or a number, is of
    no kind.
    """
    values = plan.values
    kinds = [values[name] for name in sorted(values) if name not in _MEASURES]
    kind = pl.sum_horizontal(value.hash(seed) for seed, value in enumerate(kinds))
    time = next(name for name in TIMES if name in values)
    took = pl.lit(None, pl.Float64())
    plain = [fits, *(values[name].str.contains(_NUMBER) for name in _read(values))]
    if "request_time" in values:
        took = nginx_row.number("request_time", values["request_time"])
        plain.append(took.is_not_null())
    raw = plan.scan(data).select(
        values[time].alias(time),
        kind=pl.when(pl.all_horizontal(plain)).then(kind),
        duration_ms=took,
    )
    made = raw.collect()
    ended = nginx_row.ended(made)
    started = fields.before(pl.col("ended_at"), pl.col("duration_ms"))
    told = made.with_columns(ended).with_columns(
        pl.when(pl.col("ended_at").is_not_null()).then("kind").alias("kind"),
        started_at=started,
        time_precision_ms=pl.lit(nginx_row.precision(values)),
    )
    return told.select(SIFTED.names())


def _read(values: dict[str, pl.Expr]) -> list[str]:
    """Return the variables of sizes and times, but for that of the request, that are read."""
    behind = nginx_upstream.told(nginx_upstream.logged(values))
    names = [name for name in _SIZES if name in values and name != "request_time"]
    return names + [name for name in _TOOK if name in behind]
