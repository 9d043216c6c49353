"""Cursor's usage events: tokens of each event, and a cost that is often a word."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.amounts import amounts
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_WRITE, _PLAIN = "input (w/ cache write)", "input (w/o cache write)"
_TOLD = frozenset({"date", "model", _WRITE, _PLAIN, "cache read", "output tokens", "cost"})
_NO_MONEY = ("included", "free", "-", "–", "—", "n/a")


class Cursor(Export):
    """Cursor usage events; three generations of columns."""

    name = "cursor-usage"
    title = "Cursor usage events (dashboard CSV)"
    hop = "gateway"
    required = (_TOLD,)
    known = _TOLD | {
        "kind", "max mode", "total tokens", "cost to you", "cloud agent id", "automation id",
        "user", "requests",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each event; equal rows may be real and are kept.

        What an ``Included`` event cost is its worth within a plan, not money that was taken.
        """
        price, own = cells.text("cost"), cells.text("cost to you")
        kind = cells.text("kind")
        words = _words(kind, price, billed=cells.has("cost to you"))
        worth = _money(price, cells, "cost")
        return cells.rows(
            **moments.at_once(cells.time("date"), None, 1.0),
            gateway="cursor",
            client="cursor",
            requests=1,
            entry=words["entry"],
            status=kind,
            cancelled=words["cancelled"],
            model=cells.text("model"),
            trace_id=cells.text("cloud agent id"),
            # The four counts add up to "Total Tokens": none contains another.
            input_tokens=cells.count(_PLAIN),
            cache_write_tokens=cells.count(_WRITE),
            cached_tokens=cells.count("cache read"),
            output_tokens=cells.count("output tokens"),
            input_includes_cache=False,
            cost=_money(own, cells, "cost to you") if cells.has("cost to you") else worth,
            currency="USD",
            cost_basis=words["basis"],
            list_cost=worth if cells.has("cost to you") else None,
        )


def _words(kind: pl.Series, price: pl.Series, *, billed: bool) -> pl.DataFrame:
    """Return what the kind of an event and the word in place of its cost say."""
    said = pl.DataFrame({"kind": kind, "price": price}).with_columns(pl.all().str.to_lowercase())
    failed = pl.col("kind").str.contains("^(?:errored|aborted)")
    free = pl.col("kind").str.contains("no charge|not charged|^free$")
    covered = (pl.col("kind") == "included") | (pl.col("price") == "included")
    return said.select(
        entry=pl.when(failed).then(pl.lit("error")).otherwise(pl.lit("charge")),
        basis=pl.when(free | (pl.col("price") == "free")).then(pl.lit("free"))
        .when(covered).then(pl.lit("included"))
        .when((pl.col("kind") == "on-demand") | pl.lit(billed))
        .then(pl.lit("charged")),
        cancelled=pl.col("kind").str.starts_with("aborted"),
    )  # fmt: skip


def _money(texts: pl.Series, cells: Cells, name: str) -> pl.Series:
    """Return the amounts; a word such as ``Included`` is none, and no mistake."""
    words = texts.str.to_lowercase().is_in(_NO_MONEY).fill_null(False)
    numbers = texts.set(words, None)
    found = amounts(numbers, delimiter=cells.context.delimiter)
    for record in cells.frame["record"].filter(found.unread):
        message = (
            f"Row {record}: {name} is neither an amount nor one of the words Included, Free, -."
        )
        cells.context.notes.add("bad_money", message, record)
    return found.values


FORMAT = Cursor()
