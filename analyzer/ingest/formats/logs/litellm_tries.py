"""The tries of LiteLLM's router: which rows are one request of a client.

The router logs a row for every try that failed and one for the answer. Rows with one
``litellm_call_id`` are one request for certain. A ``trace_id`` may also be a session's, which
clients set: only failed tries with a success soon after them are taken as its tries.
"""

from __future__ import annotations

import polars as pl

_PAUSE_MS = 60_000
"""The router waits at most this long before it tries again."""
_GROUP = ("_key", "_run")
_INTERNAL = ("_start", "_call", "_trace", "_llm")


class Tries:
    """Folds tries into requests; failures wait one block for the success that may follow."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the requests that ``rows`` and what waited complete."""
        held = self._held
        every = rows if held is None else pl.concat([held, rows], how="diagonal_relaxed")
        if not rows.height:
            return self._folded(_marked(every.clear()))
        marked = _marked(every)
        named = pl.coalesce("_call", "_trace").is_not_null()
        # What has a row in this block may have another one in the next.
        recent = (pl.col("record") >= rows["record"].min()).any().over(_GROUP)
        wait = named & recent & ~pl.col("_success").any().over(_GROUP)
        marked = marked.with_columns(wait.alias("_wait"))
        self._held = marked.filter("_wait").select(every.columns)
        return self._folded(marked.filter(~pl.col("_wait")).drop("_wait"))

    def rest(self) -> pl.DataFrame | None:
        """Return what still waits."""
        held, self._held = self._held, None
        return self._folded(_marked(held)) if held is not None and held.height else None

    def _folded(self, marked: pl.DataFrame) -> pl.DataFrame:
        """Keep the last row of each request; it began with its first try."""
        place = pl.format("{}#{}", pl.lit(self._name), pl.col("record"))
        proven = pl.col("_call").is_not_null() | pl.col("_success").any().over(_GROUP)
        several = proven & (pl.len().over(_GROUP) > 1)
        marked = marked.with_columns(several.alias("_several"), place.alias("_place"))
        alone = marked.filter(~pl.col("_several")).with_columns(
            seen_in=pl.concat_list("_place"), upstream_tries=pl.lit(None, pl.Int64())
        )
        tried = marked.filter("_several")
        if tried.height:
            alone = pl.concat([alone, _requests(tried)], how="diagonal_relaxed")
        return alone.select(pl.exclude(*_INTERNAL, *_GROUP, "_success", "_several", "_place")).sort(
            "record"
        )


def _marked(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``_success``, and the group of each row: ``_key`` (an id) and ``_run`` (within it)."""
    key = pl.coalesce(
        pl.format("call:{}", "_call"),
        pl.format("trace:{}", "_trace"),
        pl.format("row:{}", "record"),
    )
    made = rows.with_columns(
        key.alias("_key"), _success=(pl.col("status") < 400).fill_null(False)
    ).sort("_key", "started_at", "record")
    until = pl.coalesce("ended_at", "started_at").shift(1).over("_key")
    paused = (pl.col("started_at") - until).dt.total_milliseconds() > _PAUSE_MS
    begins = pl.col("_success").shift(1).over("_key") | paused
    begins = begins.fill_null(False) & pl.col("_call").is_null()
    return made.with_columns(begins.cum_sum().over("_key").alias("_run"))


def _requests(tried: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each group of tries."""
    begun = pl.col("started_at").first()
    lead = (pl.col("started_at").last() - begun).dt.total_microseconds() / 1000
    spans = ("duration_ms", "ttfb_ms", "ttft_ms")
    kept = pl.exclude(*_GROUP, *spans, "started_at", "_place", "_success", "_several")
    return tried.group_by(_GROUP, maintain_order=True).agg(
        kept.last(),
        *((pl.col(name).last() + lead).alias(name) for name in spans),
        begun,
        pl.len().cast(pl.Int64).alias("upstream_tries"),
        pl.col("_place").alias("seen_in"),
    )
