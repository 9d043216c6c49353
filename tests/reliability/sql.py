"""The figures of the weekly report, reckoned by DuckDB from the same records: SQL, no code of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from analyzer.records import Records

duckdb = pytest.importorskip("duckdb")

CALLER = """layer = 'client' AND cause IN ('invalid_key', 'permission_denied', 'client_not_allowed',
  'no_upstream_credential', 'no_upstream_account', 'quota_exhausted', 'budget_exceeded',
  'wrong_path', 'wrong_method', 'invalid_request', 'unsupported_param', 'context_too_long',
  'request_too_large', 'model_not_found', 'max_tokens_reached', 'content_filtered',
  'region_block', 'conflict')"""
LOST = "outcome IN ('given_up', 'never_retried')"


class Sql:
    """Frames of records as tables; ``model`` null in a question means all models."""

    def __init__(self, records: Records) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'UTC'")
        for name in ("counts", "failed", "latency", "calls", "failures", "inputs"):
            self.con.register(name, getattr(records, name).to_arrow())

    def row(self, query: str, **told: Any) -> tuple[Any, ...]:
        """Return the only row."""
        found = self.con.execute(query, told).fetchall()
        assert len(found) == 1
        return tuple(found[0])

    def rows(self, query: str, **told: Any) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return [tuple(row) for row in self.con.execute(query, told).fetchall()]

    def week(self, model: str | None, start: datetime, end: datetime) -> dict[str, float]:
        """Return attempts and calls of a stretch of time, and what of them failed."""
        span = "BETWEEN $start AND $end - INTERVAL 1 MICROSECOND AND ($model IS NULL OR model = $model)"
        told = {"start": start, "end": end, "model": model}
        attempts, ok, failed, undecided = self.row(
            "SELECT sum(attempts), sum(ok), sum(failed), sum(undecided) FROM counts "
            f"WHERE minute {span}", **told,
        )  # fmt: skip
        caller, limited = self.row(
            f"SELECT coalesce(sum(failed) FILTER ({CALLER}), 0), "
            "coalesce(sum(failed) FILTER (cause = 'rate_limited'), 0) FROM failed "
            f"WHERE minute {span}", **told,
        )  # fmt: skip
        less, lost, rescued, answered, lost_caller, lost_limited = self.row(
            "SELECT coalesce(sum((attempts - 1) * weight), 0), "
            f"coalesce(sum(weight) FILTER ({LOST}), 0), "
            "coalesce(sum(weight) FILTER (outcome = 'rescued'), 0), "
            "coalesce(sum((attempts - failed) * weight) FILTER (outcome <> 'undecided'), 0), "
            f"coalesce(sum(weight) FILTER ({LOST} AND {CALLER}), 0), "
            f"coalesce(sum(weight) FILTER ({LOST} AND cause = 'rate_limited'), 0) FROM calls "
            f"WHERE started_at {span}", **told,
        )  # fmt: skip
        return {
            "attempts": attempts, "ok": ok, "failed": failed, "undecided": undecided,
            "caller": caller, "limited": limited, "calls": attempts - less,
            "ok_calls": ok - answered + rescued, "failed_calls": lost, "rescued": rescued,
            "lost_caller": lost_caller, "lost_limited": lost_limited,
        }  # fmt: skip
