"""The weekly report as CSV: one row per model, all models first."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from analyzer.redact.text import visible
from analyzer.reliability.model import Change, ModelWeek, Weekly
from analyzer.render.claims import FORMULA
from analyzer.vocabulary import LAYER_WORDS

Cell = Callable[[Weekly, ModelWeek, Change], object]


def _layer(name: str) -> Cell:
    return lambda report, model, change: model.failed_by_layer.get(name)


COLUMNS: tuple[tuple[str, Cell, str], ...] = (
    ("week", lambda r, m, c: r.week, "ISO week."),
    ("zone", lambda r, m, c: r.zone, "Zone of the week."),
    ("model", lambda r, m, c: m.model, "Model that was asked for; (all models) for the sums."),
    ("attempts", lambda r, m, c: m.attempts, "Attempts."),
    ("failed_attempts", lambda r, m, c: m.failed_attempts, "Failed attempts."),
    ("undecided_attempts", lambda r, m, c: m.undecided_attempts, "In no denominator."),
    ("calls", lambda r, m, c: m.calls, "Calls; empty: retries cannot be told."),
    ("failed_calls", lambda r, m, c: m.failed_calls, "Calls that failed in the end."),
    ("rescued_calls", lambda r, m, c: m.rescued_calls, "Calls that a retry saved."),
    ("basis", lambda r, m, c: m.basis, "What the following counts: calls or attempts."),
    ("decided", lambda r, m, c: m.decided, "Denominator of availability."),
    ("client_caused", lambda r, m, c: m.client_caused, "Failures left out: the caller's own."),
    ("rate_limited", lambda r, m, c: m.rate_limited, "Refusals for too many requests."),
    ("availability", lambda r, m, c: _share(m.availability), "0 to 1; 429 counts as failure."),
    ("availability_without_429", lambda r, m, c: _share(m.availability_without_429), "0 to 1."),
    ("low", lambda r, m, c: _share(m.low), "Approximate 95 % interval of the service's rate."),
    ("high", lambda r, m, c: _share(m.high), "Its upper end."),
    ("target", lambda r, m, c: _share(m.target), "0 to 1."),
    ("verdict", lambda r, m, c: m.verdict, "met, missed or not enough data."),
    ("burn", lambda r, m, c: _share(m.budget.burn), "Failure rate over the allowed one."),
    ("budget_left", lambda r, m, c: _share(m.budget.left), "Share of the 28-day budget."),
    ("change_points", lambda r, m, c: _share(c.points), "Against the weeks before, in points."),
    ("change_q", lambda r, m, c: _share(c.q), "Adjusted p of the change."),
    ("change_verdict", lambda r, m, c: c.verdict, "real, noise or cannot tell."),
    ("latency_p50_ms", lambda r, m, c: _ms(m.latency_ms.p50), "Of successful attempts."),
    ("latency_p95_ms", lambda r, m, c: _ms(m.latency_ms.p95), "Empty below 200 successes."),
    ("latency_p99_ms", lambda r, m, c: _ms(m.latency_ms.p99), "Empty below 200 successes."),
    ("ttft_p50_ms", lambda r, m, c: _ms(m.ttft_ms.p50), "Time to the first token."),
    ("ttft_p95_ms", lambda r, m, c: _ms(m.ttft_ms.p95), "Empty below 200 successes."),
    *((f"failed_{name}", _layer(name), f"Failed attempts, layer {name}.") for name in LAYER_WORDS),
)
"""Name, value and meaning of every column, in order."""


def render(report: Weekly) -> str:
    """Return RFC 4180 text; no text cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([name for name, _, _ in COLUMNS])
    changes = {one.model: one for one in report.changes}
    for model in (report.totals, *report.models):
        change = changes[model.model]
        writer.writerow([_cell(value(report, model, change)) for _, value, _ in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a cell; only text can be a formula, a negative number is none."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = visible(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
