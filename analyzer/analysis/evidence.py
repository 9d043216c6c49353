"""Evidence: which attempts are shown, under which id, and what of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analyzer import columns
from analyzer.analysis.clean import Cleaner
from analyzer.analysis.model import Evidence
from analyzer.errors import Problem

SAMPLES_PER_GROUP = 3

_TIMINGS = ("blocked_ms", "dns_ms", "connect_ms", "tls_ms", "send_ms", "wait_ms", "receive_ms")
_IDS = ("request_id", "ray_id", "upstream_request_id", "trace_id")
_ALWAYS = (
    "status", "client_error", "error_type", "error_code", "error_message", "html_title", "server",
    "via", "edge_marker", "gateway_marker", "upstream_marker", "stream_state", "finish_reason",
    "phase", "duration_ms", "ttfb_ms", "retry_after_s", "resend_count", "key_tag",
    "base_url_problem", "upstream_status", "proxy_flags", "proxy_detail", "error_provider",
    "model_served", "output_tokens",
)  # fmt: skip


def spread(count: int, wanted: int = SAMPLES_PER_GROUP) -> list[int]:
    """Return up to ``wanted`` indices spread over ``range(count)``: first, last and between."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


class Exhibits:
    """Numbers attempts ``E1``, ``E2`` … by first mention and keeps what is shown of them."""

    def __init__(self, clean: Cleaner) -> None:
        self._clean = clean
        self._by_attempt: dict[int, Evidence] = {}

    def cite(self, row: Mapping[str, Any], extra: Iterable[str] = ()) -> str:
        """Return the id of an attempt, taking it up if it is new; ``extra`` names more columns."""
        attempt = int(row["attempt_id"])
        known = self._by_attempt.get(attempt)
        if known is None:
            known = self._take(f"E{len(self._by_attempt) + 1}", row, extra)
            self._by_attempt[attempt] = known
        return known.id

    def all(self) -> list[Evidence]:
        """Return what was cited, in the order of the ids."""
        return list(self._by_attempt.values())

    def _take(self, name: str, row: Mapping[str, Any], extra: Iterable[str]) -> Evidence:
        body = row.get("body_text")
        excerpt, cut = self._clean.excerpt(body) if body else (None, False)
        shown = dict.fromkeys((*extra, *_ALWAYS))
        fields = {
            column: self._clean.value(text(row[column]))
            for column in shown
            if row.get(column) is not None and (columns.is_header(column) or column in row)
        }
        return Evidence(
            id=name,
            place=self._clean.value(place(row)),
            seen_in=[self._clean.value(seen) for seen in row.get("seen_in") or []],
            started_at=row["started_at"],
            summary=self._clean.value(summary(row)),
            fields=fields,
            excerpt=excerpt,
            excerpt_cut=cut,
            timings_ms={
                name.removesuffix("_ms"): round(row[name], 3)
                for name in _TIMINGS
                if row.get(name) is not None
            },
            request_ids={n: self._clean.value(row[n]) for n in _IDS if row.get(n)},
        )


def place(row: Mapping[str, Any]) -> str:
    """Return ``input#record``."""
    return Problem(row["input"], "", "", row["record"]).place


def summary(row: Mapping[str, Any]) -> str:
    """Return ``503 POST host/path (model) in 1.2 s``, as far as it is known."""
    status = row["status"] if row["status"] is not None else "no answer:"
    parts = [str(status), row["method"] or "", f"{row['host'] or ''}{row['path'] or ''}"]
    if row["model"]:
        parts.append(f"({row['model']})")
    if row["duration_ms"] is not None:
        parts.append(f"in {lasted(row['duration_ms'])}")
    return " ".join(part for part in parts if part)


def lasted(milliseconds: float) -> str:
    """Return ``11 ms`` below a second, else ``1.2 s``."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


def text(value: object) -> str:
    """Return a cell as text: no trailing ``.0``, times in ISO 8601."""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)
