"""OpenRouter's activity export: one CSV row per generation, money in USD."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

import polars as pl

from analyzer import columns
from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.notes import Notes
from analyzer.ingest.table import MONEY, Table, header_of, tables

REQUIRED = frozenset(
    {"generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion"}
)
KNOWN = REQUIRED | {
    "cost_web_search", "cost_cache", "cost_file_processing", "byok_usage_inference",
    "tokens_reasoning", "tokens_cached", "model_permaslug", "provider_name", "variant", "cancelled",
    "streamed", "user", "finish_reason_raw", "finish_reason_normalized", "generation_time_ms",
    "time_to_first_token_ms", "api_key_disabled", "api_key_name", "app_name",
}  # fmt: skip
_TEXTS = {
    "request_id": "generation_id",
    "model": "model_permaslug",
    "provider": "provider_name",
    "key_name": "api_key_name",
    "client": "app_name",
}
_COUNTS = {
    "input_tokens": "tokens_prompt",
    "output_tokens": "tokens_completion",
    "reasoning_tokens": "tokens_reasoning",
    "cached_tokens": "tokens_cached",
}
_DURATIONS = {"duration_ms": "generation_time_ms", "ttft_ms": "time_to_first_token_ms"}
_FLAGS = {"stream": "streamed", "cancelled": "cancelled"}


class OpenRouterActivity(Format):
    """OpenRouter activity export, per generation."""

    name = "openrouter-activity"
    title = "OpenRouter activity export (CSV, one row per generation)"
    kind = "usage"
    hop = "gateway"
    source_kind = "usage"

    def sniff(self, head: bytes, name: str) -> float:
        """By the set of names in the header; columns were inserted over time, so never by place."""
        names = set(header_of(head[:8192]))
        return 0.98 if names >= REQUIRED else 0.0

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 16 MiB; see :class:`Format`."""
        notes = Notes(source.name)
        names = set(header_of(source.head))
        if missing := sorted(REQUIRED - names):
            notes.add("bad_header", f"Lacks the columns {', '.join(missing)}; nothing was read.")
            yield Batch(problems=notes.finish())
            return
        unknown = sorted(names - KNOWN - {""})
        if unknown:
            message = f"Columns that are not known yet were left out: {', '.join(unknown)[:300]}."
            notes.add("unknown_column", message, lost=False)
        with source.open() as stream:
            for table in tables(stream, wants.limits.entry_bytes):
                self._tell(table, notes)
                rows = usage_rows(table.rows, source.name, notes) if table.rows.height else None
                yield Batch(None, rows, notes.take(), table.records)
        yield Batch(problems=notes.finish())

    def _tell(self, table: Table, notes: Notes) -> None:
        for record, reason in table.bad:
            kind, message = "bad_row", f"Row {record} was left out: {reason}."
            if not table.complete and (record, reason) == table.bad[-1]:
                kind, message = "truncated", f"The file ends inside row {record}, left out."
            notes.add(kind, message, record)


def usage_rows(raw: pl.DataFrame, name: str, notes: Notes) -> pl.DataFrame:
    """Return usage rows; values that cannot be read become nulls and are told."""

    def text(column: str) -> pl.Expr:
        if column not in raw.columns:
            return pl.lit(None, pl.String())
        value = pl.col(column).str.strip_chars()
        return pl.when(value != "").then(value)

    cost, unread = _money(raw["cost_total"].str.strip_chars())
    made = raw.select(
        "record",
        input=pl.lit(name),
        time=_time(text("created_at")),
        # Whether created_at is the start or the end of the generation is not documented.
        time_kind=pl.lit(None, pl.String()),
        time_precision_ms=pl.lit(1.0),
        grain=pl.lit("request"),
        gateway=pl.lit("openrouter"),
        requests=pl.lit(1, pl.Int64()),
        currency=pl.lit("USD"),
        finish_reason=pl.coalesce(text("finish_reason_normalized"), text("finish_reason_raw")),
        cost=cost,
        **{ours: text(theirs) for ours, theirs in _TEXTS.items()},
        **{ours: _count(text(theirs)) for ours, theirs in _COUNTS.items()},
        **{
            ours: text(theirs).cast(pl.Float64, strict=False) for ours, theirs in _DURATIONS.items()
        },
        **{ours: _flag(text(theirs)) for ours, theirs in _FLAGS.items()},
    )
    _tell_unread(raw, made, unread, notes)
    return made


def _tell_unread(raw: pl.DataFrame, made: pl.DataFrame, money: pl.Series, notes: Notes) -> None:
    for record in made["record"].filter(money):
        message = f"Row {record}: cost_total is no decimal number that can be kept exactly."
        notes.add("bad_money", message, record)
    for ours, theirs in {"time": "created_at", **_COUNTS}.items():
        if theirs not in raw.columns:
            continue
        lost = made[ours].is_null() & (raw[theirs].str.strip_chars() != "")
        for record in made["record"].filter(lost):
            message = f"Row {record}: {theirs} cannot be read."
            notes.add("bad_value", message, record, lost=False)


def _time(text: pl.Expr) -> pl.Expr:
    # No zone is written; the unix second inside the generation ids shows that it is UTC.
    plain = text.str.replace("T", " ", literal=True).str.replace(r"(?:Z|[+]00:?00)$", "")
    moment = plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    return moment.dt.replace_time_zone("UTC")


def _count(text: pl.Expr) -> pl.Expr:
    return text.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)


def _flag(text: pl.Expr) -> pl.Expr:
    lower = text.str.to_lowercase()
    return pl.when(lower == "true").then(True).when(lower == "false").then(False)


def _money(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return exact amounts, and which texts are none.

    A plain decimal of at most 18 places is exact as it stands; the few others (``3.4e-05``) are
    read one by one.
    """
    texts = texts.fill_null("")
    plain = texts.str.contains(MONEY)
    amounts = texts.set(~plain, None).cast(columns.MONEY, strict=False)
    odd = texts.filter(~plain & (texts != "")).unique()
    if not odd.len():
        return amounts, amounts.is_null() & (texts != "")
    exact = {text: value for text in odd if (value := _exact(text)) is not None}
    others = pl.Series(
        [exact.get(text) for text in texts.to_list()], dtype=columns.MONEY, strict=False
    )
    amounts = amounts.zip_with(plain, others)
    return amounts, amounts.is_null() & (texts != "")


def _exact(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
        exact = value.is_finite() and abs(value) < 10**20 and round(value, 18) == value
    except (InvalidOperation, ValueError):
        return None
    return value if exact else None


FORMAT = OpenRouterActivity()
